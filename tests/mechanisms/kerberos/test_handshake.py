"""Initiator and acceptor with real tickets, each also against plain GSS-API."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sipauthctl.lab.kdc import Kdc, KdcFlaw, KdcSettings, KeyType
from sipauthctl.mechanisms.base import MalformedToken
from sipauthctl.mechanisms.kerberos.configuration import use_configuration
from sipauthctl.mechanisms.kerberos.errors import KerberosCause, KerberosFailure
from tests.cleared import TICKET
from tests.mechanisms.kerberos.harness import (
    LIMIT,
    NED,
    SPN,
    KerberosInitiator,
    KerberosLogin,
    acceptor,
    agreed,
    gssapi,
    initiated,
    krb5,
    now,
    save_cache,
    with_kdc,
)

pytestmark = pytest.mark.external

MESSAGE = b"<Kerberos><00000001><1><SIP Communications Service><sip/hs1.litwareinc.com>"
ETYPES = {KeyType.AES256: 18, KeyType.AES128: 17, KeyType.RC4: 23}  # RFC 3962, RFC 4757


@pytest.mark.parametrize("key_type", KeyType)
def test_both_sides_verify_each_other_with_every_key_type(key_type: KeyType) -> None:
    async def work(kdc: Kdc) -> None:
        both = await agreed(kdc)
        client, server = both.initiator.context, both.acceptor.context
        assert client is not None and server is not None
        assert both.acceptor.peer == "ned@LITWAREINC.COM"
        for _ in range(3):
            assert server.verify(MESSAGE, client.sign(MESSAGE))
            assert client.verify(MESSAGE, server.sign(MESSAGE))
        keytab = krb5.kt_resolve(krb5.init_context(), b"FILE:" + bytes(kdc.keytab))
        assert {entry.key.enctype for entry in keytab} == {ETYPES[key_type]}

    with_kdc(work, KdcSettings(key_type=key_type))


def test_a_changed_byte_of_message_or_signature_is_refused() -> None:
    async def work(kdc: Kdc) -> None:
        both = await agreed(kdc)
        client, server = both.initiator.context, both.acceptor.context
        assert client is not None and server is not None
        signature = client.sign(MESSAGE)
        for index in range(len(signature)):
            damaged = bytearray(signature)
            damaged[index] ^= 1
            assert not server.verify(MESSAGE, bytes(damaged)), index
        assert not server.verify(MESSAGE.replace(b"<1>", b"<2>"), signature)
        assert not server.verify(MESSAGE, signature[:-1])
        assert not server.verify(MESSAGE, b"")
        assert not client.verify(MESSAGE, signature), "our own signature, sent back"
        assert server.verify(MESSAGE, signature)

    with_kdc(work)


def test_signatures_verify_in_any_order() -> None:
    async def work(kdc: Kdc) -> None:
        both = await agreed(kdc)
        client, server = both.initiator.context, both.acceptor.context
        assert client is not None and server is not None
        signatures = [client.sign(bytes([number])) for number in range(5)]
        assert all(server.verify(bytes([number]), signatures[number]) for number in (3, 0, 4, 4, 1, 2))

    with_kdc(work)


def test_plain_gssapi_accepts_the_token_and_sees_integrity_alone() -> None:
    async def work(kdc: Kdc) -> None:
        initiator, token = await initiated()
        store = {"keytab": str(kdc.keytab), "rcache": f"file2:{kdc.folder}/plain"}
        peer = gssapi.SecurityContext(creds=gssapi.Credentials(usage="accept", store=store), usage="accept")
        peer.step(token)
        assert peer.complete
        flags = gssapi.RequirementFlag
        assert peer.actual_flags & flags.integrity
        assert not peer.actual_flags & (flags.mutual_authentication | flags.replay_detection | flags.delegate_to_peer)
        assert initiator.context is not None
        peer.verify_signature(MESSAGE, initiator.context.sign(MESSAGE))
        assert initiator.context.verify(MESSAGE, peer.get_signature(MESSAGE))

    with_kdc(work)


def test_the_acceptor_takes_a_token_of_plain_gssapi() -> None:
    async def work(kdc: Kdc) -> None:
        with KerberosLogin(NED) as login:
            peer = gssapi.SecurityContext(
                name=gssapi.Name(SPN, gssapi.NameType.kerberos_principal),
                creds=login.credentials(),
                mech=gssapi.MechType.kerberos,
                flags=gssapi.RequirementFlag.integrity,
            )
            token = peer.step()
        server = acceptor(kdc)
        server.step(token or b"")
        assert server.peer == "ned@LITWAREINC.COM" and server.context is not None
        assert server.context.verify(MESSAGE, peer.get_signature(MESSAGE))
        peer.verify_signature(MESSAGE, server.context.sign(MESSAGE))

    with_kdc(work)


def test_the_context_ends_with_the_ticket() -> None:
    async def expiry(kdc: Kdc) -> tuple[timedelta, timedelta]:
        before = now()
        initiator, _ = await initiated()
        assert initiator.context is not None and initiator.context.expires is not None
        return initiator.context.expires - before, initiator.context.expires - now()

    after, left = with_kdc(expiry, KdcSettings(flaw=KdcFlaw.SHORT_TICKETS))
    assert after > timedelta(0) and left <= timedelta(minutes=1)
    _, left = with_kdc(expiry)
    assert left > timedelta(hours=1)


def test_a_token_is_accepted_once() -> None:
    async def work(kdc: Kdc) -> None:
        both = await agreed(kdc)
        with pytest.raises(KerberosFailure) as caught:
            acceptor(kdc).step(both.token)
        assert (caught.value.cause, caught.value.code) == (KerberosCause.REPLAY, -1765328350)

    with_kdc(work)


def test_the_acceptor_needs_no_krb5_conf(tmp_path: Path) -> None:
    async def work(kdc: Kdc) -> None:
        _, token = await initiated()
        with use_configuration(tmp_path / "absent"):
            server = acceptor(kdc)
            server.step(token)
        assert server.peer == "ned@LITWAREINC.COM"

    with_kdc(work)


def test_a_ticket_for_another_service_of_the_keytab_is_refused() -> None:
    async def work(kdc: Kdc) -> None:
        _, token = await initiated()
        with pytest.raises(KerberosFailure) as caught:
            acceptor(kdc, "hs2.litwareinc.com").step(token)
        assert caught.value.cause is KerberosCause.SERVICE_KEY_MISMATCH

    with_kdc(work)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda token: b"", "first token of GSS-API"),
        (lambda token: b"\x60", "first token of GSS-API"),
        (lambda token: b"NTLMSSP\x00\x03\x00\x00\x00", "NTLM"),
        (lambda token: token[:-5], "by its own account"),
        (lambda token: token + b"x", "by its own account"),
        (lambda token: token[:4] + bytes(len(token) - 4), "AP-REQ"),
        (lambda token: token[:17] + bytes(len(token) - 17), "damaged"),
        (lambda token: token + bytes(70_000), "at most 65535"),
    ],
    ids=["empty", "one byte", "NTLM", "truncated", "longer", "other mechanism", "no AP-REQ", "oversized"],
)
def test_what_is_no_kerberos_token_is_malformed(change: Any, words: str) -> None:
    async def work(kdc: Kdc) -> None:
        _, token = await initiated()
        with pytest.raises(MalformedToken, match=words):
            acceptor(kdc).step(change(token))

    with_kdc(work)


def test_a_token_wrapped_in_spnego_is_malformed(tmp_path: Path) -> None:
    async def work(kdc: Kdc) -> None:
        save_cache(tmp_path / "cc")
        peer = gssapi.SecurityContext(
            name=gssapi.Name(SPN, gssapi.NameType.kerberos_principal),
            creds=gssapi.Credentials(usage="initiate", store={"ccache": str(tmp_path / "cc")}),
            mech=gssapi.OID.from_int_seq("1.3.6.1.5.5.2"),
        )
        with pytest.raises(MalformedToken, match="SPNEGO"):
            acceptor(kdc).step(peer.step() or b"")

    with_kdc(work)


def test_a_changed_ticket_is_refused() -> None:
    async def work(kdc: Kdc) -> None:
        _, token = await initiated()
        damaged = bytearray(token)
        damaged[250] ^= 1  # within the encrypted part of the ticket
        with pytest.raises(KerberosFailure) as caught:
            acceptor(kdc).step(bytes(damaged))
        assert caught.value.cause is KerberosCause.SERVICE_KEY_MISMATCH

    with_kdc(work)


def test_a_token_from_the_server_is_malformed() -> None:
    async def work(kdc: Kdc) -> None:
        initiator, _ = await initiated()
        with pytest.raises(MalformedToken):
            initiator.step(b"\x60\x00")

    with_kdc(work)


def test_one_logon_serves_two_servers() -> None:
    async def work(kdc: Kdc) -> None:
        with KerberosLogin(NED) as login:
            for host in ("hs1.litwareinc.com", "hs2.litwareinc.com"):
                initiator = KerberosInitiator(login, f"sip/{host}", cleared=TICKET, now=now)
                await initiator.prepare(LIMIT)
                server = acceptor(kdc, host)
                server.step(initiator.step(None))
                assert server.peer == login.client == "ned@LITWAREINC.COM"
        log = (kdc.folder / "kdc.log").read_text()
        assert log.count("AS_REQ") - log.count("NEEDED_PREAUTH") == 1

    with_kdc(work)
