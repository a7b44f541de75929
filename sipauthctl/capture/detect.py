"""Tells what an input is by what is in it; names do not matter."""

from __future__ import annotations

from sipauthctl.capture import plain_text, server_trace, sipe_log, sipp_trace, uccapilog
from sipauthctl.capture.messages import is_start_line
from sipauthctl.capture.record import InputKind, ReadError
from sipauthctl.capture.source import PEEK, Source, decoded_beginning

_CAPTURES = (
    b"\xd4\xc3\xb2\xa1",  # pcap, little-endian
    b"\xa1\xb2\xc3\xd4",
    b"\x4d\x3c\xb2\xa1",  # with nanoseconds
    b"\xa1\xb2\x3c\x4d",
    b"\x34\xcd\xb2\xa1",  # Kuznetzov's variant
    b"\xa1\xb2\xcd\x34",
    b"\x0a\x0d\x0d\x0a",  # pcapng
    b"snoop\x00\x00\x00",
    b"RTSS",  # Microsoft Network Monitor 1
    b"GMBU",  # and 2
    b"TRSNIFF data",
    b"XCP\x00",
    b"\x54\x52\x00\x64\x00",  # NA Sniffer for DOS, compressed header
    b"\x05VNF",
    b"btsnoop\x00",
)
_OTHERS = (
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd", "Unpack it first"),
    (b"\x04\x22\x4d\x18", "is compressed with lz4", "Unpack it first"),
    (b"\xfd7zXZ\x00", "is compressed with xz", "Unpack it first"),
    (b"BZh", "is compressed with bzip2", "Unpack it first"),
    (b"PK\x03\x04", "is a ZIP archive", "Unpack it and name the files in it"),
    (b"\x1f\x8b", "is compressed with gzip twice", "Unpack it first"),
)
_READABLE = "captures (pcap, pcapng), client logs, server traces as text, SIPE and SIPp logs, and SIP as text"
_BINARY_LOOK = 4096


def detect(source: Source, path: str) -> InputKind:
    """The kind of an input whose reading has not begun; what is looked at stays to be read.

    Raises:
        ReadError: it is empty, or nothing that can be read.
    """
    beginning = source.peek(16)
    if not beginning:
        problem = f" {source.problem[1]}" if source.problem else ""
        raise ReadError(f"{path} is empty.{problem}")
    if beginning.startswith(_CAPTURES):
        return InputKind.CAPTURE
    for magic, what, remedy in _OTHERS:
        if beginning.startswith(magic):
            raise ReadError(f"{path} {what}. {remedy}.")
    text = decoded_beginning(source.peek())
    # A zero byte may stand in the body of a message, but not before the first one.
    kind = _kind_of_text(text.partition(b"\x00")[0])
    if kind is None and b"\x00" in text[:_BINARY_LOOK]:
        raise ReadError(
            f"{path} is neither text nor a capture that is known. Readable are {_READABLE}; "
            "an ETL trace must be turned into text first."
        )
    if kind is None and len(source.peek(PEEK + 1)) <= PEEK:
        raise ReadError(f"{path} has no SIP messages. Readable are {_READABLE}.")
    return kind or InputKind.TEXT


def _kind_of_text(text: bytes) -> InputKind | None:
    for line in text.splitlines():
        if uccapilog.PREFIX.match(line):
            return InputKind.CLIENT_LOG
        if server_trace.PREFIX.match(line) or server_trace.BEGIN in line:
            return InputKind.SERVER_TRACE
        if sipp_trace.SEPARATOR.fullmatch(line) or sipp_trace.HEADING.fullmatch(line):
            return InputKind.SIPP_TRACE
        if b"MESSAGE START" in line and sipe_log.START.fullmatch(line):
            return InputKind.SIPE_LOG
        if is_start_line(line) or plain_text.HEADING.fullmatch(line):
            return InputKind.TEXT
    return None
