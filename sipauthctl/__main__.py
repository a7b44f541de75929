"""`python -m sipauthctl`."""

from sipauthctl.cli.main import run

run()
