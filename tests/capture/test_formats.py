from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sipauthctl.analysis.reading import read_head
from sipauthctl.capture.record import Address, RoutingError
from tests.capture.reading import notices, raws, records
from tests.capture.samples import (
    BEGIN,
    MESSAGE,
    OK,
    REGISTER,
    SECURITY,
    client_log,
    client_log_line,
    sipe_log,
    sipp_trace,
    trace_line,
    trace_record,
)

CLIENT = Address("192.0.2.35", 20323)
SERVER = Address("192.0.2.1", 5061)
LOCAL = Address("local", None)


@pytest.mark.parametrize("every_line", [True, False])
def test_a_client_log_gives_each_message_as_it_was_on_the_wire(every_line: bool) -> None:
    log = client_log(REGISTER, every_line=every_line) + client_log(OK, sent=False, every_line=every_line)
    sent, received = records(log)
    assert (sent.raw, received.raw) == (REGISTER, OK)
    assert (sent.source, sent.destination, sent.transport) == (CLIENT, SERVER, "tls")
    assert (received.source, received.destination) == (SERVER, CLIENT)
    assert sent.time == datetime(2013, 4, 16, 3, 17, 30, 168000, tzinfo=UTC)
    assert sent.place == 2
    assert received.place == REGISTER.count(b"\r\n") + 4


@pytest.mark.parametrize("every_line", [True, False])
def test_a_body_in_a_client_log_keeps_its_bytes(every_line: bool) -> None:
    assert raws(client_log(MESSAGE, every_line=every_line)) == [MESSAGE]


def test_a_bare_line_feed_in_a_body_is_found_by_the_content_length() -> None:
    head, body = MESSAGE.replace(b"Length: 22", b"Length: 18").split(b"\r\n\r\n", 1)
    message = head + b"\r\n\r\n" + body.replace(b"\r\n", b"\n")
    log = client_log(head + b"\r\n\r\n" + body, size=len(message))
    assert raws(log) == [message]


def test_ipv6_addresses_of_a_client_log_lose_their_brackets() -> None:
    log = client_log(OK).replace(b"192.0.2.1:5061", b"[2001:db8::1]:5061")
    assert records(log)[0].destination == Address("2001:db8::1", 5061)


def test_a_header_that_a_client_log_wrapped_comes_out_as_one_line() -> None:
    log = client_log(REGISTER, every_line=False).replace(b'response="01000000', b'response="0100\r\n0000')
    assert raws(log) == [REGISTER]


def test_a_header_wrapped_at_a_space_gets_its_space_back() -> None:
    log = client_log(REGISTER, every_line=False).replace(b"SIP Communications", b"SIP\r\nCommunications")
    assert raws(log) == [REGISTER]


def test_packets_of_two_threads_may_be_interleaved() -> None:
    first = client_log(REGISTER, thread=b"1F68:C14").splitlines(keepends=True)
    second = client_log(OK, sent=False, thread=b"1F68:D20").splitlines(keepends=True)
    mixed = [line for pair in zip(first, second, strict=False) for line in pair]
    mixed += first[len(second) :]
    assert sorted(raws(b"".join(mixed))) == sorted([REGISTER, OK])


def test_log_lines_of_another_thread_inside_a_message_are_no_part_of_it() -> None:
    lines = client_log(REGISTER).splitlines(keepends=True)
    lines[5:5] = [client_log_line(b"CUccPlatform::Tick", b"1F68:D20"), b"more of that\r\n"]
    assert raws(b"".join(lines)) == [REGISTER]


def test_a_packet_without_an_end_is_reported_with_what_there_is() -> None:
    lines = client_log(REGISTER).splitlines(keepends=True)
    assert raws(b"".join(lines[:6]) + client_log(OK)) == [b"".join(REGISTER.splitlines(keepends=True)[:5]), OK]
    assert [n.place for n in notices(b"".join(lines[:6]) + client_log(OK)) if n.kind == "truncated"] == [2]


def test_a_changed_client_log_is_noticed_by_its_byte_count() -> None:
    log = client_log(REGISTER.replace(b"alice@contoso.com", b"user@example"), size=len(REGISTER))
    assert [n.place for n in notices(log) if n.kind == "damaged-message"] == [2]
    assert "damaged-message" not in {n.kind for n in notices(client_log(REGISTER))}


def test_two_messages_in_one_packet_are_two() -> None:
    assert raws(client_log(MESSAGE + OK, sent=False)) == [MESSAGE, OK]


