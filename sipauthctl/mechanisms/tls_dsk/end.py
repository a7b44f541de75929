"""One end of a TLS handshake in memory, as TLS-DSK needs it."""

from __future__ import annotations

import ssl
from pathlib import Path

from sipauthctl.mechanisms.base import MechanismError
from sipauthctl.mechanisms.tls_dsk.certificates import read_certificate
from sipauthctl.mechanisms.tls_dsk.context import TlsDskContext
from sipauthctl.mechanisms.tls_dsk.handshake import TlsHandshake, TlsSide
from sipauthctl.mechanisms.tls_dsk.key_log import KeyLog
from sipauthctl.mechanisms.tls_dsk.keys import keys_of
from sipauthctl.mechanisms.tls_dsk.suites import mac_hash


def prepare(context: ssl.SSLContext, key_log: Path) -> ssl.SSLContext:
    """Makes a context fit for TLS-DSK: at most TLS 1.2, no resumption, secrets written to `key_log`.

    Python's ssl has no exporter of keys, and the log gives the same secret.
    """
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET
    context.keylog_filename = str(key_log)
    return context


class TlsEnd:
    """One end of a handshake in memory.

    Args:
        context: made fit by `prepare`; whose secrets stand in `key_log`.
        key_log: that file.
        side: which end it is.
    """

    def __init__(self, context: ssl.SSLContext, key_log: Path, side: TlsSide) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=side is TlsSide.SERVER)
        self._key_log = key_log
        self._side = side
        self._seen = TlsHandshake()
        self.done = False
        """Whether this end has all that it needs."""
        self.failed = ""
        """Why the handshake failed, empty while it did not."""

    def step(self, data: bytes) -> bytes:
        """Takes the other end's bytes, gives those to send: after a failure an alert."""
        self._incoming.write(data)
        try:
            self._tls.do_handshake()
            self.done = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.failed = error.reason or "the TLS handshake failed"
        answer = self._outgoing.read()
        other = TlsSide.CLIENT if self._side is TlsSide.SERVER else TlsSide.SERVER
        self._seen.feed(other, data)
        self._seen.feed(self._side, answer)
        return answer

    def context(self) -> TlsDskContext:
        """The context of this end once it is done.

        Raises:
            MechanismError: the suite has no known hash, or the secret is not in the log.
        """
        seen = self._seen
        secret = KeyLog.read(self._key_log).master_secret(seen.client_random or b"")
        keys = keys_of(seen, secret) if secret is not None else None
        hash_name = mac_hash(seen.suite or 0)
        if keys is None or hash_name is None:
            raise MechanismError("no keys can be made from this TLS handshake")
        certificate = read_certificate(seen.client_certificate or b"")
        return TlsDskContext(self._side, keys, hash_name, certificate.not_after if certificate is not None else None)

    def client_name(self) -> str | None:
        """The common name of the client's certificate, None where there was none."""
        certificate = read_certificate(self._seen.client_certificate or b"")
        return certificate.common_name if certificate is not None else None
