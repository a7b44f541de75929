"""Packet captures (pcap, pcapng), dissected by tshark: SIP over TCP, UDP and TLS, each message with its bytes."""

from __future__ import annotations

import contextlib
import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sipauthctl.capture.kerberos_errors import kerberos_errors
from sipauthctl.capture.pcap_export import Pdu, pdus
from sipauthctl.capture.pcap_input import CaptureInput, TlsConnection, capture_input
from sipauthctl.capture.pcap_messages import Found, MessageCutter
from sipauthctl.capture.pcap_tshark import TsharkProblem, output
from sipauthctl.capture.record import InputKind, Notice, ReadError, Record
from sipauthctl.sip.numbers import port_number

_EXPORT = ("-U", "OSI layer 7", "-w", "-")
_TLS_PORTS = ("-Y", "tls.handshake.type == 1", "-T", "fields", "-e", "tcp.dstport")
# tshark's defaults lose messages in reordered segments, and take SIP on some UDP ports for something else.
_IN_ORDER = "tcp.reassemble_out_of_order"
_PREFERENCES = {_IN_ORDER: "TRUE", "udp.try_heuristic_first": "TRUE"}
_WHOLE_BODIES = "sip.desegment_body"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TRUNCATED = ("cut short", "truncated", "less data was read")
_MOST_PORTS = 200
_PORTS_SHOWN = 10


