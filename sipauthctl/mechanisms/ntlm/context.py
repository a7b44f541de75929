"""An established connectionless NTLM context, [MS-NLMP] 3.4.4 with the rules for datagrams.

The sequence number of a connectionless context is the application's; servers and clients of this family always use
100. Every message is signed with a cipher set up afresh, so messages may be checked in any order.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from enum import Enum

from spnego._ntlm_raw.crypto import crc32, md5, rc4k, sealkey, signkey

from sipauthctl.mechanisms.ntlm.messages import Flags

SEQUENCE_NUMBER = 100
SIGNATURE_BYTES = 16
_VERSION = b"\x01\x00\x00\x00"
_NO_PAD = bytes(4)
_SEQUENCE = SEQUENCE_NUMBER.to_bytes(4, "little")


class Role(Enum):
    """Whose context it is; the value is pyspnego's word for it."""

    INITIATOR = "initiate"
    ACCEPTOR = "accept"

    @property
    def peer(self) -> Role:
        """The other side."""
        return Role.ACCEPTOR if self is Role.INITIATOR else Role.INITIATOR


class SealingKey(Enum):
    """Which key signed, without extended session security.

    [MS-NLMP] 3.4.5.3 shortens it for datagrams from Windows Server 2003 on; OCS 2007 was seen to use all 16 bytes.
    """

    FULL = "full"
    SHORTENED = "shortened"


class NtlmContext:
    """Signs as one side and verifies the other's signatures.

    Args:
        flags: as negotiated, those of the AUTHENTICATE.
        session_key: the exported session key, 16 bytes.
        role: our side.
    """

    def __init__(self, flags: int, session_key: bytes, role: Role) -> None:
        # Windows negotiates SIGN and no SIGN alike and signs here in both cases.
        self._flags = flags | Flags.sign
        self._session_key = session_key
        self._role = role
        self._extended = bool(flags & Flags.extended_session_security)
        self._keys: dict[tuple[Role, SealingKey], tuple[bytes, bytes]] = {}
        self.peer_sealing_key: SealingKey | None = None
        """Which key the peer was last seen to use, None before that or with extended session security."""

    @property
    def expires(self) -> datetime | None:
        """NTLM credentials do not end by themselves."""
        return None

    @property
    def flags(self) -> int:
        """The negotiated flags."""
        return self._flags

    @property
    def extended_session_security(self) -> bool:
        """Whether the signatures cannot be forged from one seen."""
        return self._extended

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`, 16 bytes."""
        return self._signature(data, self._role, SealingKey.FULL)

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Whether the peer made `signature` over `data`.

        Without extended session security the first half is a version and an arbitrary pad, so only the second half
        counts, and either length of the sealing key is accepted.
        """
        if len(signature) != SIGNATURE_BYTES or not signature.startswith(_VERSION):
            return False
        if self.extended_session_security:
            return hmac.compare_digest(self._signature(data, self._role.peer, SealingKey.FULL), signature)
        for sealing_key in SealingKey:
            expected = self._signature(data, self._role.peer, sealing_key)
            if hmac.compare_digest(expected[8:], signature[8:]):
                self.peer_sealing_key = sealing_key
                return True
        return False

    def _signature(self, data: bytes, role: Role, sealing_key: SealingKey) -> bytes:
        """[MS-NLMP] 3.4.4.1 and 3.4.4.2, with the key stream that is the same for every message."""
        keys = self._keys.get((role, sealing_key))
        if keys is None:
            keys = self._keys[role, sealing_key] = self._derive(role, sealing_key)
        signing_key, stream = keys
        if self.extended_session_security:
            checksum = hmac.digest(signing_key, _SEQUENCE + data, "md5")[:8]
            return _VERSION + _xor(checksum, stream) + _SEQUENCE
        return _VERSION + _NO_PAD + _xor(crc32(data) + _SEQUENCE, stream)

    def _derive(self, role: Role, sealing_key: SealingKey) -> tuple[bytes, bytes]:
        """The signing key, and the 8 bytes of key stream over a checksum, or over CRC32 and sequence number."""
        signing_key = signkey(self._flags, self._session_key, role.value)
        if self.extended_session_security:
            if not self._flags & Flags.key_exch:
                return signing_key, bytes(8)
            key = sealkey(self._flags, self._session_key, role.value)
            return signing_key, rc4k(md5(key + _SEQUENCE), bytes(8))
        key = self._session_key
        if sealing_key is SealingKey.SHORTENED:
            key = sealkey(self._flags | Flags.datagram, key, role.value)
        return signing_key, rc4k(key, bytes(12))[4:]  # the first four bytes cover the pad


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "little") ^ int.from_bytes(right, "little")).to_bytes(8, "little")
