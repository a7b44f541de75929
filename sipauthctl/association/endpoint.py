"""Which endpoint of which user a message is of, and whether a registrar takes that identity, [MS-SIPRE] 3."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from enum import IntEnum

from sipauthctl.sip.message import Request
from sipauthctl.sip.name_addr import NameAddr
from sipauthctl.sip.uri import SipUri

LONGEST_EPID = 16
"""Characters, [MS-SIPRE] 2.2.1."""

_EPID_NAMESPACE = uuid.UUID("fcacfb03-8a73-46ef-91b1-e5ebeeaba4fe")  # [MS-SIPRE] 3.2.2.2
_URN = "urn:uuid:"


@dataclass(frozen=True, slots=True)
class EndpointId:
    """What a security association belongs to: the user's address in lower case, and the epid, empty without one."""

    address_of_record: str
    epid: str

    @staticmethod
    def of(address: NameAddr) -> EndpointId:
        """That of a From or To.

        Raises:
            ParseError: it is not a SIP address.
        """
        return EndpointId(SipUri.parse(address.uri).address_of_record, address.param("epid") or "")


class EndpointProblem(IntEnum):
    """Why a registrar refuses the identity of an endpoint. The values are the numbers of ms-diagnostics, [MS-OCER]."""

    MISSING = 4010  # neither epid nor +sip.instance; or one that does not belong to the other
    NO_EPID = 4011
    TOO_LONG = 4012


def endpoint_problem(request: Request) -> EndpointProblem | None:
    """What is wrong with the identity of the endpoint that registers, [MS-SIPREGE] 3.1.2.5.1, [MS-SIPAE] 3.3.5.2.

    Raises:
        ParseError: From or Contact cannot be read.
    """
    epid = request.from_.param("epid") or ""
    contacts = [value for value in request.headers.values("Contact") if value.strip() != "*"]
    instances = {value for contact in NameAddr.parse_list(contacts) if (value := contact.param("+sip.instance"))}
    if not epid:
        return EndpointProblem.NO_EPID if instances else EndpointProblem.MISSING
    if len(epid) > LONGEST_EPID:
        return EndpointProblem.TOO_LONG
    derived = f"{_URN}{instance_of(epid)}"
    if any(value.strip("<>").lower() != derived for value in instances):
        return EndpointProblem.MISSING
    return None


def instance_of(epid: str) -> uuid.UUID:
    """The instance that servers derive from an epid, [MS-SIPRE] 3.2.2.2: UUID version 5 in Windows byte order."""
    name = _EPID_NAMESPACE.bytes_le + epid.encode("utf-8", "surrogateescape")
    digest = hashlib.sha1(name, usedforsecurity=False).digest()
    number = uuid.UUID(bytes_le=digest[:16]).int
    number = number & ~(0xF000 << 64) | 0x5000 << 64
    number = number & ~(0xC000 << 48) | 0x8000 << 48
    return uuid.UUID(int=number)
