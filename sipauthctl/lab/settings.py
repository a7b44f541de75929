"""What the user of a lab can choose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.offers import OWN_VERSION
from sipauthctl.association.security_association import LIFETIME
from sipauthctl.lab.behaviour import Behaviour
from sipauthctl.lab.bindings import MAXIMUM_EXPIRES
from sipauthctl.lab.kdc import KeyType
from sipauthctl.lab.names import DomainNames
from sipauthctl.mechanisms.base import Scheme


class DirectoryKind(str, Enum):
    """What knows the accounts."""

    BUILT_IN = "built-in"  # a table, and for Kerberos MIT's KDC
    SAMBA = "samba"  # an Active Directory


@dataclass(frozen=True, slots=True)
class LabSettings:
    """Options of a deployment.

    `address` is on loopback, 127.0.0.1 or ::1 as a rule.
    `port` is the first of five consecutive ones (hs1 by TLS and TCP, hs2 by TLS and TCP, DNS), 0 lets the system pick.
    `key_type` is that of every Kerberos key. `faults` are the names behind `behaviour`, for the description.
    With `proxies`, that many authenticating proxies stand in front of the home server and nothing is redirected;
    `domain_names` are those of the domain that the servers belong to; only the built-in directory can have others.
    `forked` puts them side by side. `message_every` is in seconds.
    """

    family: HeaderFamily = HeaderFamily.USER_AGENT
    version: int = OWN_VERSION
    schemes: tuple[Scheme, ...] = (Scheme.NTLM,)
    key_type: KeyType = KeyType.AES256
    redirect: bool = True
    extended_session_security: bool = True
    address: str = "127.0.0.1"
    port: int = 0
    behaviour: Behaviour = Behaviour()
    faults: tuple[str, ...] = ()
    proxies: int = 0
    forked: bool = False
    sa_lifetime: timedelta = LIFETIME
    sa_idle: timedelta | None = None
    message_every: float | None = None
    directory: DirectoryKind = DirectoryKind.BUILT_IN
    domain_names: DomainNames = DomainNames()

    @property
    def offered(self) -> tuple[Scheme, ...]:
        """The schemes that the servers offer."""
        return (Scheme.TLS_DSK,) if self.behaviour.legacy_auth_off else self.schemes

    @property
    def with_domain(self) -> bool:
        """Whether an Active Directory stands behind the servers; some faults need one."""
        return self.directory is DirectoryKind.SAMBA or self.behaviour.needs_domain

    @property
    def proxy_count(self) -> int:
        """The proxies of the path; some faults need one."""
        needs_one = self.behaviour.path_change or self.behaviour.wrong_proxy_signs
        return self.proxies or int(needs_one)

    @property
    def longest_registration(self) -> int:
        """What a registration is granted at most, in seconds.

        A quarter of an association's life, as the two hours of this family's servers are of eight.
        """
        granted = self.behaviour.granted_expires
        return min(MAXIMUM_EXPIRES, max(1, int(self.sa_lifetime.total_seconds() / 4))) if granted is None else granted
