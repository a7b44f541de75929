"""Packet captures (pcap, pcapng), dissected by tshark: SIP over TCP, UDP and TLS, each message with its bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sipauthctl.capture.kerberos_errors import kerberos_errors
from sipauthctl.capture.pcap_export import Pdu, pdus
from sipauthctl.capture.pcap_messages import Found, MessageCutter
from sipauthctl.capture.pcap_tshark import TsharkProblem, output
from sipauthctl.capture.record import InputKind, Notice, Record

_EXPORT = ("-U", "OSI layer 7", "-w", "-")
# tshark's defaults lose messages in reordered segments, and take SIP on some UDP ports for something else.
_PREFERENCES = {"tcp.reassemble_out_of_order": "TRUE", "udp.try_heuristic_first": "TRUE"}
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
            ReadError: tshark is not there, or too old.
        """
        found = False
        preferences = dict(_PREFERENCES)
        if self._keylog is not None:
            preferences["tls.keylog_file"] = str(self._keylog)
        cutter = MessageCutter()
        problems: list[Notice] = []
        for message in cutter.messages(self._exported(preferences, problems)):
            found = True
            yield self._record(message)
        yield from problems
        if not found:
            yield from self._without_sip()
        yield from kerberos_errors(Path(self._path), self._path)

    def _exported(self, preferences: dict[str, str], problems: list[Notice]) -> Iterator[Pdu]:
        """What tshark exports, up to its end or to a problem, which is noted."""
        try:
            yield from pdus(output(Path(self._path), _EXPORT, preferences, self._decode_as()))
        except TsharkProblem as problem:
            problems.append(self._problem(problem))

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
        arguments = ("-Y", "tls.handshake.type == 1", "-T", "fields", "-e", "tcp.dstport")
        lines: list[bytes] = []
        with contextlib.suppress(TsharkProblem):  # told when the messages are read
            lines = b"".join(output(Path(self._path), arguments, dict(_PREFERENCES), {})).split()
        return sorted({int(port) for line in lines for port in line.split(b",") if port.isdigit()})

    def _record(self, message: Found) -> Record:
        pdu, raw, tls = message
        time = _EPOCH + timedelta(microseconds=pdu.time)
        transport = "tls" if tls else pdu.flow.protocol
        return Record(time, pdu.flow.source, pdu.flow.destination, transport, raw, self._path, pdu.frame)

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
