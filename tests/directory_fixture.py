"""A real domain controller of Samba's in an event loop of its own, for a whole module of tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from sipauthctl.doctor.case import Case
from sipauthctl.lab.authority import Authority
from sipauthctl.lab.dns import NameServer, ServiceRecord, Zone
from sipauthctl.lab.names import DOMAIN_CONTROLLER, SIP_DOMAIN
from sipauthctl.lab.samba.domain import DomainSettings, SambaDomain
from sipauthctl.lab.samba.programs import missing
from sipauthctl.mechanisms.kerberos.configuration import use_configuration
from sipauthctl.network.resolver import Resolver
from sipauthctl.network.tls import TlsPolicy
from sipauthctl.probe.initiators import Credentials
from tests.doctor.harness import case_of
from tests.external import DEMANDED

needs_samba = pytest.mark.skipif(missing() is not None and not DEMANDED, reason=str(missing()))


@dataclass
class RunningDomain:
    """The domain, the name server that leads to it, and the certificate authority that proves it."""

    loop: asyncio.AbstractEventLoop
    domain: SambaDomain
    nameserver: str
    ca_file: Path

    def case(self, user: str, password: str | None = None, *, logon: str | None = None, **asked: Any) -> Case:
        secret = f"Litware-{user.title()}-1" if password is None else password
        case = case_of(
            user=f"sip:{user}@{SIP_DOMAIN}",
            logon=logon or f"LITWAREINC\\{user}",
            credentials=Credentials(secret),
            **asked,
        )
        probe = replace(case.asked.probe, policy=TlsPolicy(self.ca_file), workstation="WS1")
        tools = replace(
            case.tools,
            root=Path("/nonexistent"),
            environ={"KRB5_CONFIG": str(self.domain.configuration)},
            resolver=Resolver(self.nameserver, 5.0),
        )
        return replace(case, asked=replace(case.asked, probe=probe), tools=tools)


@contextmanager
def running_domain(settings: DomainSettings | None = None) -> Iterator[RunningDomain]:
    loop = asyncio.new_event_loop()
    authority = Authority()
    with TemporaryDirectory() as folder:
        ca_file = Path(folder) / "ca.pem"
        authority.write_certificate(ca_file)
        domain = SambaDomain(settings or DomainSettings(), authority)
        loop.run_until_complete(domain.__aenter__())
        service = ServiceRecord(f"_ldap._tcp.dc._msdcs.{SIP_DOMAIN}", DOMAIN_CONTROLLER, 389)
        server = NameServer(Zone((service,), ((DOMAIN_CONTROLLER, domain.address),)))
        loop.run_until_complete(server.start("127.0.0.1"))
        try:
            with use_configuration(domain.configuration):
                yield RunningDomain(loop, domain, f"127.0.0.1:{server.address[1]}", ca_file)
        finally:
            loop.run_until_complete(server.stop())
            loop.run_until_complete(domain.__aexit__(None, None, None))
            loop.close()
