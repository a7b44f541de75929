"""Why a client stops, and what it makes of answers that prove nothing."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.association.client import (
    Challenged,
    ClientHandshake,
    Finished,
    SendNext,
    Stopped,
    StopReason,
    Wait,
)
from sipauthctl.association.offers import Offer
from sipauthctl.association.security_association import SignatureProblem
from sipauthctl.association.verdict import Verdict
from sipauthctl.mechanisms.base import MalformedToken, MechanismError, Scheme
from sipauthctl.sip.errors import ParseError
from sipauthctl.sip.message import Response
from tests.association import stand_in
from tests.association.dialogue import answer, challenge, make_client, register
from tests.association.messages import NOW

NAMED = 'realm="SIP Communications Service", targetname="hs1.litwareinc.com"'
TOKEN = base64.b64encode(stand_in.CHALLENGE + b"session key").decode()
WITH_TOKEN = f'NTLM opaque="4452DFB0", gssapi-data="{TOKEN}", {NAMED}, version=4'


def begun(initiator: stand_in.Initiator | None = None, offered: str = f"NTLM {NAMED}, version=4") -> ClientHandshake:
    """A client whose first token has been sent."""
    client = make_client()
    step = client.receive(challenge(offered), NOW)
    assert isinstance(step, Challenged)
    client.begin(step.offers[0], initiator or stand_in.Initiator(Scheme.NTLM))
    client.authorize(register(2), NOW)
    return client


def final_sent() -> ClientHandshake:
    client = begun()
    assert isinstance(client.receive(challenge(WITH_TOKEN), NOW), SendNext)
    client.authorize(register(3), NOW)
    return client


def stopped(client: ClientHandshake, response: Response) -> Stopped:
    step = client.receive(response, NOW)
    assert isinstance(step, Stopped), step
    return step


def test_nothing_is_added_before_a_challenge() -> None:
    assert make_client().authorize(register(), NOW) == register()


@pytest.mark.parametrize("status", [100, 180])
def test_a_provisional_answer_changes_nothing(status: int) -> None:
    client = begun()
    assert isinstance(client.receive(answer(register(2), status), NOW), Wait)
    assert isinstance(client.receive(challenge(WITH_TOKEN), NOW), SendNext)


@pytest.mark.parametrize("status", [200, 301])
def test_a_success_without_a_challenge_proves_nothing(status: int) -> None:
    assert stopped(make_client(), answer(register(), status)).reason is StopReason.NOT_CHALLENGED
    assert stopped(begun(), answer(register(), status)).reason is StopReason.NOT_CHALLENGED


@pytest.mark.parametrize("status", [401, 407])
def test_a_challenge_without_its_header_offers_nothing(status: int) -> None:
    other = "Proxy-Authenticate" if status == 401 else "WWW-Authenticate"
    step = stopped(make_client(), answer(register(), status, ((other, f"NTLM {NAMED}"),)))
    assert step.reason is StopReason.NO_OFFERS
    assert str(status) in step.detail


def test_a_challenge_that_offers_nothing_and_says_why_is_a_refusal() -> None:
    told = (("ms-diagnostics", '1002;reason="From URI not authorized";source="hs1.litwareinc.com"'),)
    assert stopped(make_client(), answer(register(), 401, told)).reason is StopReason.REFUSED


@pytest.mark.parametrize("status", [403, 404, 500, 504])
def test_a_no_is_a_no_at_any_step(status: int) -> None:
    for client in (make_client(), begun()):
        step = stopped(client, answer(register(), status, reason="Forbidden"))
        assert (step.reason, step.detail) == (StopReason.REFUSED, f"{status} Forbidden")


def test_a_challenge_after_the_last_token_refuses_the_credentials() -> None:
    for value in (f"NTLM {NAMED}, version=4", WITH_TOKEN):
        assert stopped(final_sent(), challenge(value)).reason is StopReason.CREDENTIALS_REFUSED


def test_a_kerberos_challenge_after_the_ticket_refuses_it() -> None:
    offered = f"Kerberos {NAMED}, version=4"
    client = begun(stand_in.Initiator(Scheme.KERBEROS), offered)
    assert stopped(client, challenge(offered)).reason is StopReason.CREDENTIALS_REFUSED


@pytest.mark.parametrize(
    "values",
    [
        (f"NTLM {NAMED}, version=4",),
        (f'NTLM {NAMED}, gssapi-data=""',),
        (WITH_TOKEN.replace("NTLM", "Kerberos", 1),),
        (),
    ],
)
def test_a_challenge_without_a_token_in_the_middle_starts_over(values: tuple[str, ...]) -> None:
    assert stopped(begun(), challenge(*values)).reason is StopReason.STARTED_OVER


def test_a_second_challenge_before_a_choice_starts_over() -> None:
    client = make_client()
    client.receive(challenge(f"NTLM {NAMED}"), NOW)
    assert stopped(client, challenge(f"NTLM {NAMED}")).reason is StopReason.STARTED_OVER


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('targetname="hs1.litwareinc.com"', 'targetname="hs2.litwareinc.com"'),
        ('targetname="hs1.litwareinc.com"', 'targetname="HS1.litwareinc.com"'),  # compared as it stands
        (', targetname="hs1.litwareinc.com"', ""),
        ("SIP Communications Service", "Another Realm"),
    ],
)
def test_a_token_from_another_server_is_not_used(old: str, new: str) -> None:
    assert old in WITH_TOKEN
    assert stopped(begun(), challenge(WITH_TOKEN.replace(old, new))).reason is StopReason.OTHER_SERVER


def test_the_right_token_is_found_among_those_of_several_proxies() -> None:
    client = begun()
    other = WITH_TOKEN.replace("hs1", "edge").replace("4452DFB0", "11111111")
    assert isinstance(client.receive(challenge(other, WITH_TOKEN), NOW), SendNext)
    assert 'opaque="4452DFB0"' in (client.authorize(register(3), NOW).headers.get("Authorization") or "")


@pytest.mark.parametrize("token", ["%%%%", "abc", "é", "a b c d", "TlRM=TlRM", "\udcff"])
def test_a_token_that_is_not_base64_is_malformed(token: str) -> None:
    assert stopped(begun(), challenge(WITH_TOKEN.replace(TOKEN, token))).reason is StopReason.MALFORMED_TOKEN


def test_a_token_of_another_mechanism_is_malformed() -> None:
    step = stopped(begun(), challenge(WITH_TOKEN.replace(TOKEN, base64.b64encode(b"something").decode())))
    assert step.reason is StopReason.MALFORMED_TOKEN
    assert isinstance(step.error, MalformedToken)


def test_a_mechanism_that_cannot_go_on_says_why() -> None:
    step = stopped(begun(stand_in.Initiator(Scheme.NTLM, weak=True)), challenge(WITH_TOKEN))
    assert (step.reason, step.detail) == (StopReason.MECHANISM_FAILED, "the server asks for too weak a key")
    assert isinstance(step.error, MechanismError)


@pytest.mark.parametrize("value", ["", "=", 'realm="a"', 'NTLM realm="a'])
def test_a_challenge_header_that_cannot_be_read_is_malformed(value: str) -> None:
    assert stopped(make_client(), challenge(value)).reason is StopReason.MALFORMED_HEADER
    assert stopped(begun(), challenge(value)).reason is StopReason.MALFORMED_HEADER


@pytest.mark.parametrize(
    ("info", "verdict", "problem"),
    [
        (None, Verdict.MISSING, SignatureProblem.MISSING),
        ('rspauth="0011", srand="1A2B3C4D", snum="1"', Verdict.INVALID, SignatureProblem.INVALID),
        ('rspauth="0011", srand="1A2B3C4D"', Verdict.INVALID, SignatureProblem.MALFORMED),
    ],
)
def test_an_answer_that_is_not_properly_signed_is_not_trusted(
    info: str | None, verdict: Verdict, problem: SignatureProblem
) -> None:
    headers = () if info is None else (("Authentication-Info", f'NTLM {NAMED}, opaque="4452DFB0", {info}'),)
    step = final_sent().receive(answer(register(3), 200, headers), NOW)
    assert isinstance(step, Finished)
    assert (step.signature.verdict, step.signature.problem, step.signature.trusted) == (verdict, problem, False)


def test_an_answer_for_another_opaque_is_not_trusted() -> None:
    value = f'NTLM {NAMED}, opaque="11111111", rspauth="0011", srand="1A2B3C4D", snum="1"'
    step = final_sent().receive(answer(register(3), 200, (("Authentication-Info", value),)), NOW)
    assert isinstance(step, Finished)
    assert step.signature.problem is SignatureProblem.UNKNOWN_ASSOCIATION


def test_a_handshake_begins_with_a_challenge() -> None:
    client = make_client()
    step = client.receive(challenge(f"NTLM {NAMED}", "Kerberos x=y"), NOW)
    assert isinstance(step, Challenged)
    ntlm, kerberos = step.offers
    with pytest.raises(ValueError, match="begins with a challenge"):
        make_client().begin(ntlm, stand_in.Initiator(Scheme.NTLM))
    with pytest.raises(ValueError, match="cannot be taken"):
        client.begin(ntlm, stand_in.Initiator(Scheme.KERBEROS))
    with pytest.raises(ValueError, match="cannot be taken"):
        client.begin(kerberos, stand_in.Initiator(Scheme.KERBEROS))


def test_after_a_mechanism_failed_another_offer_may_be_tried() -> None:
    class NoTicket(stand_in.Initiator):
        def step(self, token: bytes | None) -> bytes:
            raise MechanismError("no ticket")

    client = make_client()
    step = client.receive(challenge(f"Kerberos {NAMED}", f"NTLM {NAMED}, version=4"), NOW)
    assert isinstance(step, Challenged)
    kerberos, ntlm = step.offers
    with pytest.raises(MechanismError, match="no ticket"):
        client.begin(kerberos, NoTicket(Scheme.KERBEROS))
    client.begin(ntlm, stand_in.Initiator(Scheme.NTLM))
    assert (client.authorize(register(2), NOW).headers.get("Authorization") or "").startswith("NTLM ")


def test_a_request_that_lacks_a_signed_header_is_not_signed() -> None:
    client = begun()
    client.receive(challenge(WITH_TOKEN), NOW)
    with pytest.raises(ParseError, match="Call-ID"):
        client.authorize(register(3).with_headers(register(3).headers.without("Call-ID")), NOW)


def test_a_scheme_in_another_case_is_echoed_as_it_stands() -> None:
    client = begun(offered=f"ntlm {NAMED}, version=4")
    client.receive(challenge(WITH_TOKEN.replace("NTLM", "ntlm")), NOW)
    assert (client.authorize(register(3), NOW).headers.get("Authorization") or "").startswith("ntlm ")


@given(
    st.sampled_from([200, 301, 401, 403, 407, 500]),
    st.sampled_from(["WWW-Authenticate", "Proxy-Authenticate", "Authentication-Info"]),
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=60)
    | st.just(WITH_TOKEN)
    | st.text('NTLMgssapi-data=",é', max_size=30).map(lambda text: WITH_TOKEN.replace(TOKEN, text)),
)
def test_any_answer_gives_a_step(status: int, name: str, value: str) -> None:
    response = answer(register(), status, ((name, value),))
    for client in (make_client(), begun(), final_sent()):
        step = client.receive(response, NOW)
        assert isinstance(step, Challenged | SendNext | Finished | Stopped)
        assert not isinstance(step, Finished) or not step.signature.trusted


def test_an_offer_can_be_made_only_from_a_challenge() -> None:
    incomplete = Offer(Scheme.NTLM, "NTLM", None, "hs1", 4, None, None, None, None)
    client = make_client()
    client.receive(challenge(f"NTLM {NAMED}"), NOW)
    with pytest.raises(ValueError, match="cannot be taken"):
        client.begin(incomplete, stand_in.Initiator(Scheme.NTLM))


def test_the_offers_beyond_the_first_are_counted_and_not_looked_at() -> None:
    junk = ", ".join(f"K{number} r=1" for number in range(4000))
    step = make_client().receive(challenge(f"NTLM {NAMED}, version=4", junk), NOW)
    assert isinstance(step, Challenged)
    assert [offer.scheme_text for offer in step.offers] == ["NTLM", *(f"K{number}" for number in range(31))]
    assert step.left_out == 4001 - 32
