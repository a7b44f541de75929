"""Whether a directory can be asked on this computer."""

from __future__ import annotations

import importlib

REASON = "the directory is asked by the Python package ldap3: pip install 'sipauthctl[directory]'"


def unavailable_reason() -> str | None:
    """One sentence, without a final dot, on what to install; None when all is there."""
    try:
        importlib.import_module("ldap3")
    except ImportError:
        return REASON
    return None
