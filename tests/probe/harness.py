"""Runs the prober against a lab in the same event loop."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sipauthctl.lab.deployment import Deployment
from sipauthctl.lab.events import LabEvent
from sipauthctl.lab.faults import behaviour_with
from sipauthctl.lab.settings import LabSettings
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.network.resolver import Resolver
from sipauthctl.network.tls import TlsPolicy
from sipauthctl.network.transport import Timeouts
from sipauthctl.probe.events import Event
from sipauthctl.probe.initiators import InitiatorMaker, ntlm_maker
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.probe.results import Registration
from sipauthctl.probe.run import Probe
from sipauthctl.probe.summary import summarize
from sipauthctl.probe.tools import Tools
from sipauthctl.sip.uri import SipUri

PASSWORDS = {"ned": "Litware-Ned-1", "nina": "Litware-Nina-1", "dora": "Litware-Dora-1", "luis": "Litware-Luis-1"}


def now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """A clock for a lab and a prober that moves only when the prober sleeps. `at` plans what happens meanwhile.

    `late` is how many seconds a sleeper wakes too late.
    """

    def __init__(self, late: float = 0.0) -> None:
        self.late = timedelta(seconds=late)
        self.time = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
        self.start = self.time
        self.deployment: Deployment | None = None
        self._plans: list[tuple[float, Callable[[Deployment], Awaitable[object]]]] = []

    def at(self, seconds: float, act: Callable[[Deployment], Awaitable[object]]) -> None:
        self._plans.append((seconds, act))
        self._plans.sort(key=lambda plan: plan[0])

    def now(self) -> datetime:
        return self.time

    @property
    def elapsed(self) -> float:
        return (self.time - self.start).total_seconds()

    async def sleep(self, seconds: float) -> None:
        until = self.time + timedelta(seconds=seconds)
        while self._plans and self.start + timedelta(seconds=self._plans[0][0]) <= until:
            planned, act = self._plans.pop(0)
            self.time = max(self.time, self.start + timedelta(seconds=planned))
            assert self.deployment is not None
            await act(self.deployment)
        self.time = max(self.time, until + self.late)
        await asyncio.sleep(0)


@dataclass
class Run:
    """What one run showed on both sides."""

    registration: Registration
    lab: list[LabEvent]
    events: list[Event]
    deployment: Deployment
    times: list[datetime]
    """When each of the events was."""

    @property
    def ids(self) -> list[str]:
        return [finding.id for finding in self.registration.findings]

    def lab_did(self, what: str) -> list[LabEvent]:
        return [event for event in self.lab if event.what == what]


@dataclass
class Setup:
    """A lab and a user; `options` change the prober's."""

    faults: tuple[str, ...] = ()
    lab: dict[str, Any] = field(default_factory=dict)
    user: str = "ned"
    logon: str | None = None
    password: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    clock: Clock | None = None
    verify: bool = True

    @property
    def now(self) -> Callable[[], datetime]:
        return now if self.clock is None else self.clock.now

    @property
    def secret(self) -> str:
        return PASSWORDS.get(self.user, "Litware-Olaf-1") if self.password is None else self.password

    def probe_options(self, deployment: Deployment) -> ProbeOptions:
        options = ProbeOptions(
            user=SipUri.parse(f"sip:{self.user}@litwareinc.com"),
            logon_name=LogonName.parse(self.logon or f"LITWAREINC\\{self.user}"),
            policy=TlsPolicy(deployment.ca_file, self.verify),
            nameserver=deployment.nameserver,
            timeouts=Timeouts(10, 10, 10),
            workstation="WS1",
        )
        return replace(options, **self.options)


def initiators(setup: Setup, options: ProbeOptions) -> dict[Scheme, InitiatorMaker]:
    ntlm = ntlm_maker(options.logon_name, setup.secret, workstation=options.workstation, now=setup.now)
    return {Scheme.NTLM: ntlm}


async def run_async(setup: Setup) -> Run:
    lab: list[LabEvent] = []
    events: list[Event] = []
    times: list[datetime] = []

    def observe(event: Event) -> None:
        events.append(event)
        times.append(setup.now())

    settings = LabSettings(behaviour=behaviour_with(setup.faults), **setup.lab)
    async with Deployment(settings, log=lab.append, now=setup.now) as deployment:
        options = setup.probe_options(deployment)
        tools = Tools(setup.now, secrets.token_bytes, initiators(setup, options), observe)
        if setup.clock is not None:
            setup.clock.deployment = deployment
            tools = replace(tools, sleep=setup.clock.sleep)
        resolver = Resolver(options.nameserver, 5)
        probe = Probe(options, tools, resolver, random.Random(1))
        registration = summarize(await probe.run(), options)
    return Run(registration, lab, events, deployment, times)


def run(*faults: str, **setup: Any) -> Run:
    """One run against a lab with these faults."""
    return asyncio.run(run_async(Setup(faults=faults, **setup)))
