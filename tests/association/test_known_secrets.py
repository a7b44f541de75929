"""What a run sent as a secret, written back in many ways; and what only looks like it."""

from __future__ import annotations

import base64
import quopri
import secrets
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.association.known_secrets import REMOVED, KnownSecrets
from tests.mechanisms.ntlm import recorded

TOKEN = recorded.AUTHENTICATE_BASE64
REQUEST = (
    "REGISTER sip:cosmo.local SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.1\r\n"
    f'Proxy-Authorization: NTLM realm="SIP Communications Service", gssapi-data="{TOKEN}"\r\n\r\n'
).encode()
PROOF = recorded.AUTHENTICATE[0x8A:0x9A]  # NTProofStr, [MS-NLMP] 2.2.2.8
WRITINGS = {
    "base64": TOKEN,
    "its end": TOKEN[-260:-200] + TOKEN[-30:],
    "URL-safe base64": TOKEN.replace("+", "-").replace("/", "_"),
    "lower case": TOKEN.lower(),
    "percent-encoded": urllib.parse.quote(TOKEN, safe=""),
    "every byte percent-encoded": "".join(f"%{ord(char):02X}" for char in TOKEN),
    "folded": "\r\n ".join(TOKEN[at : at + 60] for at in range(0, len(TOKEN), 60)),
    "in pieces": " ".join(TOKEN[at : at + 16] for at in range(0, len(TOKEN), 16)),
    "in short pieces in lower case": ":".join(TOKEN[at : at + 4].lower() for at in range(0, len(TOKEN), 4)),
    "quoted-printable": quopri.encodestring(TOKEN.encode()).decode(),
    "base64 of the request": base64.encodebytes(b"xy" + base64.b64decode(TOKEN)).decode(),
    "hexadecimal": recorded.AUTHENTICATE.hex(),
    "a dump": recorded.AUTHENTICATE.hex(" ").upper(),
    "a dump in C": ", ".join(f"0x{byte:02x}" for byte in recorded.AUTHENTICATE),
    "words in C": ", ".join(f"0x{recorded.AUTHENTICATE[at : at + 4].hex()}" for at in range(0, 400, 4)),
    "bytes in Python": "".join(f"\\x{byte:02x}" for byte in recorded.AUTHENTICATE),
    "bytes in XML": "".join(f"&#x{byte:02X};" for byte in recorded.AUTHENTICATE),
    "bytes percent-encoded": "".join(f"%{byte:02x}" for byte in recorded.AUTHENTICATE),
    "percent-encoded twice": "".join(f"%25{ord(char):02X}" for char in TOKEN),
    "characters in XML": "".join(f"&#x{ord(char):x};" for char in TOKEN),
    "characters in JSON": "".join(f"\\u{ord(char):04x}" for char in TOKEN),
    "UTF-16": "\0".join(TOKEN),
    "JSON": TOKEN.replace("/", "\\/"),
}


def known(*requests: bytes) -> KnownSecrets:
    secrets = KnownSecrets()
    for request in requests:
        secrets.add_request(request)
    return secrets


def letters(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())


@pytest.mark.parametrize("written", WRITINGS.values(), ids=WRITINGS.keys())
def test_a_token_that_comes_back_is_removed(written: str) -> None:
    shown = known(REQUEST).removed_from(f'403 refused: "{written}" <end>')
    assert shown.startswith("403 refused: ")
    assert shown.endswith(" <end>")
    assert REMOVED in shown
    proof = base64.b64encode(PROOF).decode()
    for form in (PROOF.hex(), PROOF.hex()[8:24], letters(proof)[2:14], TOKEN[184:204]):
        assert letters(form) not in letters(shown)


def test_a_challenge_which_the_response_repeats_is_no_secret() -> None:
    challenge = base64.b64encode(recorded.CHALLENGE).decode()
    assert known(REQUEST).removed_from(challenge) == challenge


@pytest.mark.parametrize(
    "header",
    [
        "Authorization: {0}",
        "Authorization: Negotiate {0}",
        'Authorization: N.T.L.M GSSAPI-Data = "{0}"',
        'Authorization: NTLM realm="x",\r\n\tgssapi-data="{0}"',
        'proxy-authorization : NTLM realm="{0}"',
    ],
)
def test_a_token_is_noted_wherever_its_header_has_it(header: str) -> None:
    token = base64.b64encode(secrets.token_bytes(300)).decode()
    request = f"REGISTER sip:a SIP/2.0\r\n{header.format(token)}\r\n\r\n".encode()
    assert known(request).removed_from(f"x {token} y") == f"x {REMOVED} y"


def test_a_body_keeps_its_length() -> None:
    body = f"before {TOKEN} after {TOKEN[:100]}"
    shown = known(REQUEST).removed_from(body, keep_length=True)
    assert len(shown) == len(body)
    assert shown.startswith(f"before {REMOVED}..")
    assert TOKEN[:60] not in shown


def test_a_password_is_removed_and_a_short_one_is_left() -> None:
    secrets = KnownSecrets()
    secrets.add_password("Pa$$word-1")
    secrets.add_password("ned")
    for written in ("Pa$$word-1", "pa%24%24word-1", b"Pa$$word-1".hex(), base64.b64encode(b"ned:Pa$$word-1").decode()):
        shown = secrets.removed_from(f"ned: {written}")
        assert shown.startswith("ned: ")
        assert REMOVED in shown


@given(st.text(max_size=400))
def test_other_text_is_left_as_it_is(text: str) -> None:
    assert known(REQUEST).removed_from(text) == text


@given(st.binary(min_size=60, max_size=6000), st.data())
def test_any_large_part_of_any_token_is_removed(token: bytes, data: st.DataObject) -> None:
    token = secrets.token_bytes(len(token))  # a secret is random
    written = base64.b64encode(token).decode()
    needed = max(23, len(token) // 64 + 12) * 4 // 3 + 8
    start = data.draw(st.integers(0, len(written.rstrip("=")) - needed))
    request = f'REGISTER sip:a SIP/2.0\r\nAuthorization: NTLM gssapi-data="{written}"\r\n\r\n'.encode()
    assert known(request).removed_from(f"[{written[start : start + needed]}]") == f"[{REMOVED}]"


@pytest.mark.slow
def test_memory_has_a_bound() -> None:
    secrets_known = KnownSecrets()
    for _ in range(1200):
        token = base64.b64encode(secrets.token_bytes(400)).decode()
        secrets_known.add_request(f'Authorization: NTLM gssapi-data="{token}"\r\n\r\n'.encode())
    assert len(secrets_known._new) + len(secrets_known._old) < 102_000
    assert secrets_known.removed_from(token) == REMOVED
