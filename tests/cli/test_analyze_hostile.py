"""`sipauthctl analyze` on hostile SIP: RFC 4475's torture messages, endless headers, terminal escapes, markup."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.analysis.sessions import session
from tests.capture.frames import Pcap, TcpFlow, udp
from tests.cli.program import sipauthctl
from tests.external import DEMANDED
from tests.report.schemas import validate
from tests.sip import torture

TORTURE = [value for name, value in vars(torture).items() if name.isupper() and isinstance(value, bytes)]
ESCAPES = b"\x1b]0;owned\x07\x1b[2J\x9b31m\xe2\x80\xae\x08\x7f[red]<script>alert(1)</script>"
IN_A_URI = ESCAPES.translate(None, b";<>()/")
ENDLESS = b"REGISTER sip:a SIP/2.0\r\nX: " + b"a" * 5_000_000 + b"\r\n\r\n"


def hostile_session() -> list[bytes]:
    """A sign-in whose every text that can be shown has escapes in it."""
    raws = []
    for record in session():
        raw = record.raw.replace(b": <sip:ned@", b': "' + ESCAPES + b'" <sip:n' + IN_A_URI + b"@")
        raw = raw.replace(b"200 OK", b"200 " + ESCAPES).replace(b"SIP Communications Service", b"SIP " + ESCAPES)
        raw = raw.replace(b'targetname="hs1', b'targetname="' + ESCAPES + b"hs1")
        raws.append(raw.replace(b"\r\nCSeq", b"\r\nms-diagnostics: 1;reason=" + ESCAPES + b"\r\nCSeq"))
    return raws


def refusal() -> bytes:
    """The first challenge again, in answer to the last token."""
    return hostile_session()[1].replace(b"CSeq: 1 ", b"CSeq: 3 ")


def as_text(messages: list[bytes]) -> bytes:
    return b"\r\n".join(messages)


def as_capture(messages: list[bytes]) -> bytes:
    pcap = Pcap()
    for number, message in enumerate(messages):
        ends = (("192.0.2.7", 5060), ("192.0.2.1", 5060))
        pcap.add(udp(message[:60000], *(ends if number % 2 else ends[::-1])))
    return pcap.to_bytes()


INPUTS: dict[str, Callable[[], bytes]] = {
    "torture": lambda: as_text(TORTURE),
    "escapes": lambda: as_text(hostile_session()),
    "refused with escapes": lambda: as_text([*hostile_session()[:5], refusal()]),
    "endless": lambda: ENDLESS + as_text(hostile_session()),
    "capture": lambda: as_capture([*TORTURE, *hostile_session()]),
}
NEEDS_TSHARK = [
    pytest.mark.external,
    pytest.mark.skipif(shutil.which("tshark") is None and not DEMANDED, reason="tshark"),
]
NAMES = [pytest.param(name, marks=NEEDS_TSHARK if name == "capture" else []) for name in INPUTS]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_nothing_acts_and_nothing_breaks(name: str, tmp_path: Path) -> None:
    file, page = tmp_path / "input", tmp_path / "page.html"
    file.write_bytes(INPUTS[name]())
    result = sipauthctl("analyze", str(file), "--html", str(page))
    assert result.code in (0, 1)
    assert "unexpectedly" not in result.err
    for text in (result.out, result.err, page.read_text("utf-8")):
        assert not [char for char in text if (ord(char) < 32 and char != "\n") or char in "\x7f\x9b\u202e"]
    assert page.read_text("utf-8").count("<script>") == 1
    machine = sipauthctl("analyze", str(file), "--json")
    document = json.loads(machine.out)
    validate(document, "analyze")
    assert machine.out.isascii()
    assert bool(document["associations"]) == (name != "torture")


def test_the_torture_messages_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "input"
    file.write_bytes(INPUTS["torture"]())
    document = json.loads(sipauthctl("analyze", str(file), "--json").out)
    assert document["inputs"][0]["messages"] >= len(TORTURE) // 2
    assert document["associations"] == []


def test_a_file_of_which_no_message_can_be_read_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "input"
    file.write_bytes(as_text([record.raw.replace(b"From: <sip:", b"From: <sip:<") for record in session()]))
    result = sipauthctl("analyze", str(file))
    assert result.code == 3
    assert "14 of 14 messages cannot be read as SIP" in " ".join(result.out.split())
    assert "Nothing was found wrong" not in result.out
    assert "No SIP message could be read." in result.err


def large_messages(more: bytes, length: int, body: bytes, path: Path) -> dict[str, Any]:
    """What is read of two messages and a third one with these header lines and this body."""
    first, second = session()[:2]
    pcap = Pcap()
    flow = TcpFlow(pcap)
    flow.open()
    flow.send(first.raw)
    flow.send(second.raw, from_client=False)
    large = second.raw.replace(b"Content-Length: 0", more + b"Content-Length: %d" % length) + body
    for start in range(0, len(large), 1400):
        flow.send(large[start : start + 1400], from_client=False)
    path.write_bytes(pcap.to_bytes())
    document: dict[str, Any] = json.loads(sipauthctl("analyze", str(path), "--json").out)
    return document


@pytest.mark.external
@pytest.mark.skipif(shutil.which("tshark") is None and not DEMANDED, reason="tshark")
def test_a_message_that_tshark_cannot_hand_over_is_told(tmp_path: Path) -> None:
    """tshark ends there, with status 0."""
    more = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 1000) for number in range(300))
    document = large_messages(more, 0, b"", tmp_path / "x.pcap")
    assert document["inputs"][0]["messages"] == 2
    (notice,) = document["notices"]
    assert notice["kind"] == "reader-failed"
    assert "larger" in notice["text"]


@pytest.mark.external
@pytest.mark.skipif(shutil.which("tshark") is None and not DEMANDED, reason="tshark")
def test_a_message_with_a_body_that_tshark_cannot_hand_over_is_read(tmp_path: Path) -> None:
    document = large_messages(b"", 300_000, b"x" * 300_000, tmp_path / "x.pcap")
    assert document["inputs"][0]["messages"] == 3
    assert [notice["kind"] for notice in document["notices"]] == ["large-message"]
