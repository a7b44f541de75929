"""pidgin-sipe signs in to the lab: a client of other authors agrees with the lab's side of the protocol."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import pytest

from sipauthctl.association.security_association import SignatureProblem
from sipauthctl.association.verdict import Verdict
from sipauthctl.lab.deployment import Deployment
from sipauthctl.lab.events import LabEvent
from sipauthctl.lab.faults import behaviour_with
from sipauthctl.lab.names import HOME_HOST, PROXY_HOST
from sipauthctl.lab.settings import LabSettings
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.status import WRONG_PASSWORD
from tests.external import needs_kdc
from tests.interop.sipe import SECONDS, SipeAccount, build, sipe, unavailable_reason
from tests.lab.lab_log import LabLog

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(
        unavailable_reason() is not None and "SIPAUTHCTL_REQUIRE_EXTERNAL" not in os.environ,
        reason=str(unavailable_reason()),
    ),
]

NED = SipeAccount("ned@litwareinc.com", "LITWAREINC\\ned", "Litware-Ned-1")
SIGNED = ("authenticated", "verified")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert unavailable_reason() is None
    return build(tmp_path_factory.mktemp("sipe"))


@pytest.mark.parametrize("redirect", [True, False], ids=["redirect", "direct"])
@pytest.mark.parametrize("transport", ["tls", "tcp"])
def test_sipe_signs_in_and_out_by_ntlm(transport: str, redirect: bool, program: Path, tmp_path: Path) -> None:
    registrar = HOME_HOST if redirect else PROXY_HOST

    async def run() -> LabLog:
        log = LabLog()
        async with Deployment(LabSettings(redirect=redirect), log=log) as deployment:
            server = deployment.server("proxy", transport)
            async with sipe(program, tmp_path, deployment, server, NED) as client:
                await client.until("connected")
                assert [event.detail for event in log.of("registered", server=registrar)] == ["sip:ned@litwareinc.com"]
                await log.until(lambda log: len(log.of("verified", server=registrar)) >= 2, SECONDS)
                assert await client.quit() == 0
                await log.until(lambda log: bool(log.of("de-registered")), SECONDS)
        return log

    log = asyncio.run(run())
    verdicts = [event.signature.verdict if event.signature else None for event in log.of(*SIGNED)]
    assert verdicts == [Verdict.VALID] * len(verdicts), str(log)
    assert not log.of("refused", "dropped"), str(log)
    assert [event.server for event in log.of("redirected")] == ([PROXY_HOST] if redirect else [])
    assert [event.server for event in log.of("registered", "de-registered")] == [registrar] * 2
    (goodbye,) = log.of("de-registered")
    assert goodbye.request in [event.request for event in log.of("verified", server=registrar)]
    methods = {event.request.method for event in log.of("verified", server=registrar) if event.request}
    assert methods > {"REGISTER"}, "SIPE sent no signed request beside its registration"


def test_sipe_with_a_wrong_password_is_refused(program: Path, tmp_path: Path) -> None:
    stranger = SipeAccount(NED.address, NED.login, "Litware-Ned-2")

    async def run() -> tuple[LabLog, list[str]]:
        log = LabLog()
        async with Deployment(LabSettings(), log=log) as deployment:
            server = deployment.server("proxy", "tls")
            async with sipe(program, tmp_path, deployment, server, stranger) as client:
                await client.until("error: ")
                assert await client.ended() == 1
        return log, client.said

    log, said = asyncio.run(run())
    assert "connected" not in said
    assert [event.logon_status for event in log.of("refused")] == [WRONG_PASSWORD], str(log)
    assert not log.of(*SIGNED, "registered"), str(log)


@needs_kdc
@pytest.mark.parametrize("transport", ["tls", "tcp"])
def test_sipe_signs_in_and_out_by_kerberos(transport: str, program: Path, tmp_path: Path) -> None:
    async def run() -> LabLog:
        log = LabLog()
        async with Deployment(LabSettings(schemes=(Scheme.KERBEROS, Scheme.NTLM)), log=log) as deployment:
            assert deployment.kdc is not None
            tickets = {"KRB5_CONFIG": str(deployment.kdc.configuration), "KRB5CCNAME": f"FILE:{tmp_path / 'tickets'}"}
            kinit = await asyncio.create_subprocess_exec(
                "kinit", "ned", stdin=PIPE, stdout=DEVNULL, env={**os.environ, **tickets}
            )
            await kinit.communicate(NED.password.encode())
            assert kinit.returncode == 0
            account = SipeAccount(NED.address, "", "", "krb5", tickets)
            server = deployment.server("proxy", transport)
            async with sipe(program, tmp_path, deployment, server, account) as client:
                await client.until("connected")
                await log.until(lambda log: len(log.of("verified", server=HOME_HOST)) >= 2, SECONDS)
                assert await client.quit() == 0
                await log.until(lambda log: bool(log.of("de-registered")), SECONDS)
        return log

    log = asyncio.run(run())
    signed = log.of(*SIGNED)
    assert {event.signature.verdict if event.signature else None for event in signed} == {Verdict.VALID}, str(log)
    assert not log.of("refused", "dropped", "token"), str(log)
    assert [event.server for event in log.of("authenticated")] == [PROXY_HOST, HOME_HOST]
    assert {event.detail for event in signed} == {"ned@LITWAREINC.COM"}


def test_sipe_stays_signed_in_through_a_refresh_and_a_dropped_association(program: Path, tmp_path: Path) -> None:
    async def run() -> LabLog:
        log = LabLog()
        settings = LabSettings(behaviour=behaviour_with(["expires-too-short=2"]))
        async with Deployment(settings, log=log) as deployment:
            server = deployment.server("proxy", "tls")
            async with sipe(program, tmp_path, deployment, server, NED) as client:
                await client.until("connected")
                await log.until(lambda log: len(registers(log, "verified")) >= 1, SECONDS)
                deployment.home.authenticator.forget()
                await log.until(lambda log: len(registers(log, "authenticated")) >= 2, SECONDS)
                assert await deployment.send_message() == 1
                await log.until(lambda log: any("MESSAGE" in e.detail for e in log.of("client answered")), SECONDS)
                await log.until(lambda log: len(registers(log, "verified")) >= 2, SECONDS)
                assert "disconnected" not in client.said
                assert await client.quit() == 0
                await log.until(lambda log: bool(log.of("de-registered")), SECONDS)
        return log

    log = asyncio.run(run())
    checked = [event for event in log.events if event.what in (*SIGNED, "client answered")]
    assert {event.signature.verdict if event.signature else None for event in checked} == {Verdict.VALID}, str(log)
    # SIPE counts on under its second association, where it should begin with 1.
    problems = [event.signature.problem for event in checked if event.signature and event.signature.problem]
    assert problems == [SignatureProblem.NOT_FROM_ONE], str(log)
    assert not log.of("refused", "dropped"), str(log)
    assert [event.detail for event in log.of("challenge", server=HOME_HOST)].count("unknown-association") == 1
    # One registration all along: SIPE keeps its Call-ID and epid through the new handshake.
    requests = [event.request for event in log.of(*SIGNED, server=HOME_HOST) if event.request is not None]
    registering = [request for request in requests if request.method == "REGISTER"]
    assert len({request.from_.param("epid") for request in registering}) == 1
    assert len({request.call_id for request in registering}) == 1


def registers(log: LabLog, what: str) -> list[LabEvent]:
    events = log.of(what, server=HOME_HOST)
    return [event for event in events if event.request is not None and event.request.method == "REGISTER"]
