"""The offers check against a lab: what clients need that insist on TLS-DSK."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sipauthctl.doctor.case import Reached
from sipauthctl.doctor.check import CheckResult, Status
from sipauthctl.doctor.checks.offers import OffersCheck
from sipauthctl.lab.deployment import Deployment
from sipauthctl.lab.settings import LabSettings
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.network.evidence import Endpoint, Transport
from sipauthctl.network.resolver import Resolver
from sipauthctl.network.tls import TlsPolicy
from tests.doctor.harness import case_of


def offers(*schemes: Scheme) -> CheckResult:
    async def check() -> CheckResult:
        async with Deployment(LabSettings(schemes=schemes)) as deployment:
            case = case_of()
            case.asked = replace(
                case.asked,
                probe=replace(
                    case.asked.probe, nameserver=deployment.nameserver, policy=TlsPolicy(deployment.ca_file)
                ),
            )
            running = deployment.server("proxy", "tls")
            server = Endpoint(running.host, running.port, Transport.TLS)
            case.tools = replace(case.tools, resolver=Resolver(deployment.nameserver, 5))
            case.used = Reached(server, None, None)
            return await OffersCheck().run(case)

    return asyncio.run(check())


def test_tls_dsk_beside_ntlm_tells_what_clients_need() -> None:
    result = offers(Scheme.TLS_DSK, Scheme.NTLM)
    (found,) = [one for one in result.findings if one.id.startswith("tls-dsk")]
    assert (found.id, found.severity.value, result.status) == ("tls-dsk-offered", "info", Status.PASSED)
    assert "https://hs1.litwareinc.com:443/CertProv/CertProvisioningService.svc" in found.detail
    assert "curl -v https://hs1.litwareinc.com:443/CertProv/CertProvisioningService.svc/mex" in found.remedy


def test_tls_dsk_alone_is_what_nobody_signs_in_by_without_a_certificate() -> None:
    result = offers(Scheme.TLS_DSK)
    assert [one.id for one in result.findings] == ["legacy-auth-off", "tls-dsk-required"]
    assert result.status is Status.FAILED


def test_without_tls_dsk_there_is_no_word_of_it() -> None:
    result = offers(Scheme.NTLM)
    assert "offers NTLM" in result.detail
    assert result.findings == ()
