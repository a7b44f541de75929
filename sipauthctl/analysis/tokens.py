"""The tokens of a handshake: what they say, and the key that follows from them."""

from __future__ import annotations

import base64
import binascii

from sipauthctl.analysis.secrets import Secrets
from sipauthctl.analysis.tracked import Problem, Tracked, place_text
from sipauthctl.analysis.verification import NoKey, kerberos_verifier, ntlm_verifier
from sipauthctl.analysis.words import Sender
from sipauthctl.association.redaction import was_removed
from sipauthctl.capture.record import Record
from sipauthctl.mechanisms.base import MalformedToken, Scheme
from sipauthctl.mechanisms.ntlm.messages import Flags, read_authenticate, read_challenge


def take_challenge(tracked: Tracked, record: Record, token: str) -> None:
    """Takes the server's token, where it is an NTLM CHALLENGE."""
    if tracked.scheme is not Scheme.NTLM:
        return
    try:
        tracked.challenge = read_challenge(base64.b64decode(token, validate=True))
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
        tracked.verifier, tracked.no_key, words = kerberos_verifier(secrets, data)
        if tracked.no_key is NoKey.KEYTAB_UNFIT:
            detail = f"The ticket of {tracked.who} for {tracked.name.targetname} does not decrypt: {words}."
            fields = {"spn": tracked.name.targetname}
            tracked.report(Problem("service-key-mismatch", detail, (place_text(record),), fields=fields))
    else:
        tracked.no_key = NoKey.NOT_SUPPORTED


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
        detail = f"The MIC of the AUTHENTICATE of {tracked.who} is wrong: a token was changed on the way."
        tracked.report(Problem("ntlm-malformed-token", detail, (place_text(record),)))


def _decode(tracked: Tracked, record: Record, token: str) -> bytes | None:
    try:
        return base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        _malformed(tracked, record, Sender.CLIENT, "gssapi-data is not base64")
        return None


def _malformed(tracked: Tracked, record: Record, sender: Sender, problem: str) -> None:
    whose = tracked.who if sender is Sender.CLIENT else tracked.where
    evidence = (place_text(record),)
    if tracked.scheme is Scheme.NTLM:
        tracked.report(Problem("ntlm-malformed-token", f"The token of {whose} cannot be read: {problem}.", evidence))
