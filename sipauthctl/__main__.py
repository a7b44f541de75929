"""`python -m sipauthctl`."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the working directory: evidence may have a file that is named like a module

from sipauthctl.cli.main import run

run()
