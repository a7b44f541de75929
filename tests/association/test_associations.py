"""Several authenticating servers on the path of a client, and the life of its associations with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sipauthctl.association.associations import MAX_HANDSHAKES, Answered, ClientAssociations, Signers
from sipauthctl.association.client import Stopped, StopReason, Wait
from sipauthctl.association.family import CREDENTIALS_HEADERS, HeaderFamily
from sipauthctl.association.parameters import AuthParameters
from sipauthctl.association.security_association import SecurityAssociation, SignatureProblem
from sipauthctl.association.server import Authenticated
from sipauthctl.association.verdict import Verdict
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.message import Request, Response
from tests.association import stand_in
from tests.association.dialogue import answer, numbered_bytes, register
from tests.association.messages import NOW
from tests.association.path import Client, Path, make_proxy

HOSTS = ("hs1.litwareinc.com", "hs3.litwareinc.com", "hs4.litwareinc.com")
HOME = "hs2.litwareinc.com"


def credentials(request: Request) -> list[AuthParameters]:
    values = [value for name in CREDENTIALS_HEADERS for value in request.headers.get_all(name)]
    return [AuthParameters.parse(value) for value in values]


def named(request: Request) -> list[str | None]:
    return [parameters.get("targetname") for parameters in credentials(request)]


def checked(step: Answered) -> list[tuple[str, Verdict, int | None]]:
    return [(check.association.targetname, check.result.verdict, check.result.num) for check in step.checks]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_each_proxy_in_turn_gets_an_association_of_its_own(count: int) -> None:
    path, client, signers = Path(*map(make_proxy, HOSTS[:count])), Client(), Signers()
    step = client.answered(path, signers)
    assert step.trusted
    # A proxy also signs the two challenges of each later one, which pass it on their way back.
    assert checked(step) == [(host, Verdict.VALID, 2 * (count - i) - 1) for i, host in enumerate(HOSTS[:count])]
    assert [check.result.problem for check in step.checks] == [None] * count
    assert len(client.sent) == 1 + 2 * count
    assert named(client.sent[-1]) == list(HOSTS[:count])
    assert len({check.association.context for check in step.checks}) == count


def test_later_requests_carry_one_signature_per_proxy_and_no_token() -> None:
    path, client, signers = Path(*map(make_proxy, HOSTS)), Client(), Signers()
    client.answered(path, signers)
    before = len(client.sent)
    step = client.answered(path, signers)
    assert len(client.sent) == before + 1
    assert [name for name, *_ in checked(step)] == list(HOSTS)
    assert step.trusted
    for parameters in credentials(client.sent[-1]):
        assert parameters.get("gssapi-data") is None
        assert parameters.get("opaque")
        assert all(parameters.get(name) for name in ("crand", "cnum", "response"))


def test_a_proxy_and_a_registrar_are_answered_each_in_its_family() -> None:
    path = Path(make_proxy(HOSTS[0]), make_proxy(HOME, HeaderFamily.USER_AGENT))
    client, signers = Client(), Signers()
    step = client.answered(path, signers)
    assert step.trusted
    last = client.sent[-1]
    assert 'targetname="hs1' in (last.headers.get("Proxy-Authorization") or "")
    assert 'targetname="hs2' in (last.headers.get("Authorization") or "")


def test_a_token_in_another_family_is_answered_in_that_one() -> None:
    class Turncoat(Path):
        def answer(self, request: Request) -> Response:
            self.servers[0].family = HeaderFamily.PROXY if credentials(request) else HeaderFamily.USER_AGENT
            renamed = request.headers.replace("Proxy-Authorization", request.headers.get("Authorization") or "")
            first = len(client.sent) == 2  # answers the first family once, with a 407
            return super().answer(request.with_headers(renamed) if first else request)

    client = Client()
    step = client.ask(Turncoat(make_proxy(HOSTS[0])), Signers())
    assert isinstance(step, Answered), step
    assert client.sent[1].headers.get("Authorization") is not None
    assert client.sent[2].headers.get("Authorization") is None
    assert client.sent[2].headers.get("Proxy-Authorization") is not None


def test_the_signature_of_a_proxy_on_the_challenge_of_the_next_is_checked() -> None:
    path, client = Path(*map(make_proxy, HOSTS[:2])), Client()
    path.sign = lambda association, response: response if response.status == 200 else changed(association, response)

    def changed(association: SecurityAssociation, response: Response) -> Response:
        signed = association.sign_response(response)
        return signed.with_headers(signed.headers.replace("Expires", "1"))

    client.ask(path, Signers())
    assert [check.result.verdict for check in client.on_challenges] == [Verdict.INVALID, Verdict.INVALID]


@pytest.mark.parametrize("count", [2, 3])
def test_a_forked_challenge_with_several_headers_of_one_scheme(count: int) -> None:
    path, client, signers = Path(*map(make_proxy, HOSTS[:count]), forked=True), Client(), Signers()
    step = client.answered(path, signers)
    assert step.trusted
    assert sorted(name for name, *_ in checked(step)) == sorted(HOSTS[:count])
    assert sorted(map(str, named(client.sent[-1]))) == sorted(HOSTS[:count])
    assert len(client.sent) == 1 + 2 * count


def test_one_proxy_that_does_not_sign_makes_the_answer_untrusted() -> None:
    path, client, signers = Path(*map(make_proxy, HOSTS[:2])), Client(), Signers()
    path.sign = lambda association, response: (
        response if association.targetname == HOSTS[1] else association.sign_response(response)
    )
    step = client.answered(path, signers)
    assert not step.trusted
    assert [check.result.trusted for check in step.checks] == [True, False]
    assert step.checks[1].result.problem is SignatureProblem.UNKNOWN_ASSOCIATION
    assert step.replaced == ()


def test_a_signature_under_a_neighbours_association_is_told_from_a_wrong_one() -> None:
    path, client, signers = Path(*map(make_proxy, HOSTS[:2])), Client(), Signers()
    client.answered(path, signers)
    known: dict[str, SecurityAssociation] = {}

    def sign(association: SecurityAssociation, response: Response) -> Response:
        known[association.targetname] = association
        if len(known) < 2 or association.targetname != HOSTS[0]:
            return association.sign_response(response)
        own, association.context = association.context, known[HOSTS[1]].context
        signed = association.sign_response(response)
        association.context = own
        return signed

    path.sign = sign
    step = client.answered(path, signers)
    problems = {check.association.targetname: check.result.problem for check in step.checks}
    assert problems == {HOSTS[0]: SignatureProblem.OTHER_SIGNER, HOSTS[1]: None}
    assert "hs3.litwareinc.com made it" in step.checks[0].result.detail


def test_a_server_that_forgot_gets_a_new_handshake_on_the_same_registration() -> None:
    proxy = make_proxy(HOSTS[0])
    path, client, signers = Path(proxy), Client(), Signers()
    (old,) = [check.association for check in client.answered(path, signers).checks]
    proxy.forget()
    step = client.answered(path, signers)
    assert step.trusted
    assert client.gone == [HOSTS[0]]
    assert step.checks[0].association is not old
    assert client.associations.known(signers) == (step.checks[0].association,)
    assert len({request.call_id for request in client.sent}) == 1
    assert path.asked[2:] == [f"{HOSTS[0]} unknown-association", f"{HOSTS[0]} token-due"]


@pytest.mark.parametrize("forgetful", [0, 1, 2])
def test_only_the_proxy_that_forgot_is_asked_again(forgetful: int) -> None:
    proxies = [make_proxy(host) for host in HOSTS]
    path, client, signers = Path(*proxies), Client(), Signers()
    client.answered(path, signers)
    proxies[forgetful].forget()
    path.asked.clear()
    step = client.answered(path, signers)
    assert step.trusted
    assert [check.fresh for check in step.checks].count(True) == 1
    assert path.asked == [f"{HOSTS[forgetful]} unknown-association", f"{HOSTS[forgetful]} token-due"]


def test_a_lifetime_that_is_over_at_the_server_is_a_new_handshake() -> None:
    path, client, signers = Path(make_proxy(HOSTS[0], lifetime=timedelta(seconds=20))), Client(), Signers()
    client.answered(path, signers)
    path.now = NOW + timedelta(seconds=20)
    assert client.answered(path, signers, now=path.now).trusted
    assert client.gone == [HOSTS[0]]
    assert "hs1.litwareinc.com association-expired" in path.asked


def test_an_association_whose_ticket_ended_by_our_clock_signs_no_more() -> None:
    path, client, signers = Path(make_proxy(HOSTS[0])), Client(), Signers()
    client.answered(path, signers)
    (association,) = client.associations.known(signers)
    association.context = stand_in.Context(HOSTS[0].encode(), NOW + timedelta(minutes=5))
    before = len(client.sent)
    step = client.answered(path, signers, now=NOW + timedelta(minutes=5))
    assert credentials(client.sent[before]) == []
    assert client.gone == [HOSTS[0]]
    assert step.trusted


def test_a_re_registration_over_another_path_replaces_the_association() -> None:
    path, client, signers = Path(make_proxy(HOSTS[0])), Client(), Signers()
    client.answered(path, signers)
    path.servers = [make_proxy(HOSTS[1])]
    step = client.answered(path, signers)
    assert step.trusted
    assert [association.targetname for association in step.replaced] == [HOSTS[0]]
    assert checked(step) == [(HOSTS[1], Verdict.VALID, 1)]
    client.answered(path, signers)
    assert named(client.sent[-1]) == [HOSTS[1]]


def test_another_request_over_another_path_leaves_the_association() -> None:
    path, client, signers = Path(make_proxy(HOSTS[0])), Client(), Signers()
    client.answered(path, signers)
    elsewhere, dialog = Path(make_proxy(HOSTS[1])), Signers(list(signers.keys))
    assert client.answered(elsewhere, dialog, "SUBSCRIBE").trusted
    assert [key.targetname for key in dialog.keys] == [HOSTS[1]]
    client.answered(path, signers)
    assert named(client.sent[-1]) == [HOSTS[0]]


def test_without_a_new_association_a_missing_signature_is_no_other_path() -> None:
    path, client, signers = Path(make_proxy(HOSTS[0])), Client(), Signers()
    client.answered(path, signers)
    path.sign = lambda association, response: response
    step = client.answered(path, signers)
    assert (step.trusted, step.replaced) == (False, ())
    assert step.checks[0].result.problem is SignatureProblem.MISSING
    assert client.associations.known(signers) != ()


def test_a_dialog_begins_with_the_first_proxy_and_keeps_what_its_first_request_needed() -> None:
    path, client, signers = Path(*map(make_proxy, HOSTS)), Client(), Signers()
    client.answered(path, signers)
    dialog, before = Signers(signers.keys[:1]), len(client.sent)
    assert client.answered(path, dialog, "SUBSCRIBE").trusted
    assert [named(request) for request in client.sent[before:]] == [list(HOSTS[:n]) for n in (1, 2, 3)]
    assert all(parameters.get("gssapi-data") is None for parameters in credentials(client.sent[-1]))
    assert client.answered(path, dialog, "SUBSCRIBE").trusted
    assert named(client.sent[-1]) == list(HOSTS)
    assert len(client.sent) == before + 4


def test_refused_credentials_at_the_second_proxy_stop() -> None:
    path, client, signers = Path(*map(make_proxy, HOSTS[:2])), Client(), Signers()
    path.servers[1] = make_proxy(HOSTS[1], acceptor=lambda: stand_in.Acceptor(Scheme.NTLM, b"another key"))
    client.answer = stand_in.ANSWER

    class Refusing(stand_in.Acceptor):
        def step(self, token: bytes) -> bytes | None:
            if token == b"":
                return super().step(token)
            return super().step(stand_in.LOCKED + b"session key")

    path.servers[1] = make_proxy(HOSTS[1], acceptor=lambda: Refusing(Scheme.NTLM))
    step = client.ask(path, signers)
    assert isinstance(step, Stopped)
    assert step.reason is StopReason.CREDENTIALS_REFUSED


def test_a_first_proxy_that_forgets_in_the_middle_of_the_seconds_handshake() -> None:
    first, second = make_proxy(HOSTS[0]), make_proxy(HOSTS[1])

    class Forgetful(Path):
        def answer(self, request: Request) -> Response:
            if len(client.sent) == 4 and first in self.servers:  # the second proxy's challenge is due
                first.forget()
            return super().answer(request)

    client, signers = Client(), Signers()
    step = client.ask(Forgetful(first, second), signers)
    assert isinstance(step, Answered)
    assert step.trusted
    assert client.gone == [HOSTS[0]]


def test_a_server_that_asks_under_ever_new_names_is_left() -> None:
    class Endless(Path):
        def answer(self, request: Request) -> Response:
            step = self.servers[-1].receive(request, NOW)
            if isinstance(step, Authenticated):
                self.servers.append(make_proxy(f"hs{len(self.servers)}.fabrikam.com"))
                step = self.servers[-1].receive(request, NOW)
            assert not isinstance(step, Authenticated)
            return answer(request, 407, step.headers)

    client = Client()
    step = client.ask(Endless(make_proxy(HOSTS[0])), Signers())
    assert isinstance(step, Stopped)
    assert step.reason is StopReason.STARTED_OVER
    assert len(client.sent) == 2 * MAX_HANDSHAKES + 1


def test_an_answer_that_nothing_proves_is_not_believed() -> None:
    numbers = numbered_bytes()
    associations = ClientAssociations(token_bytes=lambda size: next(numbers)[:size])
    request = associations.authorize(register(), Signers(), NOW)
    step = associations.receive(answer(request, 200), Signers(), NOW)
    assert isinstance(step, Stopped)
    assert step.reason is StopReason.NOT_CHALLENGED
    assert isinstance(associations.receive(answer(request, 100), Signers(), NOW), Wait)


@pytest.mark.parametrize("value", ["", "=", 'NTLM realm="a'])
def test_a_challenge_that_cannot_be_read_stops(value: str) -> None:
    numbers = numbered_bytes()
    associations = ClientAssociations(token_bytes=lambda size: next(numbers)[:size])
    step = associations.receive(answer(register(), 407, (("Proxy-Authenticate", value),)), Signers(), NOW)
    assert isinstance(step, Stopped)
    assert step.reason is StopReason.MALFORMED_HEADER


def test_a_request_of_the_server_is_verified_by_each_association_that_it_names() -> None:
    path, client, signers = Path(*map(make_proxy, HOSTS[:2])), Client(), Signers()
    signing: list[SecurityAssociation] = []

    def sign(association: SecurityAssociation, response: Response) -> Response:
        signing.append(association)
        return association.sign_response(response)

    path.sign = sign
    client.answered(path, signers)
    notify = register(77)
    for association in signing[-2:]:
        notify = association.sign_server_request(notify)
    checks = client.associations.verify(notify, NOW)
    assert [(check.result.trusted, check.result.problem) for check in checks] == [(True, None)] * 2
    changed = notify.with_headers(notify.headers.replace("Expires", "1"))
    assert [check.result.verdict for check in client.associations.verify(changed, NOW)] == [Verdict.INVALID] * 2
    (unsigned,) = client.associations.verify(register(78), NOW)
    assert (unsigned.association.targetname, unsigned.result.problem) == (HOSTS[0], SignatureProblem.MISSING)
    assert client.associations.verify(replace(register(78), method="CANCEL"), NOW) == ()
    assert Client().associations.verify(register(78), NOW) == ()


def test_the_clients_answer_to_it_is_signed_for_each() -> None:
    proxy = make_proxy(HOSTS[0])
    path, client, signers = Path(proxy), Client(), Signers()
    servers: list[SecurityAssociation] = []

    def sign(association: SecurityAssociation, response: Response) -> Response:
        servers.append(association)
        return association.sign_response(response)

    path.sign = sign
    client.answered(path, signers)
    (association,) = client.associations.known(signers)
    response = association.sign_client_response(answer(register(5), 200))
    assert servers[-1].verify_client_response(response, NOW).trusted
    (wire,) = [AuthParameters.parse(value) for value in response.headers.get_all("Proxy-Authorization")]
    assert wire.get("cnum") == "2"
