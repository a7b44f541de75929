"""Takes the secret out of a message that is to be shown to others, and recognises where that was done.

The client's token proves the password (NTLM) or is a ticket (Kerberos). The server's CHALLENGE is no secret.
"""

from __future__ import annotations

import base64
import binascii
import re

_TOKEN = re.compile(rb'(gssapi-data\s*=\s*)"?([A-Za-z0-9+/=]+)"?', re.IGNORECASE)
_REMOVED = re.compile(r"\((?:NTLM AUTHENTICATE|token) of \d+ bytes removed\)")


def without_secrets(request: bytes) -> bytes:
    """A request with its token replaced by what it was."""
    return _TOKEN.sub(_describe, request)


def was_removed(gssapi_data: str) -> bool:
    """Whether the parameter is what `without_secrets` leaves."""
    return bool(_REMOVED.fullmatch(gssapi_data))


def _describe(match: re.Match[bytes]) -> bytes:
    try:
        token = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        token = b""
    kind = "NTLM AUTHENTICATE" if token.startswith(b"NTLMSSP\x00\x03") else "token"
    return match[1] + b'"(%s of %d bytes removed)"' % (kind.encode("ascii"), len(token))
