"""A SIP server under the attacker's control: it reads requests and answers anything."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Awaitable, Callable

from tests.hostile.peers import Stream

SERVER_CHALLENGE = bytes.fromhex("1122334455667788")
REALM = 'realm="SIP Communications Service", targetname="hs1.litwareinc.com", version=4'
FLAGS = 0xE2898235  # [MS-NLMP] 2.2.2.5, as OCS 2007 R2 sends: Unicode, signing, datagram, ESS, target info, 128 bits
OFFER = f"WWW-Authenticate: NTLM {REALM}"
CONNECTIONLESS = 0x40  # a flag that only SIP uses
EVIL_NAMES = {1: "HS1", 2: "LITWAREINC", 3: "hs1.fabrikam.com", 4: "fabrikam.com"}
OWN_NAMES = {1: "HS1", 2: "LITWAREINC", 3: "hs1.litwareinc.com", 4: "litwareinc.com"}


class SipPeer(Stream):
    """One connection of a client. `names` are those of the world: its address and ports."""

    names: dict[str, str | int]

    async def request(self) -> str:
        """The next request; keep-alives are passed over.

        Raises:
            IncompleteReadError: the client went.
        """
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            data = (data + await self.read_exactly(1)).lstrip(b"\r\n")
        length = int(field(data.decode(), "Content-Length"))
        return (data + await self.read_exactly(length)).decode()

    async def answer(self, request: str, status: str, *headers: str, body: bytes = b"", **changed: str) -> None:
        """Answers a request; `changed` replaces headers that are copied from it, `via` is appended to Via."""
        await self.send(response(request, status, *headers, body=body, **changed))


Talk = Callable[[SipPeer], Awaitable[None]]


def response(request: str, status: str, *headers: str, body: bytes = b"", **changed: str) -> bytes:
    """See `SipPeer.answer`."""
    copied = {"via": field(request, "Via"), "from_": field(request, "From"), "to": f"{field(request, 'To')};tag=1"}
    copied |= {"call_id": field(request, "Call-ID"), "cseq": field(request, "CSeq")} | changed
    lines = [
        f"SIP/2.0 {status}",
        f"Via: {copied['via']}",
        f"From: {copied['from_']}",
        f"To: {copied['to']}",
        f"Call-ID: {copied['call_id']}",
        f"CSeq: {copied['cseq']}",
        *headers,
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def field(request: str, name: str) -> str:
    """A header of a request."""
    found = re.search(rf"(?im)^{name}: *(.*?)\r$", request)
    assert found is not None, name
    return found[1]


def token(request: str) -> str | None:
    """The gssapi-data of a request, None where it has none."""
    found = re.findall(r'gssapi-data="([^"]*)"', request)
    return found[-1] if found else None


def pairs(names: dict[int, str]) -> bytes:
    """AV_PAIRs, [MS-NLMP] 2.2.2.1: 1 and 2 are NetBIOS computer and domain, 3 and 4 the same in DNS."""
    each = (struct.pack("<HH", number, 2 * len(text)) + text.encode("utf-16-le") for number, text in names.items())
    return b"".join(each) + bytes(4)


def challenge(
    info: bytes, name: str = "LITWAREINC", flags: int = FLAGS, fields: dict[int, int] | None = None
) -> bytes:
    """A CHALLENGE_MESSAGE, [MS-NLMP] 2.2.1.2. `fields` overwrite 32-bit numbers at these offsets."""
    payload = name.encode("utf-16-le")
    head = bytearray(b"NTLMSSP\0" + struct.pack("<IHHI", 2, len(payload), len(payload), 56))
    head += struct.pack("<I", flags) + SERVER_CHALLENGE + bytes(8)
    head += struct.pack("<HHI", len(info) & 0xFFFF, len(info) & 0xFFFF, 56 + len(payload))
    head += bytes.fromhex("0601b11d0000000f")
    for offset, value in (fields or {}).items():
        struct.pack_into("<I", head, offset, value)
    return bytes(head) + payload + info


def with_token(data: bytes, realm: str = REALM) -> str:
    """A challenge header that carries a token."""
    return f'WWW-Authenticate: NTLM opaque="A1", gssapi-data="{base64.b64encode(data).decode()}", {realm}'


async def ntlm(
    peer: SipPeer,
    last: str = "403 Forbidden",
    *headers: str,
    data: bytes | None = None,
    offer: str = OFFER,
    realm: str = REALM,
) -> None:
    """Offers NTLM, sends a CHALLENGE, and answers the response with `last`, on and on."""
    while True:
        request = await peer.request()
        sent = token(request)
        if sent is None:
            await peer.answer(request, "401 Unauthorized", offer)
        elif not sent:
            data = challenge(pairs(OWN_NAMES)) if data is None else data
            await peer.answer(request, "401 Unauthorized", with_token(data, realm))
        else:
            await peer.answer(request, last, *headers)
