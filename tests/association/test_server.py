"""Why a server challenges or refuses, and what it remembers."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.association import server as server_module
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.association.security_association import SecurityAssociation, SignatureProblem
from sipauthctl.association.server import (
    PENDING_LIFETIME,
    Authenticated,
    Challenge,
    ChallengeReason,
    Discarded,
    Forbidden,
    RefusalReason,
    Refused,
    ServerAuthenticator,
    ServerStep,
)
from sipauthctl.association.verdict import Verdict
from sipauthctl.mechanisms.base import MalformedToken, Scheme
from sipauthctl.sip.message import Request
from tests.association import stand_in
from tests.association.dialogue import Exchange, make_client, make_server, over_the_wire, register
from tests.association.messages import NOW

NAMED = 'realm="SIP Communications Service", targetname="hs1.litwareinc.com"'
KEY = b"session key"


def with_credentials(value: str, number: int = 2, name: str = "Authorization") -> Request:
    request = register(number)
    return request.with_headers(request.headers.add(name, value))


def token(data: bytes, *more: str) -> str:
    return ", ".join((f'NTLM {NAMED}, gssapi-data="{base64.b64encode(data).decode()}"', *more))


def asked(server: ServerAuthenticator, value: str, now: datetime = NOW) -> ServerStep:
    return server.receive(with_credentials(value), now)


def challenged(step: ServerStep) -> Challenge:
    assert isinstance(step, Challenge), step
    return step


def refused(step: ServerStep) -> Refused:
    assert isinstance(step, Refused), step
    return step


def opaque_of(step: ServerStep) -> str:
    (header,) = challenged(step).headers
    return AuthParameters.parse(header[1]).get("opaque") or ""


def signed_in(server: ServerAuthenticator) -> tuple[SecurityAssociation, Request]:
    """The client's association, and the last request of its handshake."""
    exchange = Exchange(make_client(), server, stand_in.Initiator(Scheme.NTLM))
    return exchange.finished.association, exchange.requests[-1]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('Digest username="ned", realm="x"', ChallengeReason.SCHEME_NOT_OFFERED),
        (f'TLS-DSK {NAMED}, gssapi-data=""', ChallengeReason.SCHEME_NOT_OFFERED),
        (f'Unheard-Of {NAMED}, gssapi-data=""', ChallengeReason.SCHEME_NOT_OFFERED),
        (f'NTLM {NAMED.replace("hs1", "hs2")}, gssapi-data=""', ChallengeReason.OTHER_SERVER),
        (f'NTLM {NAMED.replace("SIP", "sip")}, gssapi-data=""', ChallengeReason.OTHER_SERVER),
        ('NTLM gssapi-data=""', ChallengeReason.OTHER_SERVER),
        (f'NTLM {NAMED}, opaque="4452DFB0", crand="1", cnum="1", response="00"', ChallengeReason.UNKNOWN_ASSOCIATION),
        (f'NTLM {NAMED}, crand="1", cnum="1", response="00"', ChallengeReason.UNKNOWN_ASSOCIATION),
    ],
)
def test_credentials_that_are_not_for_this_server_are_challenged_afresh(value: str, reason: ChallengeReason) -> None:
    step = challenged(asked(make_server(), value))
    assert step.reason is reason
    assert [AuthParameters.parse(header).scheme_text for _, header in step.headers] == ["NTLM", "Kerberos"]


def test_a_scheme_without_an_acceptor_is_offered_and_never_taken() -> None:
    server = ServerAuthenticator(
        family=make_server().family,
        realm="r",
        targetnames={Scheme.TLS_DSK: "hs1"},
        version=4,
        acceptors={},
        token_bytes=bytes,
    )
    step = challenged(asked(server, 'TLS-DSK realm="r", targetname="hs1", gssapi-data=""'))
    assert step.reason is ChallengeReason.SCHEME_NOT_OFFERED
    assert step.headers[0][1].startswith("TLS-DSK ")


def test_credentials_in_the_header_of_the_other_family_are_none() -> None:
    step = make_server().receive(with_credentials(token(b""), name="Proxy-Authorization"), NOW)
    assert challenged(step).reason is ChallengeReason.NO_CREDENTIALS


def test_the_credentials_for_this_server_are_found_among_others() -> None:
    request = with_credentials(f'NTLM {NAMED.replace("hs1", "edge")}, gssapi-data=""')
    request = request.with_headers(request.headers.add("Authorization", token(b"")))
    assert challenged(make_server().receive(request, NOW)).reason is ChallengeReason.TOKEN_DUE


@pytest.mark.parametrize("value", ["", "=", 'realm="a"', 'NTLM realm="a'])
def test_a_header_that_cannot_be_read_is_malformed(value: str) -> None:
    step = refused(asked(make_server(), value))
    assert step.reason is RefusalReason.MALFORMED
    assert len(step.headers) == 2


@pytest.mark.parametrize("text", ["%%%%", "abc", "é", "a b c d", "TlRM=TlRM", "\udcff"])
def test_a_token_that_is_not_base64_is_malformed(text: str) -> None:
    assert refused(asked(make_server(), f'NTLM {NAMED}, gssapi-data="{text}"')).reason is RefusalReason.MALFORMED


