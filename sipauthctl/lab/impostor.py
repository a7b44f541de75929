"""Answers of servers that are not of this family, for clients that must recognise them."""

from __future__ import annotations

from sipauthctl.lab.answers import respond
from sipauthctl.lab.behaviour import Impostor
from sipauthctl.sip.message import Request

_HTTP = (
    b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 13\r\n"
    b"Connection: close\r\n\r\n<html></html>"
)
_DIGEST = ("WWW-Authenticate", 'Digest realm="pbx", nonce="0123456789abcdef", algorithm=MD5')


def impostor_answer(impostor: Impostor, request: Request, peer: tuple[str, int]) -> bytes:
    """What the impostor sends for a request."""
    if impostor is Impostor.HTTP:
        return _HTTP
    if impostor is Impostor.NO_CHALLENGE:
        return respond(request, 200, (("Expires", "7200"),), peer=peer, tag="0").to_bytes()
    headers = (_DIGEST,) if impostor is Impostor.DIGEST else ()
    return respond(request, 401, headers, peer=peer, tag="0").to_bytes()
