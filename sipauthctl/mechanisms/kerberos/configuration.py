"""Which krb5.conf libkrb5 reads.

libkrb5 takes the path from the environment variable KRB5_CONFIG whenever it makes a context, and GSS-API makes its
contexts by itself. So a configuration holds for the whole process, for as long as one of these managers is entered.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_VARIABLE = "KRB5_CONFIG"
DEFAULT_PATH = "/etc/krb5.conf"
_WORD = re.compile(r"[A-Za-z0-9._:-]+")

Kdc = tuple[str, int | None]

NO_DNS = ("dns_lookup_kdc = false", "dns_uri_lookup = false", "dns_lookup_realm = false")
"""Lines of [libdefaults] with which libkrb5 asks no name server for a KDC or a realm."""


@contextmanager
def use_configuration(path: Path | str) -> Iterator[None]:
    """Makes libkrb5 read `path`, or several with colons between them, in this process until the end of the block."""
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
def private_configuration(realm: str, kdcs: Sequence[Kdc], *, instead: bool = False) -> Iterator[Path]:
    """Makes libkrb5 ask these KDCs, by a temporary krb5.conf that only this user can read.

    Args:
        realm: the default realm, and the one whose KDCs they are.
        kdcs: as below.
        instead: the krb5.conf of before is left aside; else it holds for all that is not said here.

    Raises:
        ValueError: the realm or a host has characters that no such name has.
        OSError: the file cannot be written.
    """
    text = client_configuration(realm, kdcs)
    with tempfile.TemporaryDirectory(prefix="sipauthctl-krb5-") as folder:
        path = Path(folder) / "krb5.conf"
        path.touch(mode=0o600)
        path.write_text(text, "ascii")
        others = "" if instead else f":{os.environ.get(_VARIABLE) or DEFAULT_PATH}"
        with use_configuration(f"{path}{others}"):
            yield path


@contextmanager
def first_ticket_configuration(referred: Mapping[str, Sequence[Kdc]] | None) -> Iterator[str]:
    """What KRB5_CONFIG has to be for the AS exchange, until the end of the block.

    libkrb5 proves the password to any KDC that DNS names: after a refusal to the primary KDC (`_kerberos-master`),
    even where a KDC is configured, and after a referral (RFC 6806 7) to one of whatever realm was named. So DNS finds
    no KDC here, and only an enterprise name asks for a referral, whatever krb5.conf says. Tickets need no such care:
    they tell nothing about the password, and a service in another realm needs DNS.

    Args:
        referred: the KDCs of the realms that a referral may lead to; None for a name that asks for no referral.

    Raises:
        ValueError, OSError: as above.
    """
    text = _libdefaults("canonicalize = false", *NO_DNS)
    text += "[realms]\n" + "".join(_realm(realm, kdcs) for realm, kdcs in (referred or {}).items())
    with tempfile.TemporaryDirectory(prefix="sipauthctl-krb5-") as folder:
        path = Path(folder) / "krb5.conf"
        path.touch(mode=0o600)
        path.write_text(text, "ascii")
        yield f"{path}:{os.environ.get(_VARIABLE) or DEFAULT_PATH}"


def client_configuration(realm: str, kdcs: Sequence[Kdc], *more: str) -> str:
    """The text of a krb5.conf for one realm.

    Args:
        realm: as above.
        kdcs: name or address of each, an IPv6 address without brackets, and its port, 88 when None.
        more: further lines of [libdefaults].

    Raises:
        ValueError: the realm or a host has characters that no such name has.
    """
    # Names of services are taken as the server gave them: no look-up in DNS may change them.
    defaults = (f"default_realm = {realm}", "dns_canonicalize_hostname = false", "rdns = false", *more)
    return f"{_libdefaults(*defaults)}[realms]\n{_realm(realm, kdcs)}"


def _libdefaults(*lines: str) -> str:
    return "[libdefaults]\n" + "".join(f"    {line}\n" for line in lines)


def _realm(realm: str, kdcs: Sequence[Kdc]) -> str:
    for word in (realm, *(host for host, _ in kdcs)):
        if not _WORD.fullmatch(word):
            raise ValueError(f"{word!r} is no name of a realm or KDC")
    # Each is a primary KDC too (called so since libkrb5 1.19), so that a refusal of one is not asked for again.
    words = ("kdc", "primary_kdc", "master_kdc")
    lines = "".join(f"        {word} = {_host_and_port(*kdc)}\n" for word in words for kdc in kdcs)
    return f"    {realm} = {{\n{lines}    }}\n"


def _host_and_port(host: str, port: int | None) -> str:
    address = f"[{host}]" if ":" in host else host
    return address if port is None else f"{address}:{port}"
