"""The client's side of SASL's mechanism GSSAPI with a sealed connection, RFC 4752 3.1 and 3.3, without I/O.

Domain controllers demand at least integrity where TLS does not give it. Sealing needs no certificate: the KDC is the
proof of who answers, by mutual authentication.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import gssapi

from sipauthctl.mechanisms.base import MalformedToken
from sipauthctl.mechanisms.kerberos.credentials import KerberosLogin
from sipauthctl.mechanisms.kerberos.errors import Phase
from sipauthctl.mechanisms.kerberos.translation import translated
from sipauthctl.trust import Clearance, Credential

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SEALED_BYTES = 0xFFFFFF
"""The largest sealed message that either side takes: the field for it has three bytes."""
_LENGTH = struct.Struct("!I")
_CONFIDENTIALITY = 4
_PIECE_BYTES = 0x8000  # well below every server's limit


class SaslClient:
    """One logon to a service.

    Args:
        login: the user's credentials.
        spn: the service, as `ldap/<FQDN>`.
        cleared: the leave to send the ticket.
    """

    def __init__(self, login: KerberosLogin, spn: str, cleared: Clearance) -> None:
        self._doing = f"signing in to {spn}"
        self._cleared = cleared
        credentials = login.credentials()
        flags = gssapi.RequirementFlag
        with translated(Phase.TICKET, self._doing):
            self._context = gssapi.SecurityContext(
                name=gssapi.Name(f"{spn}@", gssapi.NameType.kerberos_principal),
                creds=credentials,
                usage="initiate",
                mech=gssapi.MechType.kerberos,
                flags=flags.mutual_authentication | flags.integrity | flags.confidentiality,
            )
        self._buffer = b""

    def first(self) -> bytes:
        """The token to begin with. Blocks while the KDC is asked.

        Raises:
            KerberosFailure: there are no credentials, or no ticket.
        """
        with translated(Phase.TICKET, self._doing):
            return self._cleared.release(Credential.SERVICE_TICKET, self._context.step() or b"")

    def answer(self, token: bytes) -> bytes:
        """What to send to the server's first token, and then to its offer of security layers.

        Raises:
            KerberosFailure: the server is not the one that was meant.
            MalformedToken: the server does not offer to seal, or its offer cannot be read.
        """
        with translated(Phase.TICKET, self._doing):
            if not self._context.complete:
                return self._context.step(token) or b""
            offer = bytes(self._context.unwrap(token).message)
        if len(offer) != 4 or not offer[0] & _CONFIDENTIALITY:
            raise MalformedToken("the server does not offer a sealed connection")
        choice = bytes([_CONFIDENTIALITY]) + MAX_SEALED_BYTES.to_bytes(3, "big")
        with translated(Phase.TICKET, self._doing):
            return bytes(self._context.wrap(choice, False).message)

    def seal(self, data: bytes) -> bytes:
        """What to put on the wire for `data`, once the logon is complete."""
        pieces = (data[start : start + _PIECE_BYTES] for start in range(0, len(data), _PIECE_BYTES))
        sealed = (bytes(self._context.wrap(piece, True).message) for piece in pieces)
        return b"".join(_LENGTH.pack(len(piece)) + piece for piece in sealed)

    def unseal(self, data: bytes) -> bytes:
        """What came: all that is complete with the bytes `data` from the wire.

        Raises:
            KerberosFailure: it was not sealed by the server, or was changed.
            MalformedToken: a message is too long.
        """
        self._buffer += data
        return b"".join(self._complete())

    def _complete(self) -> Iterator[bytes]:
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > MAX_SEALED_BYTES:
                raise MalformedToken(f"a sealed message of {length} bytes")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            message, self._buffer = self._buffer[_LENGTH.size : end], self._buffer[end:]
            with translated(Phase.TICKET, self._doing):
                unsealed = self._context.unwrap(message)
                yield bytes(unsealed.message)
