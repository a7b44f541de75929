"""Whom to trust, and what a TLS connection showed."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from sipauthctl.network.evidence import TlsEvidence

# What the library raises for a certificate that OpenSSL took and it cannot read; they have no common base.
_UNREADABLE = (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


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
            raise TrustError(f"cannot use the CA file {str(self.ca_file)!a}: {reason}") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


OLD_VERSIONS = ("SSLv3", "TLSv1", "TLSv1.1")


def lenient_context() -> ssl.SSLContext:
    """A context that takes anything that OpenSSL can still do, only to see what a server offers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def evidence(connection: ssl.SSLObject | ssl.SSLSocket, *, verified: bool) -> TlsEvidence:
    """What the connection showed: protocol version, cipher and the peer's certificate, if that can be read."""
    cipher = connection.cipher()
    seen = TlsEvidence(
        version=connection.version() or "",
        cipher=cipher[0] if cipher else "",
        subject="",
        issuer="",
        names=(),
        not_after=None,
        verified=verified,
    )
    try:
        certificate = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
        return replace(
            seen,
            subject=certificate.subject.rfc4514_string(),
            issuer=certificate.issuer.rfc4514_string(),
            names=_names(certificate),
            not_after=certificate.not_valid_after_utc,
            not_before=certificate.not_valid_before_utc,
        )
    except _UNREADABLE:
        return seen


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names and IP addresses that the certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except x509.ExtensionNotFound:
        return ()
    if not isinstance(names, x509.SubjectAlternativeName):
        return ()
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return (*names.get_values_for_type(x509.DNSName), *addresses)
