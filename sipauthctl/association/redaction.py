"""Takes the secret out of what is to be shown to others, and recognises where that was done.

The client's token proves the password (NTLM) or is a ticket (Kerberos). The server's CHALLENGE is no secret.
"""

from __future__ import annotations

import base64
import binascii
import re

_TOKEN = re.compile(rb'(gssapi-data\s*=\s*)"?([A-Za-z0-9+/=]+)"?', re.IGNORECASE)
# An NTLM message or a Kerberos token in base64, wherever it stands.
_BARE_TOKEN = re.compile(r"(?:TlRMTVNT|YI[I-L])[A-Za-z0-9+/]{32,}={0,2}")
_LONG_RUN = re.compile(r"[A-Za-z0-9+/]{44,}")  # as part of a token may have
_MOST_QUOTED = 200
_REMOVED = re.compile(r"\((?:NTLM AUTHENTICATE|token) of \d+ bytes removed\)")


def without_secrets(request: bytes) -> bytes:
    """A request with its token replaced by what it was."""
    return _TOKEN.sub(_describe, request)


def was_removed(gssapi_data: str) -> bool:
    """Whether the parameter is what `without_secrets` leaves."""
    return bool(_REMOVED.fullmatch(gssapi_data))


def quoted(value: str) -> str:
    """A value of a header, for a sentence: in quotes where it is short. A token may well stand under a wrong name."""
    if len(value) > _MOST_QUOTED or _BARE_TOKEN.search(value) or _LONG_RUN.search(value):
        return f"a text of {len(value)} characters"
    return ascii(value)


def without_tokens(text: str) -> str:
    """A text with the tokens in it left out, whatever name they have there."""
    return _BARE_TOKEN.sub(lambda match: f"(token of {len(match[0])} characters removed)", text)


def _describe(match: re.Match[bytes]) -> bytes:
    try:
        token = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        token = b""
    kind = "NTLM AUTHENTICATE" if token.startswith(b"NTLMSSP\x00\x03") else "token"
    return match[1] + b'"(%s of %d bytes removed)"' % (kind.encode("ascii"), len(token))
