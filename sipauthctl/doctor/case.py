"""The case before the doctor: what was asked, the tools, and what the checks have learned so far."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sipauthctl.association.clock import ClockReading
from sipauthctl.doctor.attempts import Attempts
from sipauthctl.doctor.check import CheckResult
from sipauthctl.machine.facts import Machine
from sipauthctl.mechanisms.kerberos.as_exchange import TICKET
from sipauthctl.network.discovery import Discovery
from sipauthctl.network.errors import NetworkError
from sipauthctl.network.evidence import Endpoint, TlsEvidence
from sipauthctl.network.resolver import Resolver, ServiceTarget
from sipauthctl.probe.events import Observer
from sipauthctl.probe.facts import HopFacts, RunFacts
from sipauthctl.probe.initiators import Credentials
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.probe.realms import DomainNames

if TYPE_CHECKING:
    from sipauthctl.directory.queries import DirectoryFacts
    from sipauthctl.doctor.kdc_talk import KdcTalk
    from sipauthctl.mechanisms.kerberos.credentials import KerberosLogin


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user wants to know.

    `probe` has the address, the logon name and how to reach the server. `kdc` is a host and port that the user named.
    `all_attempts` allows more than one failed sign-in. `name_given` tells whether the logon name is the user's own
    wish, and `user_from` where the address comes from, empty where the user gave it.
    """

    probe: ProbeOptions
    credentials: Credentials = Credentials()
    kdc: tuple[str, int] | None = None
    all_attempts: bool = False
    name_given: bool = False
    user_from: str = ""


@dataclass(frozen=True, slots=True)
class Tools:
    """What the run brings along: `now` in UTC, random bytes, random numbers, DNS, this computer's files.

    What a check opens for the others, it enters into `closing`; the run closes it at its end. `observer` is told of
    every SIP message.
    """

    now: Callable[[], datetime]
    token_bytes: Callable[[int], bytes]
    rng: random.Random
    resolver: Resolver
    closing: ExitStack = field(default_factory=ExitStack)
    observer: Observer = lambda event: None
    root: Path = Path("/")
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    netbios_ports: Mapping[str, int] = field(default_factory=dict)  # by host, where it is not 137


@dataclass(frozen=True, slots=True)
class Reached:
    """What became of one server: `error` is None where it took the connection; see `HopFacts.distrust`."""

    server: Endpoint
    tls: TlsEvidence | None
    error: NetworkError | None
    distrust: NetworkError | None = None


@dataclass(slots=True)
class Case:
    """All that the checks share. A slot that is None or empty was not learned (yet); the comment tells by whom it is.

    Clocks are the other side's minus this computer's.
    """

    asked: Asked
    tools: Tools
    attempts: Attempts
    results: dict[str, CheckResult] = field(default_factory=dict)
    discovery: Discovery | None = None  # dns; None where the server was given
    kdcs: dict[str, tuple[ServiceTarget, ...]] = field(default_factory=dict)  # dns: by domain, which may have none
    ldap_servers: dict[str, tuple[ServiceTarget, ...]] = field(default_factory=dict)  # dns: the same
    reached: list[Reached] = field(default_factory=list)  # reachability: the candidates in the order of trying
    used: Reached | None = (
        None  # reachability: the one that a client would talk to, even if it refuses its certificate
    )
    server: HopFacts | None = None  # offers: the talk with it, without credentials
    domain: DomainNames = DomainNames()  # offers (from the NTLM challenge), then whoever knows better
    machine: Machine | None = None  # whoever asks first; see this_machine
    in_workgroup: bool | None = None  # machine: this computer is joined to no domain, as far as it could be read
    kdc: KdcTalk | None = None  # kdc
    kdc_clock: ClockReading | None = None  # kdc
    directory: DirectoryFacts | None = None  # directory
    logins: dict[str, KerberosLogin] = field(default_factory=dict)  # by logon name; see kerberos.login
    registered: bool | None = None  # sign-in: under the logon name that was asked about; None where none was tried
    passed_over: frozenset[str] = frozenset()  # sign-in: ids of findings on Kerberos, where NTLM takes its place
    circumstances: frozenset[str] = frozenset()  # sign-in: ids of findings that are not what ends a client's sign-in
    runs: list[RunFacts] = field(default_factory=list)  # sign-in: each registration that was tried

    @property
    def sip_domain(self) -> str:
        """The domain of the user's address."""
        return self.asked.probe.sip_domain

    @property
    def password_proven(self) -> bool:
        """Whether a KDC has taken the password."""
        return self.kdc is not None and self.kdc.proof is not None and self.kdc.proof.code == TICKET

    @property
    def step_seconds(self) -> float:
        """The user's limit for one step, in seconds."""
        return self.asked.probe.timeouts.answer
