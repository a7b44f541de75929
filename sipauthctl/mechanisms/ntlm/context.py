"""An established connectionless NTLM context, [MS-NLMP] 3.4.4 with the rules for datagrams.

The sequence number of a connectionless context is the application's; servers and clients of this family always use
100. Every message is signed with a cipher set up afresh, so messages may be checked in any order.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from enum import Enum

from spnego._ntlm_raw.crypto import RC4Handle, md5, rc4init, sealkey, signkey
from spnego._ntlm_raw.security import sign

from sipauthctl.mechanisms.ntlm.messages import Flags

SEQUENCE_NUMBER = 100
SIGNATURE_BYTES = 16
_VERSION = b"\x01\x00\x00\x00"


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
        return bool(self._flags & Flags.extended_session_security)

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
        signing_key = signkey(self._flags, self._session_key, role.value)
        cipher = self._cipher(role, sealing_key)
        return sign(self._flags, cipher, signing_key, SEQUENCE_NUMBER, data)

    def _cipher(self, role: Role, sealing_key: SealingKey) -> RC4Handle:
        if self.extended_session_security:
            key = sealkey(self._flags, self._session_key, role.value)
            return rc4init(md5(key + SEQUENCE_NUMBER.to_bytes(4, "little")))
        if sealing_key is SealingKey.SHORTENED:
            return rc4init(sealkey(self._flags | Flags.datagram, self._session_key, role.value))
        return rc4init(self._session_key)