def test_a_token_of_another_mechanism_is_refused() -> None:
    step = refused(asked(make_server(), token(b"something")))
    assert step.reason is RefusalReason.MECHANISM
    assert isinstance(step.error, MalformedToken)
    assert step.logon_status is None


def test_a_refused_logon_tells_its_status() -> None:
    server = make_server()
    opaque = opaque_of(asked(server, token(b"")))
    step = refused(asked(server, token(stand_in.LOCKED + KEY, f'opaque="{opaque}"', "version=4")))
    assert (step.reason, step.logon_status) == (RefusalReason.LOGON, stand_in.ACCOUNT_LOCKED_OUT)


@pytest.mark.parametrize(
    ("version", "more", "problem"),
    [
        (4, (), SignatureProblem.MISSING),
        (4, ('crand="1"', 'cnum="1"', 'response="00"'), SignatureProblem.INVALID),
        (4, ('crand="1"', 'cnum="1"'), SignatureProblem.MALFORMED),
        (3, ('crand="1"', 'cnum="1"', 'response="00"'), SignatureProblem.INVALID),
    ],
)
def test_a_last_token_without_a_right_signature_is_refused(
    version: int, more: tuple[str, ...], problem: SignatureProblem
) -> None:
    server = make_server(version=version)
    opaque = opaque_of(asked(server, token(b"", f"version={version}")))
    step = refused(asked(server, token(stand_in.ANSWER + KEY, f'opaque="{opaque}"', f"version={version}", *more)))
    assert step.reason is RefusalReason.SIGNATURE
    assert step.signature is not None
    assert step.signature.problem is problem
    assert step.detail


def test_a_changed_or_replayed_request_is_refused() -> None:
    server = make_server()
    association, last = signed_in(server)
    request = over_the_wire(association.sign_request(register(4)))
    changed = request.with_headers(request.headers.replace("Expires", "0"))
    for message, problem in (
        (changed, SignatureProblem.INVALID),
        (request, None),
        (request, SignatureProblem.REPLAYED),
    ):
        step = server.receive(message, NOW)
        if problem is None:
            assert isinstance(step, Authenticated)
        else:
            refusal = refused(step)
            assert refusal.reason is RefusalReason.SIGNATURE
            assert refusal.signature is not None
            assert refusal.signature.problem is problem
    # The last request of the handshake carries an answer to a challenge that is gone.
    assert refused(server.receive(last, NOW)).reason is RefusalReason.MECHANISM


def test_a_token_is_taken_once() -> None:
    server = make_server(version=3)
    opaque = opaque_of(asked(server, token(b"", "version=3")))
    final = token(stand_in.ANSWER + KEY, f'opaque="{opaque}"', "version=3")
    step = asked(server, final)
    assert isinstance(step, Authenticated)
    assert step.signature.verdict is Verdict.MISSING
    assert refused(asked(server, final)).reason is RefusalReason.MECHANISM


@pytest.mark.parametrize(
    ("late", "stays"), [(PENDING_LIFETIME - timedelta(seconds=1), True), (PENDING_LIFETIME, False)]
)
def test_a_handshake_waits_a_minute(late: timedelta, stays: bool) -> None:
    server = make_server(version=3)
    opaque = opaque_of(asked(server, token(b"", "version=3")))
    # A first token under the opaque of a handshake goes on with it; afterwards it begins another one.
    again = opaque_of(asked(server, token(b"", f'opaque="{opaque}"', "version=3"), NOW + late))
    assert (again == opaque) is stays


@pytest.mark.parametrize(
    ("asks", "spoken"), [(None, 2), ("2", 2), ("3", 3), ("4", 4), ("7", 4), ("0", 2), ("x", 2), ("-3", 2)]
)
def test_the_version_is_the_lower_of_both(asks: str | None, spoken: int) -> None:
    server = make_server(version=4)
    version = () if asks is None else (f'version="{asks}"',)
    opaque = opaque_of(asked(server, token(b"", *version)))
    step = asked(server, token(stand_in.ANSWER + KEY, f'opaque="{opaque}"', *version))
    if spoken < 4:
        assert isinstance(step, Authenticated)
        assert step.association.version == spoken
    else:
        assert refused(step).reason is RefusalReason.SIGNATURE  # version 4 demands one


def test_an_association_ends_and_the_next_request_is_challenged() -> None:
    server = make_server()
    association, _ = signed_in(server)
    end = NOW + timedelta(hours=8)
    assert isinstance(server.receive(association.sign_request(register(4)), end - timedelta(seconds=1)), Authenticated)
    step = challenged(server.receive(association.sign_request(register(5)), end))
    assert step.reason is ChallengeReason.ASSOCIATION_EXPIRED
    step = challenged(server.receive(association.sign_request(register(6)), end))
    assert step.reason is ChallengeReason.UNKNOWN_ASSOCIATION


