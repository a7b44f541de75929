"""Every failure provoked for real, with the code that libkrb5 gives for it."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sipauthctl.lab.kdc import Kdc, KdcFlaw, KdcSettings
from sipauthctl.mechanisms.kerberos.configuration import private_configuration
from sipauthctl.mechanisms.kerberos.errors import KerberosCause, KerberosFailure
from sipauthctl.mechanisms.kerberos.names import KerberosName
from tests.cleared import AES, TICKET
from tests.mechanisms.kerberos.harness import (
    NED,
    SPN,
    CacheSource,
    CredentialSource,
    KerberosInitiator,
    KerberosLogin,
    KeytabSource,
    acceptor,
    initiated,
    now,
    password,
    refused,
    save_cache,
    with_kdc,
)

pytestmark = pytest.mark.external


@pytest.mark.parametrize(
    ("source", "cause", "code"),
    [
        (password("ned", "wrong"), KerberosCause.WRONG_PASSWORD, -1765328360),
        (password("ned", ""), KerberosCause.WRONG_PASSWORD, -1765328174),
        (password("nobody"), KerberosCause.USER_UNKNOWN, -1765328378),
        (password("dora"), KerberosCause.CLIENT_REVOKED, -1765328366),
        (password("luis"), KerberosCause.CLIENT_REVOKED, -1765328366),
        (password("edda"), KerberosCause.ACCOUNT_EXPIRED, -1765328383),
        (password("petra"), KerberosCause.PASSWORD_EXPIRED, -1765328361),
        (password("ned", realm="NOWHERE.EXAMPLE"), KerberosCause.KDC_NOT_FOUND, -1765328230),
        (CacheSource("/nonexistent/cc"), KerberosCause.NO_TICKET, -1765328189),
        (CacheSource("/etc/passwd"), KerberosCause.NO_TICKET, -1765328172),
        (CacheSource("NOTYPE:cc"), KerberosCause.NO_TICKET, -1765328244),
        (KeytabSource(Path("/nonexistent/keytab"), KerberosName("ned"), (AES,)), KerberosCause.NO_TICKET, 2),
        (KeytabSource(Path("/etc/passwd"), KerberosName("ned"), (AES,)), KerberosCause.NO_TICKET, -1765328171),
    ],
    ids=lambda value: value.value if isinstance(value, KerberosCause) else "",
)
def test_credentials_that_do_not_serve(source: CredentialSource, cause: KerberosCause, code: int) -> None:
    async def work(kdc: Kdc) -> None:
        error = await refused(source)
        assert (error.cause, error.code) == (cause, code)
        assert "Litware-" not in str(error) and "wrong" not in str(error)

    with_kdc(work)


def test_what_is_wrong_with_a_file_is_said(tmp_path: Path) -> None:
    empty = tmp_path / "empty.keytab"
    empty.write_bytes(b"\x05\x02")

    async def work(kdc: Kdc) -> None:
        def keytab(path: Path) -> KeytabSource:
            return KeytabSource(path, KerberosName("ned", "LITWAREINC.COM"), (AES,))

        for source, words in (
            (CacheSource("/nonexistent/cc"), "cache /nonexistent/cc: there is no such credential cache"),
            (CacheSource("/etc/passwd"), "the credential cache /etc/passwd: the file is no credential cache"),
            (keytab(Path("/nonexistent/kt")), "the keytab /nonexistent/kt: there is no such file"),
            (keytab(Path("/etc/passwd")), "the keytab /etc/passwd: the file is no keytab"),
            (keytab(empty), "there are no credentials that can be used (it has no key at all)"),
            (
                keytab(kdc.keytab),
                f"signing in ned@LITWAREINC.COM with the keytab {kdc.keytab}: the keytab has no key of this user",
            ),
        ):
            error = await refused(source)
            assert (error.cause, words in str(error)) == (KerberosCause.NO_TICKET, True), str(error)
            assert error.keytab == (str(source.path) if isinstance(source, KeytabSource) else "")

    with_kdc(work)


@pytest.mark.parametrize(
    ("flaw", "cause", "code"),
    [
        (KdcFlaw.UNREACHABLE, KerberosCause.KDC_UNREACHABLE, -1765328228),
        (KdcFlaw.CLOCK_SKEW, KerberosCause.KDC_CLOCK_SKEW, -1765328347),
        (KdcFlaw.SPN_NOT_REGISTERED, KerberosCause.SPN_NOT_REGISTERED, -1765328377),
        (KdcFlaw.ETYPE_MISMATCH, KerberosCause.ETYPE_UNSUPPORTED, -1765328370),
    ],
)
def test_a_kdc_with_a_flaw(flaw: KdcFlaw, cause: KerberosCause, code: int) -> None:
    async def work(kdc: Kdc) -> None:
        error = await refused()
        assert (error.cause, error.code) == (cause, code)

    with_kdc(work, KdcSettings(flaw=flaw))


def test_a_keytab_older_than_the_kdcs_key_is_a_mismatch() -> None:
    async def work(kdc: Kdc) -> None:
        _, token = await initiated()
        with pytest.raises(KerberosFailure) as caught:
            acceptor(kdc).step(token)
        assert (caught.value.cause, caught.value.code) == (KerberosCause.SERVICE_KEY_MISMATCH, -1765328340)

    with_kdc(work, KdcSettings(flaw=KdcFlaw.STALE_KEYTAB))


def test_a_service_that_nobody_registered() -> None:
    async def work(kdc: Kdc) -> None:
        error = await refused(spn="sip/other.litwareinc.com")
        assert error.cause is KerberosCause.SPN_NOT_REGISTERED
        assert "sip/other.litwareinc.com" in str(error)

    with_kdc(work)


def test_a_cache_whose_ticket_has_expired(tmp_path: Path) -> None:
    async def work(kdc: Kdc) -> None:
        cache = tmp_path / "cc"
        times = save_cache(cache)
        past = struct.pack(">III", times[0], times[1], times[1] - 3600)
        data = cache.read_bytes()
        assert data.count(struct.pack(">III", *times)) == 1
        cache.write_bytes(data.replace(struct.pack(">III", *times), past))
        assert (await refused(CacheSource(str(cache)))).cause is KerberosCause.TICKET_EXPIRED

    with_kdc(work)


def test_a_client_whose_clock_is_off_is_refused_by_the_kdc(tmp_path: Path) -> None:
    """libkrb5 keeps the KDC's clock in the cache's header; a wrong one there makes its requests carry a wrong time."""

    async def work(kdc: Kdc) -> None:
        cache = tmp_path / "cc"
        save_cache(cache)
        data = cache.read_bytes()
        assert data[:2] == b"\x05\x04"
        (length,) = struct.unpack_from(">H", data, 2)
        header = struct.pack(">HHii", 1, 8, -1200, 0)  # DeltaTime: 20 minutes behind
        cache.write_bytes(data[:2] + struct.pack(">H", len(header)) + header + data[4 + length :])
        error = await refused(CacheSource(str(cache)))
        assert (error.cause, error.code) == (KerberosCause.KDC_CLOCK_SKEW, -1765328347)

    with_kdc(work)


@contextmanager
def _peer(answer: bytes | None) -> Iterator[int]:
    """A port that takes requests by UDP and TCP and answers each with `answer`, or with nothing."""
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(tcp.getsockname())
        tcp.listen()

        def datagrams() -> None:
            while True:
                try:
                    data, address = udp.recvfrom(65536)
                except OSError:
                    return
                if not data:
                    return
                if answer is not None:
                    udp.sendto(answer, address)

        thread = threading.Thread(target=datagrams)
        thread.start()
        yield tcp.getsockname()[1]
        with socket.socket(type=socket.SOCK_DGRAM) as end:
            end.sendto(b"", udp.getsockname())
        thread.join()


def test_a_silent_kdc_costs_no_more_than_the_limit() -> None:
    async def work() -> KerberosFailure:
        with KerberosLogin(NED) as login, pytest.raises(KerberosFailure) as caught:
            await KerberosInitiator(login, SPN, cleared=TICKET, now=now).prepare(0.2)
        return caught.value

    with _peer(None) as port, private_configuration("LITWAREINC.COM", [("127.0.0.1", port)]):
        error = asyncio.run(work())
    assert (error.cause, error.code) == (KerberosCause.KDC_UNREACHABLE, -1765328228)
    assert "0.2 s" in str(error)


def test_a_kdc_that_answers_garbage_is_an_error_of_kerberos() -> None:
    with _peer(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port, private_configuration("A.EXAMPLE", [("127.0.0.1", port)]):
        error = asyncio.run(refused(NED))
    assert error.cause in (KerberosCause.OTHER, KerberosCause.KDC_UNREACHABLE)
