"""Records of real sessions: the prober against the lab, both run in this process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sipauthctl.analysis.analyze import Analysis
from sipauthctl.analysis.results import AssociationResult
from sipauthctl.analysis.secrets import Secrets, nt_hash_secrets, password_secrets
from sipauthctl.analysis.signature_log import CheckedSignature
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Address, Notice, Record
from sipauthctl.findings import Finding
from sipauthctl.probe.events import RequestSent, ResponseReceived
from tests.probe import harness

CLIENT = Address("192.0.2.35", 40000)
PASSWORD = harness.PASSWORDS["ned"]
GIVEN = Secrets(password_secrets(PASSWORD))
NOTHING = Secrets()


def records_of(run: harness.Run) -> list[Record]:
    """The messages of a run as a capture would have them, in steps of 20 ms."""
    began = datetime.now(UTC) - timedelta(seconds=1)
    records: list[Record] = []
    for event in run.events:
        if not isinstance(event, RequestSent | ResponseReceived):
            continue
        server = Address(event.server.host, event.server.port)
        sent = isinstance(event, RequestSent)
        message = event.request if isinstance(event, RequestSent) else event.response
        records.append(
            Record(
                time=began + timedelta(milliseconds=20 * len(records)),
                source=CLIENT if sent else server,
                destination=server if sent else CLIENT,
                transport="tls",
                raw=message.to_bytes(),
                input="session.pcap",
                place=len(records) + 1,
            )
        )
    return records


def lab(*faults: str, **setup: Any) -> list[Record]:
    """The records of one run against the lab."""
    return records_of(harness.run(*faults, **setup))


@cache
def _session(version: int, extended: bool, family: HeaderFamily, redirect: bool) -> tuple[Record, ...]:
    settings = {
        "version": version,
        "extended_session_security": extended,
        "family": family,
        "redirect": redirect,
    }
    return tuple(lab(lab=settings, options={"refreshes": 3}))


def session(
    version: int = 4,
    *,
    extended: bool = True,
    family: HeaderFamily = HeaderFamily.USER_AGENT,
    redirect: bool = False,
) -> list[Record]:
    """A sign-in, three refreshes and a de-registration, all in order: three messages, then signed ones."""
    return list(_session(version, extended, family, redirect))


def changed(records: list[Record], place: int, old: bytes, new: bytes) -> list[Record]:
    """The records with the text of one message changed on the way."""
    raw = records[place - 1].raw
    assert old in raw, old
    return put(records, replace(records[place - 1], raw=raw.replace(old, new, 1)))


def put(records: list[Record], record: Record) -> list[Record]:
    """The records with one in the place of another."""
    return [record if other.place == record.place else other for other in records]


@dataclass
class Outcome:
    """All that came of an analysis."""

    associations: list[AssociationResult]
    findings: tuple[Finding, ...]

    @property
    def signatures(self) -> list[CheckedSignature]:
        return [signature for association in self.associations for signature in association.signatures]

    @property
    def verdicts(self) -> dict[int, Verdict]:
        return {signature.frame: signature.verdict for signature in self.signatures}

    @property
    def ids(self) -> list[str]:
        return [finding.id for finding in self.findings]

    @property
    def serious(self) -> list[str]:
        return [finding.id for finding in self.findings if finding.severity.value != "info"]

    @property
    def mistakes(self) -> list[str | None]:
        return [explained.mistake for one in self.associations for explained in one.explained]

    @property
    def sentences(self) -> list[str]:
        return [explained.sentence for one in self.associations for explained in one.explained]


def outcome(items: Iterable[Record | Notice], secrets: Secrets = GIVEN, **more: Any) -> Outcome:
    """Runs an analysis to its end."""
    analysis = Analysis(items, secrets, **more)
    associations = list(analysis.associations())
    return Outcome(associations, analysis.findings)


def by_hash(password: str) -> Secrets:
    """The NT hash of a password, given as a hash."""
    from spnego._ntlm_raw.md4 import md4

    return Secrets(nt_hash_secrets(md4(password.encode("utf-16-le")).hex()))
