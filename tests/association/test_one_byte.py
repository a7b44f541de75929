"""Every change of one byte in a signed field makes the signature invalid; a change in an unsigned one does not.

What is signed is the value that [MS-SIPAE] 3.2.5.2 names (the From URI, not the display name beside it), so the test
finds the bytes of these values in the message itself, by hand-written patterns, independently of the parser.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipauthctl.association.security_association import SecurityAssociation
from sipauthctl.mechanisms.ntlm.context import Role
from sipauthctl.sip.errors import SipError
from sipauthctl.sip.message import Request, Response, parse_message
from tests.association.messages import NOW, association, request, response

# field: pattern with one group around the signed bytes; the versions that sign it
SIGNED = {
    "scheme": (rb"(?:Authorization|Info): (NTLM) ", (2, 3, 4)),
    "rand": (rb'[cs]rand="(\w+)"', (2, 3, 4)),
    "num": (rb'[cs]num="(\d+)"', (2, 3, 4)),
    "realm": (rb'realm="([^"]+)"', (2, 3, 4)),
    "targetname": (rb'targetname="([^"]+)"', (2, 3, 4)),
    "signature": (rb'(?:response|rspauth)="(?:[0-9a-f]{16})([0-9a-f]{16})"', (2, 3, 4)),
    "Call-ID": (rb"Call-ID: (\w+)\r", (2, 3, 4)),
    "CSeq number": (rb"CSeq: (\d+) ", (2, 3, 4)),
    "CSeq method": (rb"CSeq: \d+ (\w+)\r", (2, 3, 4)),
    "From URI": (rb"From: [^<]*<([^>]+)>", (2, 3, 4)),
    "From tag": (rb"From: [^\r]*;tag=(\w+)", (2, 3, 4)),
    "To URI": (rb"To: <([^>]+)>", (3, 4)),
    "To tag": (rb"To: [^\r]*;tag=(\w+)", (2, 3, 4)),
    "identity SIP URI": (rb"Identity: [^\r]*<(sip:[^>]+)>", (3, 4)),
    "identity tel URI": (rb"Identity: [^\r]*<(tel:[^>]+)>", (3, 4)),
    "Expires": (rb"Expires: (\d+)\r", (2, 3, 4)),
    "status code": (rb"SIP/2.0 (\d+) ", (2, 3, 4)),
}
UNSIGNED = {
    "reason": rb"SIP/2.0 \d+ (\w+)\r",
    "Via": rb"branch=(\w+)",
    "Max-Forwards": rb"Max-Forwards: (\d+)",
    "display name": rb'From: "(\w+ \w+)"',
    "epid": rb"epid=(\w+)",
    "Contact": rb"Contact: <sip:([0-9.]+)",
    "identity display name": rb'Identity: "(\w+)"',
    "User-Agent": rb"UCCAPI/([0-9.]+)",
}
ALL = [(name, pattern, versions) for name, (pattern, versions) in SIGNED.items()]
ALL += [(name, pattern, ()) for name, pattern in UNSIGNED.items()]
LETTERS, DIGITS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", b"0123456789"


def signed(kind: str, version: int, of_request: bool) -> bytes:
    if of_request:
        return association(kind, Role.INITIATOR, version).sign_request(request()).to_bytes()
    return association(kind, Role.ACCEPTOR, version).sign_response(response()).to_bytes()


def verifies(data: bytes, kind: str, version: int, of_request: bool) -> bool:
    other: SecurityAssociation = association(kind, Role.ACCEPTOR if of_request else Role.INITIATOR, version)
    try:
        message = parse_message(data)
    except SipError:
        return False
    if of_request:
        return isinstance(message, Request) and other.verify_request(message, NOW).trusted
    return isinstance(message, Response) and other.verify_response(message, NOW).trusted


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ess", "no-ess"])
@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("of_request", [True, False], ids=["request", "response"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_one_changed_byte(kind: str, version: int, of_request: bool, data: st.DataObject) -> None:
    message = signed(kind, version, of_request)
    assert verifies(message, kind, version, of_request)
    present = [(pattern, versions) for _, pattern, versions in ALL if re.search(pattern, message)]
    pattern, versions = data.draw(st.sampled_from(present))
    match = re.search(pattern, message)
    assert match is not None
    position = data.draw(st.integers(match.start(1), match.end(1) - 1))
    old = message[position]
    # A letter for a letter and a digit for a digit keeps unsigned text readable.
    alphabet = DIGITS if old in DIGITS else LETTERS if version not in versions else LETTERS + DIGITS + b".-_"
    new = data.draw(st.sampled_from([byte for byte in alphabet if byte != old]))
    changed = message[:position] + bytes([new]) + message[position + 1 :]
    if version in versions:
        same_digit = pattern is SIGNED["signature"][0] and bytes([old, new]).lower()[0] == bytes([old, new]).lower()[1]
        assert verifies(changed, kind, version, of_request) is same_digit
    elif old != ord(":"):  # without its colon a URI is none, and the header cannot be read
        assert verifies(changed, kind, version, of_request)


@pytest.mark.parametrize("kind", ["ess", "no-ess"])
@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("of_request", [True, False], ids=["request", "response"])
def test_every_byte_of_every_signed_field(kind: str, version: int, of_request: bool) -> None:
    message = signed(kind, version, of_request)
    for name, (pattern, versions) in SIGNED.items():
        match = re.search(pattern, message)
        if match is None:
            assert name == "status code"
            assert of_request
            continue
        for position in range(match.start(1), match.end(1)):
            old = message[position : position + 1]
            new = (b"1" if old != b"1" else b"2") if old.isdigit() else (b"x" if old != b"x" else b"y")
            changed = message[:position] + new + message[position + 1 :]
            if version not in versions and old == b":":
                continue  # without its colon a URI is none, and the header cannot be read
            still = verifies(changed, kind, version, of_request)
            assert still is (version not in versions), (name, position)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_the_string_to_sign_is_the_one_of_the_specification(version: int) -> None:
    sender = association("ess", Role.INITIATOR, version)
    sender.token_bytes = lambda size: bytes.fromhex("0878f41b")
    message = sender.sign_request(request())
    checked = association("ess", Role.ACCEPTOR, version).verify_request(message, NOW)
    assert checked.buffer is not None
    head = (
        "<NTLM><0878f41b><1><SIP Communications Service><hs1.litwareinc.com><4037df9284354df39065195bd57a4b14><3>"
        "<REGISTER><sip:ned@litwareinc.com><3e49177a52>"
    )
    if version == 2:
        assert checked.buffer.text.decode() == f"{head}<88AA><7200>"
    else:
        identity = "<sip:ned@litwareinc.com><tel:+15555550123>"
        assert checked.buffer.text.decode() == f"{head}<sip:ned@litwareinc.com><88AA>{identity}<7200>"
