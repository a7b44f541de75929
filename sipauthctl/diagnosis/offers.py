"""Offers in words, why a client of this kind passes one over, and what those of TLS-DSK ask for."""

from __future__ import annotations

from collections.abc import Sequence

from sipauthctl.association.choice import Rejection
from sipauthctl.association.offers import Offer
from sipauthctl.findings import Finding, finding
from sipauthctl.mechanisms.base import Scheme

_WORDS = {
    Rejection.NOT_WANTED: "another scheme was asked for by option",
    Rejection.NOT_SPOKEN: "not a scheme of this family that this tool speaks",
    Rejection.NEEDS_CERTIFICATE: "needs a client certificate of the user's from the server's web service",
    Rejection.ANONYMOUS_ONLY: "for users without an account at a conference; it registers nobody",
    Rejection.MECHANISM_UNUSABLE: "cannot run on this computer",
    Rejection.REALM_MISSING: "no realm",
    Rejection.TARGETNAME_MISSING: "no targetname",
    Rejection.VERSION_UNSUPPORTED: "a protocol version that no client knows",
    Rejection.SPN_MALFORMED: "its targetname is no service principal name",
    Rejection.SPN_FOREIGN_SERVICE: "its targetname names a service other than sip",
    Rejection.SPN_HOST_MISMATCH: "its targetname names another host",
    Rejection.SPN_FOREIGN_DOMAIN: "its targetname names a host in a domain that neither you nor this computer named",
}

_OAUTH = frozenset({"bearer", "oauth"})
OTHER_SCHEMES = frozenset({Rejection.NOT_SPOKEN, Rejection.NEEDS_CERTIFICATE, Rejection.ANONYMOUS_ONLY})
"""Why an offer is passed over for its scheme, whatever else it says."""


def offer_text(offer: Offer) -> str:
    """An offer in one line, as evidence."""
    named = (
        ("realm", offer.realm),
        ("targetname", offer.targetname),
        ("version", offer.version),
        ("algorithm", offer.algorithm),
        ("sts-uri", offer.sts_uri),
    )
    return ", ".join([offer.scheme_text, *(f"{name}={value}" for name, value in named if value is not None)])


def rejection_words(why: Rejection, offer: Offer, beside: Sequence[Offer] = ()) -> str:
    """Why an offer is not taken, in a few words; `beside` are all offers of the challenge."""
    if why is Rejection.ANONYMOUS_ONLY and only_digest(beside):
        return "the scheme of other SIP servers; OCS, Lync and Skype for Business Server register nobody using it"
    if why is Rejection.NEEDS_CERTIFICATE:
        place = f"from {offer.sts_uri}" if offer.sts_uri else "(the offer has no sts-uri to get one from)"
        return f"needs a client certificate {place}"
    return _WORDS[why]


def tls_dsk_offer(offers: Sequence[Offer]) -> Offer | None:
    """The offer of TLS-DSK, None where there is none."""
    return next((offer for offer in offers if offer.scheme is Scheme.TLS_DSK), None)


def only_digest(offers: Sequence[Offer]) -> bool:
    """Whether Digest alone is offered, as SIP servers of other kinds do."""
    return {offer.scheme for offer in offers} == {Scheme.DIGEST}


def only_tls_dsk(offers: Sequence[Offer]) -> bool:
    """Whether nobody can register here but by TLS-DSK."""
    schemes = {offer.scheme for offer in offers}
    return Scheme.TLS_DSK in schemes and not schemes & {Scheme.NTLM, Scheme.KERBEROS}


def legacy_auth_off(offers: Sequence[Offer], host: str, evidence: Sequence[str]) -> tuple[Finding, ...]:
    """The findings for a server that offers certificates or OAuth alone; none for another one."""
    modern = [one for one in offers if one.scheme is Scheme.TLS_DSK or one.scheme_text.lower() in _OAUTH]
    if not modern or any(one.scheme in (Scheme.NTLM, Scheme.KERBEROS) for one in offers):
        return ()
    schemes = " and ".join(dict.fromkeys(one.scheme_text for one in modern))
    off = finding("legacy-auth-off", f"{host} offers {schemes}, and neither NTLM nor Kerberos.", evidence, host=host)
    offer = tls_dsk_offer(offers)
    if offer is None:
        return (off,)
    needed = f"Only a client with a certificate can sign in to {host}. {_where(offer)}"
    return off, finding("tls-dsk-required", needed, evidence, host=host, sts_uri=offer.sts_uri)


def tls_dsk_offered(offers: Sequence[Offer], host: str) -> Finding | None:
    """What a client needs that insists on TLS-DSK where it is offered beside others; None where it is not."""
    offer = tls_dsk_offer(offers)
    if offer is None or only_tls_dsk(offers):
        return None
    others = ", ".join(dict.fromkeys(one.scheme_text for one in offers if one.scheme is not Scheme.TLS_DSK))
    detail = f"{host} offers TLS-DSK beside {others}. {_where(offer)}"
    return finding("tls-dsk-offered", detail, [offer_text(offer)], host=host, sts_uri=offer.sts_uri)


def _where(offer: Offer) -> str:
    if offer.sts_uri:
        return f"Clients get their certificate from {offer.sts_uri}."
    return "Its offer has no sts-uri, so that clients without a certificate cannot get one."
