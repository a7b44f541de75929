"""The lab's servers without a network: what they answer, what they sign, what they remember."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from sipauthctl.association.client import Challenged, ClientHandshake, Finished, SendNext, Stopped, StopReason
from sipauthctl.association.clock import server_date
from sipauthctl.association.diagnostics import diagnostics
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.security_association import SecurityAssociation
from sipauthctl.association.server import ServerAuthenticator
from sipauthctl.lab.accounts import ACCOUNTS, AccountState, Directory
from sipauthctl.lab.behaviour import Behaviour, DateHeader
from sipauthctl.lab.events import LabEvent
from sipauthctl.lab.faults import behaviour_with
from sipauthctl.lab.kdc import KdcFlaw
from sipauthctl.lab.names import DomainNames
from sipauthctl.lab.registrar import Peer, Registrar
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.acceptor import AcceptorOptions, NtlmAcceptor
from sipauthctl.mechanisms.ntlm.initiator import NtlmInitiator
from sipauthctl.mechanisms.ntlm.keys import NtlmSecret
from sipauthctl.mechanisms.ntlm.messages import TargetNames
from sipauthctl.mechanisms.status import ACCOUNT_DISABLED, ACCOUNT_LOCKED_OUT, NO_SUCH_USER, WRONG_PASSWORD
from sipauthctl.network.evidence import Transport
from sipauthctl.probe.dialog import Dialog, LocalEnd
from sipauthctl.sip.message import Request, Response
from tests.cleared import NTLM

PEER = Peer("127.0.0.1", 40000, "tls")
LOCAL = LocalEnd("127.0.0.1", 40000, Transport.TLS)


class World:
    """A home server and a clock that is set by hand."""

    def __init__(self, behaviour: Behaviour | None = None, idle: timedelta | None = None) -> None:
        self.time = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
        self.log: list[LabEvent] = []
        self.directory = Directory(ACCOUNTS, "litwareinc.com", DomainNames())
        self.server = Registrar(
            "hs2.litwareinc.com",
            ServerAuthenticator(
                family=HeaderFamily.USER_AGENT,
                realm="SIP Communications Service",
                targetnames={Scheme.NTLM: "hs2.litwareinc.com"},
                version=4,
                acceptors={Scheme.NTLM: self.acceptor},
                token_bytes=secrets.token_bytes,
                idle=idle,
            ),
            self.directory,
            behaviour or Behaviour(),
            redirect=None,
            now=lambda: self.time,
            token_bytes=secrets.token_bytes,
            log=self.log.append,
        )

    def acceptor(self) -> NtlmAcceptor:
        names = TargetNames("LITWAREINC", "HS2", "litwareinc.com", "hs2.litwareinc.com")
        return NtlmAcceptor(
            self.directory, names, options=AcceptorOptions(), now=lambda: self.time, token_bytes=secrets.token_bytes
        )

    def ask(self, request: Request) -> Response:
        response = self.server.answer(request, PEER)
        assert response is not None
        return response

    def sign_in(
        self,
        name: str,
        password: str,
        sip_user: str | None = None,
        change: Callable[[Request], Request] = lambda request: request,
    ) -> tuple[Finished | Stopped, Dialog]:
        dialog = Dialog(f"sip:{sip_user or name}@litwareinc.com", "litwareinc.com", secrets.token_bytes)
        handshake = ClientHandshake(token_bytes=secrets.token_bytes)
        while True:
            request = handshake.authorize(change(dialog.register(LOCAL)), self.time)
            step = handshake.receive(self.ask(request), self.time)
            if isinstance(step, Challenged):
                secret = NtlmSecret.from_password(password)
                initiator = NtlmInitiator(
                    LogonName.parse(f"LITWAREINC\\{name}"),
                    secret,
                    cleared=NTLM,
                    workstation="",
                    now=lambda: self.time,
                    token_bytes=secrets.token_bytes,
                )
                handshake.begin(step.offers[0], initiator)
            elif not isinstance(step, SendNext):
                assert isinstance(step, Finished | Stopped)
                return step, dialog

    def signed_in(self) -> tuple[SecurityAssociation, Dialog]:
        step, dialog = self.sign_in("ned", "Litware-Ned-1")
        assert isinstance(step, Finished)
        assert step.response.status == 200
        return step.association, dialog


def other_method(method: str, dialog: Dialog) -> Request:
    request = dialog.register(LOCAL)
    headers = request.headers.replace("CSeq", f"{request.cseq.number} {method}")
    return replace(request, method=method, headers=headers)


def test_a_challenge_carries_the_clock_of_the_server() -> None:
    world = World(Behaviour(clock_offset=timedelta(minutes=3)))
    dialog = Dialog("sip:ned@litwareinc.com", "litwareinc.com", secrets.token_bytes)
    response = world.ask(dialog.register(LOCAL))
    assert response.status == 401
    assert server_date(response) == world.time + timedelta(minutes=3)


@pytest.mark.parametrize("method", ["SUBSCRIBE", "OPTIONS", "MESSAGE", "SERVICE", "INVITE"])
def test_other_methods_get_a_signed_200(method: str) -> None:
    world = World()
    association, dialog = world.signed_in()
    response = world.ask(association.sign_request(other_method(method, dialog)))
    assert response.status == 200
    assert association.verify_response(response, world.time).trusted


@pytest.mark.parametrize("method", ["MESSAGE", "REGISTER"])
def test_a_request_that_could_have_been_signed_is_noted(method: str) -> None:
    world = World()
    _, dialog = world.signed_in()
    assert world.ask(other_method(method, dialog)).status == 401
    (event,) = [event for event in world.log if event.what == "not-preauthenticated"]
    assert event.request is not None
    assert event.request.method == method


def test_a_request_without_an_association_to_sign_it_is_not_noted() -> None:
    world = World()
    association, dialog = world.signed_in()
    world.sign_in("ned", "Litware-Ned-1")  # anew, under another Call-ID and epid
    same_epid = dialog.register(LOCAL)
    world.ask(same_epid.with_headers(same_epid.headers.replace("Call-ID", "another")))
    world.ask(association.sign_request(dialog.register(LOCAL, expires=0)))
    world.ask(other_method("MESSAGE", dialog))
    assert [event for event in world.log if event.what == "not-preauthenticated"] == []


def test_an_association_that_has_ended_could_not_sign() -> None:
    world = World(idle=timedelta(minutes=15))
    _, dialog = world.signed_in()
    world.time += timedelta(minutes=16)
    world.ask(other_method("MESSAGE", dialog))
    assert [event for event in world.log if event.what == "not-preauthenticated"] == []


def test_an_ack_is_not_answered() -> None:
    world = World()
    _, dialog = world.signed_in()
    assert world.server.answer(other_method("ACK", dialog), PEER) is None


def test_an_unsigned_request_after_sign_in_is_challenged() -> None:
    world = World()
    _, dialog = world.signed_in()
    assert world.ask(dialog.register(LOCAL)).status == 401


def test_a_changed_request_is_refused_and_the_log_knows_the_string() -> None:
    world = World()
    association, dialog = world.signed_in()
    signed = association.sign_request(dialog.register(LOCAL, expires=600))
    changed = signed.with_headers(signed.headers.replace("Expires", "7200"))
    assert world.ask(changed).status == 401
    refusal = world.log[-1]
    assert refusal.what == "refused"
    assert refusal.signature is not None
    assert refusal.signature.buffer is not None
    assert refusal.signature.buffer.text.endswith(b"<7200>")


def test_a_replayed_request_is_refused() -> None:
    world = World()
    association, dialog = world.signed_in()
    signed = association.sign_request(dialog.register(LOCAL))
    assert world.ask(signed).status == 200
    assert world.ask(signed).status == 401


def test_the_association_ends_at_the_eighth_hour() -> None:
    world = World()
    association, dialog = world.signed_in()
    world.time += timedelta(hours=8) - timedelta(seconds=1)
    assert world.ask(association.sign_request(dialog.register(LOCAL))).status == 200
    world.time += timedelta(seconds=1)
    assert world.ask(association.sign_request(dialog.register(LOCAL))).status == 401
    assert world.log[-1].detail == "association-expired"


def test_an_idle_association_ends_earlier() -> None:
    world = World(idle=timedelta(minutes=15))
    association, dialog = world.signed_in()
    world.time += timedelta(minutes=15)
    assert world.ask(association.sign_request(dialog.register(LOCAL))).status == 401


def test_a_refresh_keeps_one_binding_and_a_de_registration_removes_it_with_its_association() -> None:
    world = World()
    association, dialog = world.signed_in()
    assert world.ask(association.sign_request(dialog.register(LOCAL))).status == 200
    (binding,) = world.server.bindings.current(world.time)
    assert binding.address_of_record == "sip:ned@litwareinc.com"
    gone = world.ask(association.sign_request(dialog.register(LOCAL, expires=0)))
    assert (gone.status, gone.headers.get("Expires")) == (200, "0")
    assert association.verify_response(gone, world.time).trusted
    assert world.server.bindings.current(world.time) == ()
    assert world.ask(association.sign_request(dialog.register(LOCAL))).status == 401


def test_a_binding_expires() -> None:
    world = World()
    world.signed_in()
    world.time += timedelta(seconds=7200)
    assert world.server.bindings.current(world.time) == ()


@pytest.mark.parametrize(
    ("name", "password", "status"),
    [
        ("ned", "wrong", WRONG_PASSWORD),
        ("zoe", "any", NO_SUCH_USER),
        ("dora", "Litware-Dora-1", ACCOUNT_DISABLED),
        ("dora", "wrong", WRONG_PASSWORD),
        ("luis", "Litware-Luis-1", ACCOUNT_LOCKED_OUT),
    ],
)
def test_refusals_look_alike_outside_and_differ_in_the_log(name: str, password: str, status: int) -> None:
    world = World()
    step, _ = world.sign_in(name, password)
    assert isinstance(step, Stopped)
    assert step.reason is StopReason.CREDENTIALS_REFUSED
    assert world.log[-1].logon_status == status


def test_a_refusal_carries_the_diagnostic_of_this_family() -> None:
    world = World()
    dialog = Dialog("sip:ned@litwareinc.com", "litwareinc.com", secrets.token_bytes)
    request = dialog.register(LOCAL)
    value = 'NTLM realm="SIP Communications Service", targetname="hs2.litwareinc.com", gssapi-data="AAAA"'
    response = world.ask(request.with_headers(request.headers.add("Authorization", value)))
    (report,) = diagnostics(response)
    assert (report.id, report.hresult) == (1000, 0xC3E93EC3)
    assert report.get("source") == "hs2.litwareinc.com"


def test_the_uri_of_another_user_and_of_nobody() -> None:
    for sip_user, status, number in (("nina", 403, 4004), ("olaf", 404, 4005), ("zoe", 404, 4005)):
        world = World()
        step, _ = world.sign_in("ned", "Litware-Ned-1", sip_user)
        assert isinstance(step, Finished)
        assert step.signature.trusted
        assert (step.response.status, diagnostics(step.response)[0].id) == (status, number)


def test_nobody_acts_as_somebody_else() -> None:
    world = World()
    association, dialog = world.signed_in()
    for method in ("MESSAGE", "SUBSCRIBE"):
        request = other_method(method, dialog)
        from_ = (request.headers.get("From") or "").replace("ned", "nina")
        response = world.ask(association.sign_request(request.with_headers(request.headers.replace("From", from_))))
        assert (response.status, diagnostics(response)[0].id) == (403, 4004)
        assert association.verify_response(response, world.time).trusted


def test_a_cancel_is_discarded_unless_it_is_signed() -> None:
    world = World()
    association, dialog = world.signed_in()
    assert world.server.answer(other_method("CANCEL", dialog), PEER) is None
    assert world.log[-1].what == "discarded"
    assert world.ask(association.sign_request(other_method("CANCEL", dialog))).status == 200


@pytest.mark.parametrize(
    ("old", "new", "number"),
    [
        (r";epid=\w+", "", 4011),
        (r';epid=\w+|;\+sip.instance="[^"]*"', "", 4010),
        (r";epid=\w+", ";epid=12345678901234567", 4012),
        (r"urn:uuid:\w+", "urn:uuid:00000000", 4010),
    ],
)
def test_an_endpoint_without_a_usable_identity_is_refused(old: str, new: str, number: int) -> None:
    def change(request: Request) -> Request:
        headers = request.headers
        for name in ("From", "Contact"):
            headers = headers.replace(name, re.sub(old, new, headers.get(name) or ""))
        return request.with_headers(headers)

    world = World()
    step, _ = world.sign_in("ned", "Litware-Ned-1", change=change)
    assert isinstance(step, Finished)
    assert step.signature.trusted
    assert (step.response.status, diagnostics(step.response)[0].id) == (400, number)
    assert world.server.bindings.current(world.time) == ()


def test_a_request_that_cannot_be_read_gets_a_400() -> None:
    world = World()
    association, dialog = world.signed_in()
    request = dialog.register(LOCAL)
    unreadable = request.with_headers(request.headers.replace("Expires", "soon"))
    assert world.ask(association.sign_request(unreadable)).status == 400


def test_faults_that_do_not_touch_each_other_act_together_in_any_order() -> None:
    faults = ("slow=1", "no-date", "disabled-account", "kdc-unreachable", "no-date")
    together = behaviour_with(faults)
    assert together == behaviour_with(reversed(faults))
    assert (together.delay, together.date, together.first_account, together.kdc) == (
        1.0,
        DateHeader.ABSENT,
        AccountState.DISABLED,
        KdcFlaw.UNREACHABLE,
    )
