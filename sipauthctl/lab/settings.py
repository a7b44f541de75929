"""What the user of a lab can choose."""

from __future__ import annotations

from dataclasses import dataclass

from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.offers import OWN_VERSION
from sipauthctl.lab.behaviour import Behaviour
from sipauthctl.lab.kdc import KeyType
from sipauthctl.mechanisms.base import Scheme


@dataclass(frozen=True, slots=True)
class LabSettings:
    """Options of a deployment.

    `port` is the first of five consecutive ones (hs1 by TLS and TCP, hs2 by TLS and TCP, DNS), 0 lets the system pick.
    `key_type` is that of every Kerberos key. `faults` are the names behind `behaviour`, for the description.
    """

    family: HeaderFamily = HeaderFamily.USER_AGENT
    version: int = OWN_VERSION
    schemes: tuple[Scheme, ...] = (Scheme.NTLM,)
    key_type: KeyType = KeyType.AES256
    redirect: bool = True
    extended_session_security: bool = True
    address: str = "127.0.0.1"
    port: int = 0
    behaviour: Behaviour = Behaviour()
    faults: tuple[str, ...] = ()
