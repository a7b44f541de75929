"""Ctrl-C at any moment: the run ends, and what was registered is taken back."""

from __future__ import annotations

import asyncio
import random
import secrets
from datetime import timedelta

import pytest

from sipauthctl.lab.behaviour import Behaviour
from sipauthctl.lab.deployment import Deployment
from sipauthctl.lab.events import LabEvent
from sipauthctl.lab.settings import LabSettings
from sipauthctl.network.resolver import Resolver
from sipauthctl.network.transport import Timeouts
from sipauthctl.probe.events import Event, RequestSent
from sipauthctl.probe.facts import RunFacts
from sipauthctl.probe.results import Outcome, Registration, Remains
from sipauthctl.probe.run import Probe
from sipauthctl.probe.summary import summarize
from sipauthctl.probe.tools import Tools
from tests.probe.harness import Clock, Setup, initiators, now

EVENTS_OF_A_RUN = 21


async def interrupted_at(position: int) -> tuple[Registration, list[LabEvent], Deployment, int]:
    lab: list[LabEvent] = []
    seen = 0
    async with Deployment(LabSettings(behaviour=Behaviour()), log=lab.append) as deployment:
        setup = Setup(options={"refreshes": 1})
        options = setup.probe_options(deployment)

        def watch(event: Event) -> None:
            nonlocal seen
            if seen == position:
                probe.interrupt()
            seen += 1

        tools = Tools(now, secrets.token_bytes, initiators(setup, options), watch)
        probe = Probe(options, tools, Resolver(options.nameserver, 5), random.Random(1))
        facts = await probe.run()
        return summarize(facts, options), lab, deployment, seen


def test_a_whole_run_has_the_events_that_the_sweep_covers() -> None:
    registration, _, _, seen = asyncio.run(interrupted_at(-1))
    assert registration.outcome is Outcome.REGISTERED
    assert seen == EVENTS_OF_A_RUN


@pytest.mark.parametrize("position", range(EVENTS_OF_A_RUN))
def test_no_registration_is_left_wherever_the_run_is_interrupted(position: int) -> None:
    _, lab, deployment, _ = asyncio.run(interrupted_at(position))
    registered = [event for event in lab if event.what in ("registered", "refreshed")]
    assert deployment.home.bindings.current(now()) == ()
    assert bool(registered) == bool([event for event in lab if event.what == "de-registered"])


def test_an_interrupted_run_reports_what_it_saw() -> None:
    registration, _, _, _ = asyncio.run(interrupted_at(5))
    assert registration.outcome is Outcome.INCOMPLETE
    assert registration.hops[0].offers


@pytest.mark.parametrize(
    ("position", "step", "remains"),
    [
        (0, "the search for a server of litwareinc.com", Remains.NONE),
        (1, "the connection to hs1.litwareinc.com port", Remains.NONE),
        (5, "REGISTER 2 to hs1.litwareinc.com (takes NTLM)", Remains.NONE),
        (17, "REGISTER 7 to hs2.litwareinc.com (refresh 1)", Remains.REMOVED),
    ],
)
def test_an_interrupted_run_says_where_and_what_is_left(position: int, step: str, remains: Remains) -> None:
    ended = asyncio.run(interrupted_at(position))[0].interruption
    assert ended is not None
    assert ended.step.startswith(step)
    assert ended.registration is remains


def test_a_run_that_nobody_interrupts_says_nothing_of_it() -> None:
    assert asyncio.run(interrupted_at(-1))[0].interruption is None


