"""Kerberos names of users."""

from __future__ import annotations

from dataclasses import dataclass

STUB_REALM = "ATHENA.MIT.EDU"
"""The default realm of a krb5.conf that nobody has edited, as Debian installs it: nobody's choice."""


def chosen_realm(default_realm: str) -> str:
    """The default realm of a krb5.conf, empty where nobody chose it."""
    return "" if default_realm.upper() == STUB_REALM else default_realm


@dataclass(frozen=True, slots=True)
class KerberosName:
    """A user principal. An empty realm leaves it to the default realm of krb5.conf.

    An `enterprise` name (RFC 6806 5) is a user principal name whose suffix is not the realm; its KDC looks it up.
    """

    user: str
    realm: str = ""
    enterprise: bool = False

    def __post_init__(self) -> None:
        # libkrb5 takes names up to the first NUL, and so for others than they are.
        if not self.user or "\0" in self.text:
            raise ValueError(f"no Kerberos name: {self.text!r}")

    @property
    def text(self) -> str:
        """The name as libkrb5 takes it, `user@REALM`."""
        return f"{self.user}@{self.realm}" if self.realm else self.user

    @property
    def shown(self) -> str:
        """The name as people write it."""
        return self.user if self.enterprise else self.text
