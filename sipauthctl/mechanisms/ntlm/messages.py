"""NTLM messages read into plain values, and written; [MS-NLMP] 2.2.1.

pyspnego's raw classes do the packing. They trust their input, so offsets are checked here first, and whatever they
raise on damaged bytes becomes `MalformedToken`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from spnego._ntlm_raw.messages import (
    Authenticate,
    AvFlags,
    AvId,
    Challenge,
    FileTime,
    NegotiateFlags,
    NTClientChallengeV2,
    TargetInfo,
    Version,
)

from sipauthctl.mechanisms.base import MalformedToken

Flags = NegotiateFlags

_SIGNATURE = b"NTLMSSP\x00"
_TYPES = {1: "NEGOTIATE", 2: "CHALLENGE", 3: "AUTHENTICATE"}
DAMAGE = (ValueError, KeyError, IndexError, TypeError, OverflowError, struct.error)
NT_RESPONSE_V1_BYTES = 24
_PROOF_BYTES = 16
_MIC_BYTES = 16

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class TargetNames:
    """The names in a CHALLENGE's target info, [MS-NLMP] 2.2.2.1. A server outside any domain has no domain names."""

    netbios_domain: str | None = None
    netbios_computer: str | None = None
    dns_domain: str | None = None
    dns_computer: str | None = None
    dns_tree: str | None = None


_NAME_IDS = {
    "netbios_domain": AvId.nb_domain_name,
    "netbios_computer": AvId.nb_computer_name,
    "dns_domain": AvId.dns_domain_name,
    "dns_computer": AvId.dns_computer_name,
    "dns_tree": AvId.dns_tree_name,
}


@dataclass(frozen=True, slots=True)
class ChallengeFacts:
    """What a CHALLENGE says. `timestamp` (UTC) is the server's clock, None where it tells none."""

    raw: bytes = field(repr=False)
    flags: int
    server_challenge: bytes
    target_name: str | None
    names: TargetNames
    has_target_info: bool
    timestamp: datetime | None

    @property
    def extended_session_security(self) -> bool:
        """Whether the server offers signatures that cannot be forged from one seen."""
        return bool(self.flags & Flags.extended_session_security)

    @property
    def key_bits(self) -> int:
        """The longest session key that the server offers, in bits."""
        return key_bits(self.flags)


@dataclass(frozen=True, slots=True)
class AuthenticateFacts:
    """What an AUTHENTICATE says. Responses and keys are secrets and never shown.

    `mic` is set where the client announced one in its target info (MsvAvFlags bit 1).
    """

    raw: bytes = field(repr=False)
    flags: int
    domain: str
    user: str
    workstation: str
    nt_response: bytes = field(repr=False)
    lm_response: bytes = field(repr=False)
    encrypted_session_key: bytes = field(repr=False)
    timestamp: datetime | None
    mic: bytes | None = field(repr=False)
    raw_without_mic: bytes = field(repr=False)

    @property
    def version(self) -> int | None:
        """2 for NTLMv2, 1 for NTLMv1, None for an anonymous logon (no response at all)."""
        if not self.nt_response:
            return None
        return 1 if len(self.nt_response) == NT_RESPONSE_V1_BYTES else 2

    @property
    def proof(self) -> bytes:
        """NTProofStr: the part of an NTLMv2 response that proves the password, [MS-NLMP] 3.3.2."""
        return self.nt_response[:_PROOF_BYTES]

    @property
    def proved(self) -> bytes:
        """The part of an NTLMv2 response that the proof covers, exactly as received."""
        return self.nt_response[_PROOF_BYTES:]


def key_bits(flags: int) -> int:
    """The length of the session key that these flags stand for, in bits, [MS-NLMP] 2.2.2.5."""
    return 128 if flags & Flags.key_128 else 56 if flags & Flags.key_56 else 40


def read_challenge(data: bytes) -> ChallengeFacts:
    """Reads a CHALLENGE.

    Raises:
        MalformedToken: it is none, or is damaged.
    """
    _check(data, 2, minimum=48, fields=(12, 40))
    message = _guard(lambda: Challenge.unpack(data))
    info = _guard(lambda: message.target_info)
    texts = {name: info.get(id_) for name, id_ in _NAME_IDS.items()} if info else {}
    return ChallengeFacts(
        raw=data,
        flags=message.flags,
        server_challenge=message.server_challenge,
        target_name=_guard(lambda: message.target_name),
        names=TargetNames(**{name: text or None for name, text in texts.items()}),
        has_target_info=info is not None,
        timestamp=_utc(info.get(AvId.timestamp)) if info else None,
    )


