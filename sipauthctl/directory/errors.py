"""Why a directory could not be asked."""

from __future__ import annotations

import re

_DATA = re.compile(r"\bdata ([0-9a-f]{1,8})\b", re.IGNORECASE)


class DirectoryError(Exception):
    """It could not be asked; the text is one sentence without a final dot."""


class DirectorySilent(DirectoryError):
    """It does not answer, or not in time, or closes the connection."""


class DirectoryUntrusted(DirectoryError):
    """Nothing proves that it is the directory, so nothing is proven to it."""


class BindRefused(DirectoryError):
    """It refuses to sign the user in. `reason` is the Win32 error that it gives as data, [MS-ERREF] 2.2; 0 for none.

    0x52e (logon failure) is both an unknown user and a wrong password.
    """

    def __init__(self, message: str, server_words: str) -> None:
        super().__init__(message)
        match = _DATA.search(server_words)
        self.reason = int(match[1], 16) if match is not None else 0
        self.server_words = server_words
