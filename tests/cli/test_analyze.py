"""`sipauthctl analyze` from outside, on what other commands of the program wrote."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.association.test_recorded import COMMUNICATOR_REQUEST, OCS_RESPONSE
from tests.cli.program import sipauthctl
from tests.external import DEMANDED
from tests.mechanisms.ntlm import recorded
from tests.report.schemas import validate


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """The recorded sign-in of Communicator 2007 R2 as plain SIP text; only the CHALLENGE's message is made up."""
    import base64

    challenge = (
        "SIP/2.0 407 Proxy Authentication Required\r\n"
        'Proxy-Authenticate: NTLM opaque="2BDBAC9D", '
        f'gssapi-data="{base64.b64encode(recorded.CHALLENGE).decode()}", '
        'targetname="cosmo-ocs-r2.cosmo.local", realm="SIP Communications Service", version=4\r\n'
        "From: <sip:user@cosmo.local>;tag=3e49177a52;epid=c8ca638a15\r\n"
        "To: <sip:user@cosmo.local>;tag=1\r\n"
        "Call-ID: 4037df9284354df39065195bd57a4b14\r\n"
        "CSeq: 2 REGISTER\r\n"
        "Content-Length: 0\r\n\r\n"
    )
    file = tmp_path / "session.txt"
    file.write_bytes("\r\n".join((challenge, COMMUNICATOR_REQUEST, OCS_RESPONSE)).encode())
    return file


def analyze(*args: str) -> dict[str, object]:
    result = sipauthctl("analyze", *args, "--json")
    assert result.err == ""
    document: dict[str, object] = json.loads(result.out)
    validate(document, "analyze")
    return document


def verdicts(document: dict[str, object]) -> list[tuple[str, str, str | None]]:
    associations = document["associations"]
    assert isinstance(associations, list)
    return [(s["from"], s["verdict"], s["method"]) for a in associations for s in a["signatures"]]


