"""Whose a certificate is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """The subject and the issuer as RFC 4514 writes them, and when it ends, in UTC."""

    subject: str
    issuer: str
    not_after: datetime

    @property
    def common_name(self) -> str:
        """The CN of the subject, all of it where there is none."""
        parts = (part for part in self.subject.split(",") if part.upper().startswith("CN="))
        return next(parts, f"CN={self.subject}")[3:]


def read_certificate(der: bytes) -> CertificateFacts | None:
    """What a certificate says, None where it cannot be read."""
    from cryptography import x509

    try:
        certificate = x509.load_der_x509_certificate(der)
        subject, issuer = certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()
        return CertificateFacts(subject, issuer, certificate.not_valid_after_utc)
    except Exception:  # a certificate from outside; the library raises many kinds
        return None
