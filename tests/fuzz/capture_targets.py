"""Captures and logs, and the analysis of what stands in them."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sipauthctl.analysis.analyze import Analysis
from sipauthctl.analysis.secrets import Secrets, password_secrets
from sipauthctl.capture.pcap_framing import Framing
from sipauthctl.capture.pcap_messages import cut
from sipauthctl.capture.pcap_survey import Survey, UnknownKind
from sipauthctl.capture.plain_text import PlainTextReader
from sipauthctl.capture.reader import open_reader
from sipauthctl.capture.record import InputKind, Notice, ReadError, Record
from sipauthctl.capture.server_trace import ServerTraceReader
from sipauthctl.capture.sipe_log import SipeLogReader
from sipauthctl.capture.sipp_trace import SippTraceReader
from sipauthctl.capture.source import Input
from sipauthctl.capture.text_reader import TextReader
from sipauthctl.capture.uccapilog import UccapilogReader
from sipauthctl.report.analysis import ConsoleRenderer
from sipauthctl.report.analysis_html import HtmlWriter
from sipauthctl.report.analysis_json import AnalysisWriter
from sipauthctl.report.console import make_console
from tests.analysis.recorded_session import RECORDS
from tests.capture import samples
from tests.capture.frames import Pcap, TcpFlow, udp
from tests.fuzz.registry import refused, target
from tests.mechanisms.ntlm import recorded

MESSAGES = samples.REGISTER, samples.MESSAGE, samples.OK
GIVEN = Secrets(password_secrets(recorded.PASSWORD))
SESSION = b"".join(b">>> 2026-03-01T12:00:00Z 192.0.2.1:5061 tls\n" + record.raw + b"\n\n" for record in RECORDS)


def read_log(reader: type[TextReader], data: bytes) -> list[Record | Notice]:
    """What a reader gives, within bounds: no message longer than the input with CRLF for each LF."""
    found: list[Record | Notice] = []
    with refused(ReadError):
        found += reader(Input("-", io.BytesIO(data)))
    lines = data.count(b"\n") + 1
    assert len(found) <= 3 * lines + 3
    for one in found:
        if isinstance(one, Record):
            assert len(one.raw) < len(data) + 2 * lines + 4
            assert 1 <= one.place <= lines
            assert one.time is None or one.time.tzinfo is not None
        else:
            assert one.text
            assert len(one.text) < len(data) + 300
    return found


@target(b"".join(samples.client_log(one) for one in MESSAGES), samples.client_log(samples.MESSAGE, every_line=False))
def client_log(data: bytes) -> None:
    """A *.uccapilog."""
    read_log(UccapilogReader, data)


@target(b"".join(samples.trace_record(one) for one in MESSAGES) + samples.SECURITY)
def server_trace(data: bytes) -> None:
    """A trace of the server."""
    read_log(ServerTraceReader, data)


@target(b"".join(samples.sipe_log(one) for one in MESSAGES))
def sipe_log(data: bytes) -> None:
    """Debug output of SIPE."""
    read_log(SipeLogReader, data)


@target(b"".join(samples.sipp_trace(one) for one in MESSAGES))
def sipp_trace(data: bytes) -> None:
    """A message trace of SIPp."""
    read_log(SippTraceReader, data)


@target(b"".join(MESSAGES), SESSION)
def plain_text(data: bytes) -> None:
    """SIP as text, and traces of this tool."""
    read_log(PlainTextReader, data)


@target(
    gzip.compress(samples.REGISTER, mtime=0) + gzip.compress(samples.OK, mtime=0),
    "\ufeffREGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n\r\n".encode("utf-16-le"),
    b"\xef\xbb\xbf" + samples.sipe_log(samples.OK),
)
def any_input(data: bytes) -> None:
    """Anything, with its kind found out, unpacked and decoded."""
    with refused(ReadError):
        for one in open_reader("-", captures=_no_capture, stdin=io.BytesIO(data)):
            assert one.input == "-"


class _NoCapture:
    kind = InputKind.CAPTURE

    def __iter__(self) -> Iterator[Record | Notice]:
        return iter(())


def _no_capture(path: str) -> _NoCapture:
    return _NoCapture()


def _capture() -> Pcap:
    pcap = Pcap()
    flow = TcpFlow(pcap, server=("192.0.2.1", 5060))
    flow.open()
    flow.send(samples.REGISTER[:90])
    flow.send(samples.REGISTER[90:])
    pcap.add(udp(samples.OK, ("2001:db8::1", 5060), ("2001:db8::7", 5060)))
    pcap.add(udp(b"x" * 40, ("192.0.2.7", 5004), ("192.0.2.1", 5006)))
    return pcap


@target(
    _capture().to_bytes(),
    _capture().to_pcapng(secrets=b"CLIENT_RANDOM 00 00\n"),
    _capture().to_pcapng(order=">"),
    _capture().to_pcapng(link=101),
)
def pcap_survey(data: bytes) -> None:
    """The first pass over a capture: what it keeps is a part of the capture, and as readable."""
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder, refused(UnknownKind):
        path, part = Path(folder, "whole"), Path(folder, "part")
        path.write_bytes(data)
        with Survey(path, (5070,)) as survey:
            numbers = list(survey.write(part))
            lost, overlong = list(survey.sieve.lost()), list(survey.sieve.overlong())
            connections = list(survey.sieve.connections())
            worth_it, packets = survey.worth_it(), survey.packets
        assert part.stat().st_size <= len(data)
        assert numbers == sorted(set(numbers))
        assert not numbers or 1 <= numbers[0] <= numbers[-1] <= packets
        assert all(1 <= frame <= packets for _, _, frame in lost)
        assert all(one.overlong_at is None or 1 <= one.overlong_at <= packets for _, one in overlong)
        assert len(connections) <= packets
        assert isinstance(worth_it, bool)
        with Survey(part, (5070,)) as again:
            assert again.packets == len(numbers)


_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


@target(b"\x20" + b"".join(MESSAGES), b"\x05" + samples.MESSAGE.replace(b"22", b"2200") + samples.OK)
def pcap_stream(data: bytes) -> None:
    """The messages in a TCP stream: cut out, and followed segment by segment."""
    step, data = (data[0] + 1, data[1:]) if data else (1, data)
    raws, rest = cut(data)
    position = 0
    for raw in (*raws, rest):
        position = data.index(raw, position) + len(raw)
    framing = Framing()
    for frame, start in enumerate(range(0, len(data), step), 1):
        framing.take(data, start, min(start + step, len(data)), frame)
    framing.end()
    assert framing.overlong_at is None or framing.overlong_at >= 1


@target(SESSION, SESSION.replace(b"rspauth=", b"rspauth=0"), b"".join(samples.trace_record(one) for one in MESSAGES))
def analysis(data: bytes) -> None:
    """An analysis from the text of a log to every output: nothing is raised, nothing acts, the password stays out."""
    reader = ServerTraceReader if b"$$begin_record" in data else PlainTextReader
    found = read_log(reader, data)
    run = Analysis(found, GIVEN)
    as_json, page, console = io.StringIO(), io.StringIO(), io.StringIO()
    renderers = (AnalysisWriter(as_json), HtmlWriter(page), ConsoleRenderer(make_console(console, no_color=True)))
    for association in run.associations():
        for renderer in renderers:
            renderer.association(association)
    inputs = [(one.path, "text", one.messages) for one in run.inputs]
    for renderer in renderers:
        renderer.end(inputs, run.notices, run.findings)
    json.loads(as_json.getvalue())
    assert as_json.getvalue().isascii()
    for text in (as_json.getvalue(), page.getvalue(), console.getvalue()):
        assert not [char for char in text if (ord(char) < 32 and char != "\n") or char in "\x7f\x9b\u202e"]
        assert recorded.PASSWORD not in text or recorded.PASSWORD.encode() in data
    assert page.getvalue().count("<script>") == 1
