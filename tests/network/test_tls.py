"""What TLS servers, good and bad, come out as."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from ipaddress import ip_address
from pathlib import Path

import pytest

from sipauthctl.network.errors import (
    ConnectionClosed,
    ConnectTimeout,
    NotTls,
    ProtocolError,
    TlsExpired,
    TlsFailed,
    TlsNameMismatch,
    TlsNoCommonCipher,
    TlsReset,
    TlsTooOld,
    TlsUntrusted,
)
from sipauthctl.network.evidence import Endpoint, Transport
from sipauthctl.network.tls import TlsPolicy, TrustError
from sipauthctl.network.transport import Timeouts, connect
from sipauthctl.sip.message import Response
from tests.network.peers import (
    HOST,
    LIMITS,
    LOOPBACK,
    OK,
    Authority,
    connected,
    days_ago,
    refusal,
    run,
    sending,
    sending_then_closing,
    serving,
    tcp_endpoint,
    tls_endpoint,
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


def old_context(authority: Authority) -> ssl.SSLContext:
    context = authority.context(HOST)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@pytest.fixture(scope="module")
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "other CA")


def test_a_verified_server_is_proven_and_its_certificate_is_evidence(authority: Authority) -> None:
    async def scenario() -> None:
        not_after = days_ago(-30)
        context = authority.context(HOST, "10.1.2.3", not_after=not_after)
        async with (
            serving(sending(OK), context) as port,
            connected(tls_endpoint(port), TlsPolicy(authority.file)) as connection,
        ):
            assert connection.proven
            assert connection.peer == ("127.0.0.1", port)
            assert connection.local[0] == "127.0.0.1"
            seen = connection.tls
            assert seen is not None
            assert seen.verified
            assert seen.version == "TLSv1.3"
            assert seen.cipher.startswith("TLS_")
            assert seen.names == (HOST, "10.1.2.3")
            assert seen.not_after == not_after
            assert "O=test CA" in seen.issuer
            assert seen.subject
            message = await connection.receive(5)
            assert isinstance(message, Response) and message.body == b"body"

    run(scenario())


def test_the_certificate_must_be_for_the_name_not_for_the_address(authority: Authority) -> None:
    async def scenario() -> None:
        async with serving(sending(), authority.context("127.0.0.1")) as port:
            error = await refusal(tls_endpoint(port), TlsPolicy(authority.file))
            assert isinstance(error, TlsNameMismatch)
            server = Endpoint("127.0.0.1", port, Transport.TLS)
            async with connected(server, TlsPolicy(authority.file)) as connection:
                assert connection.proven
                assert connection.tls is not None
                assert [ip_address(name) for name in connection.tls.names] == [ip_address("127.0.0.1")]

    run(scenario())


def test_a_final_dot_of_the_name_does_not_matter(authority: Authority) -> None:
    async def scenario() -> None:
        async with (
            serving(sending(), authority.context(HOST)) as port,
            connected(tls_endpoint(port, f"{HOST}."), TlsPolicy(authority.file)) as connection,
        ):
            assert connection.proven

    run(scenario())


def test_a_wrong_name_is_told_with_the_names_of_the_certificate(authority: Authority) -> None:
    async def scenario() -> None:
        async with serving(sending(), authority.context("hs2.litwareinc.com", "hs3.litwareinc.com")) as port:
            error = await refusal(tls_endpoint(port), TlsPolicy(authority.file))
        assert isinstance(error, TlsNameMismatch)
        assert error.names == ("hs2.litwareinc.com", "hs3.litwareinc.com")
        assert HOST in str(error)
        assert error.tls is not None and not error.tls.verified

    run(scenario())


def test_an_expired_certificate_is_told_with_its_end(authority: Authority) -> None:
    async def scenario() -> None:
        end = days_ago(3)
        async with serving(sending(), authority.context(HOST, not_before=days_ago(30), not_after=end)) as port:
            error = await refusal(tls_endpoint(port), TlsPolicy(authority.file))
        assert isinstance(error, TlsExpired)
        assert error.not_after == end
        assert "expired" in str(error)

    run(scenario())


def test_a_certificate_that_is_not_valid_yet_counts_as_outside_its_time(authority: Authority) -> None:
    async def scenario() -> None:
        context = authority.context(HOST, not_before=days_ago(-3), not_after=days_ago(-30))
        async with serving(sending(), context) as port:
            error = await refusal(tls_endpoint(port), TlsPolicy(authority.file))
        assert isinstance(error, TlsExpired)
        assert "not yet valid" in str(error)

    run(scenario())


def test_an_unknown_authority_is_told_with_the_certificate(authority: Authority, other_authority: Authority) -> None:
    async def scenario() -> None:
        async with serving(sending(), other_authority.context(HOST)) as port:
            error = await refusal(tls_endpoint(port), TlsPolicy(authority.file))
        assert isinstance(error, TlsUntrusted)
        assert error.tls is not None
        assert "O=other CA" in error.tls.issuer
        assert error.tls.names == (HOST,)
        assert not error.tls.verified
        assert "(OpenSSL's error 20)" in str(error)  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY

    run(scenario())


def test_the_second_look_at_a_refused_server_sends_nothing(authority: Authority, other_authority: Authority) -> None:
    async def scenario() -> None:
        received: asyncio.Queue[bytes] = asyncio.Queue()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            data = b""
            with contextlib.suppress(OSError):  # it hung up at once
                data = await reader.read(1)
            received.put_nowait(data)

        async with serving(serve, other_authority.context(HOST)) as port:
            await refusal(tls_endpoint(port), TlsPolicy(authority.file))
            assert await received.get() == b""

    run(scenario())


def test_without_verification_any_certificate_will_do_and_proves_nothing(other_authority: Authority) -> None:
    async def scenario() -> None:
        async with (
            serving(sending(), other_authority.context("elsewhere.example")) as port,
            connected(tls_endpoint(port), TlsPolicy(verify=False)) as connection,
        ):
            assert not connection.proven
            assert connection.tls is not None
            assert not connection.tls.verified
            assert connection.tls.names == ("elsewhere.example",)

    run(scenario())


def test_the_system_store_does_not_trust_a_private_authority(authority: Authority) -> None:
    async def scenario() -> None:
        async with serving(sending(), authority.context(HOST)) as port:
            assert isinstance(await refusal(tls_endpoint(port)), TlsUntrusted)

    run(scenario())


@pytest.mark.parametrize("verify", [True, False])
def test_a_server_that_knows_only_tls_1_1_is_too_old(authority: Authority, verify: bool) -> None:
    """asyncio's server hangs up without an alert, as Windows does."""

    async def scenario() -> None:
        async with serving(sending(), old_context(authority)) as port:
            error = await refusal(tls_endpoint(port), TlsPolicy(authority.file, verify))
        assert isinstance(error, TlsTooOld)
        assert error.tls is not None
        assert error.tls.version == "TLSv1.1"
        assert error.tls.names == (HOST,)
        assert "TLSv1.1" in str(error)

    run(scenario())