async def interrupted_twice(purposes: tuple[str, str], mute_at: str) -> tuple[Registration, list[str], RunFacts]:
    """Ctrl-C when the requests of these purposes go out, to servers that fall silent with the one of `mute_at`."""
    sent: list[str] = []
    waiting = list(purposes)
    async with Deployment(LabSettings()) as deployment:
        setup = Setup(options={"refreshes": 1, "timeouts": Timeouts(10, 10, 3600)})
        options = setup.probe_options(deployment)

        async def silent(*_: object) -> bool:
            return True

        def watch(event: Event) -> None:
            if not isinstance(event, RequestSent) or not event.server.host.startswith("hs2"):
                return
            sent.append(event.purpose)
            if event.purpose == mute_at:
                for server in deployment._sip_servers:
                    server._handle = silent  # type: ignore[method-assign, assignment]
            while waiting and waiting[0] == event.purpose:
                asyncio.get_running_loop().call_soon(probe.interrupt)
                waiting.pop(0)

        tools = Tools(now, secrets.token_bytes, initiators(setup, options), watch)
        probe = Probe(options, tools, Resolver(options.nameserver, 5), random.Random(1))
        async with asyncio.timeout(60):  # not the hour for which an answer is waited for
            facts = await probe.run()
        return summarize(facts, options), sent, facts


@pytest.mark.parametrize(
    ("purposes", "mute_at"),
    [
        (("NTLM response", "NTLM response"), "NTLM response"),
        (("refresh 1", "refresh 1"), "refresh 1"),
        (("refresh 1", "de-registers"), "de-registers"),
    ],
    ids=["sign-in", "refresh", "de-registration"],
)
def test_a_second_interruption_does_not_wait_for_a_silent_server(purposes: tuple[str, str], mute_at: str) -> None:
    registration, sent, facts = asyncio.run(interrupted_twice(purposes, mute_at))
    assert sent[-1] == purposes[-1]
    assert facts.interrupted
    (left,) = [found for found in registration.findings if found.id == "registration-left"]
    assert "second interruption" in left.detail
    assert registration.interruption is not None
    assert registration.interruption.registration is Remains.LEFT


async def interrupted_hold(clock: Clock, after: float) -> tuple[Registration, list[LabEvent]]:
    """A hold that is interrupted when that many seconds have passed."""
    lab: list[LabEvent] = []
    async with Deployment(LabSettings(), log=lab.append, now=clock.now) as deployment:
        setup = Setup(options={"hold": timedelta(hours=8)}, clock=clock)
        options = setup.probe_options(deployment)
        clock.deployment = deployment
        tools = Tools(clock.now, secrets.token_bytes, initiators(setup, options), lambda event: None, clock.sleep)
        probe = Probe(options, tools, Resolver(options.nameserver, 5), random.Random(1))

        async def interrupt(deployment: Deployment) -> None:
            probe.interrupt()

        clock.at(after, interrupt)
        return summarize(await probe.run(), options), lab


@pytest.mark.parametrize("broken_at", ["refresh 1", "de-registers"])
def test_a_registration_is_taken_back_over_another_connection(broken_at: str) -> None:
    async def broken() -> tuple[Registration, list[LabEvent]]:
        lab: list[LabEvent] = []
        async with Deployment(LabSettings(redirect=False), log=lab.append) as deployment:
            setup = Setup(options={"refreshes": 1})
            options = setup.probe_options(deployment)
            breaking: list[asyncio.Task[None]] = []

            async def disconnect() -> None:
                for server in deployment._sip_servers:
                    await server.disconnect()

            def watch(event: Event) -> None:
                if isinstance(event, RequestSent) and event.purpose == broken_at and not breaking:
                    probe._conversation.wire.connection._writer.transport.abort()  # type: ignore[union-attr]
                    breaking.append(asyncio.ensure_future(disconnect()))

            tools = Tools(now, secrets.token_bytes, initiators(setup, options), watch)
            probe = Probe(options, tools, Resolver(options.nameserver, 5), random.Random(1))
            return summarize(await probe.run(), options), lab

    registration, lab = asyncio.run(broken())
    assert [event.what for event in lab if event.what.endswith("registered")] == ["registered", "de-registered"]
    assert "registration-left" not in [found.id for found in registration.findings]
