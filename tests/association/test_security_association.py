"""Counters, replay window, lifetime."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.association.security_association import EndReason, SecurityAssociation, SignatureProblem
from sipauthctl.association.verdict import Verdict
from sipauthctl.association.window import NumState, ReplayWindow
from sipauthctl.mechanisms.ntlm.context import Role
from sipauthctl.sip.message import Request
from tests.association import stand_in
from tests.association.messages import NOW, association, request, response


def pair() -> tuple[SecurityAssociation, SecurityAssociation]:
    return association("ess", Role.INITIATOR), association("ess", Role.ACCEPTOR)


def test_both_directions_count_on_their_own_from_one() -> None:
    client, server = pair()
    for expected in (1, 2, 3):
        checked = server.verify_request(client.sign_request(request()), NOW)
        assert (checked.num, checked.trusted) == (expected, True)
    checked = client.verify_response(server.sign_response(response()), NOW)
    assert (checked.num, checked.trusted, checked.problem) == (1, True, None)


def test_messages_that_overtake_each_other_are_accepted_once() -> None:
    client, server = pair()
    first, second, third = (client.sign_request(request()) for _ in range(3))
    assert server.verify_request(first, NOW).trusted
    ahead = server.verify_request(third, NOW)
    assert (ahead.trusted, ahead.problem) == (True, SignatureProblem.GAP)
    assert server.verify_request(second, NOW).trusted
    for again in (first, second, third):
        checked = server.verify_request(again, NOW)
        assert (checked.verdict, checked.problem, checked.trusted) == (Verdict.VALID, SignatureProblem.REPLAYED, False)


def test_a_number_far_behind_is_refused() -> None:
    client, server = pair()
    old = client.sign_request(request())
    client.next_num = 1000
    assert server.verify_request(client.sign_request(request()), NOW).trusted
    checked = server.verify_request(old, NOW)
    assert (checked.problem, checked.trusted) == (SignatureProblem.TOO_OLD, False)


def test_numbers_that_do_not_begin_with_one_are_noticed_and_accepted() -> None:
    client, server = pair()
    client.next_num = 5
    checked = server.verify_request(client.sign_request(request()), NOW)
    assert (checked.problem, checked.trusted) == (SignatureProblem.NOT_FROM_ONE, True)


def test_a_forged_message_does_not_move_the_window() -> None:
    client, server = pair()
    client.next_num = 4_000_000_000
    forged = client.sign_request(request())
    forged = forged.with_headers(forged.headers.replace("Expires", "1"))
    assert server.verify_request(forged, NOW).problem is SignatureProblem.INVALID
    client.next_num = 1
    assert server.verify_request(client.sign_request(request()), NOW).problem is None


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('crand="', 'xrand="', SignatureProblem.MALFORMED),
        ('cnum="1"', 'cnum="one"', SignatureProblem.MALFORMED),
        ('cnum="1"', 'cnum="99999999999999999999"', SignatureProblem.MALFORMED),
        ('response="', 'response="zz', SignatureProblem.MALFORMED),
        ('response="', 'response="00', SignatureProblem.INVALID),
        ('opaque="4452DFB0"', 'opaque="4452DFB1"', SignatureProblem.UNKNOWN_ASSOCIATION),
        ('realm="SIP', 'realm="SIX', SignatureProblem.UNKNOWN_ASSOCIATION),
        ("NTLM qop", "Kerberos qop", SignatureProblem.UNKNOWN_ASSOCIATION),
    ],
)
def test_what_is_wrong_with_a_signature_is_told(old: str, new: str, problem: SignatureProblem) -> None:
    client, server = pair()
    signed = client.sign_request(request())
    value = signed.headers.get("Authorization") or ""
    assert old in value
    changed = signed.with_headers(signed.headers.replace("Authorization", value.replace(old, new, 1)))
    checked = server.verify_request(changed, NOW)
    assert (checked.problem, checked.trusted) == (problem, False)


def test_a_message_without_a_signature_is_missing_one() -> None:
    _, server = pair()
    checked = server.verify_request(request(), NOW)
    assert (checked.verdict, checked.problem) == (Verdict.MISSING, SignatureProblem.MISSING)


@pytest.mark.parametrize("name", ["Authentication-Info", "Proxy-Authentication-Info", "Proxy-Authenticate-Info"])
def test_a_server_signature_is_found_in_either_header(name: str) -> None:
    client, server = pair()
    signed = server.sign_response(response())
    value = signed.headers.get("Authentication-Info") or ""
    moved = signed.with_headers(signed.headers.without("Authentication-Info").add(name, value))
    assert client.verify_response(moved, NOW).trusted


def test_the_header_of_this_association_is_found_among_several() -> None:
    client, server = pair()
    signed = client.sign_request(request())
    other = 'NTLM qop="auth", realm="Other", targetname="edge", opaque="1", crand="1", cnum="9", response="00"'
    both = [("Authorization", other), *((field.name, field.value) for field in signed.headers)]
    crowded = Request(method="REGISTER", uri=signed.uri, headers=type(signed.headers)(both))
    assert server.verify_request(crowded, NOW).trusted


def test_it_lives_eight_hours() -> None:
    client, _ = pair()
    assert client.end(NOW + timedelta(hours=8) - timedelta(seconds=1)) is None
    assert client.end(NOW + timedelta(hours=8)) is EndReason.LIFETIME


def test_it_ends_with_the_credentials_behind_it() -> None:
    ends = association("ess", Role.INITIATOR)
    ends.context = stand_in.Context(b"key", expires=NOW + timedelta(hours=1))
    assert ends.expires == NOW + timedelta(hours=1)
    assert ends.end(NOW + timedelta(minutes=59)) is None
    assert ends.end(NOW + timedelta(hours=1)) is EndReason.CREDENTIALS_EXPIRED
    ends.context = stand_in.Context(b"key", expires=NOW + timedelta(hours=10))
    assert ends.end(NOW + timedelta(hours=8)) is EndReason.LIFETIME


def test_a_refused_message_does_not_use_up_its_number() -> None:
    client, server = pair()
    signed = client.sign_request(request())
    assert not server.verify_request(signed.with_headers(signed.headers.replace("Expires", "1")), NOW).trusted
    checked = server.verify_request(signed, NOW)
    assert (checked.trusted, checked.problem) == (True, None)


def test_the_opaque_of_the_first_trusted_answer_is_kept() -> None:
    client, server = pair()
    client.opaque = None
    assert client.verify_response(server.sign_response(response()), NOW).trusted
    assert client.opaque == "4452DFB0"


def test_an_idle_one_ends_and_each_accepted_message_refreshes_it() -> None:
    client = association("ess", Role.INITIATOR)
    server = association("ess", Role.ACCEPTOR, idle=timedelta(minutes=15))
    later = NOW + timedelta(minutes=10)
    assert server.verify_request(client.sign_request(request()), later).trusted
    assert server.end(later + timedelta(minutes=14)) is None
    assert server.end(later + timedelta(minutes=15)) is EndReason.IDLE


def test_a_refused_message_does_not_refresh_it() -> None:
    server = association("ess", Role.ACCEPTOR, idle=timedelta(minutes=15))
    server.verify_request(request(), NOW + timedelta(minutes=10))
    assert server.end(NOW + timedelta(minutes=15)) is EndReason.IDLE


@given(st.lists(st.integers(min_value=1, max_value=600), max_size=60))
def test_the_window_accepts_each_number_once_unless_it_is_too_old(numbers: list[int]) -> None:
    window, seen = ReplayWindow(256), set[int]()
    for number in numbers:
        highest = max(seen, default=0)
        state = window.accept(number)
        if number in seen and highest - number < 256:
            assert state is NumState.REPLAYED
        elif highest - number >= 256:
            assert state is NumState.TOO_OLD
        elif number == highest + 1:
            assert state is NumState.NEXT
        else:
            assert state is (NumState.AHEAD if number > highest else NumState.LATE)
        if state not in (NumState.REPLAYED, NumState.TOO_OLD):
            seen.add(number)