def test_keep_alives_in_a_client_log_say_nothing() -> None:
    assert [n.kind for n in notices(client_log(b"\r\n\r\n") + client_log(OK))] == ["local-time"]


def test_a_packet_that_is_not_sip_is_noticed() -> None:
    assert "damaged-message" in {n.kind for n in notices(client_log(b"HTTP/1.1 200 OK\r\n\r\n") + client_log(OK))}


def test_times_without_a_zone_are_said_to_be_so() -> None:
    for log in (client_log(OK) * 2, trace_record(OK) * 2, sipp_trace(OK) * 2):
        assert [n.kind for n in notices(log)] == ["local-time"]
    assert notices(sipe_log(OK) * 2) == []


def test_a_server_trace_gives_each_message() -> None:
    incoming, outgoing = records(trace_record(REGISTER) + trace_record(OK, incoming=False))
    assert (incoming.raw, outgoing.raw) == (REGISTER, OK)
    assert (incoming.source, incoming.destination, incoming.transport) == (CLIENT, LOCAL, "tls")
    assert (outgoing.source, outgoing.destination) == (LOCAL, CLIENT)
    assert incoming.time == datetime(2012, 1, 18, 5, 0, 43, 101000, tzinfo=UTC)
    assert incoming.place == 7


def test_a_server_trace_of_the_centralized_logging_service_names_the_server() -> None:
    record = trace_record(REGISTER, peer=b"client.contoso.com:1025").replace(b"[0]", b"[pool\\fe01]")
    record = record.replace(b")$$begin", b") [2003888399] $$begin")
    assert records(record)[0].destination == Address("fe01", None)
    assert records(record)[0].source == Address("client.contoso.com", 1025)


def test_bodies_of_a_server_trace() -> None:
    assert raws(trace_record(MESSAGE)) == [MESSAGE]
    log = trace_record(MESSAGE, body=b"----****MESSAGE BODY DELETED****----") * 3
    assert raws(log) == [MESSAGE.split(b"\r\n\r\n")[0] + b"\r\n\r\n"] * 3
    assert [n.kind for n in notices(log)] == ["local-time", "truncated"]
    assert read_head(records(log)[0].raw).headers.get("Content-Length") == "22"


def test_a_security_error_of_a_server_trace_is_a_notice() -> None:
    found = notices(trace_record(REGISTER) + SECURITY + trace_record(OK))
    error = next(n for n in found if n.kind == "security-error")
    assert error.text == "Failed to validate user credentials (result 0x80090302)."
    assert error.call_id == "4a0c0e3b"
    assert error.place == 21
    assert error.time == datetime(2012, 1, 18, 5, 0, 43, 101000, tzinfo=UTC)
    assert raws(trace_record(REGISTER) + SECURITY + trace_record(OK)) == [REGISTER, OK]


def test_a_security_error_with_its_result_on_the_same_line() -> None:
    log = SECURITY.replace(b"credentials\r\nResult", b"credentials Result")
    assert [n.text for n in notices(trace_record(OK) + log) if n.kind == "security-error"] == [
        "Failed to validate user credentials (result 0x80090302)."
    ]


@pytest.mark.parametrize(
    ("component", "log_type", "severity"),
    [("TF_DIAG", "diagnostic", "information"), ("TF_CONNECTION", "connection", "error")],
)
def test_other_records_of_a_server_trace_are_no_errors(component: str, log_type: str, severity: str) -> None:
    log = SECURITY.replace(b"TF_SECURITY", component.encode())
    log = log.replace(b"LogType: security", b"LogType: " + log_type.encode())
    log = log.replace(b"Severity: error", b"Severity: " + severity.encode())
    assert {n.kind for n in notices(trace_record(OK) + log)} == {"local-time"}


