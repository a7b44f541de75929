"""Alerts of TLS in words."""

from __future__ import annotations

_WORDS = {
    "bad_certificate": "the certificate of the {other} is damaged or its signature is wrong",
    "certificate_expired": "the certificate of the {other} is out of date by the clock of whoever says so",
    "certificate_revoked": "the certificate of the {other} was revoked",
    "certificate_unknown": "the certificate of the {other} is not accepted",
    "certificate_required": "the {other} sent no certificate",
    "no_certificate": "there is no certificate to send",
    "unknown_ca": "the authority of the certificate of the {other} is not trusted",
    "unsupported_certificate": "the certificate of the {other} is of a kind that does not fit",
    "access_denied": "the certificate of the {other} is right, but does not open this door",
    "decrypt_error": "a signature in the handshake of the {other} is wrong",
    "handshake_failure": "no cipher suite in common, or the {other} sent no certificate",
    "insufficient_security": "the cipher suites of the {other} are too weak",
    "protocol_version": "no version of TLS in common",
    "encrypted": "its reason is encrypted",
}


def alert_words(name: str, other: str) -> str:
    """What an alert means; `other` is the side that did not send it."""
    return _WORDS.get(name, "the handshake cannot go on").format(other=other)
