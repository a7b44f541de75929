"""A certificate authority of the lab's own, and the TLS contexts of its servers."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path

import trustme

from sipauthctl.lab.names import SIP_DOMAIN
from sipauthctl.lab.odd_certificates import self_signed_certificate, weak_certificate
from sipauthctl.mechanisms.tls_dsk.end import prepare

_DAY = timedelta(days=1)


class CertificateFlaw(Enum):
    """What can be wrong with a server's certificate or TLS, on purpose."""

    UNTRUSTED = "untrusted"  # from another authority than the one that clients are configured to trust
    SELF_SIGNED = "self-signed"
    INCOMPLETE_CHAIN = "incomplete-chain"  # from an intermediate authority whose certificate is not sent
    WRONG_NAME = "wrong-name"
    SIP_DOMAIN_ONLY = "sip-domain-only"  # names the SIP domain and no host
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRES_SOON = "expires-soon"
    WEAK_KEY = "weak-key"
    OLD_TLS = "old-tls"  # TLS 1.1 at most
    WEAK_CIPHER = "weak-cipher"  # TLS 1.2 with one weak cipher suite
    INTERCEPTED = "intercepted"  # from the authority of an inspection product


class Authority:
    """Makes certificates for host names."""

    def __init__(self) -> None:
        self._authority = trustme.CA(organization_name="sipauthctl lab")
        self._certificates: dict[str, bytes] = {}

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
        certificate, key = self._issue(host, flaw)
        self._certificates[host] = certificate
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if flaw in (CertificateFlaw.OLD_TLS, CertificateFlaw.WEAK_KEY):
            context.set_ciphers("ALL:@SECLEVEL=0")
        if flaw is CertificateFlaw.WEAK_CIPHER:
            # Its tags have 64 bits. The defaults of Python, of OpenSSL and of distributions all leave it out.
            context.set_ciphers("ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0")
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        if flaw is CertificateFlaw.OLD_TLS:
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                context.maximum_version = ssl.TLSVersion.TLSv1_1
        with trustme.Blob(key + certificate).tempfile() as path:
            context.load_cert_chain(path)
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
        return self._certificates[host]

    def _issue(self, host: str, flaw: CertificateFlaw | None) -> tuple[bytes, bytes]:
        """A certificate and its key in PEM."""
        now = datetime.now(UTC)
        authority = self._authority
        if flaw is CertificateFlaw.SELF_SIGNED:
            return self_signed_certificate(host)
        if flaw is CertificateFlaw.WEAK_KEY:
            return weak_certificate(host, authority.cert_pem.bytes(), authority.private_key_pem.bytes())
        if flaw is CertificateFlaw.UNTRUSTED:
            authority = trustme.CA(organization_name="some other CA")
        if flaw is CertificateFlaw.INTERCEPTED:
            authority = trustme.CA(organization_name="Fortinet", organization_unit_name="Certificate Authority")
        if flaw is CertificateFlaw.INCOMPLETE_CHAIN:
            authority = authority.create_child_ca()
        names = {CertificateFlaw.WRONG_NAME: f"not-{host}", CertificateFlaw.SIP_DOMAIN_ONLY: SIP_DOMAIN}
        times = {
            CertificateFlaw.EXPIRED: (now - 30 * _DAY, now - _DAY),
            CertificateFlaw.NOT_YET_VALID: (now + _DAY, now + 365 * _DAY),
            CertificateFlaw.EXPIRES_SOON: (now - 360 * _DAY, now + 5 * _DAY),
        }
        name = host if flaw is None else names.get(flaw, host)
        begins, ends = (None, None) if flaw is None else times.get(flaw, (None, None))
        issued = authority.issue_cert(name, not_before=begins, not_after=ends)
        return issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes()
