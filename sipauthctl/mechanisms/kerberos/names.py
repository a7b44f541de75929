"""Kerberos names of users: which realm a logon name belongs to.

A realm is by custom the DNS domain in upper case. A NetBIOS domain name is no realm, so it says nothing about where
the KDC is.
"""

from __future__ import annotations

from dataclasses import dataclass

from sipauthctl.mechanisms.logon_name import LogonName

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


def kerberos_name(name: LogonName, default_realm: str = "") -> KerberosName:
    """The principal behind a logon name.

    | logon name | principal |
    |---|---|
    | `user`, `DOMAIN\\user` | user in the default realm |
    | `fqdn\\user` | user in the realm FQDN |
    | `user@suffix` | user in the realm SUFFIX, if that is the default realm or there is none |
    | `user@suffix` otherwise | the enterprise name user@suffix in the default realm |

    Args:
        name: as it was typed.
        default_realm: the realm that this computer or the server belongs to, empty where none is known.

    Raises:
        ValueError: no user is left, or the name has a NUL.
    """
    realm = name.domain.upper() if "." in name.domain else default_realm
    user, at, suffix = name.user.rpartition("@")
    if not at:
        return KerberosName(name.user, realm)
    if suffix.upper() == realm.upper() or not realm:
        return KerberosName(user, suffix.upper())
    return KerberosName(name.user, realm, enterprise=True)
