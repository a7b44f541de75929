"""NTLM for a directory, as the SASL mechanism GSS-SPNEGO over TLS, [MS-ADTS] 5.1.1.1.2.

Unlike a simple bind it shows the server no password, and the channel binding (RFC 5929 4) ties the response to the
server's certificate, so that nobody can pass it on.
"""

from __future__ import annotations

import os

import spnego
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from spnego._ntlm_raw.messages import NegotiateFlags
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

from sipauthctl.mechanisms.base import MalformedToken, MechanismError
from sipauthctl.mechanisms.ntlm.messages import DAMAGE
from sipauthctl.trust import Clearance


class NtlmSasl:
    """The client's side of one bind.

    Args:
        user: `DOMAIN\\user` or `user@domain`.
        password: the user's.
        cleared: the leave to send the response there.
        certificate: the server's, as DER.

    Raises:
        MechanismError: the environment asks for NTLMv1.
    """

    def __init__(self, user: str, password: str, cleared: Clearance, certificate: bytes) -> None:
        if os.environ.get("LM_COMPAT_LEVEL", "3") in ("0", "1", "2"):  # pyspnego heeds it
            raise MechanismError("LM_COMPAT_LEVEL asks for NTLMv1, which is not sent")
        # TLS protects the connection; Active Directory refuses a second protection within it.
        self._context = spnego.client(
            user,
            password,
            hostname=cleared.destination.name,
            service="ldap",
            protocol="ntlm",
            context_req=spnego.ContextReq.none,
            channel_bindings=GssChannelBindings(application_data=end_point_binding(certificate)),
        )
        # Without signing there is no key to exchange: pyspnego then sends none, which Samba refuses.
        self._context._context_req &= ~NegotiateFlags.key_exch

    def first(self) -> bytes:
        """The NEGOTIATE."""
        return self._context.step() or b""

    def answer(self, token: bytes) -> bytes:
        """The AUTHENTICATE for a CHALLENGE.

        Raises:
            MalformedToken: it is none.
        """
        try:
            return self._context.step(token) or b""
        except (SpnegoError, *DAMAGE) as error:
            raise MalformedToken(f"the directory's NTLM challenge cannot be used: {type(error).__name__}") from None


def end_point_binding(certificate: bytes) -> bytes:
    """The channel binding of type tls-server-end-point for a certificate as DER, RFC 5929 4.1."""
    algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    if algorithm is None or isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(certificate)
    return b"tls-server-end-point:" + digest.finalize()
