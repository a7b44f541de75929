"""What the lab's name server knows: the SIP servers, the domain's KDC and controller, and what is wrong with them."""

from __future__ import annotations

from typing import Protocol

from sipauthctl.lab.behaviour import NameServerFlaw
from sipauthctl.lab.dns import ServiceRecord, Zone
from sipauthctl.lab.names import DOMAIN_CONTROLLER, HOME_HOST, PROXY_HOST, SIP_DOMAIN
from sipauthctl.lab.samba.configuration import KDC_PORT, LDAP_PORT
from sipauthctl.lab.settings import LabSettings

FOREIGN_HOST = "sip.fabrikam.com"
KPASSWD_PORT, CATALOGUE_PORT = 464, 3268


class Place(Protocol):
    """Where something listens."""

    @property
    def port(self) -> int:
        """Its port."""


class Controller(Protocol):
    """The KDC, with an Active Directory or without."""

    @property
    def host_address(self) -> str:
        """Its IPv4 address."""

    @property
    def port(self) -> int:
        """Where it answers Kerberos, by UDP and TCP."""


def deployment_zone(settings: LabSettings, tls: Place, tcp: Place, controller: Controller | None) -> Zone:
    """The records of a deployment.

    Args:
        settings: what was chosen.
        tls: the outbound proxy's port for TLS.
        tcp: its port without.
        controller: the domain controller; its records are left out where there is none, as they are outside a company.
    """
    flaw, address = settings.behaviour.name_server, settings.address
    targets = {
        NameServerFlaw.UNRESOLVABLE_TARGET: f"gone.{SIP_DOMAIN}",
        NameServerFlaw.FOREIGN_TARGET: FOREIGN_HOST,
    }
    target = PROXY_HOST if flaw is None else targets.get(flaw, PROXY_HOST)
    services = [
        ServiceRecord(f"_sipinternaltls._tcp.{SIP_DOMAIN}", target, tls.port),
        ServiceRecord(f"_sipinternal._tcp.{SIP_DOMAIN}", target, tcp.port),
        ServiceRecord(f"_sip._tls.{SIP_DOMAIN}", target, tls.port),
    ]
    if flaw is NameServerFlaw.NO_SRV:
        services = []
    hosts = [(host, address) for host in (PROXY_HOST, HOME_HOST, FOREIGN_HOST)]
    if controller is not None:
        services += _domain_services(controller.port)
        hosts.append((DOMAIN_CONTROLLER, controller.host_address))
    return Zone(tuple(services), tuple(hosts))


def _domain_services(kdc_port: int) -> list[ServiceRecord]:
    """What a domain controller registers, [MS-ADTS] 6.3.2.3, as far as clients of this family look for it."""
    kpasswd_port = KPASSWD_PORT if kdc_port == KDC_PORT else kdc_port
    names = {
        "_kerberos._tcp": kdc_port,
        "_kerberos._udp": kdc_port,
        "_kerberos._tcp.dc._msdcs": kdc_port,
        "_kpasswd._tcp": kpasswd_port,
        "_kpasswd._udp": kpasswd_port,
        "_ldap._tcp": LDAP_PORT,
        "_ldap._tcp.dc._msdcs": LDAP_PORT,
        "_ldap._tcp.pdc._msdcs": LDAP_PORT,
        "_gc._tcp": CATALOGUE_PORT,
    }
    return [ServiceRecord(f"{name}.{SIP_DOMAIN}", DOMAIN_CONTROLLER, port) for name, port in names.items()]
