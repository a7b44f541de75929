"""What can be wrong with SIP text. The messages quote input only in ASCII and cut short."""

from __future__ import annotations


class SipError(ValueError):
    """Any of the errors below."""


class ParseError(SipError):
    """The text is not what RFC 3261 (or the extension at hand) asks for."""


class LimitExceeded(SipError):
    """The text is longer than this tool is willing to hold."""


class LineTooLong(LimitExceeded):
    """One line of the header block is too long."""


class HeaderBlockTooLarge(LimitExceeded):
    """The start line and headers together are too long."""


class TooManyHeaders(LimitExceeded):
    """The message has too many header lines."""


class BodyTooLarge(LimitExceeded):
    """Content-Length announces, or the message has, too large a body."""


class MissingContentLength(SipError):
    """A message on a stream has no Content-Length, so its end cannot be known (RFC 3261 18.3)."""


class IncompleteMessage(SipError):
    """The stream ended inside a message."""


def excerpt(data: bytes | str, length: int = 40) -> str:
    """The beginning of input for an error text: quoted, ASCII only, no control characters."""
    text = data.decode("utf-8", "surrogateescape") if isinstance(data, bytes) else data
    return ascii(text[:length]) + ("..." if len(text) > length else "")