def test_an_alert_about_the_version_is_too_old(authority: Authority) -> None:
    """The alert as OpenSSL's own server sends it; the server does not answer the second look."""

    async def scenario() -> None:
        alerts = [b"\x15\x03\x01\x00\x02\x02\x46"]  # fatal, protocol_version: RFC 5246 7.2

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(5)
            writer.write(alerts.pop() if alerts else b"")
            await writer.drain()

        async with serving(serve) as port:
            error = await refusal(tls_endpoint(port), TlsPolicy(authority.file))
        assert isinstance(error, TlsTooOld)
        assert error.tls is None

    run(scenario())


def test_a_server_without_a_common_cipher_is_refused(authority: Authority) -> None:
    async def scenario() -> None:
        context = authority.context(HOST)
        suite = "ECDHE-ECDSA-AES128-CCM8"
        policy = TlsPolicy(authority.file)
        assert suite not in {offered["name"] for offered in policy.context().get_ciphers()}
        context.set_ciphers(f"{suite}:@SECLEVEL=0")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        async with serving(sending(), context) as port:
            error = await refusal(tls_endpoint(port), policy)
        assert isinstance(error, TlsNoCommonCipher)
        assert suite in str(error)

    run(scenario())


@pytest.mark.parametrize("reset", [True, False])
def test_a_handshake_that_is_reset_or_closed_is_no_failure_of_another_kind(reset: bool, authority: Authority) -> None:
    async def scenario() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(65_536)
            if reset:
                tcp = writer.get_extra_info("socket")
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

        async with serving(serve) as port:
            assert isinstance(await refusal(tls_endpoint(port), TlsPolicy(authority.file)), TlsReset)

    run(scenario())


