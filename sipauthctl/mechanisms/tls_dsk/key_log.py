"""Master secrets in a TLS key log, the format of NSS and SSLKEYLOGFILE."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_LINE = re.compile(rb"CLIENT_RANDOM ([0-9A-Fa-f]{64}) ([0-9A-Fa-f]{96})\s*")
MOST_SECRETS = 1_000_000


class KeyLog:
    """The secrets of TLS 1.2 and earlier, by the random of the ClientHello.

    Args:
        lines: of the file; those of another kind are passed over.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._secrets: dict[bytes, bytes] = {}
        for line in lines:
            match = _LINE.fullmatch(line)
            if match is not None and len(self._secrets) < MOST_SECRETS:
                self._secrets[bytes.fromhex(match[1].decode())] = bytes.fromhex(match[2].decode())

    @classmethod
    def read(cls, path: Path) -> KeyLog:
        """Reads a file.

        Raises:
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            return cls(file)

    def master_secret(self, client_random: bytes) -> bytes | None:
        """The secret of one handshake, None where it is not in the log."""
        return self._secrets.get(client_random)
