"""Wires an examination together: options in, one run, rendered out."""

from __future__ import annotations

import asyncio
import random
import secrets
import sys
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from sipauthctl.analysis.secrets import GivenSecret, Secrets
from sipauthctl.analysis.words import Method
from sipauthctl.capture.record import ReadError
from sipauthctl.cli.ending import ENDING
from sipauthctl.cli.errors import CannotRun
from sipauthctl.cli.mechanisms import now
from sipauthctl.cli.output_files import streamed
from sipauthctl.cli.probe_options import kdc_of, probe_options, protection_warnings
from sipauthctl.cli.register_request import Request
from sipauthctl.cli.user import Subject, subject_of
from sipauthctl.doctor.case import Asked, Tools
from sipauthctl.doctor.check import CheckResult
from sipauthctl.doctor.checks import CHECKS
from sipauthctl.doctor.evidence import EVIDENCE, TITLE, Evidence, read_evidence
from sipauthctl.doctor.examine import examine
from sipauthctl.doctor.verdict import Verdict, judge
from sipauthctl.mechanisms.kerberos.availability import unavailable_reason
from sipauthctl.mechanisms.ntlm.keys import NtlmSecret
from sipauthctl.network.resolver import RememberingResolver
from sipauthctl.network.tls import TrustError
from sipauthctl.probe.events import Event, Observer
from sipauthctl.probe.trace import Trace
from sipauthctl.report.console import put, stderr, stdout
from sipauthctl.report.doctor import Progress, print_verdict
from sipauthctl.report.doctor_json import doctor_document
from sipauthctl.report.json_output import dump
from sipauthctl.report.ladder import Ladder
from sipauthctl.report.text import KNOWN
from sipauthctl.sip.uri import SipUri


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """The options that the doctor alone has; `user_from` tells where the address comes from, if not from the user."""

    files: tuple[Path, ...]
    only: tuple[str, ...]
    all_attempts: bool
    user_from: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How the command ends."""

    failed: bool
    interrupted: bool


def print_checks(*, no_color: bool) -> None:
    """Lists the checks, one a line."""
    console = stdout(no_color=no_color)
    pairs = [*((check.id, check.title) for check in CHECKS), (EVIDENCE, TITLE)]
    width = max(len(id_) for id_, _ in pairs)
    for id_, title in pairs:
        put(console, title, lead=(f"{id_:<{width}}  ",))


def execute(request: Request, chosen: DoctorOptions, *, as_json: bool, no_color: bool, verbose: bool) -> Ended:
    """Examines and prints the verdict.

    Raises:
        CannotRun: it could not be carried out, or a capture or log was not read to its end. What was found is printed
            first, and a problem counts for more.
        UsageError: there is no user to examine, or a name cannot be read.
    """
    out, err = stdout(no_color=no_color), stderr(no_color=no_color)
    if not as_json:
        for warning in protection_warnings(request):
            put(err, ("Note: ", "yellow"), warning)
    live = request.lab or not chosen.files or (request.sip_uri is not None and not chosen.user_from)
    subject = None if request.lab or not live else subject_of(request, chosen.user_from, may_go_without=True)
    about = (subject.request if subject is not None else request).sip_uri if live else None
    read = _evidence(chosen, subject, about)
    evidence = read.result if read is not None else None
    if not live and evidence is not None:
        verdict: Verdict | None = judge([evidence], registered=None)
        user, source = "", ""
    else:
        with ExitStack() as stack, Progress(err, quiet=as_json) as progress:
            observers: list[Observer] = [Ladder(err)] if verbose else []
            if request.trace is not None:
                observers.append(Trace(stack.enter_context(streamed(request.trace, "trace", Trace.MARK)), now, KNOWN))
            try:
                verdict, done = asyncio.run(_run(request, chosen, subject, evidence, progress, observers, stack))
            except TrustError as error:
                raise CannotRun(f"{error}.") from None
            except OSError as error:
                raise CannotRun(f"The doctor cannot run: {error.strerror or error}.") from None
        user, source = done.request.sip_uri or "", done.source
    if verdict is None:
        put(err, "Interrupted.")
        return Ended(failed=False, interrupted=True)
    if as_json:
        dump(doctor_document(verdict, user, source), sys.stdout)
    else:
        print_verdict(out, verdict, user, source)
    if read is not None and read.unread and not verdict.failed:
        raise CannotRun(" ".join(read.unread))
    return Ended(verdict.failed, interrupted=False)


async def _run(
    request: Request,
    chosen: DoctorOptions,
    subject: Subject | None,
    evidence: CheckResult | None,
    progress: Progress,
    observers: list[Observer],
    outer: ExitStack,
) -> tuple[Verdict | None, Subject]:
    """The verdict, None where the user interrupted."""
    async with AsyncExitStack() as stack:
        if subject is None:
            from sipauthctl.cli.lab_target import in_lab

            subject = await in_lab(request, stack, outer, all_schemes=True)
        asked = _asked(subject, chosen)

        def observe(event: Event) -> None:
            for observer in observers:
                observer(event)

        tools = Tools(
            now,
            secrets.token_bytes,
            random.SystemRandom(),
            RememberingResolver(asked.probe.nameserver, request.timeout),
            observer=observe,
            netbios_ports=subject.request.netbios_ports,
        )
        task = asyncio.current_task()
        if task is not None:
            ENDING.on_interruption(task.cancel)
        try:
            return await examine(asked, tools, only=chosen.only, observer=progress, evidence=evidence), subject
        except asyncio.CancelledError:
            return None, subject


def _asked(subject: Subject, chosen: DoctorOptions) -> Asked:
    return Asked(
        probe=replace(probe_options(subject), kerberos_unavailable=unavailable_reason() or ""),
        credentials=subject.credentials,
        kdc=kdc_of(subject.request),
        all_attempts=chosen.all_attempts,
        name_given=subject.request.username is not None,
        user_from=subject.source,
    )


def _evidence(chosen: DoctorOptions, subject: Subject | None, about: str | None) -> Evidence | None:
    if not chosen.files:
        return None
    password = subject.credentials.password if subject is not None else None
    known = (
        Secrets(ntlm=(GivenSecret(subject.name, Method.PASSWORD, NtlmSecret.from_password(password)),))
        if subject and password
        else Secrets()
    )
    try:
        return read_evidence(
            chosen.files, known, about=SipUri.parse(about).address_of_record if about else "", known=KNOWN
        )
    except ReadError as error:
        raise CannotRun(str(error)) from None
