"""Where credentials come from, and what is left behind: nothing."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sipauthctl.lab.kdc import Kdc, KdcSettings, KeyType
from sipauthctl.mechanisms.kerberos.as_exchange import PREAUTH_FAILED
from sipauthctl.mechanisms.kerberos.configuration import first_ticket_configuration, private_configuration
from sipauthctl.mechanisms.kerberos.errors import KerberosCause, KerberosFailure
from sipauthctl.mechanisms.kerberos.names import KerberosName
from tests.cleared import AES, RC4, TICKET
from tests.hostile.peers import Kdc as ForgedKdc
from tests.mechanisms.kerberos.harness import (
    LIMIT,
    NED,
    SPN,
    CacheSource,
    KerberosInitiator,
    KerberosLogin,
    KeytabSource,
    PasswordSource,
    acceptor,
    agreed,
    default_realm,
    gssapi,
    initiated,
    keytab_principal,
    now,
    password,
    refused,
    save_cache,
    with_kdc,
)

pytestmark = pytest.mark.external


def test_a_credential_cache_signs_in_and_stays_as_it_is(tmp_path: Path) -> None:
    async def work(kdc: Kdc) -> None:
        cache = tmp_path / "cc"
        save_cache(cache, "nina")
        before = cache.read_bytes()
        both = await agreed(kdc, CacheSource(str(cache)))
        assert both.acceptor.peer == "nina@LITWAREINC.COM"
        assert cache.read_bytes() == before

    with_kdc(work)


@pytest.mark.slow
def test_tickets_that_ended_are_taken_anew_from_their_source(tmp_path: Path) -> None:
    """The user's cache is renewed by kinit meanwhile, and the same logon makes another handshake."""

    async def work(kdc: Kdc) -> None:
        cache = tmp_path / "cc"
        ends = save_cache(cache, seconds=1)[2]
        with KerberosLogin(CacheSource(str(cache))) as login:
            await KerberosInitiator(login, SPN, cleared=TICKET, now=now).prepare(LIMIT)
            await asyncio.sleep(max(0.0, ends + 0.1 - time.time()))  # the ticket's end is by the real clock
            save_cache(cache)
            initiator = KerberosInitiator(login, SPN, cleared=TICKET, now=now)
            await initiator.prepare(LIMIT)
            assert initiator.context is not None
            assert acceptor(kdc).step(initiator.step(None)) is None

    with_kdc(work)


def test_the_default_cache_signs_in_when_no_source_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(kdc: Kdc) -> None:
        save_cache(tmp_path / "cc", "nina")
        both = await agreed(kdc, CacheSource())
        assert both.acceptor.peer == "nina@LITWAREINC.COM"

    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path}/cc")
    with_kdc(work)


