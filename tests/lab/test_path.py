"""The life of associations at the lab's servers, without a network: several proxies, restarts, faults."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from sipauthctl.association.associations import Answered, ClientAssociations, SendAgain, Signers, Step
from sipauthctl.association.client import Challenged, SendNext
from sipauthctl.association.security_association import SignatureProblem
from sipauthctl.lab.deployment import Deployment
from sipauthctl.lab.events import LabEvent
from sipauthctl.lab.faults import behaviour_with
from sipauthctl.lab.names import HOME_HOST, PROXY_HOSTS, SPARE_HOST
from sipauthctl.lab.registrar import Peer
from sipauthctl.lab.requests import message_to, notify_after, signed
from sipauthctl.lab.settings import LabSettings
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.initiator import NtlmInitiator
from sipauthctl.mechanisms.ntlm.keys import NtlmSecret
from sipauthctl.network.evidence import Transport
from sipauthctl.probe.dialog import Dialog, LocalEnd
from sipauthctl.sip.message import Request, Response
from tests.cleared import NTLM

PEER = Peer("127.0.0.1", 40000, "tls")
LOCAL = LocalEnd("127.0.0.1", 40000, Transport.TLS)


class World:
    """A deployment that is not started, a clock that is set by hand, and ned's client."""

    def __init__(self, *faults: str, **settings: Any) -> None:
        self.time = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
        self.log: list[LabEvent] = []
        chosen = LabSettings(**{"behaviour": behaviour_with(faults), "proxies": 1, **settings})
        self.lab = Deployment(chosen, log=self.log.append, now=lambda: self.time)
        assert self.lab.path is not None
        self.path = self.lab.path
        self.dialog = Dialog("sip:ned@litwareinc.com", "litwareinc.com", secrets.token_bytes)
        self.associations = ClientAssociations(token_bytes=secrets.token_bytes)
        self.signers = Signers()
        self.statuses: list[int] = []
        self.problems: list[SignatureProblem | None] = []

    def ask(self, method: str = "REGISTER", expires: int | None = None) -> Answered:
        step: Step = SendNext()
        self.associations.start()
        while isinstance(step, SendNext | SendAgain | Challenged):
            request = other(self.dialog.register(LOCAL, expires=expires), method)
            request = self.associations.authorize(request, self.signers, self.time)
            response = self.path.answer(request, PEER)
            assert response is not None
            self.statuses.append(response.status)
            step = self.associations.receive(response, self.signers, self.time)
            self.problems += [check.result.problem for check in self.associations.on_challenge]
            if isinstance(step, Challenged):
                self.associations.begin(step.offers[0], self.initiator())
        assert isinstance(step, Answered), step
        self.problems += [check.result.problem for check in step.checks]
        return step

    def initiator(self) -> NtlmInitiator:
        return NtlmInitiator(
            LogonName.parse("LITWAREINC\\ned"),
            NtlmSecret.from_password("Litware-Ned-1"),
            cleared=NTLM,
            workstation="",
            now=lambda: self.time,
            token_bytes=secrets.token_bytes,
        )

    def names(self) -> list[str]:
        return [association.targetname for association in self.associations.known(self.signers)]

    def reasons(self) -> list[str]:
        return [f"{event.server} {event.detail}" for event in self.log if event.what == "challenge"]


def other(request: Request, method: str) -> Request:
    headers = request.headers.replace("CSeq", f"{request.cseq.number} {method}")
    return replace(request, method=method, headers=headers)


@pytest.mark.parametrize("proxies", [1, 2, 3])
def test_a_chain_challenges_one_by_one_and_all_sign_the_answer(proxies: int) -> None:
    world = World(proxies=proxies)
    step = world.ask()
    assert step.trusted
    assert world.statuses == [407] * (2 * proxies) + [401, 401, 200]
    assert world.names() == [*PROXY_HOSTS[:proxies], HOME_HOST]
    assert len(step.response.headers.get_all("Proxy-Authentication-Info")) == proxies
    assert len(step.response.headers.get_all("Authentication-Info")) == 1
    assert world.problems == [None] * len(world.problems)


@pytest.mark.parametrize("proxies", [2, 3])
def test_forked_proxies_challenge_all_at_once(proxies: int) -> None:
    world = World(proxies=proxies, forked=True)
    first = world.path.answer(world.dialog.register(LOCAL), PEER)
    assert isinstance(first, Response)
    assert first.status == 407
    assert len(first.headers.get_all("Proxy-Authenticate")) == proxies
    assert world.ask().trusted
    assert sorted(world.names()) == sorted([*PROXY_HOSTS[:proxies], HOME_HOST])


def test_the_client_sees_its_own_via_alone() -> None:
    world = World(proxies=3)
    response = world.ask().response
    (via,) = response.headers.get_all("Via")
    assert via.startswith("SIP/2.0/TLS 127.0.0.1:40000;")
    assert via.count("received=127.0.0.1") == 1


def test_a_dialog_gets_a_route_through_every_proxy() -> None:
    world = World(proxies=2)
    world.ask()
    routes = world.ask("SUBSCRIBE").response.headers.get_all("Record-Route")
    assert [route.split(";")[0] for route in routes] == [f"<sip:{host}" for host in reversed(PROXY_HOSTS[:2])]


def test_a_wrong_neighbour_signs() -> None:
    world = World("wrong-proxy-signs")
    step = world.ask()
    assert [check.result.problem for check in step.checks] == [SignatureProblem.OTHER_SIGNER, None]


