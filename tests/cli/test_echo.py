"""A server, a proxy or a capture that quotes what proves the password: no output shows it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from tests.cli.peer import PASSWORD, REALM, after_the_handshake, answer, challenge, serving
from tests.cli.program import sipauthctl
from tests.mechanisms.ntlm import recorded

pytestmark = pytest.mark.slow

ECHOES: dict[str, Callable[[str, str], bytes]] = {
    "body": lambda head, token: answer(head, "403 Forbidden", "Content-Type: message/sipfrag", body=head.encode()),
    "diagnostics": lambda head, token: answer(
        head, "403 Forbidden", f'ms-diagnostics: 4003;reason="refused: {token}";source="hs1"'
    ),
    "reason": lambda head, token: answer(head, f"403 refused {token}"),
    "realm": lambda head, token: answer(
        head, "401 Unauthorized", f'WWW-Authenticate: NTLM realm="{token}", targetname="hs1", version=4'
    ),
    "scheme": lambda head, token: answer(head, "401 Unauthorized", f"WWW-Authenticate: {token} {REALM}"),
    "redirect": lambda head, token: answer(head, "301 Moved", f"Contact: <sip:{token[:200]}>"),
}


def shown(secret: bytes, text: str) -> bool:
    """Whether 12 bytes of it stand there, as base64 in any place or as hexadecimal."""
    parts = [secret[at : at + 12] for at in range(0, len(secret) - 11)]
    return any(base64.b64encode(part).decode() in text or part.hex() in text.lower() for part in parts)


def secret_of(token: str) -> bytes:
    """The NT response, where the header of the AUTHENTICATE says that it is, [MS-NLMP] 2.2.1.3."""
    data = base64.b64decode(token)
    start = int.from_bytes(data[24:28], "little")
    return data[start : start + 40]


@pytest.mark.parametrize("command", [["register"], ["register", "--json"], ["doctor", "-v"]], ids=" ".join)
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES.keys())
def test_an_answer_that_quotes_the_response(
    echo: Callable[[str, str], bytes], command: list[str], tmp_path: Path
) -> None:
    seen: list[str] = []

    def last(head: str, token: str) -> bytes:
        seen.append(token)
        return echo(head, token)

    verbose, trace = (["-v"], command[:1]) if "-v" in command else ([], command)
    file = tmp_path / "trace"
    with serving(after_the_handshake(last)) as there:
        result = sipauthctl(*verbose, *trace, *there, "--trace", str(file), SIPAUTHCTL_PASSWORD=PASSWORD)
    assert seen
    assert result.code == 1, result.err
    for token in seen:
        for text in (result.out, result.err, file.read_text("utf-8")):
            assert not shown(secret_of(token), text)
    assert challenge().partition("gssapi-data=")[2][:60] in file.read_text("utf-8")


def test_a_trace_with_a_quoting_body_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "trace"
    with serving(after_the_handshake(ECHOES["body"])) as there:
        sipauthctl("register", *there, "--trace", str(file), SIPAUTHCTL_PASSWORD=PASSWORD)
    read = json.loads(sipauthctl("analyze", str(file), "--json").out)
    assert [given["messages"] for given in read["inputs"]] == [6]
    assert read["associations"][0]["state"] == "failed"


ANSWERS = {
    "reason": "SIP/2.0 403 refused {token}\r\n",
    "diagnostics": 'SIP/2.0 403 Forbidden\r\nms-diagnostics: 4003;reason="refused: {token}";source="hs1"\r\n',
    "realm": 'SIP/2.0 401 No\r\nWWW-Authenticate: NTLM realm="{token}", targetname="hs1", version=4\r\n',
    "targetname": 'SIP/2.0 401 No\r\nWWW-Authenticate: NTLM realm="x", targetname="{token}", version=4\r\n',
    "scheme": "SIP/2.0 401 No\r\nWWW-Authenticate: {token}\r\n",
    "percent": 'SIP/2.0 403 Forbidden\r\nms-diagnostics: 4003;reason="{percent}";source="hs1"\r\n',
}


HEADERS = (
    'NTLM opaque="2BDBAC9D", gssapi-data="{token}", realm="SIP", targetname="hs1"',
    "{token}",
    "X {token}",
)


def test_a_capture_that_quotes_the_response(tmp_path: Path) -> None:
    token = recorded.AUTHENTICATE_BASE64
    percent = token.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    text = ""
    for number, (status, header) in enumerate(product(ANSWERS.values(), HEADERS)):
        same = (
            "From: <sip:user@cosmo.local>;tag=3e49177a52;epid=c8ca638a15\r\nTo: <sip:user@cosmo.local>\r\n"
            f"Call-ID: {number}\r\nCSeq: 3 REGISTER\r\nContent-Length: 0\r\n\r\n"
        )
        text += f"REGISTER sip:cosmo.local SIP/2.0\r\nAuthorization: {header.format(token=token)}\r\n{same}"
        text += f"{status.format(token=token, percent=percent)}{same}"
    source, page = tmp_path / "session.txt", tmp_path / "page.html"
    source.write_bytes(text.encode())
    console = sipauthctl("analyze", str(source), "--html", str(page))
    document = sipauthctl("analyze", str(source), "--json")
    doctor = sipauthctl("doctor", "--from", str(source), "--json")
    assert "secret removed" in document.out
    for output in (console.out, console.err, document.out, doctor.out, doctor.err, page.read_text("utf-8")):
        assert not shown(recorded.AUTHENTICATE[0x8A:0xB2], output)
