"""A registration that is held while its associations end, captured from the network by tshark."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from typing import IO, Any

import pytest

from tests.cli.program import Result, sipauthctl

DEMANDED = "SIPAUTHCTL_REQUIRE_EXTERNAL" in os.environ


def _cannot_capture() -> str | None:
    if shutil.which("tshark") is None or shutil.which("dumpcap") is None:
        return "needs tshark: apt install tshark"
    listed = subprocess.run(["dumpcap", "-D"], capture_output=True, text=True, check=False)
    return None if re.search(r"\blo\b", listed.stdout) else "may not capture on the loopback interface"


_missing = _cannot_capture()
pytestmark = [
    pytest.mark.external,
    pytest.mark.slow,
    pytest.mark.skipif(_missing is not None and not DEMANDED, reason=str(_missing)),
]
PASSWORD = "Litware-Ned-1"
DISCARD = 9  # a port that nothing answers on
LIFE, HOLD = "8", "19"


@contextmanager
def capturing(path: Path) -> Iterator[None]:
    """Captures the loopback interface. What is sent inside is in the file: datagrams before and after it are seen."""
    shown = ["-l", "-P", "-T", "fields", "-e", "udp.payload"]
    command = ["tshark", "-n", "-i", "lo", "-f", f"tcp or udp dst port {DISCARD}", "-w", str(path), *shown]
    seen = {marker.hex(): Event() for marker in (b"begin", b"end")}

    def watch(lines: IO[str]) -> None:
        for line in lines:
            if line.strip() in seen:
                seen[line.strip()].set()

    def mark(marker: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not seen[marker.hex()].is_set():
                assert tshark.poll() is None, "tshark ended"
                sender.sendto(marker, ("127.0.0.1", DISCARD))
                seen[marker.hex()].wait(0.5)

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as tshark:
        assert tshark.stdout is not None
        watcher = Thread(target=watch, args=(tshark.stdout,))
        watcher.start()
        try:
            mark(b"begin")
            yield
            mark(b"end")
        finally:
            tshark.terminate()
            watcher.join()


@dataclass(frozen=True)
class HeldRun:
    """What `register` said of the run, and what `analyze` says of its capture and of its trace."""

    result: Result
    document: dict[str, Any]
    captured: dict[str, Any]
    traced: dict[str, Any]


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> HeldRun:
    folder = tmp_path_factory.mktemp("held")
    everything, capture, trace = folder / "lo.pcapng", folder / "own.pcapng", folder / "trace.txt"
    (folder / "password").write_text(PASSWORD + "\n")
    life = ("--sa-lifetime", LIFE, "--hold", HOLD)
    plain = ("--transport", "tcp", "--allow-cleartext")
    with capturing(everything):
        result = sipauthctl("register", "--lab", *plain, *life, "--trace", str(trace), "--json")
    document = json.loads(result.out)
    # Others use the loopback interface too.
    own = " || ".join(f"tcp.port == {hop['server']['port']}" for hop in document["hops"])
    subprocess.run(["tshark", "-r", str(everything), "-Y", own, "-w", str(capture)], check=True, capture_output=True)
    return HeldRun(result, document, *(_analyzed(path, folder / "password") for path in (capture, trace)))


def _analyzed(path: Path, password: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        sipauthctl("analyze", str(path), "--password-file", str(password), "--json").out
    )
    return document


def at_home(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The associations with the home server, in the order of their handshakes."""
    found = [one for one in document["associations"] if one["targetname"] == "hs2.litwareinc.com"]
    return sorted(found, key=lambda one: int(one["handshake"]))


def findings(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(finding["id"], finding["severity"]) for finding in document["findings"]}


# A registration lives a quarter of the life of an association: two seconds, which is short indeed.
EXPECTED = {("association-expired", "info"), ("expires-too-short", "warning")}


def test_the_run_itself_names_every_reason_and_no_gap(held: HeldRun) -> None:
    assert (held.result.code, held.result.err) == (0, "")
    life = held.document["hops"][-1]
    reasons = [made["reason"] for made in life["handshakes"]]
    assert len(reasons) >= 3
    assert reasons == ["sign-in"] + ["lifetime"] * (len(reasons) - 1)
    assert life["lapses"] == []
    assert findings(held.document) == EXPECTED


def test_a_capture_shows_the_same_handshakes_for_the_same_reasons(held: HeldRun) -> None:
    seen = held.captured
    home = at_home(seen)
    made = held.document["hops"][-1]["handshakes"]
    assert [one["handshake"] for one in home] == list(range(1, len(made) + 1))
    assert {one["state"] for one in seen["associations"]} == {"established"}
    assert home[0]["made_for"] == ""
    for before, after in pairwise(home):
        assert before["ended_by"] == after["made_for"].removeprefix("the server ")
        assert re.search(r"s old, as the (one before|next one); .* lets none live longer", before["ended_by"])
    assert home[-1]["ended_by"] == ""
    assert findings(seen) == EXPECTED


def test_every_signature_of_the_capture_is_valid(held: HeldRun) -> None:
    seen = held.captured
    signatures = [one for association in seen["associations"] for one in association["signatures"]]
    assert {one["verdict"] for one in signatures} == {"valid"}
    assert {one["method"] for one in signatures} == {"password"}
    assert len(signatures) == sum(len(hop["signatures"]) for hop in held.document["hops"])


def test_the_trace_of_the_run_tells_the_same(held: HeldRun) -> None:
    """Its tokens are taken out, so that no signature can be verified."""
    seen, captured = held.traced, held.captured
    assert findings(seen) == EXPECTED
    assert [one["handshake"] for one in at_home(seen)] == [one["handshake"] for one in at_home(captured)]
    assert all("lets none live longer" in one["ended_by"] for one in at_home(seen)[:-1])
    verdicts = {one["verdict"] for association in seen["associations"] for one in association["signatures"]}
    assert verdicts == {"unverifiable"}
