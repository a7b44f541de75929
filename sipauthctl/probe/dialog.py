"""Builds the REGISTER requests of one registration: what stays the same, what grows, what follows the connection.

[MS-SIPREGE] 3.1.4.1; the header set is that of Communicator 2007 R2.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from sipauthctl import __version__
from sipauthctl.network.evidence import Transport
from sipauthctl.sip.headers import Headers
from sipauthctl.sip.message import Request

_EPID_NAMESPACE = uuid.UUID("fcacfb03-8a73-46ef-91b1-e5ebeeaba4fe")  # [MS-SIPRE] 3.2.2.2
_METHODS = "INVITE, MESSAGE, INFO, OPTIONS, BYE, CANCEL, NOTIFY, ACK, REFER, BENOTIFY"


@dataclass(frozen=True, slots=True)
class LocalEnd:
    """Our end of a connection, as Via and Contact name it."""

    address: str
    port: int
    transport: Transport

    @property
    def host_port(self) -> str:
        """`address:port`, with brackets around an IPv6 address."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class Dialog:
    """One endpoint's REGISTERs: Call-ID, From tag and epid stay, CSeq grows by one with each.

    Args:
        address_of_record: `sip:user@domain` as the user wrote it.
        domain: the SIP domain, for the request URI.
        token_bytes: gives that many random bytes.
    """

    def __init__(self, address_of_record: str, domain: str, token_bytes: Callable[[int], bytes]) -> None:
        self._address = address_of_record
        self._domain = domain
        self._token_bytes = token_bytes
        self._call_id = token_bytes(16).hex()
        self._from_tag = token_bytes(5).hex()
        self._epid = token_bytes(5).hex()
        self._cseq = 0

    def register(self, local: LocalEnd, *, expires: int | None = None) -> Request:
        """The next REGISTER. `expires` is in seconds, 0 to de-register, None to leave it to the server."""
        self._cseq += 1
        transport = local.transport.value
        contact = (
            f"<sip:{local.host_port};transport={transport};ms-opaque={self._from_tag}>"
            f';methods="{_METHODS}";proxy=replace;+sip.instance="<urn:uuid:{instance_of(self._epid)}>"'
        )
        fields = [
            ("Via", f"SIP/2.0/{transport.upper()} {local.host_port};branch=z9hG4bK{self._token_bytes(8).hex()}"),
            ("Max-Forwards", "70"),
            ("From", f"<{self._address}>;tag={self._from_tag};epid={self._epid}"),
            ("To", f"<{self._address}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} REGISTER"),
            ("Contact", contact),
            ("User-Agent", f"sipauthctl/{__version__}"),
            ("Supported", "gruu-10, adhoclist, msrtc-event-categories, ms-forking"),
            ("ms-keep-alive", "UAC;hop-hop=yes"),
            ("Event", "registration"),
        ]
        if expires is not None:
            fields.append(("Expires", str(expires)))
        return Request(
            method="REGISTER", uri=f"sip:{self._domain}", headers=Headers([*fields, ("Content-Length", "0")])
        )


def instance_of(epid: str) -> uuid.UUID:
    """The instance that servers derive from an epid, [MS-SIPRE] 3.2.2.2: UUID version 5 in Windows byte order."""
    digest = hashlib.sha1(_EPID_NAMESPACE.bytes_le + epid.encode("ascii"), usedforsecurity=False).digest()
    number = uuid.UUID(bytes_le=digest[:16]).int
    number = number & ~(0xF000 << 64) | 0x5000 << 64
    number = number & ~(0xC000 << 48) | 0x8000 << 48
    return uuid.UUID(int=number)
