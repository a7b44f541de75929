"""What everything in the lab is called."""

from __future__ import annotations

from dataclasses import dataclass

SIP_DOMAIN = "litwareinc.com"
NETBIOS_DOMAIN = "LITWAREINC"
KERBEROS_REALM = "LITWAREINC.COM"


@dataclass(frozen=True, slots=True)
class DomainNames:
    """The names of an Active Directory domain, by default those that go with the SIP domain."""

    netbios: str = NETBIOS_DOMAIN
    dns: str = SIP_DOMAIN

    @property
    def realm(self) -> str:
        """Its Kerberos realm."""
        return self.dns.upper()


REALM = "SIP Communications Service"
PROXY_HOST = f"hs1.{SIP_DOMAIN}"
HOME_HOST = f"hs2.{SIP_DOMAIN}"
PROXY_HOSTS = (PROXY_HOST, f"hs3.{SIP_DOMAIN}", f"hs4.{SIP_DOMAIN}")
SPARE_HOST = f"hs5.{SIP_DOMAIN}"
"""Takes the first proxy's place when the path changes."""
FOREIGN_HOST = "sip.fabrikam.com"
DOMAIN_CONTROLLER = f"dc1.{SIP_DOMAIN}"
