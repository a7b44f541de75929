"""What the user gave to verify signatures with: passwords or NT hashes, for everybody or by user.

The file is text. One line is one secret, tried for every user. Several lines, or one line with a TAB, are a table:

    ned<TAB>his password
    LITWAREINC\\nina:her password

The name ends at the first TAB, or where there is none at the first colon; it is a user, `DOMAIN\\user` or a user
principal name, in any case. Empty lines and lines that begin with `#` are left out of a table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sipauthctl.analysis.kerberos import KeytabKeys
from sipauthctl.analysis.words import Method
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.keys import NtlmSecret
from sipauthctl.mechanisms.tls_dsk.key_log import KeyLog


class SecretsError(ValueError):
    """A file of secrets cannot be used; the text never repeats a secret."""


@dataclass(frozen=True, slots=True)
class GivenSecret:
    """One secret. `name` is None where it is for everybody; `method` says what it was.

    `password` is None where a hash was given; Digest needs the password itself.
    """

    name: LogonName | None
    method: Method
    secret: NtlmSecret = field(repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Secrets:
    """All that was given. Empty where nothing was."""

    ntlm: tuple[GivenSecret, ...] = ()
    kerberos: KeytabKeys | None = field(default=None, repr=False)
    tls: KeyLog | None = field(default=None, repr=False)  # of the handshakes within TLS-DSK

    def candidates(self, user: str, domain: str) -> tuple[GivenSecret, ...]:
        """The secrets to try for the user of an AUTHENTICATE, the most exact first."""
        ranked = ((_rank(given.name, user.lower(), domain.lower()), given) for given in self.ntlm)
        fitting = [(rank, given) for rank, given in ranked if rank is not None]
        return tuple(given for _, given in sorted(fitting, key=lambda pair: pair[0]))


def password_secrets(text: str, name: LogonName | None = None) -> tuple[GivenSecret, ...]:
    """Reads a password file.

    Args:
        text: its content.
        name: whose the secret is, where the file has no names.

    Raises:
        SecretsError: it is empty, or a line of a table has no name.
    """
    return _read(text, name, Method.PASSWORD, NtlmSecret.from_password)


def nt_hash_secrets(text: str, name: LogonName | None = None) -> tuple[GivenSecret, ...]:
    """Reads a file of NT hashes, each 32 hexadecimal digits or `LM:NT`; otherwise as `password_secrets`."""
    return _read(text, name, Method.NT_HASH, NtlmSecret.from_nt_hash)


def _read(
    text: str, name: LogonName | None, method: Method, secret_of: Callable[[str], NtlmSecret]
) -> tuple[GivenSecret, ...]:
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise SecretsError("the file is empty")
    if len(lines) == 1 and "\t" not in lines[0][1]:
        number, line = lines[0]
        return (_given(name, method, line, number, secret_of),)
    return tuple(_entry(line, number, method, secret_of) for number, line in lines if not line.startswith("#"))


def _entry(line: str, number: int, method: Method, secret_of: Callable[[str], NtlmSecret]) -> GivenSecret:
    user, separator, secret = line.partition("\t" if "\t" in line else ":")
    try:
        name = LogonName.parse(user)
    except ValueError:
        separator = ""
    if not separator:
        raise SecretsError(f"line {number} is not of the form NAME:SECRET")
    return _given(name, method, secret, number, secret_of)


def _given(
    name: LogonName | None, method: Method, text: str, number: int, secret_of: Callable[[str], NtlmSecret]
) -> GivenSecret:
    password = text if method is Method.PASSWORD else None
    return GivenSecret(name, method, _secret(text, number, secret_of), password)


def _secret(text: str, number: int, secret_of: Callable[[str], NtlmSecret]) -> NtlmSecret:
    try:
        return secret_of(text)
    except ValueError as error:
        raise SecretsError(f"line {number}: {error}") from None


def _rank(name: LogonName | None, user: str, domain: str) -> int | None:
    """How well a given name fits: 0 exactly, 1 by the user alone, 2 given for everybody; None not at all."""
    if name is None:
        return 2
    given_user, given_domain = name.user.lower(), name.domain.lower()
    if given_user == user:
        return 0 if given_domain == domain else 1 if not given_domain or not domain else None
    # `ned@litwareinc.com` in the table, `ned` with a domain on the wire, or the other way round.
    return 1 if given_user.partition("@")[0] == user.partition("@")[0] and ("@" in given_user + user) else None
