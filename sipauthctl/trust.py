"""Who may receive credentials. Everything that is made from a secret is cleared here before it leaves.

Whoever receives an NTLM response or an encrypted timestamp can guess the password offline, and can pass a response on
([MS-NLMP] 5.1, RFC 4120 10). So a host, a realm or a directory gets one only where somebody named it who has a say:

- the user: the SIP address, the logon name, --server, --kdc, --trust-domain;
- this computer: krb5.conf and the domain that it is joined to.

DNS and peers have no say. What they name is a destination only within a domain that the user or this computer named;
otherwise it is evidence to report. Communicator's strict naming is the same rule for SRV records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum


class Origin(Enum):
    """Who named a host, a domain or a realm."""

    USER = "the user"
    COMPUTER = "this computer's configuration"
    DNS = "DNS"
    PEER = "a server"  # a challenge, a redirect, a referral


class Credential(Enum):
    """What is made from a secret and sent to somebody. The password itself is never sent."""

    NTLM_RESPONSE = "NTLM response"
    SERVICE_TICKET = "Kerberos service ticket"
    AES_TIMESTAMP = "Kerberos timestamp, AES key"  # of the AS exchange, PA-ENC-TIMESTAMP
    RC4_TIMESTAMP = "Kerberos timestamp, RC4 key"  # its key is the NT hash


class Withheld(Enum):
    """Why a credential is not sent."""

    FOREIGN = "foreign"  # neither the user nor this computer named the host or its domain
    UNPROVEN = "unproven"  # no verified certificate proves the host
    WEAK = "weak"  # RC4, for a KDC that only DNS named or a realm that the user did not name


REMEDY = {
    Withheld.FOREIGN: "--trust-domain DOMAIN",
    Withheld.UNPROVEN: "--allow-cleartext (TCP) or --no-verify (TLS)",
    Withheld.WEAK: "--allow-rc4",
}
"""The option that sends it all the same."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a credential is to go.

    Attributes:
        name: the host, as a certificate or ticket must prove it; of a KDC its realm.
        origin: who named it.
        proven: TLS proved the host. A KDC is never proven.
        located_by: who named the host of a KDC.
    """

    name: str
    origin: Origin
    proven: bool = False
    located_by: Origin = Origin.DNS


def unwatched(made: bytes) -> None:
    """The witness of a run whose output nobody sees."""


class NotCleared(Exception):
    """A credential was to be made without leave, which is a mistake of the program."""


@dataclass(frozen=True, slots=True)
class Clearance:
    """The leave to send one kind of credential to one destination. `Trust.clear` alone gives it, and whatever makes
    something of a secret needs it."""

    credential: Credential
    destination: Destination
    witness: Callable[[bytes], object] = field(default=unwatched, repr=False, compare=False)

    def require(self, credential: Credential) -> None:
        """Raises NotCleared where this is the leave for another one."""
        if credential is not self.credential:
            raise NotCleared(f"{credential.value}, where {self.credential.value} is cleared")

    def release(self, credential: Credential, made: bytes) -> bytes:
        """What was made of a secret, on its way out: the witness is told of it.

        Raises:
            NotCleared: see `require`.
        """
        self.require(credential)
        self.witness(made)
        return made


@dataclass(frozen=True, slots=True)
class NamedDomain:
    """A DNS domain, and who named it."""

    name: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Trust:
    """The policy for one run.

    Attributes:
        domains: those that may receive credentials, with everything below them.
        unproven_ntlm: an NTLM response may go to a server that no certificate proves (--allow-cleartext, --no-verify).
        rc4: RC4 timestamps may go to any KDC that may have one with AES (--allow-rc4).
        no_secret: nothing that can be sent is secret, as where a handshake ends at the challenge.
        witness: is told all that is made of a secret, so that it is recognised where it comes back.
    """

    domains: tuple[NamedDomain, ...] = ()
    unproven_ntlm: bool = False
    rc4: bool = False
    no_secret: bool = False
    witness: Callable[[bytes], object] = field(default=unwatched, repr=False, compare=False)

    def clear(self, credential: Credential, to: Destination) -> Clearance | Withheld:
        """Whether a credential may go there."""
        cleared = Clearance(credential, to, self.witness)
        if self.no_secret:
            return cleared
        named_by = self.named_by(to.name, to.origin)
        if named_by is None:
            return Withheld.FOREIGN
        if credential is Credential.NTLM_RESPONSE and not (to.proven or self.unproven_ntlm):
            return Withheld.UNPROVEN
        if credential is Credential.RC4_TIMESTAMP and not self.rc4:
            meant = named_by is Origin.USER and to.located_by in _HAVE_A_SAY
            return cleared if meant else Withheld.WEAK
        return cleared

    def named_by(self, name: str, origin: Origin) -> Origin | None:
        """Who with a say named a host or realm, itself or a domain above it; None where nobody did."""
        if origin in _HAVE_A_SAY:
            return origin
        return next((domain.origin for domain in self.domains if within_domain(name, domain.name)), None)

    def advisable(self, domain: str) -> str:
        """A domain that a peer names, where advice may repeat it; else empty.

        Whoever follows the advice to sign in as DOMAIN\\user names the domain. A NetBIOS name leads nowhere.
        """
        return domain if "." not in domain or self.named_by(domain, Origin.PEER) is not None else ""

    def claimed(self, domain: str, host: str) -> str:
        """A sentence on a domain that advice must not repeat, with a space before it; empty where it may."""
        return f" Only {host} names {domain}, which proves nothing." if domain and not self.advisable(domain) else ""


_COUNTRY = 2  # letters of a top-level domain, ISO 3166
_LONGEST_PUBLIC = 4  # letters: info, gouv, govt
_HAVE_A_SAY = (Origin.USER, Origin.COMPUTER)


def named_domains(
    *, logon_domains: Iterable[str], server: str | None, trusted: Iterable[str]
) -> tuple[NamedDomain, ...]:
    """The domains that the user named beside that of the SIP address.

    Args:
        logon_domains: of the logon name; only what can be a DNS domain counts.
        server: the server of the option --server, whose neighbors may be redirected to; None without it.
        trusted: the values of the option --trust-domain.
    """
    of_server = domain_above(server) if server is not None else ""
    written = [name for name in logon_domains if "." in name]
    names = dict.fromkeys(map(_folded, (*written, of_server, *trusted)))
    return tuple(NamedDomain(name, Origin.USER) for name in names if name)


def domain_above(host: str) -> str:
    """The domain of a host, empty for an IP address and where anybody may have a domain below it: `com`, `co.uk`."""
    domain = _folded(host).partition(".")[2]
    return domain if not domain.rpartition(".")[2].isdecimal() and not may_be_public(domain) else ""


def may_be_public(domain: str) -> bool:
    """Whether anybody may have a domain below this one: `com`, or the second level of a country, as `co.uk`, `com.au`
    and `gouv.fr`. The short name of a company looks the same, and has to be named by the user."""
    name, dot, top = _folded(domain).rpartition(".")
    return not dot or (len(top) == _COUNTRY and "." not in name and len(name) <= _LONGEST_PUBLIC)


def within_domain(host: str, domain: str) -> bool:
    """Whether a host or domain is a domain itself or lies below it."""
    host, domain = _folded(host), _folded(domain)
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _folded(name: str) -> str:
    return name.strip().rstrip(".").lower()