@pytest.mark.parametrize("glued", [False, True])
def test_a_message_that_was_not_passed_on_names_the_next_hop_and_the_certificate(glued: bool) -> None:
    """Names as Cisco's guide on Expressway and Skype for Business shows them, with blanks in the data."""
    function = b"(SIPStack,SIPAdminLog::WriteDiagnosticEvent:SIPAdminLog.cpp(833)) [3634190282] $$begin_record"
    log = trace_line(b"ERROR(TF_DIAG)", function) + (
        b"Severity: error\r\n"
        b"Text: Message cannot be routed because the peer's certificate does not contain a matching FQDN\r\n"
        b"Result-Code: 0xc3e93d67 SIPPROXY_E_ROUTING_MSG_CERT_MISMATCH\r\n"
        b"SIP-Start-Line: INVITE sip:ned@litwareinc.com SIP/2.0\r\n"
        b"SIP-Call-ID: e144704c\r\n"
        b"SIP-CSeq: 1567605805 INVITE\r\n"
        b"Peer: vcse.contoso.com:25001\r\n"
        b'Data: expected-fqdn =" vcse.sub.contoso.com:5061 "; certName =" vcse.contoso.com ";info="No match"\r\n'
        b"$$end_record\r\n"
    )
    if glued:
        log = log.replace(b"FQDN\r\nResult-Code", b"FQDN Result-Code")
    (found,) = [n for n in notices(trace_record(OK) + log) if isinstance(n, RoutingError)]
    assert found.text == (
        "Message cannot be routed because the peer's certificate does not contain a matching FQDN (result 0xc3e93d67 "
        "SIPPROXY_E_ROUTING_MSG_CERT_MISMATCH); expected-fqdn vcse.sub.contoso.com:5061; certname vcse.contoso.com."
    )
    assert (found.call_id, found.method) == ("e144704c", "INVITE")
    assert (found.next_hop, found.of_certificate) == ("vcse.sub.contoso.com", True)


def test_a_record_in_several_entries_is_put_together_and_other_entries_are_left_out() -> None:
    lines = trace_record(REGISTER).splitlines(keepends=True)
    more = trace_line(b"INFO(TF_PROTOCOL)", BEGIN.removesuffix(b"$$begin_record") + lines[12].rstrip())
    lines[12:13] = [
        trace_line(b"INFO(TF_COMPONENT)", b"(SIPStack,X::Y:z.cpp(1)) noise", b"06E4.1111"),
        b"noise\r\n",
        more,
    ]
    assert raws(b"".join(lines)) == [REGISTER]


def test_a_record_without_an_end_is_reported_with_what_there_is() -> None:
    cut = b"".join(trace_record(REGISTER).splitlines(keepends=True)[:9])
    first, second = raws(cut + trace_record(OK))
    assert REGISTER.startswith(first) and first.count(b"\r\n") == 3
    assert second == OK
    assert [n.place for n in notices(cut + trace_record(OK)) if n.kind == "truncated"] == [7]


def test_a_sipe_log_gives_each_message() -> None:
    log = b"(14:59:30) prefs: Reading\n" + sipe_log(REGISTER) + sipe_log(OK, sent=False)
    sent, received = records(log)
    assert (sent.raw, received.raw) == (REGISTER, OK)
    server = Address("connection 0x55b574acc310", None)
    assert (sent.source, sent.destination) == (LOCAL, server)
    assert (received.source, received.destination) == (server, LOCAL)
    assert sent.time == datetime(2026, 11, 23, 14, 59, 35, 872936, tzinfo=UTC)
    assert sent.place == 4
    assert notices(log) == []


def test_a_body_in_a_sipe_log_gets_its_line_ends_back() -> None:
    assert raws(sipe_log(MESSAGE)) == [MESSAGE]


def test_http_in_a_sipe_log_is_skipped() -> None:
    assert raws(sipe_log(OK, kind=b"HTTP(0x1)") + sipe_log(REGISTER, kind=b"SIP")) == [REGISTER]


def test_a_sipe_message_without_an_end_is_reported_with_what_there_is() -> None:
    cut = b"".join(sipe_log(REGISTER).splitlines(keepends=True)[:7])
    assert raws(cut + sipe_log(OK)) == [b"".join(REGISTER.splitlines(keepends=True)[:5]), OK]
    assert [n.kind for n in notices(cut + sipe_log(OK))] == ["truncated"]
    assert [n.kind for n in notices(sipe_log(OK) + cut)] == ["truncated"]


@pytest.mark.parametrize("time", [b"2019-06-29 19:42:16.839845", b"2019-06-29\t19:42:16.839845\t1561837336.839845"])
def test_a_sipp_trace_gives_each_message(time: bytes) -> None:
    sent, received = records(sipp_trace(MESSAGE, time=time) + sipp_trace(OK, sent=False, time=time))
    assert (sent.raw, received.raw) == (MESSAGE, OK)
    assert (sent.source, received.destination) == (LOCAL, LOCAL)
    assert sent.transport == "tcp"  # from the Via; SIPp calls TLS by other names in some versions
    assert sent.time == datetime(2019, 6, 29, 19, 42, 16, 839845, tzinfo=UTC)
    assert sent.place == 4


