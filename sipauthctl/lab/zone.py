"""What the lab's name server knows: the SIP servers, the domain's KDC and controller, and what is wrong with them."""

from __future__ import annotations

from typing import Protocol

from sipauthctl.lab.behaviour import NameServerFlaw
from sipauthctl.lab.dns import Failure, ServiceRecord, Zone
from sipauthctl.lab.names import DOMAIN_CONTROLLER, FOREIGN_HOST, HOME_HOST, PROXY_HOST, SIP_DOMAIN
from sipauthctl.lab.samba.configuration import CATALOGUE_PORT, KDC_PORT, LDAP_PORT
from sipauthctl.lab.settings import LabSettings

KPASSWD_PORT = 464
DEAD_PORT = 1
"""Nothing listens there: tcpmux (RFC 1078) has gone out of use."""

_ALIAS = f"pool.{SIP_DOMAIN}"
_TARGETS = {
    NameServerFlaw.UNRESOLVABLE_TARGET: f"gone.{SIP_DOMAIN}",
    NameServerFlaw.FOREIGN_TARGET: FOREIGN_HOST,
    NameServerFlaw.ALIAS_TARGET: _ALIAS,
}
_NO_SERVICES = (NameServerFlaw.NO_SRV, NameServerFlaw.AUTODISCOVER_ONLY)
_AUTODISCOVER_HOSTS = (f"lyncdiscoverinternal.{SIP_DOMAIN}", f"lyncdiscover.{SIP_DOMAIN}")
_FAILURES: dict[NameServerFlaw | None, Failure] = {
    NameServerFlaw.SILENT: Failure.SILENT,
    NameServerFlaw.REFUSES: Failure.REFUSED,
    NameServerFlaw.FAILS: Failure.SERVER_FAILURE,
}


class Place(Protocol):
    """Where something listens."""

    @property
    def port(self) -> int:
        """Its port."""


class Controller(Protocol):
    """The KDC, with an Active Directory or without."""

    @property
    def host_address(self) -> str:
        """Its address."""

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
    if flaw is NameServerFlaw.NO_SUCH_DOMAIN:
        return Zone((), ())
    services = _sip_services(flaw, tls.port, tcp.port)
    hosts = [(host, address) for host in (PROXY_HOST, HOME_HOST, FOREIGN_HOST)]
    if flaw is NameServerFlaw.AUTODISCOVER_ONLY:
        hosts += [(host, address) for host in _AUTODISCOVER_HOSTS]
    if controller is not None:
        hosts.append((DOMAIN_CONTROLLER, controller.host_address))
        if flaw is not NameServerFlaw.NO_DOMAIN_RECORDS:
            services += _domain_services(settings.domain_names.dns, controller.port)
    aliases = ((_ALIAS, PROXY_HOST),) if flaw is NameServerFlaw.ALIAS_TARGET else ()
    return Zone(tuple(services), tuple(hosts), aliases, _FAILURES.get(flaw))


def _sip_services(flaw: NameServerFlaw | None, tls_port: int, tcp_port: int) -> list[ServiceRecord]:
    """The SRV records by which clients find the outbound proxy."""
    if flaw in _NO_SERVICES:
        return []
    names = {"_sipinternaltls._tcp": tls_port, "_sipinternal._tcp": tcp_port, "_sip._tls": tls_port}
    target = PROXY_HOST if flaw is None else _TARGETS.get(flaw, PROXY_HOST)
    records = []
    for name, port in names.items():
        service = f"{name}.{SIP_DOMAIN}"
        if flaw is NameServerFlaw.DEAD_SERVER_FIRST:
            records.append(ServiceRecord(service, HOME_HOST, DEAD_PORT, priority=0, weight=100))
        priority = 10 if flaw is NameServerFlaw.DEAD_SERVER_FIRST else 0
        place = DEAD_PORT if flaw is NameServerFlaw.DEAD_PORT else port
        records.append(ServiceRecord(service, target, place, priority))
    return records


def _domain_services(domain: str, kdc_port: int) -> list[ServiceRecord]:
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
    return [ServiceRecord(f"{name}.{domain}", DOMAIN_CONTROLLER, port) for name, port in names.items()]
