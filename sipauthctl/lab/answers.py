"""How a server writes its responses, RFC 3261 8.2.6, and signs them (rightly, or as its behaviour says)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from email.utils import format_datetime

from sipauthctl.association.security_association import SecurityAssociation
from sipauthctl.lab.behaviour import AnswerSignature, DateHeader
from sipauthctl.sip.headers import Headers
from sipauthctl.sip.message import Request, Response

REASONS = {
    200: "OK",
    202: "Accepted",
    300: "Multiple Choices",
    301: "Redirect request to Home Server",
    302: "Moved Temporarily",
    305: "Use Proxy",
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    420: "Bad Extension",
    421: "Extension Required",
    423: "Interval Too Brief",
    430: "Flow Failed",
    480: "Temporarily Unavailable",
    481: "Call Leg/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    486: "Busy Here",
    488: "Not Acceptable Here",
    489: "Bad Event",
    494: "Security Agreement Required",
    500: "The server encountered an unexpected internal error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}
SERVER = "RTC/3.5"  # what OCS 2007 R2 calls itself
SKIPPED_NUMBERS = 5


def respond(
    request: Request,
    status: int,
    headers: Iterable[tuple[str, str]],
    *,
    peer: tuple[str, int],
    tag: str,
) -> Response:
    """A response with the headers that every response copies.

    Args:
        request: what is answered.
        status: any; those of `REASONS` get these words.
        headers: what this answer adds.
        peer: address and port that the request came from, noted in the first Via.
        tag: for the To header, where the request has none.
    """
    address, port = peer
    vias = [("Via", value) for value in request.headers.get_all("Via")]
    if vias:
        vias[0] = ("Via", f"{vias[0][1]};received={address};ms-received-port={port};ms-received-cid=1A00")
    to = request.headers.get("To") or ""
    copied = [
        *vias,
        ("From", request.headers.get("From") or ""),
        ("To", to if request.to.tag else f"{to};tag={tag}"),
        ("Call-ID", request.call_id),
        ("CSeq", request.headers.get("CSeq") or ""),
    ]
    if status < 300 and request.method != "REGISTER":
        copied += [("Record-Route", value) for value in request.headers.get_all("Record-Route")]
    fields = [*headers, *copied, ("Server", SERVER), ("Content-Length", "0")]
    return Response(status=status, reason=REASONS.get(status, "Refused"), headers=Headers(fields))


def date_header(style: DateHeader, now: datetime) -> tuple[tuple[str, str], ...]:
    """The Date of a challenge by the server's own clock."""
    if style is DateHeader.ABSENT:
        return ()
    if style is DateHeader.MALFORMED:
        return (("Date", "today, around noon"),)
    return (("Date", format_datetime(now, usegmt=True)),)


def sign(response: Response, association: SecurityAssociation, how: AnswerSignature) -> Response:
    """Signs an answer, or mis-signs it on purpose."""
    make: Callable[[Response], Response] = association.sign_response
    if how is AnswerSignature.MISSING:
        return response
    if how is AnswerSignature.REPLAYED:
        association.next_num = 1
    if how is AnswerSignature.SKIPPING and association.next_num > 1:
        association.next_num += SKIPPED_NUMBERS
    if how is AnswerSignature.WRONG:
        other = make(response.with_headers(response.headers.replace("Call-ID", "another-call")))
        info = association.family.info
        return response.with_headers(response.headers.add(info, other.headers.get(info) or ""))
    return make(response)
