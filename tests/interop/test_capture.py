"""A capture of pidgin-sipe with the lab: all its signatures hold, and each changed byte is found where it is."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sipauthctl.analysis.analyze import Analysis
from sipauthctl.analysis.kerberos import KeytabKeys
from sipauthctl.analysis.secrets import Secrets, password_secrets
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.pcap import PcapReader
from sipauthctl.capture.reader import open_reader
from sipauthctl.capture.record import Record
from sipauthctl.lab.deployment import Deployment
from sipauthctl.lab.settings import LabSettings
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.kerberos.offline import ServiceKeytab
from tests.analysis.test_changed import SIGNED, other
from tests.capture.frames import Pcap, TcpFlow
from tests.cli.program import sipauthctl
from tests.external import needs_kdc
from tests.interop.relay import log_keys, relay
from tests.interop.sipe import SECONDS, SipeAccount, build, sipe, unavailable_reason
from tests.lab.lab_log import LabLog

DEMANDED = "SIPAUTHCTL_REQUIRE_EXTERNAL" in os.environ
_missing = unavailable_reason() or (None if shutil.which("tshark") else "needs tshark: apt install tshark")
pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(_missing is not None and not DEMANDED, reason=str(_missing)),
]
PASSWORD = "Litware-Ned-1"
_UNSAFE = {"PURPLE_UNSAFE_DEBUG": "1"}  # whole messages in the debug log


@dataclass(frozen=True)
class Captured:
    """A capture with what decrypts and verifies it, and SIPE's own log of the same session."""

    folder: Path
    capture: Path
    options: tuple[str, ...]
    secrets: Secrets

    @property
    def keylog(self) -> Path:
        return self.folder / "keylog"

    @property
    def records(self) -> list[Record]:
        reader = PcapReader(str(self.capture), keylog=self.keylog)
        return [found for found in reader if isinstance(found, Record)]


async def _session(program: Path, folder: Path, scheme: Scheme) -> Captured:
    settings = LabSettings(redirect=False, schemes=(scheme,))
    log = LabLog()
    deployment = Deployment(settings, log=log)
    log_keys(deployment, folder / "keylog")
    home = folder / "home"
    home.mkdir()
    async with deployment, relay(deployment.server("proxy", "tls")) as relayed:
        account = SipeAccount("ned@litwareinc.com", "LITWAREINC\\ned", PASSWORD, environment=_UNSAFE)
        if deployment.kdc is not None:
            account = await _with_ticket(deployment, folder)
            shutil.copy(deployment.kdc.keytab, folder / "keytab")
        async with sipe(program, home, deployment, relayed.server, account) as client:
            await client.until("connected")
            await log.until(lambda log: len(log.of("verified")) >= 2, SECONDS)
            assert await client.quit() == 0
            await log.until(lambda log: bool(log.of("de-registered")), SECONDS)
    (folder / "capture.pcap").write_bytes(relayed.pcap.to_bytes())
    (folder / "password").write_text(PASSWORD)
    if scheme is Scheme.KERBEROS:
        options, secrets = ("--keytab", "keytab"), Secrets(kerberos=KeytabKeys(ServiceKeytab(folder / "keytab")))
    else:
        options, secrets = ("--password-file", "password"), Secrets(password_secrets(PASSWORD))
    named = (options[0], str(folder / options[1]), "--keylog", str(folder / "keylog"))
    return Captured(folder, folder / "capture.pcap", named, secrets)


async def _with_ticket(deployment: Deployment, folder: Path) -> SipeAccount:
    assert deployment.kdc is not None
    tickets = {"KRB5_CONFIG": str(deployment.kdc.configuration), "KRB5CCNAME": f"FILE:{folder / 'tickets'}"}
    kinit = await asyncio.create_subprocess_exec(
        "kinit", "ned", stdin=PIPE, stdout=DEVNULL, env={**os.environ, **tickets}
    )
    await kinit.communicate(PASSWORD.encode())
    assert kinit.returncode == 0
    return SipeAccount("ned@litwareinc.com", "", "", "krb5", {**tickets, **_UNSAFE})


@pytest.fixture(scope="module", params=[Scheme.NTLM, pytest.param(Scheme.KERBEROS, marks=needs_kdc)])
def captured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Captured:
    folder = tmp_path_factory.mktemp("sipe")
    return asyncio.run(_session(build(folder), folder, request.param))


