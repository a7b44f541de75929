"""Messages and the logs that show them, written by hand from what is known of each format."""

from __future__ import annotations

from collections.abc import Iterable

REGISTER = (
    b"REGISTER sip:contoso.com SIP/2.0\r\n"
    b"Via: SIP/2.0/TLS 192.0.2.35:20323\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: <sip:alice@contoso.com>;tag=7f13a1;epid=d3ca81\r\n"
    b"To: <sip:alice@contoso.com>\r\n"
    b"Call-ID: 4a0c0e3b\r\n"
    b"CSeq: 3 REGISTER\r\n"
    b"Contact: <sip:192.0.2.35:20323;transport=tls>;\r\n"
    b'\t+sip.instance="<urn:uuid:0C5B77A0>"\r\n'
    b'Authorization: NTLM qop="auth", opaque="BCDC0C9D", realm="SIP Communications Service", '
    b'targetname="server.contoso.com", crand="dd6c5e9f", cnum="1", response="01000000abcdef0164000000"\r\n'
    b"Content-Length: 0\r\n"
    b"\r\n"
)
OK = (
    b"SIP/2.0 200 OK\r\n"
    b"Via: SIP/2.0/TLS 192.0.2.35:20323;ms-received-port=20323\r\n"
    b"From: <sip:alice@contoso.com>;tag=7f13a1;epid=d3ca81\r\n"
    b"To: <sip:alice@contoso.com>;tag=C65A7B0A\r\n"
    b"Call-ID: 4a0c0e3b\r\n"
    b"CSeq: 3 REGISTER\r\n"
    b"Content-Length: 0\r\n"
    b"\r\n"
)
MESSAGE = (
    b"MESSAGE sip:bob@contoso.com SIP/2.0\r\n"
    b"Via: SIP/2.0/TCP 192.0.2.35:20323\r\n"
    b"From: <sip:alice@contoso.com>;tag=aa\r\n"
    b"To: <sip:bob@contoso.com>\r\n"
    b"Call-ID: body\r\n"
    b"CSeq: 1 MESSAGE\r\n"
    b"Content-Type: text/plain\r\n"
    b"Content-Length: 22\r\n"
    b"\r\n"
    b"first\r\n"
    b"\r\n"
    b"third \xc3\xa9\xff\r\n\r\n"
)
assert len(MESSAGE.split(b"\r\n\r\n", 1)[1]) == 22


def client_log_line(text: bytes, thread: bytes = b"1F68:C14", time: bytes = b"03:17:30.168") -> bytes:
    return b"04/16/2013|" + time + b" " + thread + b" INFO  :: " + text + b"\r\n"


def client_log(
    message: bytes, *, sent: bool = True, every_line: bool = True, size: int | None = None, thread: bytes = b"1F68:C14"
) -> bytes:
    """A packet in a client log; `every_line` has the prefix, or only the first one of the message."""
    what, local = (b"Sending Packet", b"From") if sent else (b"Data Received", b"To")
    ends = b"192.0.2.1:5061 (" + local + b" Local Address: 192.0.2.35:20323) "
    head = what + b" - " + ends + str(len(message) if size is None else size).encode() + b" bytes:"
    lines = message.split(b"\r\n")[:-1]
    if every_line:
        text = b"".join(client_log_line(line, thread) for line in lines)
    else:
        text = client_log_line(lines[0], thread) + b"".join(line + b"\r\n" for line in lines[1:])
    end = b"End of " + what + b" - " + ends + b"bytes"
    return client_log_line(head, thread) + text + client_log_line(end, thread)


def trace_line(what: bytes, rest: bytes, thread: bytes = b"06E4.0EB4", server: bytes = b"0") -> bytes:
    return b"TL_" + what + b" [" + server + b"]" + thread + b"::01/18/2012-05:00:43.101.00005386 " + rest + b"\r\n"


BEGIN = b"(SIPStack,SIPAdminLog::TraceProtocolRecord:SIPAdminLog.cpp(125))$$begin_record"


def trace_record(
    message: bytes, *, incoming: bool = True, peer: bytes = b"192.0.2.35:20323", body: bytes | None = None
) -> bytes:
    """A record of a server trace."""
    head, _, shown = message.partition(b"\r\n\r\n")
    start, *headers = head.split(b"\r\n")
    direction = b'incoming;source="internal edge";destination="external edge"' if incoming else b"outgoing"
    lines = [
        b"Trace-Correlation-Id: 2003888399",
        b"Instance-Id: 0000C23F",
        b"Direction: " + direction,
        b"Peer: " + peer,
        b"Message-Type: " + (b"response" if start.startswith(b"SIP/") else b"request"),
        b"Start-Line: " + start,
        *headers,
        b"Message-Body: " + ((shown or b"-") if body is None else body),
        b"$$end_record",
        b"",
    ]
    return trace_line(b"INFO(TF_PROTOCOL)", BEGIN) + b"".join(line + b"\r\n" for line in lines)


SECURITY = trace_line(
    b"ERROR(TF_SECURITY)", b"(SIPStack,SIPAdminLog::TraceDiagRecord:SIPAdminLog.cpp(143))$$begin_record"
) + (
    b"LogType: security\r\n"
    b"Severity: error\r\n"
    b"Text: Failed to validate user credentials\r\n"
    b"Result-Code: 0x80090302\r\n"
    b"SIP-Start-Line: REGISTER sip:contoso.com SIP/2.0\r\n"
    b"SIP-Call-ID: 4a0c0e3b\r\n"
    b"SIP-CSeq: 3 REGISTER\r\n"
    b"Peer: 192.0.2.35:20323\r\n"
    b"$$end_record\r\n"
    b"\r\n"
)


def sipe_log(message: bytes, *, sent: bool = True, kind: bytes = b"SIP(0x55b574acc310)") -> bytes:
    """A message in SIPE's debug output: LF for CRLF, an LF after it, the markers around it."""
    marker = (b">>>>>>>>>>" if sent else b"<<<<<<<<<<") + b" " + kind + b" - 2026-11-23T14:59:35.872936Z"
    text = message.replace(b"\r\n", b"\n")
    return b"(14:59:35) sipe: \nMESSAGE START " + marker + b"\n" + text + b"\nMESSAGE END " + marker + b"\n"


def sipp_trace(message: bytes, *, sent: bool = True, time: bytes = b"2019-06-29 19:42:16.839845") -> bytes:
    """A message in SIPp's message trace."""
    size = str(len(message)).encode()
    heading = b"UDP message sent (" + size + b" bytes):" if sent else b"UDP message received [" + size + b"] bytes :"
    return b"-" * 47 + b" " + time + b"\n" + heading + b"\n\n" + message + b"\n"


def prose(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