def test_each_signed_request_keeps_it_from_idling() -> None:
    server = make_server(idle=timedelta(minutes=15))
    association, _ = signed_in(server)
    now = NOW
    for number in range(4, 8):
        now += timedelta(minutes=14)
        assert isinstance(server.receive(association.sign_request(register(number)), now), Authenticated)
    step = challenged(server.receive(association.sign_request(register(9)), now + timedelta(minutes=15)))
    assert step.reason is ChallengeReason.ASSOCIATION_EXPIRED


def test_it_ends_with_the_kerberos_ticket() -> None:
    ticket_end = NOW + timedelta(hours=1)
    server = ServerAuthenticator(
        family=make_server().family,
        realm="r",
        targetnames={Scheme.KERBEROS: "sip/hs1"},
        version=4,
        acceptors={Scheme.KERBEROS: lambda: stand_in.Acceptor(Scheme.KERBEROS, expires=ticket_end)},
        token_bytes=bytes,
    )
    association = Exchange(make_client(), server, stand_in.Initiator(Scheme.KERBEROS)).finished.association
    step = challenged(server.receive(association.sign_request(register(4)), ticket_end))
    assert step.reason is ChallengeReason.ASSOCIATION_EXPIRED


def test_what_is_dropped_or_forgotten_is_unknown() -> None:
    for forget_all in (False, True):
        server = make_server()
        association, _ = signed_in(server)
        step = server.receive(association.sign_request(register(4)), NOW)
        assert isinstance(step, Authenticated)
        if forget_all:
            server.forget()
        else:
            server.drop(step.association)
        step = server.receive(association.sign_request(register(5)), NOW)
        assert challenged(step).reason is ChallengeReason.UNKNOWN_ASSOCIATION


def test_many_handshakes_push_out_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "TABLE_SIZE", 3)
    server = make_server()
    opaques = [opaque_of(asked(server, token(b""))) for _ in range(4)]
    assert len(set(opaques)) == 4
    goes_on = [opaque_of(asked(server, token(b"", f'opaque="{opaque}"'))) == opaque for opaque in opaques[1:]]
    assert goes_on == [True, True, True]
    assert opaque_of(asked(server, token(b"", f'opaque="{opaques[0]}"'))) != opaques[0]


@given(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=60), st.booleans())
def test_any_credentials_give_a_step(text: str, named: bool) -> None:
    value = f"NTLM {NAMED}, {text}" if named else text
    assert isinstance(asked(make_server(), value), Challenge | Refused)


def with_from(request: Request, value: str) -> Request:
    return request.with_headers(request.headers.replace("From", value))


def signed_by(association: SecurityAssociation, from_: str, number: int = 9) -> Request:
    return association.sign_request(with_from(register(number), from_))


OWN = "<sip:ned@litwareinc.com>;tag=1;epid=c8ca638a15"


@pytest.mark.parametrize("epid", ["", ";epid=deadbeef00"])
def test_an_association_is_of_one_endpoint(epid: str) -> None:
    server = make_server()
    association, _ = signed_in(server)
    step = server.receive(signed_by(association, f"<sip:ned@litwareinc.com>;tag=1{epid}"), NOW)
    assert challenged(step).reason is ChallengeReason.UNKNOWN_ASSOCIATION
    assert isinstance(server.receive(signed_by(association, OWN), NOW), Authenticated)


def test_an_association_is_of_one_user() -> None:
    server = make_server()
    association, _ = signed_in(server)
    step = server.receive(signed_by(association, OWN.replace("ned", "lena")), NOW)
    assert isinstance(step, Forbidden)
    assert step.signature.trusted


def test_whoever_cannot_sign_is_not_told_that_the_user_is_another() -> None:
    server = make_server()
    association, _ = signed_in(server)
    forged = with_from(signed_by(association, OWN), OWN.replace("ned", "lena"))
    assert refused(server.receive(forged, NOW)).reason is RefusalReason.SIGNATURE


def test_another_endpoint_cannot_end_or_take_a_handshake() -> None:
    server = make_server()
    opaque = opaque_of(asked(server, token(b"", "version=3")))
    stranger = with_from(with_credentials(token(b"", f'opaque="{opaque}"')), OWN.replace("c8ca638a15", "deadbeef00"))
    assert opaque_of(server.receive(stranger, NOW)) != opaque
    step = asked(server, token(stand_in.ANSWER + KEY, f'opaque="{opaque}"'))
    assert isinstance(step, Authenticated)
    assert step.association.opaque == opaque


@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
def test_ack_and_cancel_are_never_challenged(method: str) -> None:
    def of_method(request: Request) -> Request:
        number = request.cseq.number
        return replace(request, method=method, headers=request.headers.replace("CSeq", f"{number} {method}"))

    server = make_server()
    step = server.receive(of_method(register()), NOW)
    assert step == Discarded(ChallengeReason.NO_CREDENTIALS)
    association, _ = signed_in(server)
    signed = association.sign_request(of_method(register(9)))
    assert isinstance(server.receive(signed, NOW), Authenticated)
    assert server.receive(signed, NOW) == Discarded(RefusalReason.SIGNATURE)  # replayed
