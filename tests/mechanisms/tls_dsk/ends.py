"""The client's end of TLS-DSK, and certificates for both: real TLS on both sides, in memory."""

from __future__ import annotations

import ssl
import warnings
from datetime import datetime
from functools import cache
from pathlib import Path

from sipauthctl.lab.authority import Authority
from sipauthctl.mechanisms.base import MechanismError, Scheme, SecurityContext
from sipauthctl.mechanisms.tls_dsk.end import TlsEnd, prepare
from sipauthctl.mechanisms.tls_dsk.handshake import TlsSide

NAME = "ned@litwareinc.com"


@cache
def authority() -> Authority:
    return Authority()


def client_context(
    folder: Path,
    *,
    issuer: Authority | None = None,
    trusted: Authority | None = None,
    certificate: bool = True,
    not_after: datetime | None = None,
    suites: str = "ALL",
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
) -> ssl.SSLContext:
    """A context with ned's certificate of `issuer`, which believes servers of `trusted`."""
    context = prepare(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), folder / "client-keys.txt")
    context.check_hostname = False
    (trusted or authority()).write_certificate(folder / "trusted.pem")
    context.load_verify_locations(folder / "trusted.pem")
    context.set_ciphers(f"{suites}:@SECLEVEL=0")
    limit(context, version, version)
    if certificate:
        (issuer or authority()).write_client_certificate(folder / "ned.pem", NAME, not_after=not_after)
        context.load_cert_chain(folder / "ned.pem")
    return context


def server_context(folder: Path, *, suites: str = "ALL") -> ssl.SSLContext:
    context = authority().tls_dsk_context("hs1.litwareinc.com", folder / "server-keys.txt")
    context.set_ciphers(f"{suites}:@SECLEVEL=0")
    limit(context, ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2)
    return context


def limit(context: ssl.SSLContext, lowest: ssl.TLSVersion, highest: ssl.TLSVersion) -> None:
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # old versions are wanted here
        context.minimum_version, context.maximum_version = lowest, highest


class TlsDskInitiator:
    """The client's side, for the client's state machine: the first token is a ClientHello, the last an empty one."""

    def __init__(self, context: ssl.SSLContext, folder: Path) -> None:
        self.end = TlsEnd(context, folder / "client-keys.txt", TlsSide.CLIENT)
        self._context: SecurityContext | None = None

    @property
    def scheme(self) -> Scheme:
        return Scheme.TLS_DSK

    @property
    def context(self) -> SecurityContext | None:
        return self._context

    def step(self, token: bytes | None) -> bytes:
        answer = self.end.step(token or b"")
        if self.end.failed and not answer:
            raise MechanismError(self.end.failed)
        if self.end.done:
            self._context = self.end.context()
        return answer
