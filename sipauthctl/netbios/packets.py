"""Packets of the NetBIOS name service, RFC 1002 4.2: name queries and node status, questions and answers.

A client writes a question and reads the answer with the same transaction number; a responder does the reverse.
Packets are datagrams of at most 576 bytes in the RFC's time; whatever a datagram holds is read in one pass.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from enum import IntEnum

from sipauthctl.netbios.errors import MalformedPacket
from sipauthctl.netbios.names import WILDCARD, NetbiosName, first_level, from_first_level

_HEADER = struct.Struct("!HHHHHH")
_LABEL_BYTES = 32
_POINTER = 0xC0
_INTERNET = 1

_RESPONSE = 0x8000
_OPCODE = 0x7800
_AUTHORITATIVE = 0x0400
_RECURSION_DESIRED = 0x0100
_BROADCAST = 0x0010
_RCODE = 0x000F

# Flags of a registered name, the same bits in NB_FLAGS (4.2.1.3) and NAME_FLAGS (4.2.18).
_GROUP = 0x8000
_CONFLICT = 0x0800
_ACTIVE = 0x0400
_STATISTICS_BYTES = 46
_UNIT_ID_BYTES = 6


class RecordType(IntEnum):
    """What is asked, or answered, RFC 1002 4.2.1.3."""

    NULL = 0x000A  # of a negative answer
    NAME = 0x0020
    STATUS = 0x0021


class ResponseCode(IntEnum):
    """Why a name has no answer, RFC 1002 4.2.14."""

    FORMAT_ERROR = 1
    SERVER_FAILURE = 2
    NAME_ERROR = 3  # the name does not exist
    UNSUPPORTED = 4
    REFUSED = 5
    ACTIVE = 6  # of a registration: another node owns the name
    CONFLICT = 7


@dataclass(frozen=True, slots=True)
class Question:
    """A question. `record` is NAME (who has this name?) or STATUS (which names has the node that has this one?)."""

    transaction: int
    name: NetbiosName
    record: RecordType
    broadcast: bool = False


@dataclass(frozen=True, slots=True)
class Owner:
    """One address of a name, IPv4. A group name has many owners."""

    address: str
    group: bool = False


@dataclass(frozen=True, slots=True)
class RegisteredName:
    """A name in the table of a node. `conflict`: another node has it too, so that this one does not answer for it."""

    name: NetbiosName
    group: bool = False
    conflict: bool = False
    active: bool = True


@dataclass(frozen=True, slots=True)
class NameAnswer:
    """Who has the name."""

    transaction: int
    name: NetbiosName
    owners: tuple[Owner, ...]


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """The names of a node, and its unit id (the MAC address of its adapter; Samba gives zeros)."""

    transaction: int
    name: NetbiosName
    names: tuple[RegisteredName, ...]
    unit_id: bytes = bytes(_UNIT_ID_BYTES)


@dataclass(frozen=True, slots=True)
class NegativeAnswer:
    """Nobody has the name, or a name server does not say. `code` is a number beside `ResponseCode` where it is odd."""

    transaction: int
    name: NetbiosName | None
    code: int


Answer = NameAnswer | StatusAnswer | NegativeAnswer


def status_question(transaction: int, name: NetbiosName = WILDCARD) -> Question:
    """Asks a node for the names it has, RFC 1002 4.2.17."""
    return Question(transaction, name, RecordType.STATUS)


def name_question(transaction: int, name: NetbiosName, *, broadcast: bool = False) -> Question:
    """Asks who has a name, RFC 1002 4.2.12: a node or a name server, or by broadcast the whole subnet."""
    return Question(transaction, name, RecordType.NAME, broadcast)


def write_question(question: Question) -> bytes:
    """The packet. `transaction` is a number of 16 bits."""
    flags = _BROADCAST if question.broadcast else 0
    if question.record is RecordType.NAME:
        flags |= _RECURSION_DESIRED
    head = _HEADER.pack(question.transaction, flags, 1, 0, 0, 0)
    return head + _name(question.name) + struct.pack("!HH", question.record, _INTERNET)


def read_question(data: bytes) -> Question:
    """Reads a question.

    Raises:
        MalformedPacket: it is none, or a damaged one, or one of another kind (a registration, a release).
    """
    transaction, flags, count, _, _, _ = _header(data)
    if flags & _RESPONSE:
        raise MalformedPacket("an answer where a question was due")
    if flags & _OPCODE or count != 1:
        raise MalformedPacket("no query")
    name, end = _read_name(data, _HEADER.size)
    kind, class_ = _unpack("!HH", data, end)
    if class_ != _INTERNET or kind not in (RecordType.NAME, RecordType.STATUS):
        raise MalformedPacket("a question of an unknown kind")
    return Question(transaction, name, RecordType(kind), bool(flags & _BROADCAST))


def write_answer(answer: Answer) -> bytes:
    """The packet of any answer, RFC 1002 4.2.13, 4.2.14 and 4.2.18."""
    flags = _RESPONSE | _AUTHORITATIVE
    if isinstance(answer, NameAnswer):
        flags |= _RECURSION_DESIRED
        kind, data = RecordType.NAME, b"".join(_owner(owner) for owner in answer.owners)
    elif isinstance(answer, StatusAnswer):
        statistics = answer.unit_id.ljust(_STATISTICS_BYTES, b"\0")
        names = b"".join(registered.name.padded + _name_flags(registered) for registered in answer.names)
        kind, data = RecordType.STATUS, bytes([len(answer.names)]) + names + statistics
    else:
        flags |= _RECURSION_DESIRED | (answer.code & _RCODE)
        kind, data = RecordType.NULL, b""
    head = _HEADER.pack(answer.transaction, flags, 0, 1, 0, 0)
    return head + _name(answer.name or WILDCARD) + struct.pack("!HHIH", kind, _INTERNET, 0, len(data)) + data


def read_answer(data: bytes) -> Answer:
    """Reads an answer. Whose question it answers is for the caller to check, by `transaction` and `name`.

    Raises:
        MalformedPacket: it is none, or a damaged one.
    """
    transaction, flags, _, count, _, _ = _header(data)
    if not flags & _RESPONSE:
        raise MalformedPacket("a question where an answer was due")
    code = flags & _RCODE
    if code:
        return NegativeAnswer(transaction, _read_name(data, _HEADER.size)[0] if count else None, code)
    if count == 0:
        raise MalformedPacket("an answer without any record")
    name, end = _read_name(data, _HEADER.size)
    kind, _, _, length = _unpack("!HHIH", data, end)
    body = data[end + 10 : end + 10 + length]
    if len(body) != length:
        raise MalformedPacket("a record that reaches beyond the packet's end")
    if kind == RecordType.NAME:
        return NameAnswer(transaction, name, _read_owners(body))
    if kind == RecordType.STATUS:
        return _read_status(transaction, name, body)
    raise MalformedPacket("an answer of an unknown kind")


def _read_owners(body: bytes) -> tuple[Owner, ...]:
    if not body or len(body) % 6:
        raise MalformedPacket("a list of addresses with a broken one")
    entries = (struct.unpack_from("!HI", body, offset) for offset in range(0, len(body), 6))
    return tuple(Owner(str(ipaddress.IPv4Address(address)), bool(flags & _GROUP)) for flags, address in entries)


def _read_status(transaction: int, name: NetbiosName, body: bytes) -> StatusAnswer:
    count = body[0] if body else 0
    end = 1 + 18 * count
    if len(body) < end:
        raise MalformedPacket("a table of names that reaches beyond the packet's end")
    names = []
    for offset in range(1, end, 18):
        (flags,) = struct.unpack_from("!H", body, offset + 16)
        registered = NetbiosName.from_padded(body[offset : offset + 16])
        names.append(RegisteredName(registered, bool(flags & _GROUP), bool(flags & _CONFLICT), bool(flags & _ACTIVE)))
    return StatusAnswer(transaction, name, tuple(names), body[end : end + _UNIT_ID_BYTES].ljust(_UNIT_ID_BYTES, b"\0"))


def _owner(owner: Owner) -> bytes:
    flags = _GROUP if owner.group else 0
    return struct.pack("!H", flags) + ipaddress.IPv4Address(owner.address).packed


def _name_flags(registered: RegisteredName) -> bytes:
    flags = (registered.group, _GROUP), (registered.conflict, _CONFLICT), (registered.active, _ACTIVE)
    return struct.pack("!H", sum(bit for on, bit in flags if on))


def _name(name: NetbiosName) -> bytes:
    """Second-level encoding, RFC 1002 4.1, without a scope."""
    return bytes([_LABEL_BYTES]) + first_level(name) + b"\0"


def _read_name(data: bytes, offset: int) -> tuple[NetbiosName, int]:
    """The name at `offset` and where it ends. A scope after it is passed over; a pointer may lead back once."""
    (length,) = _unpack("!B", data, offset)
    if length & _POINTER == _POINTER:
        (pointer,) = _unpack("!H", data, offset)
        back = pointer & 0x3FFF
        if back >= offset or data[back] & _POINTER:
            raise MalformedPacket("a pointer that does not lead back to a name")
        return _read_name(data, back)[0], offset + 2
    if length != _LABEL_BYTES:
        raise MalformedPacket("a name of another length than NetBIOS's")
    name = from_first_level(data[offset + 1 : offset + 1 + _LABEL_BYTES])
    end = offset + 1 + _LABEL_BYTES
    while (length := _unpack("!B", data, end)[0]) != 0:
        if length & _POINTER:
            return name, end + 2
        end += 1 + length
    return name, end + 1


def _header(data: bytes) -> tuple[int, int, int, int, int, int]:
    if len(data) < _HEADER.size:
        raise MalformedPacket(f"it ends after {len(data)} bytes")
    transaction, flags, questions, answers, authorities, more = _HEADER.unpack_from(data)
    return transaction, flags, questions, answers, authorities, more


def _unpack(format: str, data: bytes, offset: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(format, data, offset)
    except struct.error:
        raise MalformedPacket(f"it ends after {len(data)} bytes") from None
