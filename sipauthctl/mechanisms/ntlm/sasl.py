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
from sipauthctl.trust import Clearance, Credential

_ONLY_NTLMV2 = range(3, 6)


class NtlmSasl:
    """The client's side of one bind.

    Args:
        user: `DOMAIN\\user` or `user@domain`.
        password: the user's.
        cleared: the leave to send the response there.
        certificate: the server's, as DER.

    Raises:
        MechanismError: the environment does not rule out NTLMv1.
    """

    def __init__(self, user: str, password: str, cleared: Clearance, certificate: bytes) -> None:
        if _compatibility_level() not in _ONLY_NTLMV2:  # pyspnego heeds it
            raise MechanismError("LM_COMPAT_LEVEL is not 3, 4 or 5, which leave out NTLMv1")
        # TLS protects the connection; Active Directory refuses a second protection within it.
        self._cleared = cleared
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
            return self._cleared.release(Credential.NTLM_RESPONSE, self._context.step(token) or b"")
        except (SpnegoError, *DAMAGE) as error:
            raise MalformedToken(f"the directory's NTLM challenge cannot be used: {type(error).__name__}") from None


def _compatibility_level() -> int:
    """What the environment tells pyspnego, [MS-NLMP] 3.1.1.1; -1 where that is no number."""
    try:
        return int(os.environ.get("LM_COMPAT_LEVEL", _ONLY_NTLMV2.start))
    except ValueError:
        return -1


def end_point_binding(certificate: bytes) -> bytes:
    """The channel binding of type tls-server-end-point for a certificate as DER, RFC 5929 4.1."""
    algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    if algorithm is None or isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(certificate)
    return b"tls-server-end-point:" + digest.finalize()
