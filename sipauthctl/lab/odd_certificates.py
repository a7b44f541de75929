"""Certificates that the authority's own library refuses to make: with a weak key, or signed by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

WEAK_BITS, USUAL_BITS = 1024, 2048
_LIFETIME = timedelta(days=365)


def weak_certificate(host: str, authority: bytes, authority_key: bytes) -> tuple[bytes, bytes]:
    """A certificate for `host` with an RSA key of 1024 bits, and the key; all in PEM.

    Args:
        host: its only name.
        authority: the certificate of the authority.
        authority_key: its key.
    """
    issuer = x509.load_pem_x509_certificate(authority)
    issuer_key = load_pem_private_key(authority_key, None)
    key = rsa.generate_private_key(65537, WEAK_BITS)
    certificate = _draft(host, issuer.subject, key).sign(issuer_key, SHA256())  # type: ignore[arg-type]
    return certificate.public_bytes(Encoding.PEM), _pem(key)


def self_signed_certificate(host: str) -> tuple[bytes, bytes]:
    """A certificate for `host` that no authority has signed, and its key; both in PEM."""
    key = rsa.generate_private_key(65537, USUAL_BITS)
    certificate = _draft(host, _name(host), key).sign(key, SHA256())
    return certificate.public_bytes(Encoding.PEM), _pem(key)


def _draft(host: str, issuer: x509.Name, key: rsa.RSAPrivateKey) -> x509.CertificateBuilder:
    begins = datetime.now(UTC) - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(host))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    )


def _name(host: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
