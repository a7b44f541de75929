"""A certificate authority of the lab's own, and the TLS contexts of its servers."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path

import trustme

from sipauthctl.mechanisms.tls_dsk.end import prepare


class CertificateFlaw(Enum):
    """What can be wrong with a server's certificate or TLS, on purpose."""

    UNTRUSTED = "untrusted"  # from another authority than the one that clients are told to trust
    WRONG_NAME = "wrong-name"
    EXPIRED = "expired"
    OLD_TLS = "old-tls"  # TLS 1.1 at most


class Authority:
    """Makes certificates for host names."""

    def __init__(self) -> None:
        self._authority = trustme.CA(organization_name="sipauthctl lab")
        self._certificates: dict[str, trustme.LeafCert] = {}

    def write_certificate(self, path: Path) -> None:
        """Writes the authority's certificate as PEM, for clients to trust."""
        self._authority.cert_pem.write_to_path(str(path))

    def write_server_files(self, host: str, certificate: Path, key: Path) -> None:
        """Writes a certificate for `host`, and its key that only this user can read, as PEM."""
        issued = self._authority.issue_cert(host)
        issued.cert_chain_pems[0].write_to_path(str(certificate))
        key.touch(mode=0o600)
        issued.private_key_pem.write_to_path(str(key))

    def server_context(self, host: str, flaw: CertificateFlaw | None = None) -> ssl.SSLContext:
        """The TLS context of the server called `host`."""
        authority = (
            trustme.CA(organization_name="some other CA") if flaw is CertificateFlaw.UNTRUSTED else self._authority
        )
        name = f"not-{host}" if flaw is CertificateFlaw.WRONG_NAME else host
        yesterday = datetime.now(UTC) - timedelta(days=1)
        expires = yesterday if flaw is CertificateFlaw.EXPIRED else None
        begins = yesterday - timedelta(days=30) if flaw is CertificateFlaw.EXPIRED else None
        certificate = authority.issue_cert(name, not_before=begins, not_after=expires)
        self._certificates[host] = certificate
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        if flaw is CertificateFlaw.OLD_TLS:
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                context.maximum_version = ssl.TLSVersion.TLSv1_1
            context.set_ciphers("ALL:@SECLEVEL=0")
        return context

    def tls_dsk_context(self, host: str, key_log: Path) -> ssl.SSLContext:
        """The context of the handshake within TLS-DSK: it takes clients with a certificate of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(host).configure_cert(context)
        self._authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        context.set_ciphers("ECDHE+AESGCM:ECDHE+AES:!AESCCM")
        return prepare(context, key_log)

    def write_client_certificate(self, path: Path, name: str, *, not_after: datetime | None = None) -> None:
        """Writes a user's certificate and its key as PEM; `name` is `user@domain`, the subject that TLS-DSK wants."""
        begins = not_after - timedelta(days=30) if not_after is not None else None
        certificate = self._authority.issue_cert(name, common_name=name, not_before=begins, not_after=not_after)
        certificate.private_key_and_cert_chain_pem.write_to_path(str(path))

    def certificate_pem(self, host: str) -> bytes:
        """The certificate of the server called `host` as PEM, without its key, for clients that pin certificates.

        Raises:
            KeyError: `server_context` has made none for it.
        """
        return self._certificates[host].cert_chain_pems[0].bytes()
