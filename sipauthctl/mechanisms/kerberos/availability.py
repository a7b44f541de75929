"""Whether Kerberos can run on this host."""

from __future__ import annotations

import importlib

_REMEDY = "install libkrb5-dev, a C compiler and Python's headers, then: pip install 'sipauthctl[kerberos]'"


def unavailable_reason() -> str | None:
    """One sentence on why Kerberos cannot run here and what to install; None when it can.

    The packages are imported, not just looked for: they fail where libkrb5 itself is missing.
    """
    for package in ("gssapi", "krb5"):
        try:
            importlib.import_module(package)
        except (ImportError, OSError):
            return f"Kerberos needs the Python package {package} and MIT's libkrb5: {_REMEDY}."
    return None
