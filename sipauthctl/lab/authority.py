"""A certificate authority of the lab's own, and the TLS contexts of its servers."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path

import trustme


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

    def certificate_pem(self, host: str) -> bytes:
        """The certificate of the server called `host` as PEM, without its key, for clients that pin certificates.

        Raises:
            KeyError: `server_context` has made none for it.
        """
        return self._certificates[host].cert_chain_pems[0].bytes()
