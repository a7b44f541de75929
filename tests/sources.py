"""The program's own source, parsed."""

from __future__ import annotations

import ast
from pathlib import Path


def syntax_tree(path: Path) -> ast.Module:
    """The syntax tree of a file.

    Python before 3.11.5 (Debian 12 has 3.11.2) can raise SystemError when something else builds a tree meanwhile, such
    as code that the garbage collector runs (CPython issue 106905). The next attempt succeeds.
    """
    text = path.read_text("utf-8")
    try:
        return ast.parse(text)
    except SystemError:
        return ast.parse(text)
