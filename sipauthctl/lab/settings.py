"""What the user of a lab can choose."""

from __future__ import annotations

from dataclasses import dataclass

from sipauthctl.association.family import HeaderFamily
from sipauthctl.association.offers import OWN_VERSION
from sipauthctl.lab.behaviour import Behaviour
from sipauthctl.mechanisms.base import Scheme

SIP_DOMAIN = "litwareinc.com"
NETBIOS_DOMAIN = "LITWAREINC"
KERBEROS_REALM = "LITWAREINC.COM"
REALM = "SIP Communications Service"
PROXY_HOST = f"hs1.{SIP_DOMAIN}"
HOME_HOST = f"hs2.{SIP_DOMAIN}"


@dataclass(frozen=True, slots=True)
class LabSettings:
    """Options of a deployment.

    `port` is the first of five consecutive ones (hs1 by TLS and TCP, hs2 by TLS and TCP, DNS), 0 lets the system pick.
    `faults` are the names behind `behaviour`, for the description.
    """

    family: HeaderFamily = HeaderFamily.USER_AGENT
    version: int = OWN_VERSION
    schemes: tuple[Scheme, ...] = (Scheme.NTLM,)
    redirect: bool = True
    extended_session_security: bool = True
    address: str = "127.0.0.1"
    port: int = 0
    behaviour: Behaviour = Behaviour()
    faults: tuple[str, ...] = ()
