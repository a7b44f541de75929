"""Requests that a server sends to a client on its own, signed as its answers are, [MS-SIPAE] 3.3.4.1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sipauthctl.lab.answers import SERVER
from sipauthctl.lab.bindings import Binding
from sipauthctl.lab.registrar import Registrar
from sipauthctl.sip.headers import Headers
from sipauthctl.sip.message import Request, Response

TEXT = b"A word from the lab."


def notify_after(request: Request, response: Response, host: str) -> Request | None:
    """The NOTIFY that follows an accepted SUBSCRIBE at once (RFC 6665 4.2.1.2); None for anything else.

    Raises:
        ParseError: the SUBSCRIBE cannot be read.
    """
    if request.method != "SUBSCRIBE" or response.status != 200:
        return None
    seconds = response.headers.get("Expires") or "0"
    state = "terminated;reason=timeout" if seconds == "0" else f"active;expires={seconds}"
    contact = next(iter(request.headers.values("Contact")), "")
    fields = [
        ("From", response.headers.get("To") or ""),
        ("To", request.headers.get("From") or ""),
        ("Call-ID", request.call_id),
        ("CSeq", f"{request.cseq.number} NOTIFY"),
        ("Event", request.headers.get("Event") or "presence"),
        ("Subscription-State", state),
    ]
    return _request("NOTIFY", _target(contact) or request.from_.uri, fields, host, b"")


def message_to(binding: Binding, sender: str, host: str, token_bytes: Callable[[int], bytes]) -> Request:
    """A MESSAGE to a registered endpoint."""
    fields = [
        ("From", f"<{sender}>;tag={token_bytes(5).hex()};epid={token_bytes(5).hex()}"),
        ("To", f"<{binding.address_of_record}>;epid={binding.epid}"),
        ("Call-ID", token_bytes(16).hex()),
        ("CSeq", "1 MESSAGE"),
        ("P-Asserted-Identity", f"<{sender}>"),
        ("Content-Type", "text/plain; charset=UTF-8"),
    ]
    return _request("MESSAGE", binding.contact or binding.address_of_record, fields, host, TEXT)


def signed(request: Request, servers: Sequence[Registrar], now: datetime) -> Request:
    """The request with the signature of every server of a path that has an association with the endpoint.

    Raises:
        ParseError: the request lacks a header that is signed.
    """
    for server in reversed(servers):  # the home server sends it, the proxies pass it on
        association = server.association_for_requests(request)
        if association is not None and association.end(now) is None:
            request = association.sign_server_request(request)
    return request


def _request(method: str, uri: str, fields: list[tuple[str, str]], host: str, body: bytes) -> Request:
    call_id = next(value for name, value in fields if name == "Call-ID")
    number = next(value for name, value in fields if name == "CSeq").split()[0]
    via = ("Via", f"SIP/2.0/TLS {host};branch=z9hG4bK{call_id[:16]}{number}")
    every = [via, ("Max-Forwards", "70"), *fields, ("Server", SERVER)]
    return Request(method=method, uri=uri, headers=Headers([*every, ("Content-Length", str(len(body)))]), body=body)


def _target(contact: str) -> str:
    start, end = contact.find("<"), contact.find(">")
    return contact[start + 1 : end] if 0 <= start < end else ""
