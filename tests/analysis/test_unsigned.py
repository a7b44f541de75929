"""Messages without a signature between a client that is signed in and its server, and those that need none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Address, Record
from tests.analysis.lives import records_of_life
from tests.analysis.sessions import CLIENT, GIVEN, NOTHING, Outcome, outcome, session
from tests.probe.harness import Clock
from tests.probe.test_life import HOUR, held

NED = "<sip:ned@litwareinc.com>"
OTHER = Address("192.0.2.9", 5061)
HS1_ASKS = 'WWW-Authenticate: NTLM realm="SIP Communications Service", targetname="hs1.litwareinc.com", version=4\r\n'


def epid(records: Sequence[Record]) -> str:
    return re.findall(rb"epid=(\w+)", records[0].raw)[0].decode()


def message(start: str, from_: str, to: str, method: str = "MESSAGE", more: str = "", call: str = "later") -> bytes:
    return (
        f"{start}\r\nVia: SIP/2.0/TLS 192.0.2.35:40000;branch=z9hG4bK77\r\nFrom: {from_};tag=1\r\nTo: {to}\r\n"
        f"Call-ID: {call}\r\nCSeq: 1 {method}\r\n{more}Content-Length: 0\r\n\r\n"
    ).encode()


def beside(records: list[Record], *raws: tuple[str, bytes], server: Address | None = None) -> list[Record]:
    """The records of a session with these messages before its end: `>` of the client, `<` of the server."""
    last, made = records[-3], []
    home = server or (last.source if last.source != CLIENT else last.destination)
    for number, (direction, raw) in enumerate(raws, 1):
        ends = (CLIENT, home) if direction == ">" else (home, CLIENT)
        assert last.time is not None
        time = last.time + timedelta(milliseconds=number)
        made.append(replace(last, raw=raw, source=ends[0], destination=ends[1], time=time, place=100 + number))
    return [*records[:-2], *made, *records[-2:]]


def without_addresses(records: list[Record]) -> list[Record]:
    return [replace(record, source=None, destination=None) for record in records]


def found(seen: Outcome) -> list[tuple[str, str]]:
    return [(one.id, one.severity.value) for one in seen.findings]


def of_server(records: list[Record], method: str = "MESSAGE", more: str = "") -> bytes:
    to = f"{NED};epid={epid(records)}"
    return message(f"{method} sip:192.0.2.35 SIP/2.0", "<sip:nina@litwareinc.com>", to, method, more)


def of_client(records: list[Record], method: str = "MESSAGE", more: str = "", call: str = "later") -> bytes:
    from_ = f"{NED};epid={epid(records)}"
    return message(f"{method} sip:nina@litwareinc.com SIP/2.0", from_, "<sip:nina@litwareinc.com>", method, more, call)


def answer(records: list[Record], status: str, more: str = "", method: str = "MESSAGE", call: str = "later") -> bytes:
    from_ = f"{NED};epid={epid(records)}"
    return message(f"SIP/2.0 {status}", from_, "<sip:nina@litwareinc.com>;tag=2", method, more, call)


WAYS = pytest.mark.parametrize("addresses", [True, False], ids=["with addresses", "without"])


def seen(records: list[Record], *raws: tuple[str, bytes], addresses: bool = True) -> Outcome:
    made = beside(records, *raws)
    return outcome(made if addresses else without_addresses(made), GIVEN)


@WAYS
def test_a_request_of_the_server(addresses: bool) -> None:
    records = session()
    told = seen(records, ("<", of_server(records)), addresses=addresses)
    assert found(told) == [("signature-missing", "error")]
    assert "The MESSAGE of hs1.litwareinc.com to sip:ned@litwareinc.com" in told.findings[0].detail
    assert told.verdicts[101] is Verdict.MISSING


@WAYS
def test_a_later_request_of_the_client_that_is_answered(addresses: bool) -> None:
    records = session()
    told = seen(records, (">", of_client(records)), ("<", answer(records, "200 OK")), addresses=addresses)
    assert found(told) == [("signature-missing", "error")]
    assert "The MESSAGE of sip:ned@litwareinc.com to hs1.litwareinc.com" in told.findings[0].detail
    assert [place for place, verdict in told.verdicts.items() if verdict is Verdict.MISSING] == [101]


@WAYS
def test_a_later_request_of_the_client_that_is_challenged(addresses: bool) -> None:
    records = session()
    challenge = answer(records, "401 Unauthorized", HS1_ASKS)
    told = seen(records, (">", of_client(records)), ("<", challenge), addresses=addresses)
    assert found(told) == [("not-preauthenticated", "info")]
    assert "The MESSAGE of sip:ned@litwareinc.com carries no credentials" in told.findings[0].detail


def test_a_refresh_that_is_challenged() -> None:
    records = session()
    call = re.findall(rb"Call-ID: (\S+)", records[0].raw)[0].decode()
    raws = (
        (">", of_client(records, "REGISTER", call=call).replace(b"CSeq: 1 ", b"CSeq: 77 ")),
        ("<", answer(records, "401 Unauthorized", HS1_ASKS, "REGISTER", call).replace(b"CSeq: 1 ", b"CSeq: 77 ")),
    )
    assert ("not-preauthenticated", "info") in found(seen(records, *raws))


def test_a_later_request_of_the_client_without_its_answer() -> None:
    records = session()
    told = seen(records, (">", of_client(records)))
    assert found(told) == [("not-preauthenticated", "info")]
    assert "The input lacks its answer" in told.findings[0].detail


def test_an_unsigned_request_that_is_refused_is_a_warning() -> None:
    """A server that refuses it without a challenge may be another one, behind the first."""
    records = session()
    told = seen(records, (">", of_client(records)), ("<", answer(records, "404 Not Found")))
    assert found(told) == [("signature-missing", "warning")]


def test_an_answer_whose_request_is_not_in_the_input() -> None:
    records = session()
    assert found(seen(records, ("<", answer(records, "200 OK")))) == [("signature-missing", "warning")]


def message_session() -> list[Record]:
    clock = Clock()
    clock.at(100, lambda deployment: deployment.send_message())
    return records_of_life(held(HOUR, clock=clock, lab={"redirect": False}))


def stripped(record: Record) -> Record:
    return replace(record, raw=re.sub(rb"\r\nAuthorization: [^\r]*", b"", record.raw))


def test_an_answer_of_the_client_to_a_signed_request() -> None:
    records = message_session()
    place = next(record.place for record in records if record.raw.startswith(b"MESSAGE")) + 1
    assert records[place - 1].raw.startswith(b"SIP/2.0 200")
    assert found(outcome(records, GIVEN)) == []
    told = outcome([stripped(one) if one.place == place else one for one in records], GIVEN)
    assert ("signature-missing", "error") in found(told)
    assert "The 200 OK of sip:ned@litwareinc.com to MESSAGE" in next(
        one.detail for one in told.findings if one.id == "signature-missing"
    )


# --- what needs no signature


@WAYS
@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
def test_what_is_never_challenged(method: str, addresses: bool) -> None:
    records = session()
    raws = (
        (">", of_client(records, method)),
        ("<", answer(records, "200 OK", method=method)),
        ("<", of_server(records, method)),
    )
    assert found(seen(records, *raws, addresses=addresses)) == []


@WAYS
@pytest.mark.parametrize("status", ["100 Trying", "180 Ringing", "183 Session Progress"])
def test_provisional_answers(status: str, addresses: bool) -> None:
    records = session()
    assert found(seen(records, ("<", answer(records, status, method="INVITE")), addresses=addresses)) == []


@WAYS
def test_the_challenge_of_another_server(addresses: bool) -> None:
    """The first request of a dialog that leads past a server which did not ask before."""
    records = session()
    asks = HS1_ASKS.replace("hs1.", "hs7.").replace("WWW", "Proxy")
    raws = ((">", of_client(records)), ("<", answer(records, "407 Proxy Authentication Required", asks)))
    assert found(seen(records, *raws, addresses=addresses)) == []


@WAYS
def test_messages_of_other_users_and_other_endpoints(addresses: bool) -> None:
    records = session()
    nina = "<sip:nina@litwareinc.com>;epid=aa"
    other = f"{NED};epid=bb"
    raws = [
        (">", message("MESSAGE sip:luis@litwareinc.com SIP/2.0", nina, "<sip:luis@litwareinc.com>")),
        ("<", message("SIP/2.0 200 OK", nina, "<sip:luis@litwareinc.com>;tag=2")),
        (">", message("INFO sip:luis@litwareinc.com SIP/2.0", other, "<sip:luis@litwareinc.com>", "INFO")),
        ("<", message("SIP/2.0 200 OK", other, "<sip:luis@litwareinc.com>;tag=2", "INFO")),
        ("<", message("NOTIFY sip:192.0.2.35 SIP/2.0", "<sip:luis@litwareinc.com>", other, "NOTIFY")),
    ]
    assert found(seen(records, *raws, addresses=addresses)) == []


def test_another_dialog_through_another_server() -> None:
    records = session()
    raws = (
        (">", of_client(records)),
        ("<", answer(records, "200 OK")),
        ("<", of_server(records, "NOTIFY")),
    )
    assert found(outcome(beside(records, *raws, server=OTHER), GIVEN)) == []


def test_copies_between_servers() -> None:
    """In a trace of the server: what it sends on to another one, and what it gets from there."""
    records = session()
    made = beside(records, (">", of_client(records)), ("<", answer(records, "200 OK")), ("<", of_server(records)))
    home = records[0].destination
    inner = [
        replace(one, source=OTHER if one.destination == CLIENT else home, destination=home)
        if one.place > 100 and one.destination == CLIENT
        else replace(one, source=home, destination=OTHER)
        if one.place > 100
        else one
        for one in made
    ]
    assert found(outcome(inner, GIVEN)) == []


def test_a_client_that_signs_in_anew_knows_no_association() -> None:
    records = session()
    raws = [
        (">", of_client(records, "REGISTER", call="anew")),
        ("<", answer(records, "401 Unauthorized", HS1_ASKS, "REGISTER", "anew")),
    ]
    assert "not-preauthenticated" not in [id_ for id_, _ in found(seen(records, *raws))]


def test_after_the_association_is_over() -> None:
    records = session()
    made = beside(records, (">", of_client(records)), ("<", answer(records, "401 Unauthorized", HS1_ASKS)))
    late = [one for one in made if one.place > 100]
    hours = [replace(one, time=one.time + timedelta(hours=9)) for one in late if one.time is not None]
    assert "not-preauthenticated" not in outcome([*records[:-2], *hours], GIVEN).ids
    assert "not-preauthenticated" not in outcome([*records, *late], GIVEN).ids  # de-registered


@pytest.mark.parametrize("secrets", [GIVEN, NOTHING], ids=["password", "nothing"])
def test_a_healthy_life_shows_none(secrets: object) -> None:
    seen = outcome(without_addresses(message_session()), secrets)  # type: ignore[arg-type]
    assert found(seen) == []
