"""Captures and logs as evidence: what the analysis finds in them, as the result of a check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sipauthctl.analysis.analyze import Analysis
from sipauthctl.analysis.results import State
from sipauthctl.analysis.secrets import Secrets
from sipauthctl.association.known_secrets import KnownSecrets
from sipauthctl.capture.merge import merge
from sipauthctl.capture.reader import open_reader
from sipauthctl.capture.record import LOCAL_TIMES, Reader
from sipauthctl.doctor.check import CheckResult, Status, judged

EVIDENCE = "evidence"
TITLE = "captures and logs (option --from)"
_OTHERS_NAMED = 5


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the files show, and the reasons why they show less than they should, each one a sentence."""

    result: CheckResult
    unread: tuple[str, ...] = ()


def read_evidence(
    files: Sequence[Path], secrets: Secrets, *, about: str = "", known: KnownSecrets | None = None
) -> Evidence:
    """Analyses the files. Blocks, and must not run inside an event loop.

    Args:
        files: captures and logs.
        secrets: what the user gave.
        about: the SIP URI of the user whom the verdict is about. What is found on others and does not concern the
            server is only named. Empty for everybody in the files.
        known: see `Analysis`.

    Raises:
        ReadError: a file cannot be read.
    """
    paths = [str(file) for file in files]
    readers = [open_reader(path, captures=_capture) for path in paths]
    local = [path for path, reader in zip(paths, readers, strict=True) if reader.kind in LOCAL_TIMES]
    analysis = Analysis(merge(readers), secrets, local_times=local, about=about, known=known)
    states, of_whom_it_is_about = Counter[State](), False
    for association in analysis.associations():
        states[association.state] += 1
        of_whom_it_is_about |= association.user == about
    unread = tuple(analysis.unfinished.values())
    messages = sum(count.messages for count in analysis.inputs)
    if messages == sum(count.unreadable for count in analysis.inputs):
        skipped = CheckResult(EVIDENCE, Status.SKIPPED, "no SIP message could be read from it")
        return Evidence(skipped, unread or (f"No SIP message could be read from {', '.join(paths)}.",))
    told = ", ".join(f"{states[state]} {state.value}" for state in State if state in states) or "none"
    if about and states and not of_whom_it_is_about:
        told += f", none of {about.removeprefix('sip:')}"
    told += "".join(f"; {path} is not read to its end" for path in analysis.unfinished)
    others = _others(analysis.of_others)
    detail = f"{messages} SIP messages, associations: {told}{others}"
    return Evidence(judged(EVIDENCE, detail, analysis.findings), unread)


def _others(found: Sequence[tuple[str, str]]) -> str:
    """Names what does not count, the first few of it."""
    if not found:
        return ""
    named = [f"{id_} of {user.removeprefix('sip:') or 'somebody'}" for id_, user in found[:_OTHERS_NAMED]]
    more = f" and {len(found) - _OTHERS_NAMED} more" if len(found) > _OTHERS_NAMED else ""
    return f"; about others, and so not counted: {', '.join(named)}{more}"


def _capture(path: str) -> Reader:
    from sipauthctl.capture.pcap import PcapReader

    return PcapReader(path)
