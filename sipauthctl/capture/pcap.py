"""Packet captures (pcap, pcapng), dissected by tshark: SIP over TCP, UDP and TLS, each message with its bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sipauthctl.capture.pcap_tshark import Frame, TsharkProblem, frames
from sipauthctl.capture.record import Address, InputKind, Notice, Record

_FIELDS = (
    "frame.number",
    "frame.time_epoch",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "tcp.srcport",
    "tcp.dstport",
    "udp.srcport",
    "udp.dstport",
    "tls.record.content_type",
    "sip",
    "sip.Request-Line",
    "sip.Status-Line",
    "sip.msg_hdr",
)
# tshark's defaults lose messages in reordered segments, and take SIP on some UDP ports for something else.
_PREFERENCES = {"tcp.reassemble_out_of_order": "TRUE", "udp.try_heuristic_first": "TRUE"}
_STATUS = re.compile(r"\((\d{3})\)")
_HEAD_END = re.compile(r"\r?\n\r?\n")
_CONTENT_LENGTH = re.compile(r"^(?:Content-Length|l)[ \t]*:[ \t]*(\d{1,9})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TRUNCATED = ("cut short", "truncated", "less data was read")


class PcapReader:
    """Reads one capture.

    Args:
        path: as it was given; also packed with gzip.
        keylog: TLS secrets in the format of SSLKEYLOGFILE; those inside a pcapng are used anyway.
        decode_as: ports whose TCP and UDP traffic, or what TLS on them carries, is SIP.
    """

    kind = InputKind.CAPTURE

    def __init__(self, path: str, *, keylog: Path | None = None, decode_as: tuple[int, ...] = ()) -> None:
        self._path = path
        self._keylog = keylog
        self._ports = decode_as

    def __iter__(self) -> Iterator[Record | Notice]:
        """The messages in the order of the frames that complete them.

        Raises:
            ReadError: tshark is not there.
        """
        found = False
        preferences = dict(_PREFERENCES)
        if self._keylog is not None:
            preferences["tls.keylog_file"] = str(self._keylog)
        try:
            for frame in frames(Path(self._path), "sip", _FIELDS, preferences, self._decode_as()):
                for record in self._records(frame):
                    found = True
                    yield record
        except TsharkProblem as problem:
            yield self._problem(problem)
        if not found:
            yield from self._without_sip()

    def _decode_as(self) -> dict[str, str]:
        """What tshark has to be told: the ports that were given, and those with TLS where it can be decrypted."""
        told = {f"{kind}.port=={port}": "sip" for port in self._ports for kind in ("tcp", "udp")}
        tls_ports = self._tls_ports() if self._keylog is not None else []
        for port in tls_ports:
            told.pop(f"tcp.port=={port}", None)
            told[f"tls.port=={port}"] = "sip"
        return told

    def _tls_ports(self) -> list[int]:
        """The ports of servers that a TLS handshake was begun with."""
        ports: set[int] = set()
        try:
            for frame in frames(Path(self._path), "tls.handshake.type == 1", ("tcp.dstport",), dict(_PREFERENCES), {}):
                ports |= {int(port) for port in frame.get("tcp_dstport", ())}
        except TsharkProblem:
            pass  # told when the messages are read
        return sorted(ports)

    def _records(self, frame: Frame) -> Iterator[Record]:
        requests, statuses = iter(frame.get("sip_Request-Line", ())), iter(frame.get("sip_Status-Line", ()))
        time = _time(frame)
        source, destination = _address(frame, "src"), _address(frame, "dst")
        transport = "udp" if "udp_srcport" in frame else "tls" if "tls_record_content_type" in frame else "tcp"
        for layer, head in zip(frame.get("sip", ()), frame.get("sip_msg_hdr", ()), strict=False):
            start = next(statuses if _STATUS.search(layer) else requests, None)
            if start is not None:
                raw = f"{start}\r\n{_cut(head)}".encode("utf-8", "surrogateescape")
                number = int(frame["frame_number"][0])
                yield Record(time, source, destination, transport, raw, self._path, number)

    def _problem(self, problem: TsharkProblem) -> Notice:
        words = str(problem)
        kind = "truncated" if any(word in words for word in _TRUNCATED) else "reader-failed"
        return Notice(kind, f"tshark could not read the capture to its end: {words}", self._path)

    def _without_sip(self) -> Iterator[Notice]:
        ports = self._tls_ports()
        if not ports:
            yield Notice(
                "no-sip", "The capture holds no SIP that can be read; --decode-as names its port.", self._path
            )
            return
        shown = ", ".join(map(str, ports[:10]))
        hint = "the key log does not fit" if self._keylog is not None else "give --keylog, or a log of the client"
        yield Notice(
            "undecrypted-tls", f"There is TLS to port {shown}, and nothing of it can be read: {hint}.", self._path
        )


def _cut(text: str) -> str:
    """One message out of what tshark prints, which runs on to the end of the data."""
    end = _HEAD_END.search(text)
    if end is None:
        return text
    length = _CONTENT_LENGTH.search(text, 0, end.end())
    body = text[end.end() :].encode("utf-8", "surrogateescape")
    size = int(length[1]) if length is not None else len(body)
    return text[: end.end()] + body[:size].decode("utf-8", "surrogateescape")


def _time(frame: Frame) -> datetime | None:
    seconds, _, fraction = frame.get("frame_time_epoch", [""])[0].partition(".")
    if not seconds.isdigit():
        return None
    return _EPOCH + timedelta(seconds=int(seconds), microseconds=int(f"{fraction:0<6}"[:6]))


def _address(frame: Frame, end: str) -> Address | None:
    # The innermost of several, as in a tunnel.
    hosts = frame.get(f"ip_{end}") or frame.get(f"ipv6_{end}")
    ports = frame.get(f"tcp_{end}port") or frame.get(f"udp_{end}port")
    return Address(hosts[-1], int(ports[-1]) if ports else None) if hosts else None
