"""Answers to the requests that a server sends on its own (NOTIFY, MESSAGE, ...), RFC 3261 8.2."""

from __future__ import annotations

from sipauthctl.sip.headers import Headers
from sipauthctl.sip.message import Request, Response

_ACCEPTED = frozenset({"NOTIFY", "MESSAGE", "OPTIONS", "INFO", "BYE", "CANCEL"})
_UNANSWERED = frozenset({"ACK", "BENOTIFY"})  # BENOTIFY is a NOTIFY without an answer, [MS-SIP] 2.2.3
_COPIED = ("Via", "From", "Call-ID", "CSeq")


def answer_to(request: Request, tag: str) -> Response | None:
    """The response to a request of the server, None where none is due.

    Args:
        request: what came.
        tag: for the To header, where the request has none.

    Raises:
        ParseError: the request has no usable To.
    """
    if request.method in _UNANSWERED:
        return None
    to = request.headers.get("To") or ""
    fields = [(name, value) for name in _COPIED for value in request.headers.get_all(name)]
    fields.append(("To", to if request.to.tag else f"{to};tag={tag}"))
    status, reason = (200, "OK") if request.method in _ACCEPTED else (480, "Temporarily Unavailable")
    return Response(status=status, reason=reason, headers=Headers([*fields, ("Content-Length", "0")]))
