"""Evidence from somebody else: `sipauthctl analyze` says when it was not read whole, and nothing in it acts."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.analysis.sessions import session
from tests.cli.program import sipauthctl
from tests.cli.test_analyze_hostile import NEEDS_TSHARK, as_capture, as_text
from tests.test_programs import program

pytestmark = pytest.mark.slow

ESCAPING = "a\x1b[31m\x9b2J\nError\u202e.log"


@pytest.mark.parametrize("data", [b"", b"BZh9", b"\x00" * 99, None], ids=["empty", "bzip2", "binary", "none"])
def test_the_name_of_an_input_does_not_act_on_the_terminal(data: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / ESCAPING
    if data is not None:
        file.write_bytes(data)
    result = sipauthctl("analyze", str(file))
    assert result.code == 3
    assert "a\\x1b[31m\\x9b2J\\x0aError\\u202e.log" in result.err
    assert result.err.count("\n") == 1 and result.err.rstrip("\n").isprintable()


def test_the_name_of_a_file_of_secrets_does_not_act_on_the_terminal(tmp_path: Path) -> None:
    result = sipauthctl("analyze", "--keytab", str(tmp_path / "a\x1b[31m.keytab"), "x")
    assert result.code == 2
    assert "a\\x1b[31m.keytab" in result.err
    assert "\x1b" not in result.err


def sign_in() -> list[bytes]:
    return [record.raw for record in session()]


def refusal() -> list[bytes]:
    """The first challenge again, in answer to the token."""
    raws = sign_in()[:5]
    return [*raws, raws[1].replace(b"CSeq: 1 ", b"CSeq: 3 ")]


def ending(tmp_path: Path, how: str, *, output_bytes: int | None = None) -> str:
    """A PATH in which tshark ends in this way, after all its output or the first bytes of it."""
    pipe = "" if output_bytes is None else f"| head -c {output_bytes}"
    program(tmp_path / "bin" / "tshark", f'{shutil.which("tshark")} "$@" {pipe}\n{how}')
    return f"{tmp_path / 'bin'}:{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("messages", "how", "code"),
    [
        (sign_in, "exit 0", 0),
        (sign_in, "kill -KILL $$", 3),
        (sign_in, "exit 1", 3),
        (refusal, "kill -KILL $$", 1),
    ],
)
@pytest.mark.external
@NEEDS_TSHARK[1]
def test_a_capture_that_tshark_does_not_read_to_its_end(messages: object, how: str, code: int, tmp_path: Path) -> None:
    assert callable(messages)
    file = tmp_path / "x.pcap"
    file.write_bytes(as_capture(messages()))
    result = sipauthctl("analyze", str(file), "--json", PATH=ending(tmp_path, how))
    document = json.loads(result.out)
    assert result.code == code
    assert document["inputs"][0]["messages"] == len(messages())
    assert [notice["kind"] for notice in document["notices"]] == (["reader-failed"] if code else [])
    assert ("is not read to its end" in result.err) == (code == 3)


@pytest.mark.parametrize("command", [["analyze"], ["doctor", "--from"]], ids=["analyze", "doctor"])
@pytest.mark.parametrize("how", ["exit 0", "kill -KILL $$"])
@pytest.mark.external
@NEEDS_TSHARK[1]
def test_nothing_is_concluded_from_where_tshark_was_cut_off(command: list[str], how: str, tmp_path: Path) -> None:
    file = tmp_path / "x.pcap"
    file.write_bytes(as_capture(sign_in()))
    result = sipauthctl(*command, str(file), "--json", PATH=ending(tmp_path, how, output_bytes=1500))
    document = json.loads(result.out)
    assert (result.code, document.get("root_cause"), document["findings"]) == (3, None, [])
    assert f"{file.name} is not read to its end: tshark" in " ".join(result.err.split())


def test_a_log_without_sip_is_no_evidence(tmp_path: Path) -> None:
    file = tmp_path / "x.log"
    file.write_text("REGISTER sip:litwareinc.com SIP/2.0\n\n", "utf-8")
    for command in (["analyze"], ["doctor", "--from"]):
        result = sipauthctl(*command, str(file))
        assert result.code == 3
        assert "No SIP message could be read" in result.err


def test_a_log_whose_gzip_is_damaged_is_not_read_to_its_end(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(as_text(sign_in())))
    packed[-8] ^= 1  # in the checksum
    file = tmp_path / "x.gz"
    file.write_bytes(packed)
    result = sipauthctl("analyze", str(file))
    assert result.code == 3
    assert "is not read to its end: The gzip data is damaged" in " ".join(result.err.split())


@pytest.mark.external
@NEEDS_TSHARK[1]
def test_the_profile_of_the_user_does_not_change_what_is_read(tmp_path: Path) -> None:
    profile = tmp_path / ".config" / "wireshark"
    profile.mkdir(parents=True)
    (profile / "disabled_protos").write_text("sip\nudp\n", "utf-8")
    file = tmp_path / "x.pcap"
    file.write_bytes(as_capture(sign_in()))
    result = sipauthctl("analyze", str(file), "--json", HOME=str(tmp_path), XDG_CONFIG_HOME=str(profile.parent))
    assert json.loads(result.out)["inputs"][0]["messages"] == len(sign_in())
