"""A client log and a server trace of a sign-in give the same associations and findings as its capture."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sipauthctl.analysis.secrets import Secrets
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Record
from tests.analysis import written
from tests.analysis.sessions import GIVEN, NOTHING, Outcome, changed, lab, outcome, put, session
from tests.external import DEMANDED

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(shutil.which("tshark") is None and not DEMANDED, reason="needs tshark: apt install tshark"),
]


def _refused() -> list[Record]:
    return lab(password="not his password", lab={"redirect": False})


def _unsigned() -> list[Record]:
    records = session()
    raw = re.sub(rb"\r\nAuthentication-Info: [^\r]*", b"", records[9].raw)
    return put(records, replace(records[9], raw=raw))


SIGN_INS: dict[str, Any] = {
    "healthy": session,
    "redirected": lambda: session(redirect=True),
    "version 2 without extended session security": lambda: session(2, extended=False),
    "refused": _refused,
    "another domain": lambda: lab(logon="WRONGDOM\\ned", lab={"redirect": False}),
    "a field changed": lambda: changed(session(), 9, b"From: <sip:ned@", b"From: <sip:nad@"),
    "an unsigned answer": _unsigned,
    "a number used twice": lambda: lab("replayed-snum", options={"refreshes": 2}, lab={"redirect": False}),
    "a handshake cut off": lambda: session()[:4],
    "begun in the middle": lambda: session(extended=False)[6:],
}


def associations(seen: Outcome) -> list[Any]:
    return [
        (
            (one.scheme, one.user, one.realm, one.targetname, one.opaque, one.call_id, one.epid, one.version),
            (one.state, one.stopped_at),
            [(s.sender, s.num, s.verdict, s.method, s.detail) for s in one.signatures],
            [(e.mistake, e.sentence, e.signed, e.expected) for e in one.explained],
        )
        for one in seen.associations
    ]


def findings(seen: Outcome) -> list[Any]:
    return [(found.id, found.severity, _without_place(found.detail)) for found in seen.findings]


def _without_place(text: str) -> str:
    return re.sub(r"\S+:\d+", "", text)


@pytest.mark.parametrize("secrets", [GIVEN, NOTHING], ids=["password", "nothing"])
@pytest.mark.parametrize("name", SIGN_INS)
def test_the_same_sign_in(name: str, secrets: Secrets, tmp_path: Path) -> None:
    records = SIGN_INS[name]()
    captured = written.read(written.capture(records), tmp_path, "x.pcap", secrets)
    logged = written.read(written.client_log(records), tmp_path, "x.uccapilog", secrets, local_times=True)
    traced = written.read(written.server_trace(records), tmp_path, "x.txt", secrets, local_times=True)
    assert associations(captured) == associations(logged) == associations(traced)
    assert findings(captured) == findings(logged) == findings(traced)
    assert len(captured.signatures) == len(outcome(records, secrets).signatures)


def test_the_addresses_are_those_of_the_input(tmp_path: Path) -> None:
    captured = written.read(written.capture(session()), tmp_path, "x.pcap", NOTHING)
    logged = written.read(written.client_log(session()), tmp_path, "x.uccapilog", NOTHING)
    ends = {(one.client, one.server) for one in (*captured.associations, *logged.associations)}
    assert ends == {("192.0.2.35:40000", "192.0.2.1:5061")}


def test_a_capture_and_both_logs_together_are_one_sign_in(tmp_path: Path) -> None:
    """On one time line every message is there three times, and nothing is a replay."""
    from sipauthctl.analysis.analyze import Analysis
    from sipauthctl.capture.merge import merge
    from sipauthctl.capture.pcap import PcapReader
    from sipauthctl.capture.reader import open_reader

    contents = (
        ("a.pcap", written.capture(session())),
        ("b.uccapilog", written.client_log(session())),
        ("c.txt", written.server_trace(session())),
    )
    for name, content in contents:
        (tmp_path / name).write_bytes(content)
    readers = [open_reader(str(tmp_path / name), captures=PcapReader) for name, _ in contents]
    analysis = Analysis(merge(readers), GIVEN)
    (association,) = analysis.associations()
    assert {s.verdict for s in association.signatures} == {Verdict.VALID}
    assert len(association.signatures) == 3 * 10
    assert analysis.findings == ()
