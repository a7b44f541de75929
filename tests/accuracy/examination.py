"""Runs the doctor against a lab with a fault, in the same event loop."""

from __future__ import annotations

import asyncio
import os
import random
import re
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sipauthctl.doctor.case import Asked, Tools
from sipauthctl.doctor.examine import examine
from sipauthctl.doctor.runner import Observer
from sipauthctl.doctor.verdict import Verdict
from sipauthctl.lab.accounts import ACCOUNTS
from sipauthctl.lab.behaviour import Behaviour
from sipauthctl.lab.deployment import Deployment
from sipauthctl.lab.events import LabEvent, Log
from sipauthctl.lab.faults import behaviour_with
from sipauthctl.lab.settings import LabSettings
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.kerberos.configuration import use_configuration
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.network.resolver import RememberingResolver
from sipauthctl.network.tls import TlsPolicy
from sipauthctl.network.transport import Timeouts
from sipauthctl.probe.initiators import Credentials
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.sip.uri import SipUri

PASSWORDS = {account.user: account.password for account in ACCOUNTS}
BOTH = (Scheme.KERBEROS, Scheme.NTLM)


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Row:
    """One deployment and one user.

    `faults` are the lab's, `lab` its settings, `behaviour` changes that no fault of the command line makes. `files`
    are this computer's, by path. `options` change the prober's, `asked` the doctor's; so does `prepare`, called with
    an empty folder once the KDC runs. `expected` is the root cause, None for a healthy one; `tells` is a finding that
    is told all the same. `reason` says why the expected cause is the first one where that is not plain. `undecidable`
    says why nobody could name the injected cause from outside; the expected one is then what is sure.
    """

    family: str
    name: str
    expected: str | None
    faults: tuple[str, ...] = ()
    lab: dict[str, Any] = field(default_factory=dict)
    behaviour: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    user: str = "ned"
    logon: str | None = None
    password: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)
    prepare: Callable[[Path], dict[str, Any]] | None = None
    tells: str | None = None
    seconds: float = 5.0
    reason: str = ""
    undecidable: str = ""

    @property
    def id(self) -> str:
        """What `pytest -k` selects by."""
        return re.sub(r"[^\w.=@]+", "-", f"{self.family} {self.name}").strip("-")

    @property
    def kerberos(self) -> bool:
        return Scheme.KERBEROS in self.lab.get("schemes", ())


@dataclass
class Examined:
    """What the doctor said, and what the lab saw."""

    verdict: Verdict
    events: list[LabEvent]

    @property
    def ids(self) -> list[str]:
        return [finding.id for finding in self.verdict.findings]

    def status(self, check: str) -> str:
        return next(result.status.value for result in self.verdict.checks if result.id == check)

    def detail(self, check: str) -> str:
        return next(result.detail for result in self.verdict.checks if result.id == check)

    def lab_did(self, what: str) -> list[LabEvent]:
        return [event for event in self.events if event.what == what]

    def registrations(self) -> dict[str, str]:
        """What the lab did last to each, by Call-ID."""
        kinds = ("registered", "refreshed", "de-registered")
        return {event.request.call_id: event.what for event in self.events if event.request and event.what in kinds}


async def examine_row(row: Row, log: Log = lambda event: None) -> Examined:
    """Starts the row's deployment, examines, and stops it; `log` is told what the deployment sees."""
    events: list[LabEvent] = []

    def note(event: LabEvent) -> None:
        events.append(event)
        log(event)

    async with Deployment(_settings(row), log=note) as deployment:
        return Examined(await examine_deployment(row, deployment), events)


class Examiner:
    """Examines row after row; those of one deployment that come after each other share it."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._events: list[LabEvent] = []
        self._settings: LabSettings | None = None
        self._stack = AsyncExitStack()
        self._deployment: Deployment | None = None

    def examine(self, row: Row) -> Examined:
        return self._runner.run(self._examine(row))

    def close(self) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()

    async def _examine(self, row: Row) -> Examined:
        settings = _settings(row)
        if self._deployment is None or settings != self._settings:
            await self._stack.aclose()
            self._deployment = None
            self._deployment = await self._stack.enter_async_context(Deployment(settings, log=self._events.append))
            self._settings = settings
        self._events.clear()
        verdict = await examine_deployment(row, self._deployment)
        return Examined(verdict, list(self._events))


def _settings(row: Row) -> LabSettings:
    behaviour: Behaviour = replace(behaviour_with(row.faults), **row.behaviour)
    return LabSettings(behaviour=behaviour, **row.lab)


async def examine_deployment(
    row: Row, deployment: Deployment, observer: Observer = lambda check, result: None
) -> Verdict:
    """Examines a deployment that runs."""
    seconds = row.seconds
    options = ProbeOptions(
        user=SipUri.parse(f"sip:{row.user}@litwareinc.com"),
        logon_name=LogonName.parse(row.logon or f"LITWAREINC\\{row.user}"),
        policy=TlsPolicy(deployment.ca_file),
        nameserver=deployment.nameserver,
        timeouts=Timeouts(seconds, seconds, seconds),
        workstation="WS1",
    )
    password = PASSWORDS[row.user] if row.password is None else row.password
    with ExitStack() as stack:
        if deployment.kdc is not None:
            stack.enter_context(use_configuration(deployment.kdc.configuration))
        # A computer without settings: what the one that runs the tests is joined to must not matter.
        root = Path(stack.enter_context(TemporaryDirectory()))
        for name, text in row.files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        prepared = row.prepare(Path(stack.enter_context(TemporaryDirectory()))) if row.prepare is not None else {}
        probe = replace(options, **row.options)
        asked = Asked(**{"probe": probe, "credentials": Credentials(password), **row.asked, **prepared})
        resolver = RememberingResolver(asked.probe.nameserver, asked.probe.timeouts.answer)
        tools = Tools(
            now,
            secrets.token_bytes,
            random.Random(1),
            resolver,
            root=root,
            environ=dict(os.environ),
            netbios_ports={service.node.host: service.port for service in deployment.name_services},
        )
        return await examine(asked, tools, observer=observer)
