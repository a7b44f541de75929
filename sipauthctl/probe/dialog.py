"""Builds the REGISTER requests of one registration: what stays the same, what grows, what follows the connection.

[MS-SIPREGE] 3.1.4.1; the header set is that of Communicator 2007 R2.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from sipauthctl import __version__
from sipauthctl.association.endpoint import instance_of
from sipauthctl.network.evidence import Transport
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.headers import Headers
from sipauthctl.sip.message import Request, Response
from sipauthctl.sip.name_addr import NameAddr
from sipauthctl.sip.numbers import decimal
from sipauthctl.sip.uri import SipUri

USER_AGENT = f"sipauthctl/{__version__}"
"""What this client calls itself in every request."""

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
        self._instance = f"<urn:uuid:{instance_of(self._epid)}>"
        self._cseq = 0

    def beside(self, method: str) -> SideDialog:
        """A dialog of another method between this endpoint and its own address."""
        return SideDialog(method, self._address, self._epid, self._token_bytes)

    def is_listed(self, response: Response) -> bool:
        """Whether a 2xx to a REGISTER lists this endpoint among the current bindings (RFC 3261 10.3), whatever address
        the server knows it by."""
        for value in response.headers.values("Contact"):
            with suppress(SipError):
                contact = NameAddr.parse(value)
                own = SipUri.parse(contact.uri).param("ms-opaque") == self._from_tag
                expires = contact.param("expires") or response.headers.get("Expires")
                if (own or contact.param("+sip.instance") == self._instance) and decimal(expires, 1) != 0:
                    return True
        return False

    def register(self, local: LocalEnd, *, expires: int | None = None) -> Request:
        """The next REGISTER. `expires` is in seconds, 0 to de-register, None to leave it to the server."""
        self._cseq += 1
        transport = local.transport.value
        contact = (
            f"<sip:{local.host_port};transport={transport};ms-opaque={self._from_tag}>"
            f';methods="{_METHODS}";proxy=replace;+sip.instance="{self._instance}"'
        )
        fields = [
            ("Via", f"SIP/2.0/{transport.upper()} {local.host_port};branch=z9hG4bK{self._token_bytes(8).hex()}"),
            ("Max-Forwards", "70"),
            ("From", f"<{self._address}>;tag={self._from_tag};epid={self._epid}"),
            ("To", f"<{self._address}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} REGISTER"),
            ("Contact", contact),
            ("User-Agent", USER_AGENT),
            ("Supported", "gruu-10, adhoclist, msrtc-event-categories, ms-forking"),
            ("ms-keep-alive", "UAC;hop-hop=yes"),
            ("Event", "registration"),
        ]
        if expires is not None:
            fields.append(("Expires", str(expires)))
        return Request(
            method="REGISTER", uri=f"sip:{self._domain}", headers=Headers([*fields, ("Content-Length", "0")])
        )


_EXTRAS = {
    "SUBSCRIBE": (("Event", "presence"), ("Accept", "application/pidf+xml, text/xml+msrtc.pidf"), ("Expires", "600")),
    "MESSAGE": (("Content-Type", "text/plain; charset=UTF-8"),),
}
_BODIES = {"MESSAGE": b"sipauthctl tests signed messages."}


class SideDialog:
    """Requests of one method to our own address, in a dialog of their own, RFC 3261 12.

    Args:
        method: of all of them.
        address: our address-of-record, with its scheme.
        epid: our endpoint.
        token_bytes: gives that many random bytes.
    """

    def __init__(self, method: str, address: str, epid: str, token_bytes: Callable[[int], bytes]) -> None:
        self.method = method
        self._address = address
        self._epid = epid
        self._token_bytes = token_bytes
        self._call_id = token_bytes(16).hex()
        self._from_tag = token_bytes(5).hex()
        self._cseq = 0
        self._to_tag = ""
        self._target = address
        self._routes: tuple[str, ...] = ()

    def learn(self, response: Response) -> None:
        """Takes tag, target and route of the answer that makes the dialog.

        Raises:
            ParseError: it cannot be read.
        """
        self._to_tag = response.to.tag or ""
        self._routes = tuple(reversed(response.headers.values("Record-Route")))
        contacts = NameAddr.parse_list(response.headers.values("Contact"))
        self._target = contacts[0].uri if contacts else self._target

    def request(self, local: LocalEnd, *, expires: int | None = None) -> Request:
        """The next request. `expires` is in seconds, None for the method's own."""
        self._cseq += 1
        transport = local.transport.value
        to = f"<{self._address}>;tag={self._to_tag}" if self._to_tag else f"<{self._address}>"
        body = _BODIES.get(self.method, b"")
        fields = [
            ("Via", f"SIP/2.0/{transport.upper()} {local.host_port};branch=z9hG4bK{self._token_bytes(8).hex()}"),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in self._routes),
            ("From", f"<{self._address}>;tag={self._from_tag};epid={self._epid}"),
            ("To", to),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} {self.method}"),
            ("Contact", f"<sip:{local.host_port};transport={transport}>"),
            ("User-Agent", USER_AGENT),
            *_EXTRAS.get(self.method, ()),
        ]
        headers = Headers([*fields, ("Content-Length", str(len(body)))])
        if expires is not None:
            headers = headers.replace("Expires", str(expires))
        return Request(method=self.method, uri=self._target, headers=headers, body=body)
