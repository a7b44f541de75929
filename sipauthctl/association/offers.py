"""What a challenge offers: one offer a scheme (and, after forking, a proxy), [MS-SIPAE] 2.2.1."""

from __future__ import annotations

from dataclasses import dataclass

from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.errors import ParseError
from sipauthctl.sip.message import Response
from sipauthctl.sip.numbers import decimal

OWN_VERSION = 4
"""The highest protocol version that is spoken here; also that of OCS 2007 R2 and everything later."""

OLDEST_VERSION = 2
"""LCS 2005 and [MS-SIP], which send no version parameter at all."""


MAX_OFFERS = 32
"""The most offers of one challenge that are looked at; each proxy of a forked request makes up to four."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One WWW-Authenticate or Proxy-Authenticate header. Texts stand as received; absent parameters are None.

    `version` is None where the parameter is absent, and -1 where it is not a number.
    """

    scheme: Scheme | None
    scheme_text: str
    realm: str | None
    targetname: str | None
    version: int | None
    qop: str | None
    opaque: str | None
    gssapi_data: str | None
    sts_uri: str | None
    algorithm: str | None = None  # of Digest

    @property
    def spoken_version(self) -> int:
        """The version to speak with this server: the lower of its own and ours; an absent one is 2."""
        return min(OWN_VERSION, OLDEST_VERSION if self.version is None else self.version)


@dataclass(frozen=True, slots=True)
class Offers:
    """The first `MAX_OFFERS` offers of a challenge, in the order of the message, and how many follow them."""

    first: tuple[Offer, ...] = ()
    left_out: int = 0


def read_offers(response: Response) -> Offers:
    """The offers of a 401 or 407; none for another status.

    A challenge header that cannot be read is passed over, as it may be of a scheme with a grammar of its own.

    Raises:
        ParseError: none of the challenge headers can be read.
    """
    family = HeaderFamily.of_status(response.status)
    if family is None:
        return Offers()
    found: list[AuthParameters] = []
    damage: ParseError | None = None
    for value in response.headers.get_all(family.challenge):
        try:
            found += AuthParameters.parse_all(value)
        except ParseError as error:
            damage = error
    if damage is not None and not found:
        raise damage
    return Offers(tuple(map(_offer, found[:MAX_OFFERS])), max(0, len(found) - MAX_OFFERS))


def offers(response: Response) -> tuple[Offer, ...]:
    """The first `MAX_OFFERS` offers; otherwise as `read_offers`."""
    return read_offers(response).first


def read_version(text: str | None) -> int | None:
    """A version parameter: None when absent, -1 when it is not a small decimal number."""
    if text is None:
        return None
    number = decimal(text, 9999)
    return -1 if number is None else number


def host_of(targetname: str) -> str:
    """The server that a targetname names, without the service of Kerberos."""
    return targetname.partition("/")[2] or targetname


def _offer(parameters: AuthParameters) -> Offer:
    return Offer(
        scheme=Scheme.parse(parameters.scheme_text),
        scheme_text=parameters.scheme_text,
        realm=parameters.get("realm"),
        targetname=parameters.get("targetname"),
        version=read_version(parameters.get("version")),
        qop=parameters.get("qop"),
        opaque=parameters.get("opaque"),
        gssapi_data=parameters.get("gssapi-data"),
        sts_uri=parameters.get("sts-uri"),
        algorithm=parameters.get("algorithm"),
    )
