"""Names what talks on a port that was expected to speak SIP."""

from __future__ import annotations

_BEGINNINGS = (
    (b"HTTP/", "http"),
    (b"\x16\x03", "tls"),
    (b"\x15\x03", "tls"),
    (b"SSH-", "ssh"),
    (b"220 ", "smtp-or-ftp"),
    (b"220-", "smtp-or-ftp"),
    (b"+OK", "pop3"),
    (b"* OK", "imap"),
    (b"<?xml", "xml"),
    (b"<!DOCTYPE", "html"),
    (b"<html", "html"),
    (b"RTSP/", "rtsp"),
)
_ANY = tuple(beginning.upper() for beginning, _ in _BEGINNINGS)
_WORDS = {
    "http": "an HTTP answer",
    "tls": "a TLS record (TLS on a port that was spoken to in plain text)",
    "ssh": "an SSH banner",
    "smtp-or-ftp": "an SMTP or FTP greeting",
    "pop3": "a POP3 greeting",
    "imap": "an IMAP greeting",
    "xml": "XML",
    "html": "HTML",
    "rtsp": "an RTSP answer",
}


def looks_like(data: bytes) -> str | None:
    """The kind of protocol that begins with these bytes (`http`, `tls`, `ssh`, ...), None when not recognised."""
    upper = data[:16].upper()
    if not upper.startswith(_ANY):
        return None
    return next((kind for beginning, kind in _BEGINNINGS if upper.startswith(beginning.upper())), None)


def describe(kind: str) -> str:
    """A kind given by `looks_like` in words for a message."""
    return _WORDS[kind]
