"""Reading along with real handshakes of Python's ssl, in all pieces, and with damaged ones."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipauthctl.lab.authority import Authority
from sipauthctl.mechanisms.base import MalformedToken
from sipauthctl.mechanisms.tls_dsk.acceptor import TlsDskAcceptor
from sipauthctl.mechanisms.tls_dsk.certificates import read_certificate
from sipauthctl.mechanisms.tls_dsk.end import TlsEnd
from sipauthctl.mechanisms.tls_dsk.handshake import Alert, TlsHandshake, TlsSide, version_name
from sipauthctl.mechanisms.tls_dsk.suites import suite_name
from tests.mechanisms.tls_dsk.ends import NAME, TlsDskInitiator, client_context, server_context

Flight = tuple[TlsSide, bytes]


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, folder: Path) -> list[Flight]:
    """The flights of both ends until neither has anything to say."""
    ends = {
        TlsSide.CLIENT: TlsEnd(client, folder / "client-keys.txt", TlsSide.CLIENT),
        TlsSide.SERVER: TlsEnd(server, folder / "server-keys.txt", TlsSide.SERVER),
    }
    flights: list[Flight] = []
    data, side = b"", TlsSide.CLIENT
    while data or not flights:
        data = ends[side].step(data)
        if data:
            flights.append((side, data))
        if any(end.failed for end in ends.values()):
            break
        side = TlsSide.SERVER if side is TlsSide.CLIENT else TlsSide.CLIENT
    return flights


def read(flights: list[Flight]) -> tuple[TlsHandshake, list[str]]:
    seen = TlsHandshake()
    names = [name for side, data in flights for name in seen.feed(side, data)]
    return seen, names


@pytest.mark.parametrize(("version", "name"), [(ssl.TLSVersion.TLSv1, "TLS 1.0"), (ssl.TLSVersion.TLSv1_2, "TLS 1.2")])
def test_version_suite_and_certificates(version: ssl.TLSVersion, name: str, tmp_path: Path) -> None:
    client = client_context(tmp_path, suites="ECDHE-ECDSA-AES128-SHA", version=version)
    server = server_context(tmp_path)
    seen, names = read(handshake(client, server, tmp_path))
    assert seen.version == version.value
    assert version_name(seen.version) == name
    assert seen.suite is not None
    assert suite_name(seen.suite) == "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"
    client_certificate = read_certificate(seen.client_certificate or b"")
    server_certificate = read_certificate(seen.server_certificate or b"")
    assert client_certificate is not None
    assert client_certificate.common_name == NAME
    assert server_certificate is not None
    assert seen.completed
    assert seen.alert is None
    assert names[:2] == ["ClientHello", "ServerHello"]
    assert names.count("Finished") == 2


@pytest.mark.parametrize(
    ("changes", "side", "alert"),
    [
        ({"certificate": False}, TlsSide.SERVER, "handshake_failure"),
        ({"issuer": Authority()}, TlsSide.SERVER, "unknown_ca"),
        ({"trusted": Authority()}, TlsSide.CLIENT, "unknown_ca"),
        ({"not_after": datetime(2020, 1, 1, tzinfo=UTC)}, TlsSide.SERVER, "certificate_expired"),
    ],
)
def test_the_alert_of_a_failure(changes: dict[str, object], side: TlsSide, alert: str, tmp_path: Path) -> None:
    client, server = client_context(tmp_path, **changes), server_context(tmp_path)  # type: ignore[arg-type]
    seen, _ = read(handshake(client, server, tmp_path))
    assert seen.alert == Alert(side, alert)
    assert not seen.completed


def test_no_suite_in_common(tmp_path: Path) -> None:
    client = client_context(tmp_path, suites="ECDHE+AES128:!AESGCM")
    seen, _ = read(handshake(client, server_context(tmp_path, suites="ECDHE+AES256"), tmp_path))
    assert seen.alert == Alert(TlsSide.SERVER, "handshake_failure")
    assert seen.suite is None


def test_of_tls_1_3_the_hellos_can_be_read(tmp_path: Path) -> None:
    client = client_context(tmp_path, version=ssl.TLSVersion.TLSv1_2)
    server = server_context(tmp_path)
    for context in (client, server):
        context.maximum_version = ssl.TLSVersion.TLSv1_3
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    seen, _ = read(handshake(client, server, tmp_path))
    assert seen.version == 0x0304
    assert seen.client_certificate is None
    assert not seen.completed


def test_pieces_of_any_size_read_the_same(tmp_path: Path) -> None:
    flights = handshake(client_context(tmp_path), server_context(tmp_path), tmp_path)
    whole, names = read(flights)
    for size in (1, 7, 100):
        pieces = [(side, data[at : at + size]) for side, data in flights for at in range(0, len(data), size)]
        seen, again = read(pieces)
        assert again == names
        assert (seen.suite, seen.client_certificate, seen.completed) == (
            whole.suite,
            whole.client_certificate,
            True,
        )


def test_both_ends_hold_the_same_keys(tmp_path: Path) -> None:
    initiator = TlsDskInitiator(client_context(tmp_path), tmp_path)
    acceptor = TlsDskAcceptor(server_context(tmp_path), tmp_path / "server-keys.txt")
    token = initiator.step(None)
    while token:
        answer = acceptor.step(token)
        assert answer is not None
        token = initiator.step(answer)
    assert acceptor.context is None
    assert acceptor.step(b"") is None
    client, server = initiator.context, acceptor.context
    assert client is not None
    assert server is not None
    assert acceptor.peer == NAME
    assert server.verify(b"<TLS-DSK>", client.sign(b"<TLS-DSK>"))
    assert client.verify(b"<TLS-DSK>", server.sign(b"<TLS-DSK>"))
    assert not client.verify(b"<TLS-DSK>", client.sign(b"<TLS-DSK>"))
    assert client.expires is not None
    assert client.expires > datetime.now(UTC) + timedelta(days=1)


@given(st.lists(st.tuples(st.sampled_from(TlsSide), st.binary(max_size=200)), max_size=20))
def test_whatever_comes_is_read_or_refused(flights: list[Flight]) -> None:
    try:
        read(flights)
    except MalformedToken:
        return


@given(data=st.data())
def test_a_damaged_handshake_is_read_or_refused(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    flights = _recorded(tmp_path_factory)
    which = data.draw(st.integers(0, len(flights) - 1))
    side, whole = flights[which]
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 :]
    try:
        seen, _ = read([*flights[:which], (side, damaged), *flights[which + 1 :]])
    except MalformedToken:
        return
    for certificate in (seen.client_certificate, seen.server_certificate):
        read_certificate(certificate or b"")


_FLIGHTS: list[Flight] = []


def _recorded(factory: pytest.TempPathFactory) -> list[Flight]:
    if not _FLIGHTS:
        folder = factory.mktemp("tls")
        _FLIGHTS.extend(handshake(client_context(folder), server_context(folder), folder))
    return _FLIGHTS


def test_a_side_that_never_stops_is_refused() -> None:
    seen = TlsHandshake()
    record = b"\x16\x03\x01\x40\x00" + b"\x01\x02\x00\x00" + bytes(0x4000 - 4)
    with pytest.raises(MalformedToken):
        for _ in range(20):
            seen.feed(TlsSide.CLIENT, record)
