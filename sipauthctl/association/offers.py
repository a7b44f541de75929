"""What a challenge offers: one offer a scheme (and, after forking, a proxy), [MS-SIPAE] 2.2.1."""

from __future__ import annotations

from dataclasses import dataclass

from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.errors import ParseError
from sipauthctl.sip.message import Response

OWN_VERSION = 4
"""The highest protocol version that is spoken here; also that of OCS 2007 R2 and everything later."""

OLDEST_VERSION = 2
"""LCS 2005 and [MS-SIP], which send no version parameter at all."""


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


def offers(response: Response) -> tuple[Offer, ...]:
    """The offers of a 401 or 407, in the order of the message; none for another status.

    A challenge header that cannot be read is passed over, as it may be of a scheme with a grammar of its own.

    Raises:
        ParseError: none of the challenge headers can be read.
    """
    family = HeaderFamily.of_status(response.status)
    if family is None:
        return ()
    found: list[Offer] = []
    damage: ParseError | None = None
    for value in response.headers.get_all(family.challenge):
        try:
            found += [_offer(parameters) for parameters in AuthParameters.parse_all(value)]
        except ParseError as error:
            damage = error
    if damage is not None and not found:
        raise damage
    return tuple(found)


def read_version(text: str | None) -> int | None:
    """A version parameter: None when absent, -1 when it is not a small decimal number."""
    if text is None:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else -1


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
