"""A Kerberos sign-in as records: a recorded token, messages written here, signatures made by `independent`."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sipauthctl.analysis.kerberos import KeytabKeys
from sipauthctl.analysis.secrets import Secrets
from sipauthctl.capture.record import Address, Record
from sipauthctl.mechanisms.kerberos.libkrb5 import Key
from tests.analysis.independent import joined, resigned, string_fields
from tests.mechanisms.kerberos.independent import checksum, header, rc4_token
from tests.mechanisms.kerberos.recorded import Recorded, context, keytab

CLIENT, SERVER = Address("192.0.2.35", 40000), Address("192.0.2.1", 5061)
NAMED = 'realm="SIP Communications Service", targetname="sip/hs1.litwareinc.com"'
OPAQUE = "8A59CE2B"
_EPID = "01010101"


@dataclass(frozen=True)
class Session:
    """How it is made. `made` is when the client made its token, by its own clock."""

    recorded: Recorded
    version: int = 4
    clock: timedelta = timedelta()
    """The server's Date minus the client's clock."""

    @property
    def made(self) -> datetime:
        return self.recorded.keys().made

    def records(self, *, refreshes: int = 2, answer: bytes = b"200 OK") -> list[Record]:
        """REGISTER, 401, the one with the token, its answer, then signed refreshes."""
        date = (self.made + self.clock).strftime("%a, %d %b %Y %H:%M:%S GMT")
        offer = f"WWW-Authenticate: Kerberos {NAMED}, version={self.version}\r\nDate: {date}"
        raws = [_request(1, ""), _answer(1, b"401 Unauthorized", offer)]
        token = f', gssapi-data="{base64.b64encode(self.recorded.token).decode()}"'
        numbers = iter(range(1, 100))
        for number in range(refreshes + 1):
            signed = number > 0 or self.version == 4
            own = _signature("c", next(numbers)) if signed else ""
            opaque = f', opaque="{OPAQUE}"' if number else ""
            parameters = f"{NAMED}{opaque}{'' if number else token}{own}, version={self.version}"
            raws.append(_request(number + 2, f'Authorization: Kerberos qop="auth", {parameters}\r\n'))
            reply = "" if number or not self.recorded.answer else self._reply()
            info = f'Authentication-Info: Kerberos qop="auth", opaque="{OPAQUE}"{reply}, '
            raws.append(_answer(number + 2, answer, f"{info}{NAMED}{_signature('s', number + 1)}"))
        records = [_record(place, raw, self.made) for place, raw in enumerate(raws, 1)]
        return [self.signed(record) for record in records]

    def _reply(self) -> str:
        return f', gssapi-data="{base64.b64encode(self.recorded.answer or b"").decode()}"'

    def signed(self, record: Record, make: Callable[[Key, str, bytes], bytes] | None = None) -> Record:
        """The record with the right signature, or what `make` makes of key, sender and string."""
        if b"response=" not in record.raw and b"rspauth=" not in record.raw:
            return record
        keys = self.recorded.keys()
        who = "server" if record.raw.startswith(b"SIP/2.0") else "client"
        text = joined([b"Kerberos", *string_fields(record.raw, who, self.version)[1:]])
        key = keys.acceptor_subkey or keys.without_acceptor
        sign = make or (with_acceptor_subkey if keys.acceptor_subkey is not None else right)
        return resigned(record, sign(key, who, text))

    def secrets(self, stack: ExitStack) -> Secrets:
        return Secrets(kerberos=KeytabKeys(stack.enter_context(keytab(self.recorded.keytab))))


def session(type_: str = "aes256-cts-hmac-sha1-96", *, mutual: bool = False, version: int = 4) -> Session:
    return Session(context(type_, mutual=mutual), version)


def right(key: Key, who: str, text: bytes) -> bytes:
    """The right token."""
    if key.enctype == 23:
        return rc4_token(key.contents, text, direction=bytes(4) if who == "client" else b"\xff" * 4)
    head = header(0 if who == "client" else 1)
    return head + checksum(key.contents, key.enctype, 25 if who == "client" else 23, text + head)


def with_acceptor_subkey(key: Key, who: str, text: bytes) -> bytes:
    """The right token where the acceptor chose a subkey."""
    head = header(4 if who == "client" else 5)
    return head + checksum(key.contents, key.enctype, 25 if who == "client" else 23, text + head)


def unsigned(record: Record) -> Record:
    """The record without its info header."""
    return replace(record, raw=b"\r\n".join(line for line in record.raw.split(b"\r\n") if b"-Info:" not in line))


def _signature(who: str, number: int) -> str:
    name = "response" if who == "c" else "rspauth"
    return f', {who}rand="8a59ce{number:02x}", {who}num="{number}", {name}="00"'


def _request(cseq: int, credentials: str) -> bytes:
    return (
        "REGISTER sip:litwareinc.com SIP/2.0\r\n"
        f"Via: SIP/2.0/TLS 192.0.2.35:40000;branch=z9hG4bK{cseq}\r\n"
        f"From: <sip:ned@litwareinc.com>;tag=4a1;epid={_EPID}\r\n"
        "To: <sip:ned@litwareinc.com>\r\n"
        "Call-ID: 9f3c\r\n"
        f"CSeq: {cseq} REGISTER\r\n"
        "Contact: <sip:192.0.2.35:40000>\r\n"
        f"Expires: 7200\r\n{credentials}Content-Length: 0\r\n\r\n"
    ).encode()


def _answer(cseq: int, status: bytes, header_lines: str) -> bytes:
    return (
        f"SIP/2.0 {status.decode()}\r\n"
        f"Via: SIP/2.0/TLS 192.0.2.35:40000;branch=z9hG4bK{cseq}\r\n"
        f"From: <sip:ned@litwareinc.com>;tag=4a1;epid={_EPID}\r\n"
        "To: <sip:ned@litwareinc.com>;tag=77\r\n"
        "Call-ID: 9f3c\r\n"
        f"CSeq: {cseq} REGISTER\r\n"
        f"{header_lines}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def _record(place: int, raw: bytes, began: datetime) -> Record:
    sent = not raw.startswith(b"SIP/2.0")
    ends = (CLIENT, SERVER) if sent else (SERVER, CLIENT)
    time = (began + timedelta(milliseconds=20 * place)).astimezone(UTC)
    return Record(time, *ends, transport="tls", raw=raw, input="kerberos.pcap", place=place)
