"""The lab as a server of TLS-DSK, with a client that does real TLS in memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from sipauthctl.association.client import Finished, Stopped
from sipauthctl.association.offers import offers
from sipauthctl.lab.authority import Authority
from sipauthctl.lab.deployment import Deployment
from sipauthctl.lab.description import describe
from sipauthctl.lab.settings import LabSettings
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.sip.message import Response
from tests.lab.tls_dsk import STS_URI, World
from tests.mechanisms.tls_dsk.ends import client_context


def test_a_certificate_signs_in(tmp_path: Path) -> None:
    world = World(tmp_path)
    step = world.sign_in()
    assert isinstance(step, Finished)
    assert step.signature.trusted
    assert [event.what for event in world.log] == [
        *("challenge", "token", "token", "authenticated", "registered", "verified", "refreshed", "verified"),
        "de-registered",
    ]


def test_the_offer_names_where_certificates_come_from(tmp_path: Path) -> None:
    world = World(tmp_path, beside=(Scheme.NTLM,))
    world.sign_in()
    first = world.messages[1]
    assert isinstance(first, Response)
    offer, ntlm = offers(first)
    assert (offer.scheme, offer.sts_uri, offer.version) == (Scheme.TLS_DSK, STS_URI, 4)
    assert ntlm.sts_uri is None
    token = world.messages[3]
    assert isinstance(token, Response)
    assert offers(token)[0].sts_uri is None


def test_the_last_request_may_come_without_a_token(tmp_path: Path) -> None:
    world = World(tmp_path, empty_token=False)
    assert isinstance(world.sign_in(), Finished)
    assert b"gssapi-data" not in world.messages[6].to_bytes()


def test_the_name_in_the_certificate_is_who_signs_in(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sign_in(user="nina")
    answers = [message.status for message in world.messages if isinstance(message, Response)]
    assert answers[3] == 403


@pytest.mark.parametrize("changes", [{"issuer": Authority()}, {"certificate": False}])
def test_a_certificate_of_somebody_else_does_not(changes: dict[str, object], tmp_path: Path) -> None:
    world = World(tmp_path)
    assert isinstance(world.sign_in(client_context(tmp_path, **changes)), Stopped)  # type: ignore[arg-type]
    assert not any(event.what == "registered" for event in world.log)


def test_a_changed_refresh_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.sign_in(refreshes=2)
    refresh = world.messages[8]
    changed = replace(refresh, headers=refresh.headers.replace("Expires", "1"), raw=None)
    assert world.ask(changed).status == 401  # type: ignore[arg-type]


def test_a_deployment_hands_out_certificates_where_it_offers_tls_dsk() -> None:
    async def look(*schemes: Scheme) -> tuple[str, int] | None:
        async with Deployment(LabSettings(schemes=schemes)) as deployment:
            path = describe(deployment)["accounts"][0]["certificate"]
            return None if path is None else await asyncio.to_thread(content, Path(path))

    def content(path: Path) -> tuple[str, int]:
        return path.read_text(), path.stat().st_mode & 0o077

    found = asyncio.run(look(Scheme.NTLM, Scheme.TLS_DSK))
    assert found is not None
    assert "BEGIN CERTIFICATE" in found[0]
    assert found[1] == 0
    assert asyncio.run(look(Scheme.NTLM)) is None
