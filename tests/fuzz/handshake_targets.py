"""Both sides of the handshake, driven by whatever the other side may send."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterator

from sipauthctl.association.choice import Wanted, choose
from sipauthctl.association.client import Challenged, ClientHandshake, Finished, SendNext, Stopped, Wait
from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.security_association import SecurityAssociation, SignatureResult
from sipauthctl.association.server import Authenticated, Refused, ServerAuthenticator, ServerStep
from sipauthctl.association.verdict import Verdict
from sipauthctl.mechanisms.base import MechanismError, Scheme
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.mechanisms.ntlm.acceptor import OCS_2007_R2_FLAGS, AcceptorOptions, NtlmAcceptor
from sipauthctl.mechanisms.ntlm.initiator import NtlmInitiator
from sipauthctl.mechanisms.ntlm.messages import Flags
from sipauthctl.sip.errors import ParseError, SipError
from sipauthctl.sip.message import Message, Request, Response, parse_message
from tests.analysis import independent
from tests.association.dialogue import REALM, TARGETNAMES, answer, register
from tests.cleared import NTLM
from tests.fuzz.registry import refused, target
from tests.fuzz.token_targets import NAMES, NOW, SECRET, Directory, fixed

BETWEEN = b"\n----\n"
"""What stands between the messages of an input."""

_KEY_128, _KEY_56, _DATAGRAM = 0x20000000, 0x80000000, 0x40


def client() -> ClientHandshake:
    return ClientHandshake(token_bytes=fixed)


def initiator() -> NtlmInitiator:
    return NtlmInitiator(
        LogonName("ned", "LITWAREINC"), SECRET, cleared=NTLM, workstation="", now=lambda: NOW, token_bytes=fixed
    )


def server(version: int = 4, *, extended: bool = True) -> ServerAuthenticator:
    flags = OCS_2007_R2_FLAGS if extended else OCS_2007_R2_FLAGS & ~Flags.extended_session_security
    return ServerAuthenticator(
        family=HeaderFamily.USER_AGENT,
        realm=REALM,
        targetnames=TARGETNAMES,
        version=version,
        acceptors={
            Scheme.NTLM: lambda: NtlmAcceptor(
                Directory(), NAMES, options=AcceptorOptions(flags), now=lambda: NOW, token_bytes=fixed
            )
        },
        token_bytes=fixed,
    )


def sign_in(version: int = 4, *, extended: bool = True, status: int = 200) -> tuple[list[bytes], list[bytes]]:
    """The requests and the answers of a sign-in, and two signed messages after it."""
    own, other, requests, answers = client(), server(version, extended=extended), [], []
    step: object = SendNext()
    while not isinstance(step, Finished):
        request = own.authorize(register(len(requests) + 1), NOW)
        judged = other.receive(request, NOW)
        if isinstance(judged, Authenticated):
            response = judged.association.sign_response(answer(request, status))
        else:
            assert not isinstance(judged, Refused), judged
            response = answer(request, 401, judged.headers)
        requests.append(request.to_bytes())
        answers.append(response.to_bytes())
        step = own.receive(response, NOW)
        if isinstance(step, Challenged):
            own.begin(next(one for one in step.offers if one.scheme is Scheme.NTLM), initiator())
    assert isinstance(judged, Authenticated)
    assert own.association is not None
    requests.append(own.association.sign_request(register(9)).to_bytes())
    answers.append(judged.association.sign_response(answer(register(9), 200)).to_bytes())
    answers.append(judged.association.sign_server_request(register(1)).to_bytes())
    return requests, answers


_SESSIONS = [sign_in(), sign_in(2), sign_in(3, extended=False), sign_in(status=301)]
MOST_MESSAGES = 24


def messages(data: bytes) -> Iterator[Message]:
    """The messages of an input; what is none is left out."""
    for part in data.split(BETWEEN)[:MOST_MESSAGES]:
        try:
            yield parse_message(part)
        except SipError:
            continue


@target(*(BETWEEN.join(answers) for _, answers in _SESSIONS), BETWEEN.join(_SESSIONS[0][1][:2]))
def client_handshake(data: bytes) -> None:
    """A client with a real password: it takes any answers, and believes none without a valid signature."""
    own, number, association, token = client(), 1, None, b""
    request = own.authorize(register(number), NOW)
    for message in messages(data):
        if association is not None:
            believe(association, association.verify_from_server(message, NOW), message, token)
            continue
        if not isinstance(message, Response):
            continue
        step = own.receive(message, NOW)
        if isinstance(step, Wait):
            continue
        if isinstance(step, Stopped):
            assert len(step.detail) < 70_000
            assert token == b"" or base64.b64encode(token).decode() not in step.detail
            return
        if isinstance(step, Finished):
            association = step.association
            believe(association, step.signature, message, token)
            continue
        if isinstance(step, Challenged):
            choice = choose(step.offers, Wanted.NTLM, server_host="hs1.litwareinc.com", over_tls=True)
            if not choice.usable:
                return
            own.begin(choice.usable[0], initiator())
        number += 1
        request = own.authorize(register(number), NOW)
        token = token_of(request) or token
        assert len(request.to_bytes()) < 300_000


def token_of(request: Request) -> bytes:
    """The AUTHENTICATE in a request, empty where there is none."""
    match = re.search(rb'gssapi-data="([^"]+)"', request.to_bytes())
    return base64.b64decode(match[1]) if match is not None else b""


def believe(association: SecurityAssociation, result: SignatureResult, message: Message, token: bytes) -> None:
    """Checks by other code that what is trusted was signed by somebody who knows the session key."""
    if not result.trusted:
        return
    assert result.verdict is Verdict.VALID
    assert result.buffer is not None
    (flags,) = struct.unpack_from("<I", token, 60)
    keys, session = independent.Keys(flags, b"", b"", b""), fixed(16)
    text = result.buffer.text
    if keys.ess:
        assert result.value == independent.signature(keys, "server", text, session=session)
    else:
        ciphers = (session, session[:7] + b"\xa0", session[:5] + b"\xe5\x38\xb0")
        right = [independent.signature(keys, "server", text, session=session, cipher_key=one) for one in ciphers]
        assert result.value[8:] in [one[8:] for one in right]
    raw = message.to_bytes()
    for name, value in result.buffer.fields:
        assert value.encode("utf-8", "surrogateescape") in raw or name == "status code", name
    assert association.realm in text.decode("utf-8", "surrogateescape")


@target(*(BETWEEN.join(requests) for requests, _ in _SESSIONS))
def server_handshake(data: bytes) -> None:
    """The lab's server: it takes any requests, and authenticates nobody without a valid signature."""
    version = 2 + len(data) % 3
    judge = server(version)
    for message in messages(data):
        if not isinstance(message, Request):
            continue
        step: ServerStep | None = None
        with refused(ParseError):
            step = judge.receive(message, NOW)
        if isinstance(step, Authenticated):
            unsigned = step.fresh and step.association.version < 4 and step.signature.verdict is Verdict.MISSING
            assert step.signature.trusted or unsigned
            assert step.peer.lower() == "litwareinc\\ned"
            with refused(SipError, MechanismError):
                assert step.association.sign_response(answer(message, 200)).to_bytes()
        elif isinstance(step, Refused):
            assert len(step.detail) < 70_000
