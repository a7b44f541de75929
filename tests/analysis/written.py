"""The same messages as a capture, a client log and a server trace have them."""

from __future__ import annotations

from pathlib import Path

from sipauthctl.analysis.analyze import Analysis
from sipauthctl.analysis.secrets import Secrets
from sipauthctl.capture.merge import merge
from sipauthctl.capture.pcap import PcapReader
from sipauthctl.capture.reader import open_reader
from sipauthctl.capture.record import Address, Record
from tests.analysis.sessions import CLIENT, Outcome
from tests.capture.frames import Pcap, TcpFlow

_BEGIN = "(SIPStack,SIPAdminLog::TraceProtocolRecord:SIPAdminLog.cpp(125))$$begin_record"
_HOSTS = {"hs1.litwareinc.com": "192.0.2.1", "hs2.litwareinc.com": "192.0.2.2"}


def _server(record: Record) -> Address:
    found = record.destination if _sent(record) else record.source
    assert found is not None
    return Address(_HOSTS.get(found.host, found.host), 5061)


def _sent(record: Record) -> bool:
    return record.source == CLIENT


def capture(records: list[Record]) -> bytes:
    """Plain TCP, a connection for each server; the times are those of the records."""
    pcap = Pcap()
    flows: dict[Address, TcpFlow] = {}
    for record in records:
        server = _server(record)
        if server not in flows:
            flow = flows[server] = TcpFlow(
                pcap, client=(CLIENT.host, 40000 + len(flows)), server=(server.host, server.port or 0)
            )
            _at(pcap, record)
            flow.open()
        _at(pcap, record)
        flows[server].send(record.raw, from_client=_sent(record))
    return pcap.to_bytes()


def _at(pcap: Pcap, record: Record) -> None:
    assert record.time is not None
    pcap.now = round(record.time.timestamp() * 1000)


def client_log(records: list[Record]) -> bytes:
    """As Communicator 2007 R2 writes it."""
    text = ""
    for record in records:
        server, sent = _server(record), _sent(record)
        assert record.time is not None
        prefix = f"{record.time:%m/%d/%Y|%H:%M:%S}.{record.time.microsecond // 1000:03} 1F68:C14 INFO  :: "
        what, way = ("Sending Packet", "From") if sent else ("Data Received", "To")
        ends = (
            f"{server.host}:{server.port} ({way} Local Address: {CLIENT.host}:{CLIENT.port}) {len(record.raw)} bytes"
        )
        lines = record.raw.decode().split("\r\n")[:-1]
        text += "".join(f"{prefix}{line}\r\n" for line in (f"{what} - {ends}:", *lines, f"End of {what} - {ends}"))
    return text.encode()


def server_trace(records: list[Record], *more: str) -> bytes:
    """As OCSLogger writes it; `more` are records of other kinds."""
    text = ""
    for record in records:
        assert record.time is not None
        head, _, body = record.raw.decode().partition("\r\n\r\n")
        start, *headers = head.split("\r\n")
        stamp = f"{record.time:%m/%d/%Y-%H:%M:%S}.{record.time.microsecond // 1000:03}.0000"
        lines = [
            f"TL_INFO(TF_PROTOCOL) [0]06E4.0EB4::{stamp} {_BEGIN}",
            f"Direction: {'incoming' if _sent(record) else 'outgoing'}",
            f"Peer: {CLIENT.host}:{CLIENT.port}",
            f"Message-Type: {'request' if _sent(record) else 'response'}",
            f"Start-Line: {start}",
            *headers,
            f"Message-Body: {body or '-'}",
            "$$end_record",
            "",
        ]
        text += "".join(f"{line}\r\n" for line in lines)
    return (text + "".join(more)).encode()


def security_error(record: Record, code: int, words: str = "Failed to validate user credentials") -> str:
    """A TF_SECURITY record on the message of a record."""
    call_id = next(line for line in record.raw.decode().split("\r\n") if line.startswith("Call-ID: "))[9:]
    assert record.time is not None
    stamp = f"{record.time:%m/%d/%Y-%H:%M:%S}.{record.time.microsecond // 1000:03}.0000"
    lines = [
        f"TL_ERROR(TF_SECURITY) [0]06E4.0EB4::{stamp} (SIPStack,SIPAdminLog::TraceDiagRecord:1)$$begin_record",
        "LogType: security",
        "Severity: error",
        f"Text: {words}",
        f"Result-Code: 0x{code:08x}",
        f"SIP-Call-ID: {call_id}",
        f"Peer: {CLIENT.host}:{CLIENT.port}",
        "$$end_record",
        "",
    ]
    return "".join(f"{line}\r\n" for line in lines)


def read(content: bytes, folder: Path, name: str, secrets: Secrets, *, local_times: bool = False) -> Outcome:
    """Writes an input to a file and analyses it as the command does."""
    path = folder / name
    path.write_bytes(content)
    reader = open_reader(str(path), captures=PcapReader)
    analysis = Analysis(merge([reader]), secrets, local_times={str(path)} if local_times else set())
    associations = list(analysis.associations())
    return Outcome(associations, analysis.findings)