def test_the_path_changes_at_the_first_refresh() -> None:
    world = World("path-change")
    assert world.ask().trusted
    assert world.names() == [PROXY_HOSTS[0], HOME_HOST]
    step = world.ask()
    assert step.trusted
    assert [association.targetname for association in step.replaced] == [PROXY_HOSTS[0]]
    assert world.names() == [HOME_HOST, SPARE_HOST]
    assert world.ask().trusted
    assert world.statuses[-1] == 200


def test_an_association_is_forgotten_once_at_each_server() -> None:
    world = World("forgets-association")
    world.ask()
    for expected in ([407, 407, 200], [401, 401, 200], [200]):  # the proxy, the home server, none
        before = len(world.statuses)
        assert world.ask().trusted
        assert world.statuses[before:] == expected


def test_numbers_begin_again_with_a_refresh() -> None:
    world = World("snum-reset", proxies=1)
    world.ask()
    assert world.problems == [None] * len(world.problems)
    step = world.ask()
    home = next(check for check in step.checks if check.association.targetname == HOME_HOST)
    assert (home.result.num, home.result.problem) == (1, SignatureProblem.REPLAYED)


@pytest.mark.parametrize(
    ("faults", "settings", "seconds"),
    [
        ((), {}, "7200"),
        ((), {"sa_lifetime": timedelta(seconds=20)}, "5"),
        ((), {"sa_lifetime": timedelta(seconds=2)}, "1"),
        (("expires-too-short=3",), {}, "3"),
        (("expires-too-short=0",), {}, "0"),
    ],
)
def test_what_a_registration_is_granted(faults: tuple[str, ...], settings: dict[str, Any], seconds: str) -> None:
    assert World(*faults, **settings).ask().response.headers.get("Expires") == seconds


def test_the_life_of_an_association_is_that_of_the_settings() -> None:
    world = World(sa_lifetime=timedelta(seconds=20))
    world.ask()
    for seconds, expired in ((19, False), (1, True), (19, False), (1, True)):
        world.log.clear()
        world.time += timedelta(seconds=seconds)
        assert world.ask().trusted
        assert any(reason.endswith("association-expired") for reason in world.reasons()) is expired


def test_an_idle_association_ends_and_a_used_one_does_not() -> None:
    world = World(sa_idle=timedelta(seconds=30))
    world.ask()
    for seconds in (29, 29):
        world.time += timedelta(seconds=seconds)
        assert world.ask().trusted
    assert not any(reason.endswith("expired") for reason in world.reasons())
    world.time += timedelta(seconds=30)
    assert world.ask().trusted
    assert any(reason.endswith("expired") for reason in world.reasons())


def test_forgetting_drops_associations_and_registrations() -> None:
    world = World(proxies=2)
    world.ask()
    world.lab.forget()
    assert world.lab.home.bindings.current(world.time) == ()
    world.log.clear()
    assert world.ask().trusted
    assert [reason for reason in world.reasons() if "unknown" in reason] == [
        f"{host} unknown-association" for host in (*PROXY_HOSTS[:2], HOME_HOST)
    ]


def test_a_registration_names_the_keep_alive() -> None:
    assert "timeout=300" in (World().ask().response.headers.get("ms-keep-alive") or "")


def test_a_message_of_the_server_continues_its_numbers_and_the_clients_answer_is_checked() -> None:
    world = World(proxies=2)
    numbers = [check.result.num for check in world.ask().checks]
    (binding,) = world.lab.home.bindings.current(world.time)
    message = message_to(binding, "sip:nina@litwareinc.com", HOME_HOST, secrets.token_bytes)
    message = signed(message, world.path.servers, world.time)
    checks = world.associations.verify(message, world.time)
    assert [check.result.num for check in checks] == [(number or 0) + 1 for number in numbers]
    assert all(check.result.trusted and check.result.problem is None for check in checks)
    answer = Response(status=200, reason="OK", headers=message.headers.without("Server"))
    for association in world.associations.known(world.signers):
        answer = association.sign_client_response(answer)
    world.path.hear(answer)
    heard = [event for event in world.log if event.what == "client answered"]
    assert [event.server for event in heard] == [*PROXY_HOSTS[:2], HOME_HOST]
    assert all(event.signature is not None and event.signature.trusted for event in heard)


def test_a_subscription_is_followed_by_a_notify_in_its_dialog() -> None:
    world = World()
    world.ask()
    request = other(world.dialog.register(LOCAL, expires=600), "SUBSCRIBE")
    response = world.ask("SUBSCRIBE", 600).response
    notify = notify_after(request, response, HOME_HOST)
    assert notify is not None
    assert (notify.method, notify.call_id) == ("NOTIFY", request.call_id)
    assert (notify.from_.tag, notify.to.tag) == (response.to.tag, request.from_.tag)
    assert notify.headers.get("Subscription-State") == "active;expires=600"
    assert notify_after(world.dialog.register(LOCAL), response, HOME_HOST) is None


def test_the_servers_of_a_started_lab_restart() -> None:
    import asyncio

    async def run() -> list[LabEvent]:
        log: list[LabEvent] = []
        async with Deployment(LabSettings(), log=log.append) as deployment:
            server = deployment.server("home", "tcp")
            reader, writer = await asyncio.open_connection(server.address, server.port)
            await asyncio.sleep(0)
            writer.write(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"\r\n"
            await deployment.restart()
            assert await reader.read() == b""
            writer.close()
        return log

    assert [event.what for event in asyncio.run(run())] == ["restarted"]
