"""The string under a signature as the message has it, in the version of the association and in the others."""

from __future__ import annotations

from typing import NamedTuple

from sipauthctl.analysis.attempts import SignedMessage
from sipauthctl.analysis.reading import SignedHeader
from sipauthctl.analysis.tracked import Tracked
from sipauthctl.analysis.words import Sender
from sipauthctl.association.signing import SignatureBuffer, WireSignature, signature_buffer
from sipauthctl.capture.record import Record
from sipauthctl.sip.message import Message

ASSUMED_VERSION = 4
VERSIONS = (4, 2)  # the strings of 3 and 4 are the same


class Signature(NamedTuple):
    """One signature as it came: whose it is and where, and the string that should be under it."""

    tracked: Tracked
    sender: Sender
    record: Record
    message: Message
    header: SignedHeader
    wire: WireSignature
    buffer: SignatureBuffer


def string_of(
    tracked: Tracked, message: Message, header: SignedHeader, wire: WireSignature, version: int
) -> SignatureBuffer:
    """What should be signed, [MS-SIPAE] 3.1.4.

    Raises:
        SipError: a header that is signed cannot be read.
    """
    realm, targetname = header.parameters.get("realm"), header.parameters.get("targetname")
    return signature_buffer(
        message,
        scheme_text=header.parameters.scheme_text,
        rand=wire.rand,
        num_text=wire.num_text,
        realm=tracked.name.realm if realm is None else realm,
        targetname=tracked.name.targetname if targetname is None else targetname,
        version=version,
    )


def other_versions(signature: Signature) -> tuple[tuple[int, SignatureBuffer], ...]:
    """The strings of the versions that the association does not have, each with its version."""
    tracked, _, _, message, header, wire, _ = signature
    own = tracked.version or ASSUMED_VERSION
    others = [version for version in VERSIONS if (version >= 3) != (own >= 3)]
    return tuple((version, string_of(tracked, message, header, wire, version)) for version in others)


def to_search(signature: Signature) -> SignedMessage:
    """What the search for a mistake needs of a signature."""
    versions = other_versions(signature)
    return SignedMessage(signature.message, signature.buffer, versions, signature.tracked.earlier_values())
