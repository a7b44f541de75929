"""The lab's conference, which anonymous users join with its passcode, [MS-SIPAE] 3.2.4.3 and 4.5."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sipauthctl.association.digest_server import DigestAccepted, DigestAuthenticator, DigestRefused
from sipauthctl.association.family import HeaderFamily
from sipauthctl.lab.names import SIP_DOMAIN
from sipauthctl.sip.message import Request
from sipauthctl.sip.uri import SipUri


@dataclass(frozen=True, slots=True)
class Conference:
    """One conference. The organizer is also the realm of the challenge; the passcode opens no other door."""

    organizer: str
    id: str
    passcode: str = field(repr=False)

    @property
    def sip_uri(self) -> str:
        """The address of its focus, [MS-SIPRE] conference GRUU."""
        return f"sip:{self.organizer};gruu;opaque=app:conf:focus:id:{self.id}"


CONFERENCES = (Conference(f"ned@{SIP_DOMAIN}", "854T0R7G", "271828"),)


class Lobby:
    """Lets anonymous users into conferences.

    Args:
        family: how it challenges.
        token_bytes: gives that many random bytes.
    """

    def __init__(self, family: HeaderFamily, token_bytes: Callable[[int], bytes]) -> None:
        self.family = family
        self._authenticator = DigestAuthenticator(family, token_bytes)

    def receive(self, request: Request) -> DigestAccepted | DigestRefused | None:
        """Judges the INVITE of an anonymous user; None where there is no such conference.

        Raises:
            ParseError: the conference's address cannot be read.
        """
        conference = self._find(SipUri.parse(request.to.uri))
        if conference is None:
            return None
        return self._authenticator.receive(request, conference.organizer, conference.passcode)

    @staticmethod
    def _find(uri: SipUri) -> Conference | None:
        for conference in CONFERENCES:
            wanted = SipUri.parse(conference.sip_uri)
            if (uri.address_of_record, uri.param("opaque")) == (wanted.address_of_record, wanted.param("opaque")):
                return conference
        return None
