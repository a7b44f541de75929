"""The faults of certificates, TLS and ports as openssl, smtplib and plain sockets see them."""

from __future__ import annotations

import asyncio
import re
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from cryptography import x509

from sipauthctl.lab.deployment import Deployment, RunningServer
from sipauthctl.lab.faults import behaviour_with
from sipauthctl.lab.settings import LabSettings
from tests.lab.test_connection import register

T = TypeVar("T")
LIMIT = 10.0
SHORT = 0.2  # seconds, for what does not come
OK = 0
TRUSTED_AT_LEVEL_2 = "DEFAULT@SECLEVEL=2"

# The verify return codes of openssl-verification-options(1) and x509_vfy.h.
VERIFY_CODES = [
    (None, OK),
    ("tls-untrusted", 21),  # unable to verify the first certificate
    ("tls-incomplete-chain", 21),
    ("tls-self-signed", 18),
    ("tls-name-mismatch", 62),
    ("tls-sip-domain-only", 62),
    ("tls-expired", 10),
    ("tls-not-yet-valid", 9),
    ("tls-expires-soon", OK),
    ("tls-weak-key", 66),  # EE certificate key too weak
]


def with_each_server(fault: str | None, transport: str, look: Callable[[Deployment, RunningServer], T]) -> list[T]:
    """What is seen of each server's port for this transport, by something that blocks."""

    async def main() -> list[T]:
        behaviour = behaviour_with([fault] if fault else [])
        async with Deployment(LabSettings(behaviour=behaviour)) as deployment:
            servers = [server for server in deployment.servers if server.transport == transport]
            assert len(servers) == 2
            return [await asyncio.to_thread(look, deployment, server) for server in servers]

    return asyncio.run(main())


def s_client(deployment: Deployment, server: RunningServer, *options: str) -> str:
    """What openssl says of a handshake."""
    command = [
        *("openssl", "s_client", "-connect", f"{server.address}:{server.port}", "-showcerts"),
        *("-servername", server.host, "-verify_hostname", server.host, "-CAfile", str(deployment.ca_file)),
        *(options or ("-cipher", TRUSTED_AT_LEVEL_2)),
    ]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, check=False)
    return (done.stdout + done.stderr).decode(errors="replace")


def verify_code(said: str) -> int:
    found = re.search(r"^ *Verify return code: (\d+)", said, re.MULTILINE)
    assert found is not None, said
    return int(found[1])


def certificates(said: str) -> list[x509.Certificate]:
    """All that the server sent, its own first."""
    pem = re.findall("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", said, re.DOTALL)
    return [x509.load_pem_x509_certificate(text.encode()) for text in dict.fromkeys(pem)]


def names(certificate: x509.Certificate) -> list[str]:
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return extension.value.get_values_for_type(x509.DNSName)


def connect(server: RunningServer) -> socket.socket:
    return socket.create_connection((server.address, server.port), timeout=LIMIT)


def challenged(deployment: Deployment, server: RunningServer) -> bool:
    """Whether the port speaks SIP without TLS."""
    with connect(server) as client:
        client.sendall(register(1))
        return client.recv(11) == b"SIP/2.0 401"


def challenged_by_tls(deployment: Deployment, server: RunningServer) -> bool:
    context = ssl.create_default_context(cafile=deployment.ca_file)
    with context.wrap_socket(connect(server), server_hostname=server.host) as client:
        client.sendall(register(1))
        return client.recv(11) == b"SIP/2.0 401"


@pytest.mark.external
@pytest.mark.parametrize(("fault", "code"), VERIFY_CODES)
def test_openssls_verdict(fault: str | None, code: int) -> None:
    said = with_each_server(fault, "tls", s_client)
    assert [verify_code(text) for text in said] == [code, code]


@pytest.mark.external
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("tls-name-mismatch", [["not-hs1.litwareinc.com"], ["not-hs2.litwareinc.com"]]),
        ("tls-sip-domain-only", [["litwareinc.com"]] * 2),
        (None, [["hs1.litwareinc.com"], ["hs2.litwareinc.com"]]),
    ],
)
def test_the_names_in_the_certificates(fault: str | None, expected: list[list[str]]) -> None:
    said = with_each_server(fault, "tls", s_client)
    assert [names(certificates(text)[0]) for text in said] == expected


@pytest.mark.external
def test_a_certificate_that_ends_in_five_days() -> None:
    for text in with_each_server("tls-expires-soon", "tls", s_client):
        left = certificates(text)[0].not_valid_after_utc - datetime.now(UTC)
        assert timedelta(days=4) < left < timedelta(days=5, minutes=1)


@pytest.mark.external
def test_an_incomplete_chain_is_one_certificate_of_another_issuer() -> None:
    def look(deployment: Deployment, server: RunningServer) -> None:
        (sent,) = certificates(s_client(deployment, server))
        root = x509.load_pem_x509_certificate(deployment.ca_file.read_bytes())
        assert sent.issuer not in (sent.subject, root.subject)

    with_each_server("tls-incomplete-chain", "tls", look)


@pytest.mark.external
def test_a_server_that_speaks_tls_1_1_at_most() -> None:
    def look(deployment: Deployment, server: RunningServer) -> tuple[bool, bool]:
        modern = s_client(deployment, server, "-cipher", "ALL:@SECLEVEL=0", "-min_protocol", "TLSv1.2")
        old = s_client(deployment, server, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        return "Cipher is (NONE)" in modern, re.search(r"Protocol *: TLSv1\.1\b", old) is not None

    assert with_each_server("tls-too-old", "tls", look) == [(True, True)] * 2


def test_plain_on_tls_port() -> None:
    def look(deployment: Deployment, server: RunningServer) -> bool:
        with pytest.raises(ssl.SSLError):
            challenged_by_tls(deployment, server)
        return challenged(deployment, server)

    assert with_each_server("plain-on-tls-port", "tls", look) == [True, True]


def test_tls_on_tcp_port() -> None:
    assert with_each_server("tls-on-tcp-port", "tcp", challenged_by_tls) == [True, True]


@pytest.mark.parametrize("transport", ["tls", "tcp"])
def test_a_mail_server(transport: str) -> None:
    def look(deployment: Deployment, server: RunningServer) -> int:
        mail = smtplib.SMTP(timeout=LIMIT)
        code, _ = mail.connect(server.address, server.port)
        mail.close()
        return code

    assert with_each_server("mail-server", transport, look) == [220, 220]


@pytest.mark.parametrize("transport", ["tls", "tcp"])
def test_a_port_that_is_mute(transport: str) -> None:
    def look(deployment: Deployment, server: RunningServer) -> None:
        context = ssl.create_default_context(cafile=deployment.ca_file)
        with connect(server) as client:
            client.settimeout(SHORT)
            with pytest.raises(TimeoutError):
                context.wrap_socket(client, server_hostname=server.host)
        with connect(server) as client:
            client.sendall(register(1))
            client.settimeout(SHORT)
            with pytest.raises(TimeoutError):
                client.recv(1)

    with_each_server("mute", transport, look)


@pytest.mark.parametrize("transport", ["tls", "tcp"])
def test_a_port_that_resets(transport: str) -> None:
    def look(deployment: Deployment, server: RunningServer) -> None:
        with pytest.raises(ConnectionResetError), connect(server) as client:
            client.recv(1)

    with_each_server("reset", transport, look)
