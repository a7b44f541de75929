"""What KDCs refuse in a capture: the KRB-ERROR messages of port 88, for a clock and for causes.

Most captures have none, so tshark is asked only where a look at the bytes finds how each of them begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sipauthctl.capture.pcap_tshark import output
from sipauthctl.capture.record import Address, KdcError
from sipauthctl.capture.source import Source

MOST_ERRORS = 1000

# The first two fields in DER, RFC 4120 5.9.1: version 5, and the type of the message, 30.
_MARK = bytes.fromhex("a003020105a10302011e")
_TAG = b"\x7e"
_FIELDS = (
    *("frame.number", "frame.time_epoch", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst"),
    *("udp.payload", "tcp.payload"),
)
_FILTER = "kerberos.msg_type == 30 && (udp.port == 88 || tcp.port == 88)"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def kerberos_errors(path: Path, input_name: str, frame: Callable[[int], int] = int) -> Iterator[KdcError]:
    """The refusals, the first 1000.

    Args:
        path: a capture, also packed with gzip.
        input_name: how the input is called.
        frame: the number to tell for a frame of this capture, which may be a part of the input.

    Raises:
        TsharkProblem: tshark ended with an error, after what it gave.
    """
    if not _has_some(path):
        return
    arguments = ["-Y", _FILTER, "-T", "fields"]
    for field in _FIELDS:
        arguments += ["-e", field]
    found = 0
    for line in _lines(output(path, arguments, {}, {})):
        error = _error(line, input_name, frame)
        if error is not None:
            yield error
            found += 1
        if found >= MOST_ERRORS:
            return


def _has_some(path: Path) -> bool:
    with path.open("rb") as file:
        tail = b""
        for chunk in Source(file, owned=False).chunks():
            if _MARK in tail + chunk:
                return True
            tail = chunk[1 - len(_MARK) :]
    return False


def _lines(pieces: Iterator[bytes]) -> Iterator[str]:
    begun: list[bytes] = []  # of a line that goes on in the next piece
    for piece in pieces:
        *ends, rest = piece.split(b"\n")
        for end in ends:
            yield b"".join((*begun, end)).decode("ascii", "replace")
            begun.clear()
        begun.append(rest)


def _error(line: str, input_name: str, frame: Callable[[int], int]) -> KdcError | None:
    values = line.split("\t")
    if len(values) != len(_FIELDS):
        return None
    number, time, *hosts, datagram, segment = values
    try:
        # By TCP a message has its length before it, RFC 4120 7.2.2; a refusal is short, and so in one segment.
        data = bytes.fromhex(datagram) if datagram else bytes.fromhex(segment)[4:]
        seconds, _, fraction = time.partition(".")
        moment = _EPOCH + timedelta(seconds=int(seconds), microseconds=int(f"{fraction:0<6}"[:6]))
        place = frame(int(number))
    except (ValueError, OverflowError):
        return None
    kdc, client = (Address(host.split(",")[-1], None) for host in (hosts[0] or hosts[1], hosts[2] or hosts[3]))
    if not data.startswith(_TAG):
        return None
    text = f"The KDC {kdc.host} refuses a request of {client.host}."
    return KdcError("kdc-error", text, input_name, place, moment, kdc=kdc, client=client, data=data)