def analyzed(*arguments: str) -> dict[str, Any]:
    done = sipauthctl("analyze", *arguments, "--json")
    assert done.err in ("", "Error: No SIP message could be read.\n")
    document: dict[str, Any] = json.loads(done.out)
    return document


def signed(records: list[Record]) -> list[Record]:
    return [one for one in records if re.search(rb'(?:response|rspauth)="', one.raw)]


def test_every_signed_message_of_both_sides_is_verified(captured: Captured) -> None:
    document = analyzed(str(captured.capture), *captured.options)
    signatures = [one for association in document["associations"] for one in association["signatures"]]
    assert {one["verdict"] for one in signatures} == {"valid"}
    assert {one["from"] for one in signatures} == {"client", "server"}
    assert [one["frame"] for one in signatures] == [record.place for record in signed(captured.records)]
    assert len(signatures) >= 6
    assert [finding["id"] for finding in document["findings"]] == []
    assert [association["state"] for association in document["associations"]] == ["established"]


def test_without_the_key_log_it_is_said_what_helps(captured: Captured) -> None:
    document = analyzed(str(captured.capture))
    assert document["associations"] == []
    (finding,) = document["findings"]
    assert finding["id"] == "tls-not-decrypted"
    assert "--keylog" in finding["remedy"]


def test_one_changed_byte_makes_exactly_its_message_invalid_and_is_named(captured: Captured, tmp_path: Path) -> None:
    """Decrypted to plain TCP; each signed message in turn with one byte of one signed field changed."""
    records = captured.records
    names = iter(list(SIGNED) * len(records))
    tried = set()
    for place in [number for number, record in enumerate(records) if record in signed(records)]:
        name, changed = next(
            (name, made) for name in names if (made := _with_one_byte_changed(records[place], SIGNED[name]))
        )
        tried.add(name)
        path = tmp_path / "plain.pcap"
        path.write_bytes(_plain([*records[:place], changed, *records[place + 1 :]]))
        analysis = Analysis(open_reader(str(path), captures=PcapReader), captured.secrets)
        (association,) = analysis.associations()
        verdicts = [one.verdict for one in association.signatures]
        wrong = [number for number, verdict in enumerate(verdicts) if verdict is not Verdict.VALID]
        assert wrong == [signed(records).index(records[place])], name
        assert verdicts[wrong[0]] is Verdict.INVALID
        (explained,) = association.explained
        assert name in explained.sentence
        assert "signature-invalid" in [finding.id for finding in analysis.findings]
    assert len(tried) >= 6


def _with_one_byte_changed(record: Record, pattern: bytes) -> Record | None:
    match = re.search(pattern, record.raw)
    if match is None:
        return None
    at = match.end(1) - 1
    return replace(record, raw=record.raw[:at] + other(record.raw[at]) + record.raw[at + 1 :])


def _plain(records: list[Record]) -> bytes:
    pcap = Pcap()
    flow = TcpFlow(pcap)
    flow.open()
    for record in records:
        assert record.time is not None
        pcap.now = round(record.time.timestamp() * 1000)
        assert record.destination is not None and records[0].destination is not None
        flow.send(record.raw, from_client=record.destination == records[0].destination)
    return pcap.to_bytes()


def test_the_clients_own_log_gives_the_same(captured: Captured) -> None:
    """SIPE's debug log has other line ends, and lacks the last answers: SIPE leaves without reading them."""
    log = captured.folder / "home" / "debug.log"
    logged, seen = analyzed(str(log), *captured.options[:2]), analyzed(str(captured.capture), *captured.options)
    assert [one["kind"] for one in logged["inputs"]] == ["sipe-log"]
    assert logged["findings"] == seen["findings"] == []
    (of_log,), (of_capture,) = logged["associations"], seen["associations"]
    names = ("scheme", "user", "realm", "targetname", "opaque", "call_id", "epid", "version", "state")
    assert [of_log[name] for name in names] == [of_capture[name] for name in names]
    assert _signatures(of_log, "client") == _signatures(of_capture, "client")
    answers = _signatures(of_log, "server")
    assert answers == _signatures(of_capture, "server")[: len(answers)]
    assert answers


def _signatures(association: dict[str, Any], sender: str) -> list[Any]:
    parts = ("num", "verdict", "method", "detail")
    return [[one[part] for part in parts] for one in association["signatures"] if one["from"] == sender]
