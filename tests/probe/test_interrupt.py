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
from sipauthctl.probe.events import Event
from sipauthctl.probe.results import Outcome, Registration
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
