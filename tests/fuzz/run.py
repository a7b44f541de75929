"""Runs the targets under atheris; see script/fuzz.

run.py [--folder FOLDER] MINUTES [TARGET ...]    all targets, MINUTES in total; what crashes is kept
run.py --reproduce TARGET FILE                   one input
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from tests.fuzz.registry import Target

TOP = Path(__file__).resolve().parents[2]
INPUT_BYTES = 8192
INPUT_SECONDS = 20
MEMORY_MIB = 2048
INSTRUMENTED = ["sipauthctl", "pyasn1", "spnego", "email"]
_STATUS = re.compile(r"#(\d+)\s.*cov: (\d+) ft: (\d+)")
_EXECUTED = re.compile(r"stat::number_of_executed_units:\s+(\d+)")


@dataclass(frozen=True)
class Outcome:
    """What came of one target.

    `cpu` are seconds of processor time, `edges` those of the code that inputs reached, `new` those of them that the
    corpus did not reach before, `crash` the input that broke it.
    """

    cpu: float
    inputs: int
    edges: int
    new: int
    corpus: int
    crash: Path | None


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzzes the parsers and the handshake.")
    parser.add_argument("minutes", type=float, help="in total")
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--folder", type=Path, default=TOP / ".fuzz", help="for corpora and crashes")
    arguments = sys.argv[1:]
    if arguments[:1] == ["--reproduce"]:
        return reproduce(*arguments[1:])
    asked = parser.parse_args(arguments)
    return run_all(asked.minutes, asked.targets, asked.folder)


def run_all(minutes: float, names: list[str], folder: Path) -> int:
    """One process a target, one after the other. The exit status is 1 where any of them failed."""
    try:
        import atheris
    except ImportError:
        print("fuzzing: skipped, as there is no atheris for this machine")
        return 0

    # Once for all processes: it takes longer than a short run.
    with (
        contextlib.redirect_stderr(io.StringIO()),
        atheris.instrument_imports(include=INSTRUMENTED, enable_loader_override=False),
    ):
        from tests.fuzz.targets import TARGETS

    unknown = set(names) - set(TARGETS)
    if unknown:
        print(f"No such target: {', '.join(sorted(unknown))}. There are: {', '.join(TARGETS)}.", file=sys.stderr)
        return 2
    chosen = names or list(TARGETS)
    seconds = max(1, round(60 * minutes / len(chosen)))
    print(f"{len(chosen)} targets, {seconds} s each; corpora and crashes in {folder}")
    print(f"{'target':<20} {'CPU s':>7} {'inputs':>10} {'edges':>7} {'new':>5} {'corpus':>7}", flush=True)
    cpu, total, failures = 0.0, 0, 0
    for name in chosen:
        outcome = run_one(TARGETS[name], seconds, folder)
        cpu += outcome.cpu
        total += outcome.inputs
        row = f"{name:<20} {outcome.cpu:>7,.0f} {outcome.inputs:>10,} {outcome.edges:>7,} {outcome.new:>5,}"
        print(f"{row} {outcome.corpus:>7,}", flush=True)
        if outcome.crash is not None:
            failures += 1
            command = ["script/fuzz", "--reproduce", name, str(outcome.crash)]
            print(f"  FAILED; its log: {outcome.crash}.log. To reproduce:\n    {shlex.join(command)}", flush=True)
    print(f"{total:,} inputs in {cpu:,.0f} s of processor time, {failures} failures", flush=True)
    return min(failures, 1)


def run_one(target: Target, seconds: int, folder: Path) -> Outcome:
    """Fuzzes one target in a process of its own."""
    corpus, crashes = folder / "corpus" / target.name, folder / "crashes" / target.name
    for path in (corpus, crashes):
        path.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds:
        (corpus / _name(seed)).write_bytes(seed)
    before = set(crashes.iterdir())
    log = folder / f"{target.name}.log"
    options = [
        *(str(corpus), f"-max_total_time={seconds}", f"-artifact_prefix={crashes}/", f"-timeout={INPUT_SECONDS}"),
        *(f"-rss_limit_mb={MEMORY_MIB}", f"-max_len={INPUT_BYTES}", "-print_final_stats=1", "-reload=0"),
    ]
    child = os.fork()
    if child == 0:
        fuzz(target, options, crashes, log)
    _, ended, used = os.wait4(child, 0)
    status = os.waitstatus_to_exitcode(ended)
    output = log.read_text("utf-8", "replace")
    crash = next(iter(set(crashes.iterdir()) - before), None)
    if crash is None and status:
        crash = crashes / "without-input"  # it did not even begin
        crash.touch()
    if crash is not None:
        log.rename(f"{crash}.log")
    reported, executed = _STATUS.findall(output), _EXECUTED.search(output)
    first, last = (reported[0], reported[-1]) if reported else (("0", "0", "0"),) * 2
    return Outcome(
        cpu=used.ru_utime + used.ru_stime,
        inputs=int(executed[1] if executed else last[0]),
        edges=int(last[1]),
        new=int(last[1]) - int(first[1]),
        corpus=len(list(corpus.iterdir())),
        crash=crash,
    )


def fuzz(target: Target, options: list[str], crashes: Path, log: Path) -> NoReturn:
    """The process of one target; `options` are libFuzzer's. It ends the process."""
    import atheris

    def run(data: bytes) -> None:
        try:
            target.run(data)
        except BaseException:  # libFuzzer itself keeps those alone that take too long or too much memory
            (crashes / f"crash-{_name(data)}").write_bytes(data)
            raise

    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    try:
        atheris.Setup([sys.argv[0], *options], run)
        atheris.Fuzz()
    finally:
        os._exit(70)  # libFuzzer has ended the process before


def _name(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def reproduce(name: str, file: str) -> int:
    """Runs one input without atheris."""
    from tests.fuzz.targets import TARGETS

    TARGETS[name].run(Path(file).read_bytes())
    print("It does no harm any more.")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(TOP))
    sys.exit(main())