def read_authenticate(data: bytes) -> AuthenticateFacts:
    """Reads an AUTHENTICATE.

    Raises:
        MalformedToken: it is none, or is damaged.
    """
    _check(data, 3, minimum=64, fields=(12, 20, 28, 36, 44, 52))
    message = _guard(lambda: Authenticate.unpack(data))
    nt_response = message.nt_challenge_response or b""
    timestamp, announces_mic = None, False
    if len(nt_response) > NT_RESPONSE_V1_BYTES:
        client = _guard(lambda: NTClientChallengeV2.unpack(nt_response[_PROOF_BYTES:]))
        timestamp = _utc(_guard(lambda: client.time_stamp))
        announces_mic = bool(_guard(lambda: client.av_pairs).get(AvId.flags, 0) & AvFlags.mic)
    mic = message.mic if announces_mic else None
    if announces_mic and mic is None:
        raise MalformedToken("the AUTHENTICATE announces a MIC and has none")
    if mic is not None:
        message.mic = bytes(_MIC_BYTES)
    return AuthenticateFacts(
        raw=data,
        flags=message.flags,
        domain=_guard(lambda: message.domain_name) or "",
        user=_guard(lambda: message.user_name) or "",
        workstation=_guard(lambda: message.workstation) or "",
        nt_response=nt_response,
        lm_response=message.lm_challenge_response or b"",
        encrypted_session_key=message.encrypted_random_session_key or b"",
        timestamp=timestamp,
        mic=mic,
        raw_without_mic=message.pack(),
    )


def write_challenge(*, flags: int, server_challenge: bytes, names: TargetNames, timestamp: datetime | None) -> bytes:
    """A CHALLENGE, [MS-NLMP] 2.2.1.2. Without any name and timestamp there is no target info."""
    info = TargetInfo()
    for name, id_ in _NAME_IDS.items():
        text = getattr(names, name)
        if text is not None:
            info[id_] = text
    if timestamp is not None:
        info[AvId.timestamp] = FileTime.from_datetime(timestamp)
    return Challenge(flags=flags, server_challenge=server_challenge, target_info=info, version=_version()).pack()


def client_target_info(challenge: ChallengeFacts) -> tuple[TargetInfo, bool]:
    """The target info that an NTLMv2 response repeats, and whether it announces a MIC, [MS-NLMP] 3.1.5.2.1."""
    info = _guard(lambda: Challenge.unpack(challenge.raw).target_info) or TargetInfo()
    with_mic = AvId.timestamp in info
    if with_mic:
        info[AvId.flags] = info.get(AvId.flags, AvFlags.none) | AvFlags.mic
    return info, with_mic


def write_authenticate(
    *,
    flags: int,
    user: str,
    domain: str,
    workstation: str,
    nt_response: bytes,
    encrypted_session_key: bytes,
    mic: Callable[[bytes], bytes] | None,
) -> bytes:
    """An AUTHENTICATE without an LM response, [MS-NLMP] 2.2.1.3 and 3.1.5.2.1.

    Args:
        mic: makes the MIC from the message with the MIC zeroed; None for no MIC.

    Raises:
        ValueError: a name is too long, or cannot be written in the negotiated character set.
    """
    try:
        message = Authenticate(
            flags=flags,
            nt_challenge_response=nt_response,
            domain_name=domain,
            username=user,
            workstation=workstation,
            encrypted_session_key=encrypted_session_key,
            version=_version(),
        )
    except (ValueError, struct.error):
        raise ValueError("the user, domain or computer name does not fit into an NTLM message") from None
    if mic is not None:
        message.mic = mic(message.pack())
    return message.pack()


def _version() -> Version:
    return Version(major=6, minor=1, build=7601)


def _utc(time: FileTime | None) -> datetime | None:
    if time is None:
        return None
    return datetime(time.year, time.month, time.day, time.hour, time.minute, time.second, time.microsecond, tzinfo=UTC)


def _check(data: bytes, message_type: int, *, minimum: int, fields: tuple[int, ...]) -> None:
    """The head, and that every field lies within the message."""
    name = _TYPES[message_type]
    if not data.startswith(_SIGNATURE) or len(data) < 12:
        raise MalformedToken(f"not an NTLM {name}: it does not begin with NTLMSSP")
    (found,) = struct.unpack_from("<I", data, 8)
    if found != message_type:
        raise MalformedToken(f"not an NTLM {name} but {_TYPES.get(found, f'a message of type {found}')}")
    if len(data) < minimum:
        raise MalformedToken(f"the {name} ends after {len(data)} bytes")
    for position in fields:
        length, _, offset = struct.unpack_from("<HHI", data, position)
        if length and offset + length > len(data):
            raise MalformedToken(f"a field of the {name} reaches beyond its end")


def _guard(read: Callable[[], _T]) -> _T:
    """Turns what pyspnego raises on damaged bytes into `MalformedToken`, without repeating any bytes."""
    try:
        return read()
    except DAMAGE:
        raise MalformedToken("a field of the NTLM message is damaged") from None
