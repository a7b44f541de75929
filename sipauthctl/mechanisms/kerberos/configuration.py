"""Which krb5.conf libkrb5 reads.

libkrb5 takes the path from the environment variable KRB5_CONFIG whenever it makes a context, and GSS-API makes its
contexts by itself. So a configuration holds for the whole process, for as long as one of these managers is entered.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_VARIABLE = "KRB5_CONFIG"
_WORD = re.compile(r"[A-Za-z0-9._:-]+")


@contextmanager
def use_configuration(path: Path) -> Iterator[None]:
    """Makes libkrb5 read `path` in this process until the end of the block."""
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = str(path)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before


@contextmanager
def private_configuration(realm: str, host: str, port: int | None = None) -> Iterator[Path]:
    """Makes libkrb5 ask this KDC, by a temporary krb5.conf that only this user can read.

    Args:
        realm: the default realm, and the one whose KDC it is.
        host: name or address of the KDC.
        port: 88 when None.

    Raises:
        ValueError: the realm or the host has characters that no such name has.
        OSError: the file cannot be written.
    """
    text = client_configuration(realm, host, port)
    with tempfile.TemporaryDirectory(prefix="sipauthctl-krb5-") as folder:
        path = Path(folder) / "krb5.conf"
        path.touch(mode=0o600)
        path.write_text(text, "ascii")
        with use_configuration(path):
            yield path


def client_configuration(realm: str, host: str, port: int | None = None, *more: str) -> str:
    """The text of a krb5.conf for one realm with one KDC.

    Args:
        realm: as above.
        host: as above; an IPv6 address without brackets.
        port: as above.
        more: further lines of [libdefaults].

    Raises:
        ValueError: the realm or the host has characters that no such name has.
    """
    for word in (realm, host):
        if not _WORD.fullmatch(word):
            raise ValueError(f"{word!r} is no name of a realm or KDC")
    address = f"[{host}]" if ":" in host else host
    kdc = address if port is None else f"{address}:{port}"
    # Names of services are taken as the server gave them: no look-up in DNS may change them.
    defaults = (f"default_realm = {realm}", "dns_canonicalize_hostname = false", "rdns = false", *more)
    return (
        "[libdefaults]\n"
        + "".join(f"    {line}\n" for line in defaults)
        + f"[realms]\n    {realm} = {{\n        kdc = {kdc}\n    }}\n"
    )
