"""Which of the offered schemes a client takes, [MS-SIPAE] 3.2.5.1: Kerberos before NTLM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from sipauthctl.association.offers import OLDEST_VERSION, Offer
from sipauthctl.association.spn import Spn, SpnProblem, check_spn
from sipauthctl.mechanisms.base import Scheme


class Wanted(str, Enum):
    """The user's wish."""

    AUTO = "auto"
    KERBEROS = "kerberos"
    NTLM = "ntlm"


class Rejection(Enum):
    """Why an offer is not taken."""

    NOT_WANTED = "not-wanted"
    NOT_SPOKEN = "not-spoken"  # a scheme that this client does not speak
    NEEDS_CERTIFICATE = "needs-certificate"  # TLS-DSK: the user's certificate, from the service that sts-uri names
    ANONYMOUS_ONLY = "anonymous-only"  # Digest: for users without an account, [MS-SIPAE] 3.2.4.3
    MECHANISM_UNUSABLE = "mechanism-unusable"
    REALM_MISSING = "realm-missing"
    TARGETNAME_MISSING = "targetname-missing"
    VERSION_UNSUPPORTED = "version-unsupported"
    SPN_MALFORMED = "spn-malformed"
    SPN_FOREIGN_SERVICE = "spn-foreign-service"
    SPN_HOST_MISMATCH = "spn-host-mismatch"
    SPN_FOREIGN_DOMAIN = "spn-foreign-domain"


@dataclass(frozen=True, slots=True)
class RejectedOffer:
    """An offer that was passed over."""

    offer: Offer
    why: Rejection


@dataclass(frozen=True, slots=True)
class Choice:
    """The offers that can be taken, best first, and those that cannot, each with the reason."""

    usable: tuple[Offer, ...]
    rejected: tuple[RejectedOffer, ...]


_PREFERENCE = (Scheme.KERBEROS, Scheme.NTLM)
_WISHES = {
    Wanted.AUTO: frozenset(_PREFERENCE),
    Wanted.KERBEROS: frozenset({Scheme.KERBEROS}),
    Wanted.NTLM: frozenset({Scheme.NTLM}),
}
_OTHER_SCHEMES = {
    Scheme.TLS_DSK: Rejection.NEEDS_CERTIFICATE,
    Scheme.DIGEST: Rejection.ANONYMOUS_ONLY,
}
_SPN_REJECTIONS = {
    SpnProblem.MALFORMED: Rejection.SPN_MALFORMED,
    SpnProblem.FOREIGN_SERVICE: Rejection.SPN_FOREIGN_SERVICE,
    SpnProblem.HOST_MISMATCH: Rejection.SPN_HOST_MISMATCH,
}


def choose(
    offers: tuple[Offer, ...],
    wanted: Wanted,
    *,
    unusable: frozenset[Scheme] = frozenset(),
    server_host: str,
    over_tls: bool,
    may_name: Callable[[str], bool] = lambda _host: True,
) -> Choice:
    """Sorts the offers of a challenge into usable and rejected ones.

    Args:
        offers: as the challenge gave them.
        wanted: the user's wish.
        unusable: schemes that cannot run here (no library, no credentials for it).
        server_host: the FQDN that was meant to be reached, for the SPN policy.
        over_tls: whether TLS proved the server's name.
        may_name: whether a ticket for this host may go to the server, see `HopFacts.may_name`.
    """
    usable: list[Offer] = []
    rejected: list[RejectedOffer] = []
    for offer in offers:
        why = _spn_rejection(offer, server_host, over_tls, may_name) or _rejection(offer, wanted, unusable)
        if why is None:
            usable.append(offer)
        else:
            rejected.append(RejectedOffer(offer, why))
    usable.sort(key=lambda offer: _PREFERENCE.index(offer.scheme) if offer.scheme in _PREFERENCE else len(_PREFERENCE))
    return Choice(tuple(usable), tuple(rejected))


def _spn_rejection(
    offer: Offer, server_host: str, over_tls: bool, may_name: Callable[[str], bool]
) -> Rejection | None:
    """Judged before the wish, so that a foreign service is reported whatever the user asked for."""
    if offer.scheme is not Scheme.KERBEROS or not offer.targetname:
        return None
    problem = check_spn(offer.targetname, server_host=server_host, over_tls=over_tls)
    if problem is not None:
        return _SPN_REJECTIONS[problem]
    spn = Spn.parse(offer.targetname)
    return None if spn is None or may_name(spn.host) else Rejection.SPN_FOREIGN_DOMAIN


def _rejection(offer: Offer, wanted: Wanted, unusable: frozenset[Scheme]) -> Rejection | None:
    if offer.scheme not in _PREFERENCE:
        return Rejection.NOT_SPOKEN if offer.scheme is None else _OTHER_SCHEMES[offer.scheme]
    if not offer.targetname:
        return Rejection.TARGETNAME_MISSING
    if offer.realm is None:
        return Rejection.REALM_MISSING
    if offer.spoken_version < OLDEST_VERSION:
        return Rejection.VERSION_UNSUPPORTED
    if offer.scheme not in _WISHES[wanted]:
        return Rejection.NOT_WANTED
    if offer.scheme in unusable:
        return Rejection.MECHANISM_UNUSABLE
    return None
