"""The tokens of a handshake: what they say, and the key that follows from them."""

from __future__ import annotations

import base64
import binascii

from sipauthctl.analysis.problem import Problem, place_text
from sipauthctl.analysis.secrets import Secrets
from sipauthctl.analysis.tls_dsk import TlsDskSeen
from sipauthctl.analysis.tracked import Step, Tracked
from sipauthctl.analysis.verification import NoKey, kerberos_verifier, ntlm_verifier
from sipauthctl.analysis.words import Sender
from sipauthctl.association.redaction import was_removed
from sipauthctl.capture.record import Record
from sipauthctl.mechanisms.base import MalformedToken, Scheme
from sipauthctl.mechanisms.kerberos.token import session_key_type, ticket_key_type
from sipauthctl.mechanisms.ntlm.messages import Flags, read_authenticate, read_challenge


def take_server_token(secrets: Secrets, tracked: Tracked, record: Record, token: str) -> None:
    """Takes the server's token: an NTLM CHALLENGE, the AP-REP of a Kerberos context with mutual authentication, or
    its part of a TLS handshake."""
    try:
        data = base64.b64decode(token, validate=True)
        if tracked.scheme is Scheme.NTLM:
            tracked.challenge = read_challenge(data)
        elif tracked.scheme is Scheme.TLS_DSK:
            _take_tls(secrets, tracked, Sender.SERVER, data)
        elif tracked.scheme is Scheme.KERBEROS and tracked.no_key is NoKey.NO_ANSWER and tracked.keytab is not None:
            verifier = tracked.keytab.verifier
            if verifier is not None:
                verifier.keys.take_answer(data)
                tracked.verifier, tracked.no_key = verifier, None
    except (MalformedToken, binascii.Error, ValueError) as error:
        words = str(error) if isinstance(error, MalformedToken) else "gssapi-data is not base64"
        _malformed(tracked, record, Sender.SERVER, words)


def open_key(secrets: Secrets, tracked: Tracked, record: Record, token: str) -> None:
    """Takes the client's last token: opens the verifier of the association with it, or notes why it cannot."""
    if was_removed(token):
        tracked.no_key = NoKey.REMOVED
        return
    data = _decode(tracked, record, token)
    if data is None:
        tracked.no_key = NoKey.DAMAGED
    elif tracked.scheme is Scheme.NTLM:
        _open_ntlm(secrets, tracked, record, data)
    elif tracked.scheme is Scheme.KERBEROS:
        _open_kerberos(secrets, tracked, record, data)
    else:
        _open_tls(secrets, tracked, record, data)


def _open_ntlm(secrets: Secrets, tracked: Tracked, record: Record, data: bytes) -> None:
    try:
        tracked.authenticate = authenticate = read_authenticate(data)
    except MalformedToken as error:
        _malformed(tracked, record, Sender.CLIENT, str(error))
        tracked.no_key = NoKey.DAMAGED
        return
    tracked.extended = bool(authenticate.flags & Flags.extended_session_security)
    if tracked.challenge is None:
        tracked.no_key = NoKey.NO_CHALLENGE
        return
    tracked.secret = ntlm_verifier(secrets, tracked.challenge, authenticate)
    tracked.verifier, tracked.no_key = tracked.secret.verifier, tracked.secret.problem
    if tracked.secret.tampered:
        detail = (
            f"The MIC of the AUTHENTICATE of {tracked.who} is wrong: a token was changed on the way, or the client "
            "makes it of other messages than the CHALLENGE and the AUTHENTICATE."
        )
        tracked.report(Problem("ntlm-malformed-token", detail, (place_text(record),)))


def _open_kerberos(secrets: Secrets, tracked: Tracked, record: Record, data: bytes) -> None:
    try:
        tracked.keytab = check = kerberos_verifier(secrets, data)
    except MalformedToken as error:
        _malformed(tracked, record, Sender.CLIENT, str(error))
        tracked.no_key = NoKey.DAMAGED
        return
    tracked.token_at, tracked.token_place = record.time, place_text(record)
    tracked.key_type, tracked.ticket_type = session_key_type(data), ticket_key_type(data)
    tracked.no_key = check.problem
    tracked.verifier = check.verifier if check.problem is None else None


def _open_tls(secrets: Secrets, tracked: Tracked, record: Record, data: bytes) -> None:
    try:
        _take_tls(secrets, tracked, Sender.CLIENT, data)
    except MalformedToken as error:
        _malformed(tracked, record, Sender.CLIENT, str(error))
        tracked.no_key = NoKey.DAMAGED


def _take_tls(secrets: Secrets, tracked: Tracked, sender: Sender, data: bytes) -> None:
    seen = tracked.tls = tracked.tls or TlsDskSeen()
    seen.take(sender, data)
    tracked.verifier, tracked.no_key = seen.open(secrets.tls)
    if seen.handshake.alert is not None:
        tracked.step = Step.TLS_FAILED


def _decode(tracked: Tracked, record: Record, token: str) -> bytes | None:
    try:
        return base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        _malformed(tracked, record, Sender.CLIENT, "gssapi-data is not base64")
        return None


def _malformed(tracked: Tracked, record: Record, sender: Sender, problem: str) -> None:
    whose = tracked.who if sender is Sender.CLIENT else tracked.where
    evidence = (place_text(record),)
    ids = {
        Scheme.NTLM: "ntlm-malformed-token",
        Scheme.KERBEROS: "kerberos-malformed-token",
        Scheme.TLS_DSK: "tls-dsk-failed",
    }
    if tracked.scheme in ids:
        tracked.report(Problem(ids[tracked.scheme], f"The token of {whose} cannot be read: {problem}.", evidence))
