"""Kerberos associations verified by the keytab of the service."""

from __future__ import annotations

from dataclasses import dataclass, field

from sipauthctl.analysis.verifier import Deviation
from sipauthctl.analysis.words import Method, Sender
from sipauthctl.mechanisms.kerberos.deviations import find_deviation
from sipauthctl.mechanisms.kerberos.mic import can_verify, nearly, verify
from sipauthctl.mechanisms.kerberos.offline import ContextKeys, ServiceKeytab


@dataclass(frozen=True, slots=True)
class KerberosVerifier:
    """Both directions of a Kerberos association, from the keys of its context."""

    keys: ContextKeys = field(repr=False)
    method: Method = Method.KEYTAB

    @property
    def supported(self) -> bool:
        """Whether signatures of this type of key are known."""
        return can_verify(self.keys)

    def verify(self, sender: Sender, data: bytes, signature: bytes) -> bool:
        """Whether `sender` made `signature` over `data`."""
        return verify(self.keys, sender is Sender.SERVER, data, signature)

    def deviation(self, sender: Sender, num: int, data: bytes, signature: bytes) -> Deviation | None:
        """The mistake in key or algorithm with which `sender` made it; None where no known one did."""
        found = find_deviation(self.keys, sender is Sender.SERVER, data, signature)
        return None if found is None else Deviation(found.name, found.sentence)

    def nearly(self, sender: Sender, data: bytes, signature: bytes) -> bool:
        """Whether the right signature differs from this one in one or two bytes of its checksum."""
        return nearly(self.keys, sender is Sender.SERVER, data, signature)


class KeytabKeys:
    """Opens associations with a keytab."""

    def __init__(self, keytab: ServiceKeytab) -> None:
        self._keytab = keytab

    def verifier(self, token: bytes) -> KerberosVerifier:
        """The verifier for the association that begins with this token.

        Raises:
            MalformedToken: the token is damaged.
            NoKeyFits: no key of the keytab decrypts it.
        """
        return KerberosVerifier(self._keytab.open(token))