@pytest.mark.parametrize(
    "greeting",
    [
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        b"220 mail.example ESMTP\r\n",
    ],
)
def test_a_plain_server_on_a_tls_port_is_named(greeting: bytes, authority: Authority) -> None:
    async def scenario() -> None:
        async with serving(sending(greeting)) as port:
            error = await refusal(tls_endpoint(port), TlsPolicy(authority.file))
        assert isinstance(error, NotTls)

    run(scenario())


def test_a_server_that_hangs_up_during_the_handshake_failed_it(authority: Authority) -> None:
    async def scenario() -> None:
        async with serving(sending_then_closing(b"")) as port:
            error = await refusal(tls_endpoint(port), TlsPolicy(authority.file))
        assert isinstance(error, TlsFailed)
        assert not isinstance(error, NotTls)

    run(scenario())


def test_a_server_that_is_silent_in_the_handshake_costs_no_more_than_its_limit(authority: Authority) -> None:
    async def scenario() -> None:
        async with serving(sending()) as port:
            error = await refusal(tls_endpoint(port), TlsPolicy(authority.file), Timeouts(5, 0.2, 5))
        assert isinstance(error, ConnectTimeout)
        assert "TLS handshake" in str(error)

    run(scenario())


@pytest.mark.parametrize("host", ["", ".", "a" * 70 + ".example", "-.\udcff"])
def test_a_name_that_tls_cannot_carry_is_one_error(host: str, authority: Authority) -> None:
    async def scenario() -> None:
        async with serving(sending(), authority.context(HOST)) as port:
            error = await refusal(tls_endpoint(port, host), TlsPolicy(authority.file))
        assert isinstance(error, TlsFailed)

    run(scenario())


def test_plain_text_to_a_tls_port_is_told_as_such(authority: Authority) -> None:
    """Some servers send an alert, others only hang up."""

    async def scenario() -> None:
        async with serving(sending(), authority.context(HOST)) as port, connected(tcp_endpoint(port)) as connection:
            await connection.send(b"REGISTER sip:litwareinc.com SIP/2.0\r\nContent-Length: 0\r\n\r\n")
            with pytest.raises((ProtocolError, ConnectionClosed)):
                await connection.receive(5)

    run(scenario())


def test_a_tls_alert_on_a_plain_connection_is_recognised() -> None:
    async def scenario() -> None:
        async with (
            serving(sending(b"\x15\x03\x01\x00\x02\x02\x46")) as port,
            connected(tcp_endpoint(port)) as connection,
        ):
            with pytest.raises(ProtocolError, match="TLS") as caught:
                await connection.receive(5)
            assert caught.value.kind == "tls"

    run(scenario())


def test_a_certificate_that_cannot_be_read_leaves_the_rest_of_the_evidence(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL is more lenient than the library that reads certificates; its answer is replaced at that seam."""

    async def scenario() -> None:
        certificate = ssl.PEM_cert_to_DER_cert(authority.file.read_text(encoding="ascii"))[:-40]
        monkeypatch.setattr(ssl.SSLObject, "getpeercert", lambda self, binary_form=False: certificate)
        async with (
            serving(sending(), authority.context(HOST)) as port,
            connected(tls_endpoint(port), TlsPolicy(verify=False)) as connection,
        ):
            assert connection.tls is not None
            assert connection.tls.version == "TLSv1.3"
            assert connection.tls.names == ()
            assert connection.tls.not_after is None

    run(scenario())


def test_a_ca_file_that_cannot_be_used_is_told_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match="No such file"):
        TlsPolicy(tmp_path / "absent.pem").context()
    with pytest.raises(TrustError, match="cannot use the CA file"):
        TlsPolicy(tmp_path).context()
    text = tmp_path / "text.pem"
    text.write_text("not a certificate\n", encoding="ascii")
    with pytest.raises(TrustError, match="no PEM certificate"):
        TlsPolicy(text).context()
    with pytest.raises(TrustError, match="no PEM certificate"):
        TlsPolicy(text, verify=False).context()


@pytest.mark.slow
def test_closing_twice_is_no_error_where_the_server_never_closes(authority: Authority) -> None:
    """The first call gives up waiting for it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    async def scenario() -> None:
        async with serving(serve, authority.context(HOST)) as port:
            connection = await connect(tls_endpoint(port), LOOPBACK, TlsPolicy(authority.file), LIMITS)
            await connection.close()
            await connection.close()

    run(scenario())
