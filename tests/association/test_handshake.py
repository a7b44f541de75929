"""Client and server of a handshake against each other."""

from __future__ import annotations

import pytest

from sipauthctl.association.client import Stopped, StopReason
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.association.server import Authenticated, Challenge, ChallengeReason, Refused
from sipauthctl.association.verdict import Verdict
from sipauthctl.mechanisms.base import Scheme
from tests.association import stand_in
from tests.association.dialogue import (
    REALM,
    TARGETNAMES,
    Exchange,
    answer,
    back_over_the_wire,
    make_client,
    make_server,
    over_the_wire,
    register,
)
from tests.association.messages import NOW

FAMILIES = list(HeaderFamily)


def credentials(exchange: Exchange, family: HeaderFamily) -> list[AuthParameters | None]:
    values = [request.headers.get(family.credentials) for request in exchange.requests]
    return [None if value is None else AuthParameters.parse(value) for value in values]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("version", [2, 3, 4])
def test_ntlm_takes_three_requests(family: HeaderFamily, version: int) -> None:
    exchange = Exchange(make_client(), make_server(family, version), stand_in.Initiator(Scheme.NTLM))
    first, second, third = credentials(exchange, family)
    assert first is None
    assert second is not None
    assert third is not None
    assert (second.scheme_text, second.get("qop"), second.get("realm")) == ("NTLM", "auth", REALM)
    assert second.get("targetname") == third.get("targetname") == "hs1.litwareinc.com"
    assert (second.get("gssapi-data"), second.get("opaque")) == ("", None)
    assert third.get("gssapi-data") == "YW5zd2VyOnNlc3Npb24ga2V5"  # base64 of "answer:session key"
    assert third.get("opaque") == exchange.authenticated.association.opaque
    assert second.get("version") == third.get("version") == str(version)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("version", [2, 3, 4])
def test_kerberos_takes_two_requests(family: HeaderFamily, version: int) -> None:
    exchange = Exchange(make_client(), make_server(family, version), stand_in.Initiator(Scheme.KERBEROS))
    first, second = credentials(exchange, family)
    assert first is None
    assert second is not None
    assert second.get("targetname") == "sip/hs1.litwareinc.com"
    assert second.get("gssapi-data") == "dGlja2V0OnNlc3Npb24ga2V5"  # base64 of "ticket:session key"


@pytest.mark.parametrize("scheme", [Scheme.NTLM, Scheme.KERBEROS])
@pytest.mark.parametrize("version", [2, 3, 4])
def test_the_request_with_the_last_token_is_signed_from_version_4_on(scheme: Scheme, version: int) -> None:
    exchange = Exchange(make_client(), make_server(version=version), stand_in.Initiator(scheme))
    last = credentials(exchange, HeaderFamily.USER_AGENT)[-1]
    assert last is not None
    signature = [last.get(name) is not None for name in ("crand", "cnum", "response")]
    assert signature == [version >= 4] * 3
    assert exchange.authenticated.signature.verdict is (Verdict.VALID if version >= 4 else Verdict.MISSING)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("scheme", [Scheme.NTLM, Scheme.KERBEROS])
@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("status", [200, 301, 403])
def test_the_answer_to_it_is_signed_and_trusted(
    family: HeaderFamily, scheme: Scheme, version: int, status: int
) -> None:
    exchange = Exchange(make_client(), make_server(family, version), stand_in.Initiator(scheme), status)
    finished = exchange.finished
    assert finished.response.status == status
    assert (finished.signature.trusted, finished.signature.num) == (True, 1)
    assert finished.response.headers.get(family.info) is not None
    assert (exchange.authenticated.peer, exchange.authenticated.fresh) == ("LITWAREINC\\ned", True)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("scheme", [Scheme.NTLM, Scheme.KERBEROS])
@pytest.mark.parametrize("version", [2, 3, 4])
def test_later_messages_are_signed_with_what_it_made(family: HeaderFamily, scheme: Scheme, version: int) -> None:
    server = make_server(family, version)
    exchange = Exchange(make_client(), server, stand_in.Initiator(scheme))
    association = exchange.finished.association
    for number in (4, 5):
        request = over_the_wire(association.sign_request(register(number)))
        step = server.receive(request, NOW)
        assert isinstance(step, Authenticated)
        assert (step.fresh, step.peer) == (False, "LITWAREINC\\ned")
        assert step.association is exchange.authenticated.association
        response = back_over_the_wire(step.association.sign_response(answer(request, 200)))
        assert association.verify_response(response, NOW).trusted


@pytest.mark.parametrize(("offered", "spoken"), [(2, 2), (3, 3), (4, 4), (5, 4), (9, 4)])
def test_the_lower_version_is_spoken(offered: int, spoken: int) -> None:
    exchange = Exchange(make_client(), make_server(version=offered), stand_in.Initiator(Scheme.NTLM))
    assert exchange.finished.association.version == spoken
    assert exchange.authenticated.association.version == spoken


def test_a_wrong_answer_is_credentials_refused() -> None:
    initiator = stand_in.Initiator(Scheme.NTLM, answer=stand_in.LOCKED)
    exchange = Exchange(make_client(), make_server(), initiator)
    assert isinstance(exchange.last, Stopped)
    assert exchange.last.reason is StopReason.CREDENTIALS_REFUSED
    refused = exchange.steps[-1]
    assert isinstance(refused, Refused)
    assert refused.logon_status == stand_in.ACCOUNT_LOCKED_OUT


def test_the_challenge_of_a_server_names_all_it_offers() -> None:
    step = make_server().receive(register(), NOW)
    assert isinstance(step, Challenge)
    assert step.reason is ChallengeReason.NO_CREDENTIALS
    assert [AuthParameters.parse(value) for name, value in step.headers if name == "WWW-Authenticate"] == [
        AuthParameters(scheme.value, (("realm", REALM), ("targetname", targetname), ("version", "4")))
        for scheme, targetname in TARGETNAMES.items()
    ]
