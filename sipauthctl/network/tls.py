"""Whom to trust, and what a TLS connection showed."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from sipauthctl.network.evidence import TlsEvidence


class TrustError(Exception):
    """The CA file cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """`ca_file` holds PEM certificates to trust instead of the system's; `verify` False accepts any certificate."""

    ca_file: Path | None = None
    verify: bool = True

    def context(self) -> ssl.SSLContext:
        """A client's context: TLS 1.2 or later.

        Raises:
            TrustError: the CA file cannot be read or holds no certificate.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            reason = "it holds no PEM certificate" if isinstance(error, ssl.SSLError) else error.strerror
            raise TrustError(f"cannot use the CA file {self.ca_file}: {reason}") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def evidence(connection: ssl.SSLObject | ssl.SSLSocket, *, verified: bool) -> TlsEvidence:
    """What the connection showed: protocol version, cipher and the peer's certificate."""
    cipher = connection.cipher()
    certificate = _read(connection.getpeercert(binary_form=True))
    return TlsEvidence(
        version=connection.version() or "",
        cipher=cipher[0] if cipher else "",
        subject=certificate.subject.rfc4514_string() if certificate else "",
        issuer=certificate.issuer.rfc4514_string() if certificate else "",
        names=_names(certificate) if certificate else (),
        not_after=_not_after(certificate) if certificate else None,
        verified=verified,
    )


def _read(der: bytes | None) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(der) if der else None
    except ValueError:
        return None


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names that the certificate is for."""
    try:
        extension = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    names = extension.value
    return tuple(names.get_values_for_type(x509.DNSName)) if isinstance(names, x509.SubjectAlternativeName) else ()


def _not_after(certificate: x509.Certificate) -> datetime:
    return certificate.not_valid_after_utc.astimezone(UTC)