class PcapReader:
    """Reads one capture.

    Args:
        path: as it was given; also packed with gzip.
        keylog: TLS secrets in the format of SSLKEYLOGFILE; those inside a pcapng are used anyway.
        decode_as: ports whose TCP and UDP traffic, or what TLS on them carries, is SIP.
        first_pass: whether to look at the packets before tshark does. Without it the same comes out, mostly slower.
    """

    kind = InputKind.CAPTURE

    def __init__(
        self, path: str, *, keylog: Path | None = None, decode_as: tuple[int, ...] = (), first_pass: bool = True
    ) -> None:
        self._path = path
        self._keylog = keylog
        self._ports = decode_as
        self._first_pass = first_pass

    def __iter__(self) -> Iterator[Record | Notice]:
        """The messages in the order of the frames that complete them.

        Raises:
            ReadError: the file cannot be read, or tshark is not there or too old.
        """
        try:
            if not self._first_pass:
                yield from self._read(CaptureInput(Path(self._path)))
                return
            with capture_input(Path(self._path), self._ports) as given:
                yield from self._read(given)
        except OSError as error:
            raise ReadError(f"{self._path} cannot be read: {error.strerror or error}.") from None

    def _read(self, given: CaptureInput) -> Iterator[Record | Notice]:
        preferences = dict(_PREFERENCES)
        if self._keylog is not None:
            preferences["tls.keylog_file"] = str(self._keylog.absolute())
        found = False
        cutter = MessageCutter(self._may_go_on(given))
        problems: list[Notice] = []
        for message in cutter.messages(self._payloads(given, preferences, problems)):
            found = True
            yield self._record(given, message)
        if lost := self._lost(given):
            yield lost
        if overlong := self._overlong(given):
            yield overlong
        if cutter.waiting is not None:
            yield self._waiting(given.frame(cutter.waiting))
        if given.damage is not None:
            yield Notice(*given.damage, self._path)
        yield from problems
        unread = given.unread(cutter.decrypted) if given.surveyed else self._tls_of(given) if not found else []
        if unread:
            yield self._undecrypted(given, unread)
        elif not found:
            hint = "" if given.sip_ports or cutter.waiting is not None else "; --decode-as names its port"
            yield Notice("no-sip", f"The capture holds no SIP that can be read{hint}.", self._path)
        try:
            yield from kerberos_errors(given.path, self._path, given.frame)
        except TsharkProblem as problem:
            if not problems:
                yield self._problem(problem, given)

    @staticmethod
    def _may_go_on(given: CaptureInput) -> Callable[[Pdu], bool]:
        """Whether what seems to be cut off may go on in what tshark gives later."""
        return lambda pdu: given.after_loss(pdu.flow, pdu.frame) and not given.after_overlong(pdu.flow, pdu.frame)

    def _payloads(self, given: CaptureInput, preferences: dict[str, str], problems: list[Notice]) -> Iterator[Pdu]:
        """What tshark exports. It waits for a segment that is missing, where it puts them in order, and for a body
        that never comes, and gives nothing that comes after; that is read by another one, which does not wait."""
        if given.too_large:
            preferences = {**preferences, _WHOLE_BODIES: "FALSE"}
        ways = [self._exported(given, preferences, problems)]
        lost = any(not lost.tls for lost in given.lost.values())
        if lost:
            ways.append(self._exported(given, {**preferences, _IN_ORDER: "FALSE"}, []))
        if given.overlong:
            order = {_IN_ORDER: "FALSE"} if lost else {}
            ways.append(self._exported(given, {**preferences, **order, _WHOLE_BODIES: "FALSE"}, []))
        if len(ways) == 1:
            return ways[0]

        def right(way: int) -> Iterator[Pdu]:
            """Of what one of them exports, what it is there for."""
            for pdu in ways[way]:
                if given.after_overlong(pdu.flow, pdu.frame):
                    best = len(ways) - 1
                else:
                    best = int(given.after_loss(pdu.flow, pdu.frame))
                if way == best:
                    yield pdu

        return heapq.merge(*(right(way) for way in range(len(ways))), key=lambda pdu: pdu.frame)

    def _overlong(self, given: CaptureInput) -> Notice | None:
        """What is said of messages whose bodies are not read whole."""
        if given.overlong:
            first = min(given.overlong.values())
            text = (
                f"The message in frame {first} has a Content-Length that is larger than what follows it: it is given "
                "as far as it is there, and bodies behind it in the same connection may be, too."
            )
            return Notice("content-length-too-large", text, self._path, first)
        if given.too_large:
            text = (
                "A message is larger than tshark exports: bodies of messages are given as far as one segment has them."
            )
            return Notice("large-message", text, self._path)
        return None

    def _lost(self, given: CaptureInput) -> Notice | None:
        """What is said of missing segments, of TLS only where it may be decrypted."""
        readable = self._keylog is not None or given.secrets
        frames = [lost.frame for lost in given.lost.values() if readable or not lost.tls]
        if not frames:
            return None
        where = f"{len(frames)} connection{'' if len(frames) == 1 else 's'} (one direction of each)"
        text = (
            f"The capture lacks TCP segments of {where}, the first one before frame {min(frames)}: messages in them "
            "are missing here, which need not have been missing on the wire."
        )
        return Notice("lost-segments", text, self._path, min(frames))

    def _waiting(self, frame: int) -> Notice:
        """What is said of a message in TLS for whose end tshark waits; what comes after it is not given."""
        text = (
            f"The message in frame {frame} has a Content-Length that is larger than what follows it: neither it nor "
            "what comes after it in its TLS connection is read."
        )
        return Notice("content-length-too-large", text, self._path, frame)

    def _exported(self, given: CaptureInput, preferences: dict[str, str], problems: list[Notice]) -> Iterator[Pdu]:
        """What tshark exports, up to its end or to a problem, which is noted."""
        try:
            yield from pdus(output(given.path, _EXPORT, preferences, self._decode_as(given)))
        except TsharkProblem as problem:
            problems.append(self._problem(problem, given))

    def _decode_as(self, given: CaptureInput) -> dict[str, str]:
        """The values of tshark's `-d`: ports that were given or found to carry SIP, and TLS that can be decrypted."""
        plain = {f"{kind}.port=={port}" for port in self._ports for kind in ("tcp", "udp")}
        plain |= {f"tcp.port=={port}" for port in sorted(given.sip_ports)[:_MOST_PORTS]}
        decoded = dict.fromkeys(sorted(plain), "sip")
        connections = self._tls_of(given) if self._keylog is not None or given.secrets else []
        for port, _ in Counter(one.server_port for one in connections).most_common(_MOST_PORTS):
            decoded.pop(f"tcp.port=={port}", None)
            decoded[f"tls.port=={port}"] = "sip"
        return decoded

    def _tls_of(self, given: CaptureInput) -> list[TlsConnection]:
        """The connections with TLS; without a first pass one for each port of a server."""
        if given.surveyed:
            return list(given.tls)
        lines: list[bytes] = []
        with contextlib.suppress(TsharkProblem):  # reported when the messages are read
            lines = b"".join(output(given.path, _TLS_PORTS, dict(_PREFERENCES), {})).split()
        ports = {port_number(text) for line in lines for text in line.split(b",")}
        return [TlsConnection(b"", port, True) for port in sorted(filter(None, ports))]

    def _record(self, given: CaptureInput, message: Found) -> Record:
        pdu, raw, tls = message
        time = _EPOCH + timedelta(microseconds=pdu.time)
        transport = "tls" if tls else pdu.flow.protocol
        frame = given.frame(pdu.frame)
        return Record(time, pdu.flow.source, pdu.flow.destination, transport, raw, self._path, frame)

    def _problem(self, problem: TsharkProblem, given: CaptureInput) -> Notice:
        words = str(problem).replace(str(given.path.absolute()), self._path)
        kind = "truncated" if any(word in words for word in _TRUNCATED) else "reader-failed"
        return Notice(kind, f"tshark could not read the capture to its end: {words}", self._path)

    def _undecrypted(self, given: CaptureInput, unread: list[TlsConnection]) -> Notice:
        """How much of the TLS in the capture could not be read, and what helps."""
        all_of, unread_of = (Counter(one.server_port for one in some) for some in (given.tls, unread))
        ports = [
            f"{port} ({unread_of[port]} of {all_of[port]} connections)"
            if unread_of[port] < all_of[port]
            else str(port)
            for port in sorted(unread_of)
        ]
        shown = ", ".join(ports[:_PORTS_SHOWN])
        more = len(ports) - _PORTS_SHOWN
        if more > 0:
            shown += f" and {more} other ports"
        if all(not one.begins for one in unread):
            hint = "it began before the capture, so that no key log can decrypt it; a log of the client helps"
        elif self._keylog is not None:
            hint = "the key log does not fit"
        elif given.secrets:
            hint = "the secrets in the capture do not fit; give --keylog, or a log of the client"
        else:
            hint = "give --keylog, or a log of the client"
        text = f"There is TLS to port {shown}, and nothing of it can be read: {hint}."
        return Notice("undecrypted-tls", text, self._path)
