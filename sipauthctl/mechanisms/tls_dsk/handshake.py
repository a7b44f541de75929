"""Reads along with a TLS handshake, without taking part: RFC 5246 6 and 7.

TLS 1.0 and 1.1 (RFC 2246, 4346) look the same; of TLS 1.3 (RFC 8446) the hellos can be read.

Bytes may come in any pieces. What each side may send is bounded; what is encrypted is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from sipauthctl.mechanisms.base import MalformedToken
from sipauthctl.mechanisms.tls_dsk.fields import Fields

MOST_BYTES = 131_072
"""Of one side's handshake; long certificate chains take some ten thousand."""

_RECORD_HEAD = 5
_MESSAGE_HEAD = 4
_LONGEST_RECORD = 16_384 + 2_048
_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE, _APPLICATION_DATA = 20, 21, 22, 23
_MESSAGES = {
    0: "HelloRequest",
    1: "ClientHello",
    2: "ServerHello",
    4: "NewSessionTicket",
    11: "Certificate",
    12: "ServerKeyExchange",
    13: "CertificateRequest",
    14: "ServerHelloDone",
    15: "CertificateVerify",
    16: "ClientKeyExchange",
    20: "Finished",
    22: "CertificateStatus",
}
_CLIENT_HELLO, _SERVER_HELLO, _CERTIFICATE = 1, 2, 11
_SUPPORTED_VERSIONS = 43
_ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    21: "decryption_failed",
    22: "record_overflow",
    40: "handshake_failure",
    41: "no_certificate",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    112: "unrecognized_name",
    116: "certificate_required",
    120: "no_application_protocol",
}


class TlsSide(str, Enum):
    """Who sent it."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Alert:
    """A fatal alert. `name` is that of RFC 5246 7.2, `encrypted` where it cannot be read."""

    side: TlsSide
    name: str


@dataclass(slots=True)
class _Stream:
    pending: bytearray = field(default_factory=bytearray)  # of a record that is not complete
    messages: bytearray = field(default_factory=bytearray)  # of a handshake message that is not complete
    taken: int = 0
    encrypted: bool = False
    finished: bool = False


@dataclass(slots=True)
class TlsHandshake:
    """What is known of a handshake. Certificates are the first of each chain as DER, b"" where a side sent none."""

    version: int | None = None
    suite: int | None = None
    client_random: bytes | None = field(default=None, repr=False)
    server_random: bytes | None = field(default=None, repr=False)
    client_certificate: bytes | None = field(default=None, repr=False)
    server_certificate: bytes | None = field(default=None, repr=False)
    alert: Alert | None = None
    _streams: dict[TlsSide, _Stream] = field(default_factory=lambda: {side: _Stream() for side in TlsSide}, repr=False)

    @property
    def completed(self) -> bool:
        """Whether both sides sent Finished and no fatal alert came. That of TLS 1.3 cannot be seen."""
        return self.alert is None and all(stream.finished for stream in self._streams.values())

    def feed(self, side: TlsSide, data: bytes) -> list[str]:
        """Takes the next bytes of one side. Gives the names of what they brought to an end, for people.

        Raises:
            MalformedToken: they are not TLS, or more than a handshake can need.
        """
        stream = self._streams[side]
        stream.taken += len(data)
        if stream.taken > MOST_BYTES:
            raise MalformedToken(f"more than {MOST_BYTES} bytes of a TLS handshake")
        stream.pending.extend(data)
        names: list[str] = []
        pending, start = stream.pending, 0
        while len(pending) - start >= _RECORD_HEAD:
            kind, major, size = pending[start], pending[start + 1], int.from_bytes(pending[start + 3 : start + 5])
            if kind not in (_CHANGE_CIPHER_SPEC, _ALERT, _HANDSHAKE, _APPLICATION_DATA) or major != 3:
                raise MalformedToken("not a TLS record")
            if size > _LONGEST_RECORD:
                raise MalformedToken("a TLS record is longer than TLS allows")
            end = start + _RECORD_HEAD + size
            if len(pending) < end:
                break
            names += self._record(side, stream, kind, bytes(pending[start + _RECORD_HEAD : end]))
            start = end
        del pending[:start]
        return names

    def _record(self, side: TlsSide, stream: _Stream, kind: int, content: bytes) -> Iterator[str]:
        if kind == _CHANGE_CIPHER_SPEC:
            stream.encrypted = True
            yield "ChangeCipherSpec"
        elif kind == _ALERT:
            yield self._alert(side, stream, content)
        elif kind == _APPLICATION_DATA:
            yield "encrypted data"
        elif stream.encrypted:
            # The first encrypted handshake message is Finished, RFC 5246 7.4.9.
            stream.finished = True
            yield "Finished"
        else:
            stream.messages.extend(content)
            yield from self._messages(side, stream)

    def _alert(self, side: TlsSide, stream: _Stream, content: bytes) -> str:
        if stream.encrypted:
            self.alert = self.alert or Alert(side, "encrypted")
            return "encrypted alert"
        if len(content) != 2:
            raise MalformedToken("a TLS alert is damaged")
        name = _ALERTS.get(content[1], f"alert {content[1]}")
        if content[0] == 2 or content[1] == 0:  # a close in the middle of a handshake ends it, too
            self.alert = self.alert or Alert(side, name)
        return f"alert {name}" if not name.startswith("alert") else name

    def _messages(self, side: TlsSide, stream: _Stream) -> Iterator[str]:
        messages, start = stream.messages, 0
        while len(messages) - start >= _MESSAGE_HEAD:
            kind, size = messages[start], int.from_bytes(messages[start + 1 : start + 4])
            if size > MOST_BYTES:
                raise MalformedToken("a TLS handshake message is longer than any can be")
            end = start + _MESSAGE_HEAD + size
            if len(messages) < end:
                break
            self._message(side, kind, Fields(bytes(messages[start + _MESSAGE_HEAD : end])))
            start = end
            yield _MESSAGES.get(kind, f"handshake message {kind}")
        del messages[:start]

    def _message(self, side: TlsSide, kind: int, content: Fields) -> None:
        if kind == _CLIENT_HELLO and side is TlsSide.CLIENT:
            content.number(2)
            self.client_random = content.take(32)
        elif kind == _SERVER_HELLO and side is TlsSide.SERVER:
            self.version, self.server_random = content.number(2), content.take(32)
            content.vector(1)
            self.suite = content.number(2)
            content.number(1)
            self.version = _supported_version(content) or self.version
        elif kind == _CERTIFICATE:
            chain = Fields(content.vector(3))
            first = chain.vector(3) if chain.left else b""
            if side is TlsSide.CLIENT:
                self.client_certificate = first
            else:
                self.server_certificate = first


def _supported_version(hello: Fields) -> int | None:
    """The version that TLS 1.3 hides in an extension, RFC 8446 4.2.1."""
    extensions = Fields(hello.vector(2) if hello.left else b"")
    while extensions.left:
        kind, value = extensions.number(2), extensions.vector(2)
        if kind == _SUPPORTED_VERSIONS and len(value) == 2:
            return int.from_bytes(value)
    return None


def version_name(version: int) -> str:
    """`TLS 1.2` for 0x0303."""
    if not 0x0301 <= version <= 0x0304:
        return "SSL 3.0" if version == 0x0300 else f"0x{version:04X}"
    return f"TLS 1.{version - 0x0301}"
