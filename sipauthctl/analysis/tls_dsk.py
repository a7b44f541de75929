"""TLS-DSK in the messages: the TLS handshake within gssapi-data, put together again."""

from __future__ import annotations

from dataclasses import dataclass, field

from sipauthctl.analysis.results import InnerTls
from sipauthctl.analysis.verification import NoKey
from sipauthctl.analysis.verifier import Deviation
from sipauthctl.analysis.words import Method, Sender
from sipauthctl.mechanisms.tls_dsk.certificates import CertificateFacts, read_certificate
from sipauthctl.mechanisms.tls_dsk.handshake import TlsHandshake, TlsSide, version_name
from sipauthctl.mechanisms.tls_dsk.key_log import KeyLog
from sipauthctl.mechanisms.tls_dsk.keys import SigningKeys, hash_of, keys_of, sign, verify
from sipauthctl.mechanisms.tls_dsk.suites import suite_name

_SIDES = {Sender.CLIENT: TlsSide.CLIENT, Sender.SERVER: TlsSide.SERVER}
_NEAR_BYTES = 2


@dataclass(frozen=True, slots=True)
class TlsDskVerifier:
    """Both directions of an association, from the master secret of its handshake."""

    keys: SigningKeys = field(repr=False)
    method: Method = Method.KEY_LOG

    def verify(self, sender: Sender, data: bytes, signature: bytes) -> bool:
        """Whether `sender` made `signature` over `data`."""
        return verify(self._key(sender), data, signature)

    def deviation(self, sender: Sender, num: int, data: bytes, signature: bytes) -> Deviation | None:
        """The key of the other side, where that was used."""
        if verify(self._key(sender.other), data, signature):
            return Deviation("other-sides-key", f"it is made with the key of the {sender.other.value}")
        return None

    def nearly(self, sender: Sender, data: bytes, signature: bytes) -> bool:
        """Whether the right signature differs from this one in one or two bytes."""
        name = hash_of(signature)
        right = sign(self._key(sender), data, name) if name is not None else b""
        return 0 < sum(a != b for a, b in zip(right, signature, strict=False)) <= _NEAR_BYTES

    def _key(self, sender: Sender) -> bytes:
        return self.keys.client if sender is Sender.CLIENT else self.keys.server


@dataclass(slots=True)
class TlsDskSeen:
    """One handshake while its tokens come in. `words` tells what the last token brought, for the ladder."""

    handshake: TlsHandshake = field(default_factory=TlsHandshake)
    words: str = ""
    _taken: set[tuple[Sender, int]] = field(default_factory=set, repr=False)

    def take(self, sender: Sender, data: bytes) -> None:
        """Takes the next token of one side. The same one again is another copy of the message.

        Raises:
            MalformedToken: it is not TLS.
        """
        mark = (sender, hash(data))
        if mark in self._taken and data:
            return
        self._taken.add(mark)
        self.words = "not TLS"
        names = self.handshake.feed(_SIDES[sender], data)
        self.words = _words(names) if data else "the end of the TLS handshake"

    def open(self, log: KeyLog | None) -> tuple[TlsDskVerifier | None, NoKey | None]:
        """The verifier, or why there is none (yet)."""
        seen = self.handshake
        if seen.client_random is None or seen.server_random is None:
            return None, NoKey.NO_HELLOS
        if log is None:
            return None, NoKey.NO_KEY_LOG
        secret = log.master_secret(seen.client_random)
        if secret is None:
            return None, NoKey.NOT_IN_KEY_LOG
        keys = keys_of(seen, secret)
        return (None, NoKey.TLS_NOT_SUPPORTED) if keys is None else (TlsDskVerifier(keys), None)

    @property
    def client_certificate(self) -> CertificateFacts | None:
        """The client's certificate, None where there is none that can be read."""
        return read_certificate(self.handshake.client_certificate or b"")

    @property
    def facts(self) -> InnerTls:
        """What is shown of it."""
        seen, client = self.handshake, self.client_certificate
        server = read_certificate(seen.server_certificate or b"")
        return InnerTls(
            version=None if seen.version is None else version_name(seen.version),
            cipher_suite=None if seen.suite is None else suite_name(seen.suite),
            server_subject=None if server is None else server.subject,
            client_subject=None if client is None else client.subject,
            completed=seen.completed,
            alert=None if seen.alert is None else f"{seen.alert.name} by the {seen.alert.side.value}",
        )


def _words(names: list[str]) -> str:
    if not names:
        return "a part of a TLS record"
    return f"{names[0]} to {names[-1]}" if len(names) > 2 else ", ".join(names)