def test_a_sipp_trace_with_a_zone() -> None:
    log = sipp_trace(OK, time=b"2019-06-29T19:42:16.839845+0200")
    assert records(log)[0].time == datetime(2019, 6, 29, 17, 42, 16, 839845, tzinfo=UTC)
    assert notices(log) == []


def test_a_sipp_message_without_content_length_ends_where_the_trace_says() -> None:
    message = OK.replace(b"Content-Length: 0\r\n", b"") + b"body\r\n\r\n"
    assert raws(sipp_trace(message) + sipp_trace(OK)) == [message, OK]
    assert "truncated" in {n.kind for n in notices(sipp_trace(message)[:-9])}


def test_a_sipp_trace_whose_line_ends_were_changed() -> None:
    assert raws((sipp_trace(MESSAGE) + sipp_trace(OK)).replace(b"\r\n", b"\n")) == [MESSAGE, OK]


def test_plain_text_keeps_each_message_byte_for_byte() -> None:
    text = REGISTER + b"\r\n" + MESSAGE + b"\r\n" + OK
    assert raws(text) == [REGISTER, MESSAGE, OK]
    assert [record.place for record in records(text)] == [1, 14, 28]
    assert notices(text) == []
    assert records(text)[0].time is None and records(text)[0].source is None


def test_plain_text_with_bare_line_feeds_gets_crlf() -> None:
    assert raws((REGISTER + MESSAGE + OK).replace(b"\r\n", b"\n")) == [REGISTER, MESSAGE, OK]


def test_plain_text_around_messages_is_skipped() -> None:
    assert raws(b"This is what I sent:\n\n" + REGISTER + b"\nand got:\n" + OK + b"\nWhy?\n") == [REGISTER, OK]


def test_a_message_inside_a_body_is_part_of_it() -> None:
    body = b"SIP/2.0 200 OK\r\n\r\nSIP/2.0 100 Trying\r\n"
    outer = OK.replace(b"Content-Length: 0", b"Content-Type: message/sipfrag\r\nContent-Length: 38") + body
    assert raws(outer + b"\r\n" + REGISTER) == [outer, REGISTER]


def test_a_content_length_that_does_not_fit_does_not_swallow_the_next_message() -> None:
    message = OK.replace(b"Content-Length: 0", b"Content-Length: 400") + b"short"
    text = message + b"\r\n\r\n" + REGISTER
    assert raws(text) == [message, REGISTER]
    assert [(n.kind, n.place) for n in notices(text)] == [("truncated", 1)]


def test_a_plain_message_cut_off_in_its_head() -> None:
    cut = b"".join(REGISTER.splitlines(keepends=True)[:5])
    assert raws(cut + OK + cut) == [cut, OK, cut]
    assert [n.place for n in notices(cut + OK + cut) if n.kind == "truncated"] == [1, 14]


def test_a_trace_of_this_tool() -> None:
    text = (
        b">>> 2026-11-23T14:59:35.872936Z 192.0.2.1:5061 tls\r\n"
        + REGISTER
        + b"<<< 2026-11-23T14:59:36.000001Z 2001:db8::1:5061 tls\r\n"
        + OK
        + b">>> 2026-11-23T14:59:37.000000Z server.contoso.com:5060 tcp\r\n"
        + MESSAGE
    )
    first, second, third = records(text)
    assert [first.raw, second.raw, third.raw] == [REGISTER, OK, MESSAGE]
    assert (first.source, first.destination, first.transport) == (LOCAL, SERVER, "tls")
    assert (second.source, second.destination) == (Address("2001:db8::1", 5061), LOCAL)
    assert first.time == datetime(2026, 11, 23, 14, 59, 35, 872936, tzinfo=UTC)
    assert third.transport == "tcp"
    assert [first.place, second.place, third.place] == [2, 15, 24]


def test_a_time_that_cannot_be_is_no_time() -> None:
    log = client_log(OK).replace(b"04/16/2013", b"13/45/2013")
    assert (raws(log), records(log)[0].time) == ([OK], None)


def test_a_plain_message_copied_without_its_empty_line_is_whole() -> None:
    text = REGISTER.removesuffix(b"\r\n") + OK.removesuffix(b"\r\n")
    assert raws(text) == [REGISTER, OK]
    assert notices(text) == []


def test_a_plain_message_that_ends_inside_a_quoted_text_is_cut_off() -> None:
    begun = OK.replace(b"\r\n\r\n", b'\r\nAuthentication-Info: NTLM rspauth="0100')
    assert raws(begun) == [begun + b"\r\n"]
    assert [n.kind for n in notices(begun)] == ["truncated"]