def test_a_password_leaves_the_default_cache_and_the_disk_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the KDC's own files and krb5.conf are gone afterwards."""
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path}/cc")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    before = b""

    async def work(kdc: Kdc) -> None:
        nonlocal before
        save_cache(tmp_path / "cc", "nina")
        before = (tmp_path / "cc").read_bytes()
        with private_configuration(kdc.realm, [(kdc.settings.address, kdc.port)]):
            both = await agreed(kdc, NED)
            assert both.acceptor.peer == "ned@LITWAREINC.COM"

    with_kdc(work)
    assert (tmp_path / "cc").read_bytes() == before
    assert list(temporary.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cc", "tmp"]


def test_a_keytab_signs_in(tmp_path: Path) -> None:
    async def work(kdc: Kdc) -> None:
        await kdc.administer(f"ktadd -norandkey -k {tmp_path}/ned.keytab ned")
        assert keytab_principal(tmp_path / "ned.keytab") == "ned@LITWAREINC.COM"
        both = await agreed(kdc, KeytabSource(tmp_path / "ned.keytab", KerberosName("ned"), (AES,)))
        assert both.acceptor.peer == "ned@LITWAREINC.COM"

    with_kdc(work)


@pytest.mark.parametrize("by_keytab", [False, True])
def test_an_rc4_key_is_not_used_unless_it_may_be(tmp_path: Path, by_keytab: bool) -> None:
    """A KDC in the place of the real one would ask for it, since its key is the NT hash."""

    async def work(kdc: Kdc) -> None:
        source: KeytabSource | PasswordSource = replace(NED, cleared=(AES,))
        if by_keytab:
            await kdc.administer(f"ktadd -norandkey -k {tmp_path}/ned.keytab ned")
            source = KeytabSource(tmp_path / "ned.keytab", KerberosName("ned"), (AES,))
        error = await refused(source)
        assert error.cause is KerberosCause.ETYPE_UNSUPPORTED
        await agreed(kdc, replace(source, cleared=(AES, RC4)))

    with_kdc(work, KdcSettings(key_type=KeyType.RC4))


def test_a_keytab_older_than_the_password_is_refused_as_a_wrong_password(tmp_path: Path) -> None:
    async def work(kdc: Kdc) -> None:
        await kdc.administer(f"ktadd -norandkey -k {tmp_path}/kt ned", "change_password -pw Another-1 ned")
        error = await refused(KeytabSource(tmp_path / "kt", KerberosName("ned"), (AES,)))
        assert error.cause is KerberosCause.WRONG_PASSWORD

    with_kdc(work)


def test_a_keytab_without_the_user_holds_no_ticket(tmp_path: Path) -> None:
    async def work(kdc: Kdc) -> None:
        error = await refused(KeytabSource(kdc.keytab, KerberosName("ned"), (AES,)))
        assert error.cause is KerberosCause.NO_TICKET

    with_kdc(work)


def test_an_enterprise_name_is_looked_up_by_the_kdc() -> None:
    async def work(kdc: Kdc) -> None:
        await kdc.administer(r"add_principal -pw Upn-1 ned.flint\@fabrikam.com")
        name = KerberosName("ned.flint@fabrikam.com", "LITWAREINC.COM", enterprise=True)
        both = await agreed(kdc, PasswordSource(name, "Upn-1", (AES,)))
        assert both.acceptor.peer == r"ned.flint\@fabrikam.com@LITWAREINC.COM"

    with_kdc(work)


def test_a_named_kdc_needs_no_other_krb5_conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(kdc: Kdc) -> None:
        monkeypatch.setenv("KRB5_CONFIG", str(tmp_path / "absent"))
        assert default_realm() == ""
        with private_configuration(kdc.realm, [(kdc.settings.address, kdc.port)]) as path:
            assert path.stat().st_mode & 0o777 == 0o600
            assert path.parent.stat().st_mode & 0o777 == 0o700
            assert default_realm() == "LITWAREINC.COM"
            await initiated(NED)
        assert os.environ["KRB5_CONFIG"] == str(tmp_path / "absent")
        assert not path.parent.exists()
        monkeypatch.setenv("KRB5_CONFIG", str(kdc.configuration))

    with_kdc(work)


def test_a_refused_password_is_not_tried_twice() -> None:
    async def work(kdc: Kdc) -> None:
        with KerberosLogin(password("ned", "wrong")) as login:
            for _ in range(3):
                with pytest.raises(KerberosFailure, match="refuses the password"):
                    login.credentials()
        assert (kdc.folder / "kdc.log").read_text().count("PREAUTH_FAILED") == 1

    with_kdc(work)


def test_a_password_that_libkrb5_would_cut_short_is_refused() -> None:
    async def work(kdc: Kdc) -> None:
        assert (await refused(password("ned", "Litware-Ned-1\0more"))).cause is KerberosCause.WRONG_PASSWORD

    with_kdc(work)


def test_closing_forgets_the_tickets() -> None:
    async def work(kdc: Kdc) -> None:
        login = KerberosLogin(NED)
        credentials = login.credentials()
        assert credentials.lifetime > 0
        login.close()
        login.close()
        with pytest.raises(gssapi.exceptions.InvalidCredentialsError):
            _ = credentials.lifetime

    with_kdc(work)


class _ByUdp(asyncio.DatagramProtocol):
    def __init__(self, kdc: ForgedKdc) -> None:
        self._kdc = kdc

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        for answer in self._kdc.answer(data):
            self._transport.sendto(answer, address)


async def _served(forged: ForgedKdc) -> tuple[asyncio.DatagramTransport, tuple[str, int]]:
    """A KDC by UDP on a free port, and where it is."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _ByUdp(forged), local_addr=("127.0.0.1", 0))
    return transport, ("127.0.0.1", transport.get_extra_info("sockname")[1])


@pytest.mark.parametrize("confined", [True, False])
def test_a_referral_leads_to_no_realm_that_dns_alone_knows(
    confined: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever answers in the KDC's place would have the proof of the password sent to a KDC of their own."""
    trace = tmp_path / "trace"
    monkeypatch.setenv("KRB5_TRACE", str(trace))
    monkeypatch.setenv("KRB5_CONFIG", "/dev/null")

    async def work() -> None:
        transport, kdc = await _served(ForgedKdc("LITWAREINC.COM", error=68, client="EVIL.INVALID"))
        source = PasswordSource(
            KerberosName("ned@users.example", "LITWAREINC.COM", enterprise=True), "Litware-Ned-1", (AES,)
        )
        with (
            private_configuration("LITWAREINC.COM", [kdc]),
            first_ticket_configuration({}) as configuration,
            KerberosLogin(source, configuration if confined else None) as login,
            pytest.raises(KerberosFailure, match=r"EVIL\.INVALID"),
        ):
            await asyncio.to_thread(login.credentials)
        transport.close()

    asyncio.run(work())
    asked_dns = "DNS SRV query for _kerberos._udp.EVIL.INVALID" in trace.read_text()
    assert asked_dns is not confined


def test_a_refused_password_is_proven_to_no_kdc_that_dns_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libkrb5 asks for a primary KDC, `_kerberos-master`, after a refusal."""
    trace = tmp_path / "trace"
    monkeypatch.setenv("KRB5_TRACE", str(trace))
    monkeypatch.setenv("KRB5_CONFIG", "/dev/null")

    async def work() -> None:
        transport, kdc = await _served(ForgedKdc("LITWAREINC.COM", salt="x", judgement=PREAUTH_FAILED))
        with (
            private_configuration("LITWAREINC.COM", [kdc]),
            first_ticket_configuration(None) as configuration,
            KerberosLogin(replace(password("ned", "Litware-Ned-1"), cleared=(AES, RC4)), configuration) as login,
            pytest.raises(KerberosFailure, match="refuses the password"),
        ):
            await asyncio.to_thread(login.credentials)
        transport.close()

    asyncio.run(work())
    lines = trace.read_text()
    assert "Preauthentication failed" in lines
    assert "DNS" not in lines and "Retrying AS request with primary KDC" not in lines
