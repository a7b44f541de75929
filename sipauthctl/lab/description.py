"""What to point a client at: the values of `lab --json`."""

from __future__ import annotations

from typing import Any

from sipauthctl.lab.conferences import CONFERENCES
from sipauthctl.lab.deployment import Deployment
from sipauthctl.lab.names import DOMAIN_CONTROLLER, KERBEROS_REALM, NETBIOS_DOMAIN, SIP_DOMAIN
from sipauthctl.lab.samba.configuration import KDC_PORT, LDAP_PORT, LDAPS_PORT
from sipauthctl.lab.samba.domain import ADMINISTRATOR, SambaDomain

LAB_SCHEMA = "sipauthctl/lab/1"


def describe(deployment: Deployment) -> dict[str, Any]:
    """The document of a running deployment. The passwords in it are the lab's own and open no other door."""
    return {
        "schema": LAB_SCHEMA,
        "sip_domain": SIP_DOMAIN,
        "nameserver": deployment.nameserver,
        "ca_file": str(deployment.ca_file),
        "servers": [
            {
                "role": server.role,
                "host": server.host,
                "address": server.address,
                "port": server.port,
                "transport": server.transport,
            }
            for server in deployment.servers
        ],
        "accounts": [
            {
                "sip_uri": deployment.directory.sip_uri(account),
                "username": account.user,
                "domain": deployment.settings.domain_names.netbios,
                "password": account.password,
                "state": account.state.value,
                "certificate": _certificate(deployment, deployment.directory.sip_uri(account)),
            }
            for account in deployment.directory.accounts
        ],
        "conferences": [
            {"sip_uri": conference.sip_uri, "passcode": conference.passcode} for conference in CONFERENCES
        ],
        "krb5_config": str(deployment.kdc.configuration) if deployment.kdc is not None else None,
        "realm": deployment.settings.domain_names.realm,
        "netbios": [
            {"host": service.node.host, "address": service.node.address, "port": service.port}
            for service in deployment.name_services
        ],
        "directory": _directory(deployment.domain) if deployment.domain is not None else None,
        "faults": list(deployment.settings.faults),
    }


def _directory(domain: SambaDomain) -> dict[str, Any]:
    return {
        "kind": "samba",
        "host": DOMAIN_CONTROLLER,
        "address": domain.address,
        "ldap_port": LDAP_PORT,
        "ldaps_port": LDAPS_PORT,
        "kdc_port": KDC_PORT,
        "realm": KERBEROS_REALM,
        "dns_domain": SIP_DOMAIN,
        "netbios_domain": NETBIOS_DOMAIN,
        "base_dn": ",".join(f"DC={label}" for label in SIP_DOMAIN.split(".")),
        "administrator": {
            "username": ADMINISTRATOR.user,
            "domain": NETBIOS_DOMAIN,
            "password": ADMINISTRATOR.password,
        },
    }


def _certificate(deployment: Deployment, sip_uri: str) -> str | None:
    path = deployment.client_certificates.get(sip_uri)
    return None if path is None else str(path)
