"""Anonymous joins, and Digest of other servers, in captures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sipauthctl.analysis.results import State
from sipauthctl.analysis.secrets import Secrets, nt_hash_secrets, password_secrets
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Address, Record
from sipauthctl.lab.conferences import CONFERENCES
from sipauthctl.sip.message import Request, Response
from tests.analysis.sessions import NOTHING, Outcome, changed, outcome, session
from tests.lab.anonymous import invite, join
from tests.lab.test_registrar import World

PASSCODE = CONFERENCES[0].passcode
KNOWN = Secrets(password_secrets(PASSCODE))
WRONG = Secrets(password_secrets("314159"))
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def recorded(messages: Iterable[Request | Response], began: datetime = BEGAN) -> list[Record]:
    client, server = Address("192.0.2.35", 13184), Address("127.0.0.1", 5061)
    return [
        Record(
            time=began + timedelta(milliseconds=20 * place),
            source=client if isinstance(message, Request) else server,
            destination=server if isinstance(message, Request) else client,
            transport="tls",
            raw=message.to_bytes(),
            input="join.pcap",
            place=place,
        )
        for place, message in enumerate(messages, 1)
    ]


def joined(passcode: str = PASSCODE) -> list[Record]:
    return recorded(join(World().ask, passcode))


def test_an_anonymous_join_is_named_and_both_sides_are_verified() -> None:
    seen = outcome(joined(), KNOWN)
    (exchange,) = seen.associations
    assert (exchange.scheme, exchange.purpose, exchange.state) == ("Digest", "anonymous join", State.ESTABLISHED)
    assert exchange.user.endswith("@anonymous.invalid")
    assert exchange.realm == "ned@litwareinc.com"
    assert seen.verdicts == {3: Verdict.VALID, 4: Verdict.VALID}
    assert seen.ids == []


def test_without_the_passcode_nothing_is_claimed() -> None:
    for secrets in (NOTHING, Secrets(nt_hash_secrets("00" * 16))):
        seen = outcome(joined(), secrets)
        assert set(seen.verdicts.values()) == {Verdict.UNVERIFIABLE}
        assert seen.ids == []


def test_a_passcode_that_was_given_wrong_is_no_fault_of_the_deployment() -> None:
    seen = outcome(joined(), WRONG)
    assert set(seen.verdicts.values()) == {Verdict.UNVERIFIABLE}
    assert [(found.id, found.severity.value) for found in seen.findings] == [("given-secret-unfit", "info")]


def test_a_table_names_the_organizer_or_the_user() -> None:
    for name in ("ned@litwareinc.com", "alice"):
        seen = outcome(joined(), Secrets(password_secrets(f"{name}:{PASSCODE}\nother:1\n")))
        assert seen.verdicts == {3: Verdict.VALID, 4: Verdict.VALID}


@pytest.mark.parametrize(
    ("secrets", "words"),
    [(NOTHING, ""), (KNOWN, "did not use the password that was given"), (WRONG, "used the password that was given")],
)
def test_a_refused_join_tells_a_wrong_passcode_from_other_causes(secrets: Secrets, words: str) -> None:
    seen = outcome(joined("314159"), secrets)
    (found,) = seen.findings
    assert (found.id, found.severity.value) == ("anonymous-join-refused", "error")
    assert words in found.detail
    assert seen.associations[0].state is State.FAILED


def test_a_second_passcode_in_the_same_call_is_judged_by_itself() -> None:
    world = World()
    messages = [*join(world.ask, PASSCODE), *join(world.ask, "314159", first=3)]
    found = next(one for one in outcome(recorded(messages), KNOWN).findings if one.id == "anonymous-join-refused")
    assert "did not use the password that was given" in found.detail
    messages = [*join(world.ask, "314159", first=5), *join(world.ask, PASSCODE, first=7)]
    seen = outcome(recorded(messages), KNOWN)
    assert sorted(exchange.state.value for exchange in seen.associations) == ["established", "failed"]
    assert seen.serious == ["anonymous-join-refused"]


def test_a_stale_nonce_is_no_refusal() -> None:
    world = World()
    messages = join(world.ask, PASSCODE)
    replayed = world.ask(messages[2])  # type: ignore[arg-type]
    assert b"stale=true" in replayed.to_bytes()
    seen = outcome(recorded([*messages[:3], replayed, *join(world.ask, PASSCODE, first=3)]), KNOWN)
    assert [exchange.state for exchange in seen.associations] == [State.ESTABLISHED]
    assert seen.serious == []


@pytest.mark.parametrize("old", [b"INVITE sip:", b"alice", b'nonce="', b"nc=00000001", b'cnonce="0', b'response="'])
def test_a_changed_message_is_invalid_once_the_passcode_is_known(old: bytes) -> None:
    """A right join first, then a changed one of the same user in the same call."""
    world = World()
    first, second = join(world.ask, PASSCODE), join(world.ask, PASSCODE, first=3)
    records = recorded([*first, *second])
    new = {b"INVITE sip:": b"BYEBYE sip:", b"alice": b"alicf", b"nc=00000001": b"nc=00000002"}.get(old)
    if new is None:
        value = records[6].raw.partition(old)[2][:1]
        old, new = old + value, old + (b"b" if value != b"b" else b"c")
    seen = outcome(changed(records, 7, old, new), KNOWN)
    assert seen.verdicts[7] is Verdict.INVALID
    assert {place: verdict for place, verdict in seen.verdicts.items() if place < 5} == dict.fromkeys(
        (3, 4), Verdict.VALID
    )
    assert "signature-invalid" in seen.ids


def test_a_server_that_does_not_prove_the_password() -> None:
    records = joined()
    value = records[3].raw.partition(b'rspauth="')[2][:1]
    other = b"b" if value != b"b" else b"c"
    seen = outcome(changed(records, 4, b'rspauth="' + value, b'rspauth="' + other), KNOWN)
    assert seen.verdicts == {3: Verdict.VALID, 4: Verdict.INVALID}
    assert "signature-invalid" in seen.ids


def test_auth_int_covers_the_body() -> None:
    """The example of draft-smith-sipping-auth-examples 3.6."""
    from tests.mechanisms.test_digest import SIP_BODY

    value = (
        'Digest username="bob", realm="biloxi.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'uri="sip:bob@biloxi.com", qop="auth-int", nc=00000001, cnonce="0a4f113b", algorithm=MD5-sess, '
        'response="91984da2d8663716e91554859c22ca70"'
    )
    request = invite(1, conference="sip:bob@biloxi.com", body=SIP_BODY)
    records = recorded([request.with_headers(request.headers.add("Authorization", value))])
    secrets = Secrets(password_secrets("bob:zanzibar\nnobody:1"))
    seen = outcome(records, secrets)
    assert seen.verdicts == {1: Verdict.VALID}
    assert seen.associations[0].purpose == ""
    assert outcome(changed(records, 1, b"t=0 0", b"t=0 1"), secrets).verdicts == {1: Verdict.UNVERIFIABLE}


def test_an_unanswered_challenge_is_only_warned_of() -> None:
    records = joined()[:2]
    later = [replace(record, time=BEGAN + timedelta(hours=1)) for record in session()[:1]]
    seen = outcome([*records, *later], KNOWN)
    found = next(one for one in seen.findings if "anonymous.invalid" in one.detail)
    assert (found.id, found.severity.value) == ("handshake-incomplete", "warning")


def test_a_join_beside_a_sign_in_changes_nothing_for_it() -> None:
    from tests.analysis.sessions import PASSWORD

    both = [*session(), *joined()]
    secrets = Secrets(password_secrets(f"ned\t{PASSWORD}\nned@litwareinc.com\t{PASSCODE}"))
    seen = outcome(both, secrets)
    assert {one.scheme for one in seen.associations} == {"NTLM", "Digest"}
    assert {signature.verdict for signature in seen.signatures} == {Verdict.VALID}
    assert seen.serious == []


def test_no_passcode_and_no_response_is_in_any_output() -> None:
    records = joined()
    response = records[2].raw.partition(b'response="')[2][:32].decode()
    seen = outcome(records, KNOWN)
    text = repr(seen.associations) + repr(seen.findings) + repr(seen.signatures) + repr(KNOWN)
    assert PASSCODE not in text
    assert response not in text


def phone(*messages: str, epid: str = "") -> Outcome:
    """A REGISTER at a server of another kind: each message is its start line, its CSeq, and other headers."""
    records = []
    for place, message in enumerate(messages, 1):
        start, cseq, *more = message.splitlines()
        headers = [f"From: <sip:ned@example.com>;tag=a{epid}", "To: <sip:ned@example.com>", "Call-ID: c1@phone"]
        text = "\r\n".join([start, *headers, f"CSeq: {cseq}", *more, "Content-Length: 0", "", ""])
        records.append(Record(BEGAN, None, None, "udp", text.encode(), "phone.txt", place))
    return outcome(records, NOTHING)


REGISTER = "REGISTER sip:example.com SIP/2.0\n"
CHALLENGE = 'WWW-Authenticate: Digest realm="example.com", nonce="{}"'
RESPONSE = (
    'Authorization: Digest username="ned", realm="example.com", uri="sip:example.com", nonce="{}", '
    'response="6b13a7f9b1e1a4f0a2d2b2a5d6d3c7aa"'
)
ASKED = [f"{REGISTER}1 REGISTER", f"SIP/2.0 401 Unauthorized\n1 REGISTER\n{CHALLENGE.format('aa')}"]
ANSWERED = [*ASKED, f"{REGISTER}2 REGISTER\n{RESPONSE.format('aa')}"]


@pytest.mark.parametrize("phrase", ["403 Wrong password", "404 Not found", "401 nonce has changed"])
def test_another_kind_of_server_is_quoted_and_nothing_is_said_of_a_directory(phrase: str) -> None:
    seen = phone(*ANSWERED, f"SIP/2.0 {phrase}\n2 REGISTER\n{CHALLENGE.format('bb')}")
    (found,) = seen.findings
    assert (found.id, found.severity.value) == ("digest-refused", "error")
    assert phrase in found.detail
    assert f"SIP/2.0 {phrase}" in found.evidence
    assert "Get-AD" not in found.remedy


def test_another_kind_of_server_that_is_overloaded_refuses_no_credentials() -> None:
    seen = phone(*ANSWERED, "SIP/2.0 503 Maintenance\n2 REGISTER\nRetry-After: 60")
    (found,) = seen.findings
    assert found.id == "server-diagnostic"
    assert "example.com answers 503 Maintenance." in found.detail
    assert "Retry-After: 60" in found.evidence


def test_a_client_that_answers_the_next_nonce_and_is_let_in_is_only_warned_of() -> None:
    seen = phone(
        *ANSWERED,
        f"SIP/2.0 401 Unauthorized\n2 REGISTER\n{CHALLENGE.format('bb')}",
        f"{REGISTER}3 REGISTER\n{RESPONSE.format('bb')}",
        "SIP/2.0 200 OK\n3 REGISTER",
    )
    assert [(found.id, found.severity.value) for found in seen.findings] == [("digest-refused", "warning")]


def test_a_digest_sign_in_that_succeeds_is_healthy() -> None:
    assert phone(*ANSWERED, "SIP/2.0 200 OK\n2 REGISTER").findings == ()


def test_a_call_that_is_refused_says_nothing_of_the_caller() -> None:
    call = f"INVITE sip:nina@example.com SIP/2.0\n2 INVITE\n{RESPONSE.format('aa')}"
    assert phone(*ASKED, call, "SIP/2.0 404 Not Found\n2 INVITE").ids == []


@pytest.mark.parametrize(("epid", "expected"), [("", False), (";epid=01234567", True)])
def test_digest_alone_is_no_use_to_a_client_of_this_family(epid: str, expected: bool) -> None:
    """Other clients have no epid, and sign in with it."""
    seen = phone(*ASKED, epid=epid)
    assert ("no-usable-scheme" in seen.ids) == expected
    assert "date-missing" not in seen.ids
    assert all("Get-CsProxyConfiguration" not in found.remedy for found in seen.findings)