def test_a_real_session_is_verified_with_its_password(session: Path, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(recorded.PASSWORD, "utf-8")
    document = analyze(str(session), "--password-file", str(secret))
    assert verdicts(document) == [("client", "valid", "password"), ("server", "valid", "password")]


@pytest.mark.slow
def test_a_password_file_as_an_editor_of_windows_writes_it(session: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{recorded.PASSWORD}\r\n", "utf-8-sig")
    document = analyze(str(session), "--password-file", str(secret))
    assert {verdict for _, verdict, _ in verdicts(document)} == {"valid"}


@pytest.mark.slow
def test_without_a_secret_nothing_is_claimed(session: Path) -> None:
    assert verdicts(analyze(str(session))) == [("client", "unverifiable", None), ("server", "unverifiable", None)]


def test_a_changed_field_makes_exactly_its_message_invalid(session: Path, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(recorded.PASSWORD, "utf-8")
    session.write_bytes(session.read_bytes().replace(b"Expires: 7200", b"Expires: 7201"))
    document = analyze(str(session), "--password-file", str(secret))
    assert verdicts(document) == [("client", "valid", "password"), ("server", "invalid", "password")]
    findings = document["findings"]
    assert isinstance(findings, list)
    assert "signature-invalid" in [finding["id"] for finding in findings]


@pytest.mark.slow
def test_the_secret_is_in_no_output(session: Path, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("not-the-password", "utf-8")
    for extra in ([], ["--json"]):
        result = sipauthctl("analyze", str(session), "--password-file", str(secret), *extra)
        assert "not-the-password" not in result.out + result.err
        assert recorded.AUTHENTICATE_BASE64 not in result.out + result.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "words"), [(b"", "empty"), (b"no sip in here\n" * 100, "SIP"), (b"\x00\x01\x02" * 50, "")]
)
def test_what_cannot_be_read_exits_with_3_and_says_why(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    result = sipauthctl("analyze", str(file))
    assert result.code == 3
    assert words in result.err
    assert "Traceback" not in result.err


def test_what_can_be_read_is_told_beside_what_cannot(session: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    result = sipauthctl("analyze", str(empty), str(session), "/nonexistent/file")
    assert result.code == 3
    assert "sip:user@cosmo.local" in result.out
    told = "".join(result.out.split())  # however long the path is, and wherever its line breaks
    assert f"note{empty}" in told
    assert f"{empty} is empty." in result.err
    assert "/nonexistent/file cannot be read" in result.err


def test_a_problem_counts_for_more_than_an_unreadable_input(session: Path, tmp_path: Path) -> None:
    secret, empty = tmp_path / "password", tmp_path / "empty"
    secret.write_text(recorded.PASSWORD, "utf-8")
    empty.write_bytes(b"")
    session.write_bytes(session.read_bytes().replace(b"Expires: 7200", b"Expires: 7201"))
    result = sipauthctl("analyze", str(session), str(empty), "--password-file", str(secret), "--json")
    assert result.code == 1
    document = json.loads(result.out)
    validate(document, "analyze")
    assert [notice["kind"] for notice in document["notices"]] == ["unreadable"]


def test_a_page_that_cannot_be_written_leaves_no_half_document(session: Path) -> None:
    result = sipauthctl("analyze", str(session), "--json", "--html", "/nonexistent/page.html")
    assert (result.code, result.out) == (3, "")


def test_a_missing_file_and_no_file() -> None:
    assert sipauthctl("analyze", "/nonexistent/file").code == 3
    assert sipauthctl("analyze").code == 2


HOSTILE = '<script>alert(1)</script>\x1b[2J<img src=x onerror="alert(2)">'


def test_the_html_page_is_self_contained_and_safe(session: Path, tmp_path: Path) -> None:
    session.write_bytes(session.read_bytes().replace(b"200 OK", f"200 {HOSTILE}".encode()))
    page = tmp_path / "page.html"
    result = sipauthctl("analyze", str(session), "--html", str(page))
    assert "sip:user@cosmo.local" in result.out
    text = page.read_text("utf-8")
    assert "&lt;script&gt;alert(1)" in text
    assert "<img" not in text
    assert "\x1b" not in text
    assert text.count("<script>") == 1
    for outside in ("http://", "https://", "src=", "href="):
        assert outside not in text.replace("&quot;", '"').replace('src=x onerror="alert(2)"', "")


@pytest.mark.external
@pytest.mark.skipif(shutil.which("chromium") is None and not DEMANDED, reason="needs chromium")
def test_the_html_page_in_a_browser(session: Path, tmp_path: Path) -> None:
    session.write_bytes(session.read_bytes().replace(b"200 OK", f"200 {HOSTILE}".encode()))
    page = tmp_path / "page.html"
    sipauthctl("analyze", str(session), "--html", str(page))
    done = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
            *("--disable-component-update", "--disable-sync", "--no-first-run", f"--user-data-dir={tmp_path}/profile"),
            *("--dump-dom", page.as_uri()),
        ],
        capture_output=True,
        encoding="utf-8",
        timeout=90,
        check=True,
    )
    dom = done.stdout
    assert "sip:user@cosmo.local" in dom
    assert dom.count("<script>") == 1  # the page's own; what came from outside stayed text
    assert "&lt;script&gt;alert(1)" in dom


@pytest.mark.slow
def test_a_trace_of_register_is_read_and_its_removed_tokens_are_no_damage(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    assert sipauthctl("register", "--lab", "--trace", str(trace)).code == 0
    document = analyze(str(trace))
    associations = document["associations"]
    assert isinstance(associations, list)
    assert [a["state"] for a in associations] == ["established", "established"]
    signatures = [s for a in associations for s in a["signatures"]]
    assert {(s["verdict"], s["detail"]) for s in signatures} == {
        ("unverifiable", "the token was taken out of this trace")
    }
    assert len(signatures) == 6
    assert document["findings"] == []


@pytest.mark.slow
def test_the_lifetime_that_is_given_explains_an_early_end(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    lost = ("--fault", "forgets-association", "--refresh", "1")
    assert sipauthctl("register", "--lab", *lost, "--trace", str(trace)).code == 0
    told = {}
    for option in ((), ("--sa-lifetime", "0.001s")):
        (finding,) = analyze(str(trace), *option)["findings"]
        told[option] = (finding["id"], finding["severity"], "nothing tells why" in finding["detail"])
    assert list(told.values()) == [("association-expired", "warning", True), ("association-expired", "info", False)]


def test_a_lifetime_that_is_no_time_is_refused(session: Path) -> None:
    result = sipauthctl("analyze", str(session), "--sa-lifetime", "soon")
    assert result.code == 2
    assert "'soon' is no time such as 30s, 10m or 8h" in result.err
