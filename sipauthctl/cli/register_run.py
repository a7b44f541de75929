"""Wires a registration together: options in, one run, rendered out."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import socket
import sys
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import click

from sipauthctl.association.choice import Wanted
from sipauthctl.cli.errors import CannotRun
from sipauthctl.cli.parameters import HostPort
from sipauthctl.cli.password import VARIABLE, get_password
from sipauthctl.mechanisms.base import Initiator, Scheme
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.initiator import NtlmInitiator
from sipauthctl.mechanisms.ntlm.keys import NtlmSecret
from sipauthctl.network.evidence import Transport
from sipauthctl.network.resolver import Resolver
from sipauthctl.network.tls import TlsPolicy, TrustError
from sipauthctl.network.transport import Timeouts
from sipauthctl.probe.conversation import Tools
from sipauthctl.probe.events import Event, Observer
from sipauthctl.probe.facts import RunFacts
from sipauthctl.probe.options import ProbeOptions, ServerChoice
from sipauthctl.probe.run import Probe
from sipauthctl.probe.summary import summarize
from sipauthctl.probe.trace import Trace
from sipauthctl.report.console import put, stderr, stdout
from sipauthctl.report.json_output import dump, registration_document
from sipauthctl.report.ladder import Ladder
from sipauthctl.report.registration import print_registration
from sipauthctl.sip.uri import SipUri

NETBIOS_NAME_LENGTH = 15


@dataclass(frozen=True, slots=True)
class Request:
    """The options of `register` as they were given."""

    sip_uri: str | None
    server: HostPort | None
    transport: str
    ca_file: Path | None
    verify: bool
    allow_cleartext: bool
    auth: str
    username: str | None
    domain: str
    password_file: IO[str] | None
    nameserver: str | None
    timeout: float
    max_redirects: int
    refreshes: int
    keep: bool
    trace: Path | None
    lab: bool
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """How the command ends."""

    failed: bool
    interrupted: bool


def execute(request: Request, *, as_json: bool, no_color: bool, verbose: bool) -> Ended:
    """Runs the registration and prints it.

    Raises:
        CannotRun: it could not be carried out.
        UsageError: a password is missing, or a name cannot be read.
    """
    out, err = stdout(no_color=no_color), stderr(no_color=no_color)
    observers: list[Observer] = [] if as_json else [Ladder(err)]
    with ExitStack() as stack:
        if request.trace is not None:
            try:
                observers.append(Trace(stack.enter_context(request.trace.open("wb")), now))
            except OSError as error:
                raise CannotRun(f"Cannot write the trace {request.trace}: {error.strerror}.") from None
        if not as_json:
            for warning in _warnings(request):
                put(err, ("Note: ", "yellow"), warning)
        credentials = None if request.lab else _credentials(request)
        try:
            facts, options = asyncio.run(_run(request, credentials, observers))
        except TrustError as error:
            raise CannotRun(f"{error}.") from None
        except OSError as error:
            raise CannotRun(f"The registration cannot run: {error.strerror or type(error).__name__}.") from None
    registration = summarize(facts, options)
    if as_json:
        dump(registration_document(registration), sys.stdout)
    else:
        if facts.hops:
            err.print()
        print_registration(out, registration)
    return Ended(registration.failed, facts.interrupted)


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


async def _run(
    request: Request, credentials: tuple[LogonName, NtlmSecret] | None, observers: list[Observer]
) -> tuple[RunFacts, ProbeOptions]:
    async with AsyncExitStack() as stack:
        if credentials is None:
            from sipauthctl.cli.lab_target import in_lab

            request, credentials = await in_lab(request, stack)
        options = _options(request, *credentials)

        def observe(event: Event) -> None:
            for observer in observers:
                observer(event)

        tools = Tools(now, secrets.token_bytes, {Scheme.NTLM: lambda: _ntlm(options)}, observe)
        resolver = Resolver(options.nameserver, request.timeout)
        probe = Probe(options, tools, resolver, random.SystemRandom())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, probe.interrupt)
        return await probe.run(), options


def _ntlm(options: ProbeOptions) -> Initiator:
    return NtlmInitiator(
        options.logon_name,
        options.secret,
        workstation=options.workstation,
        now=now,
        token_bytes=secrets.token_bytes,
    )


def _credentials(request: Request) -> tuple[LogonName, NtlmSecret]:
    name = logon_name(request, (request.sip_uri or "").removeprefix("sip:"))
    return name, NtlmSecret.from_password(get_password(request.password_file, name.text))


def logon_name(request: Request, default: str) -> LogonName:
    """The name to sign in as.

    Raises:
        UsageError: it has no user.
    """
    try:
        return LogonName.parse(request.username or default, request.domain)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None


def has_password(request: Request) -> bool:
    """Whether the user gave a password by file or environment."""
    return request.password_file is not None or VARIABLE in os.environ


def _options(request: Request, name: LogonName, secret: NtlmSecret) -> ProbeOptions:
    seconds = request.timeout
    return ProbeOptions(
        user=SipUri.parse(request.sip_uri or ""),
        logon_name=name,
        secret=secret,
        server=ServerChoice(request.server.host, request.server.port) if request.server is not None else None,
        transport=Transport(request.transport),
        policy=TlsPolicy(request.ca_file, request.verify),
        wanted=Wanted(request.auth),
        allow_cleartext=request.allow_cleartext,
        nameserver=request.nameserver,
        timeouts=Timeouts(seconds, seconds, seconds),
        max_redirects=request.max_redirects,
        refreshes=request.refreshes,
        keep=request.keep,
        workstation=socket.gethostname().split(".")[0].upper()[:NETBIOS_NAME_LENGTH],
    )


def _warnings(request: Request) -> list[str]:
    warnings = []
    if request.transport == "tls" and not request.verify:
        warnings.append("certificates are not verified, so an NTLM response may go to anybody (--no-verify).")
    if request.allow_cleartext:
        warnings.append("NTLM is answered without protection too, so others may see the response (--allow-cleartext).")
    return warnings
