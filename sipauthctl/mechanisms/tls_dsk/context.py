"""One side of an established TLS-DSK association."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sipauthctl.mechanisms.tls_dsk.handshake import TlsSide
from sipauthctl.mechanisms.tls_dsk.keys import SigningKeys, sign, verify


@dataclass(frozen=True, slots=True)
class TlsDskContext:
    """Signs as `side` and verifies the other. `expires` is the end of the client's certificate ([MS-SIPAE] 3.2.2)."""

    side: TlsSide
    keys: SigningKeys = field(repr=False)
    hash_name: str
    expires: datetime | None

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`."""
        return sign(self._key(self.side), data, self.hash_name)

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether `signature` is the other side's over `data`."""
        other = TlsSide.SERVER if self.side is TlsSide.CLIENT else TlsSide.CLIENT
        return verify(self._key(other), data, signature)

    def _key(self, side: TlsSide) -> bytes:
        return self.keys.client if side is TlsSide.CLIENT else self.keys.server
