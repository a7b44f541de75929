"""Wires a registration together: options in, one run, rendered out."""

from __future__ import annotations

import asyncio
import random
import secrets
import sys
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, replace

from rich.console import Console

from sipauthctl.cli.ending import ENDING
from sipauthctl.cli.errors import CannotRun
from sipauthctl.cli.mechanisms import mechanisms, now
from sipauthctl.cli.output_files import streamed
from sipauthctl.cli.probe_options import kdc_of, probe_options, protection_warnings
from sipauthctl.cli.register_request import Request
from sipauthctl.cli.user import DEFAULT_CACHE, Subject, subject_of, this_computer
from sipauthctl.network.resolver import Resolver
from sipauthctl.network.tls import TrustError
from sipauthctl.probe.diagnosis.reaching import certificate_lines, query_text
from sipauthctl.probe.events import Event, Observer
from sipauthctl.probe.facts import RunFacts
from sipauthctl.probe.initiators import ticket_holder
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.probe.realms import Realms
from sipauthctl.probe.run import Probe
from sipauthctl.probe.summary import summarize
from sipauthctl.probe.tools import Tools
from sipauthctl.probe.trace import Trace
from sipauthctl.report.console import put, stderr, stdout
from sipauthctl.report.json_output import dump, registration_document
from sipauthctl.report.ladder import Ladder
from sipauthctl.report.registration import print_registration
from sipauthctl.report.text import KNOWN, safe


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
            observers.append(Trace(stack.enter_context(streamed(request.trace, "trace", Trace.MARK)), now, KNOWN))
        if not as_json:
            for warning in protection_warnings(request):
                put(err, ("Note: ", "yellow"), warning)
        subject = None if request.lab else subject_of(request, "", may_go_without=False)
        if subject is not None and not as_json:
            _say_who(err, subject)
        try:
            facts, options = asyncio.run(_run(request, subject, observers, stack))
        except TrustError as error:
            raise CannotRun(f"{error}.") from None
        except OSError as error:
            raise CannotRun(f"The registration cannot run: {error.strerror or error}.") from None
    registration = summarize(facts, options)
    if verbose:
        _say_more(err, facts)
    if as_json:
        dump(registration_document(registration), sys.stdout)
    else:
        if facts.hops:
            err.print()
        print_registration(out, registration)
    return Ended(registration.failed, facts.interrupted)


async def _run(
    request: Request, subject: Subject | None, observers: list[Observer], outer: ExitStack
) -> tuple[RunFacts, ProbeOptions]:
    async with AsyncExitStack() as stack:
        if subject is None:
            from sipauthctl.cli.lab_target import in_lab

            subject = await in_lab(request, stack, outer)
        machine, rng = this_computer(), random.SystemRandom()
        options = replace(probe_options(subject), computer_domains=machine.domains)
        resolver = Resolver(options.nameserver, request.timeout)
        usable = mechanisms(subject, Realms(options, machine, resolver, rng, kdc_of(subject.request)), outer)
        options = replace(options, kerberos_unavailable=usable.kerberos_unavailable)

        def observe(event: Event) -> None:
            for observer in observers:
                observer(event)

        tools = Tools(now, secrets.token_bytes, usable.initiators, observe)
        probe = Probe(options, tools, resolver, rng)
        ENDING.on_interruption(probe.interrupt)
        return await probe.run(), options


def _say_who(err: Console, subject: Subject) -> None:
    """Whose address and tickets are used, where the user did not say."""
    if subject.source:
        put(err, f"Registering {safe(subject.request.sip_uri or '')}, from {safe(subject.source)}.")
    elif subject.credentials.cache == DEFAULT_CACHE and (holder := ticket_holder(DEFAULT_CACHE)) is not None:
        put(err, f"Using the Kerberos tickets of {safe(holder.text)}.")


def _say_more(err: Console, facts: RunFacts) -> None:
    """What was asked of DNS, and whom TLS showed."""
    for query in facts.queries:
        put(err, f"DNS {safe(query_text(query))}", wrap=False)
    for hop in facts.hops:
        if hop.tls is not None:
            put(err, f"TLS {safe(hop.server.host)}: {hop.tls.version}, {hop.tls.cipher}", wrap=False)
            for line in certificate_lines(hop.tls):
                put(err, safe(line), indent=4, wrap=False)
