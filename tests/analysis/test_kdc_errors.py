"""Refusals of a KDC in the capture of a sign-in: a clock and a cause, where they belong to it."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import socket
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from spnego._asn1 import TagClass, pack_asn1, pack_asn1_general_string, pack_asn1_integer, pack_asn1_sequence

from sipauthctl.analysis.kdc_errors import ERRORS_KEPT, KdcErrors
from sipauthctl.capture.kerberos_errors import kerberos_errors
from sipauthctl.capture.record import Address, KdcError, Record
from sipauthctl.findings import Finding
from sipauthctl.mechanisms.kerberos.as_exchange import as_request
from sipauthctl.mechanisms.kerberos.names import KerberosName
from tests.analysis import written
from tests.analysis.kerberos_session import session as kerberos_session
from tests.analysis.sessions import CLIENT, NOTHING, Outcome, lab, session
from tests.capture.frames import Pcap, TcpFlow, udp
from tests.external import DEMANDED, needs_kdc

pytestmark = [
    pytest.mark.external,
    pytest.mark.skipif(shutil.which("tshark") is None and not DEMANDED, reason="needs tshark: apt install tshark"),
]
REALM, KDC = "LITWAREINC.COM", "192.0.2.88"
SPN = ("sip", "hs1.litwareinc.com")
UNKNOWN_USER, UNKNOWN_SERVICE, NOT_UNIQUE, REVOKED, FAILED, REQUIRED, SKEW = 6, 7, 8, 18, 24, 25, 37
DISABLED = 0xC0000072


def part(number: int, value: bytes) -> bytes:
    return pack_asn1(TagClass.context_specific, True, number, value)


def name(*parts: str) -> bytes:
    strings = pack_asn1_sequence([pack_asn1_general_string(text.encode()) for text in parts])
    return pack_asn1_sequence([part(0, pack_asn1_integer(1)), part(1, strings)])


def krb_error(
    code: int, time: datetime, client: str = "ned", service: tuple[str, ...] = ("krbtgt", REALM), status: int = 0
) -> bytes:
    """RFC 4120 5.9.1, with the extended error of [MS-KILE] 2.2.1 where there is a status."""
    fields = [
        part(0, pack_asn1_integer(5)),
        part(1, pack_asn1_integer(30)),
        part(4, pack_asn1(TagClass.universal, False, 24, time.strftime("%Y%m%d%H%M%SZ").encode())),
        part(5, pack_asn1_integer(time.microsecond)),
        part(6, pack_asn1_integer(code)),
    ]
    if client:
        fields += [part(7, pack_asn1_general_string(REALM.encode())), part(8, name(client))]
    fields += [part(9, pack_asn1_general_string(REALM.encode())), part(10, name(*service))]
    if status:
        value = pack_asn1(TagClass.universal, False, 4, struct.pack("<III", status, 0, 1))
        data = pack_asn1_sequence([part(1, pack_asn1_integer(3)), part(2, value)])
        fields.append(part(12, pack_asn1(TagClass.universal, False, 4, data)))
    return pack_asn1(TagClass.application, True, 30, pack_asn1_sequence(fields))


def refused() -> list[Record]:
    return lab(password="not his password", lab={"redirect": False})


def with_errors(
    records: list[Record], *errors: bytes, over_tcp: bool = False, before: timedelta = timedelta(seconds=1)
) -> bytes:
    """The capture of a sign-in, with answers of a KDC to the same computer before it."""
    pcap = Pcap()
    assert records[0].time is not None
    pcap.now = round((records[0].time - before).timestamp() * 1000)
    for number, error in enumerate(errors):
        if over_tcp:
            flow = TcpFlow(pcap, client=(CLIENT.host, 50000 + number), server=(KDC, 88))
            flow.open()
            flow.send(struct.pack("!I", len(error)) + error, from_client=False)
        else:
            pcap.add(udp(error, (KDC, 88), (CLIENT.host, 50000 + number)))
    return pcap.to_bytes() + written.capture(records)[24:]


def seen(content: bytes, folder: Path) -> Outcome:
    return written.read(content, folder, "kdc.pcap", NOTHING)


def one(outcome: Outcome, id_: str) -> Finding:
    (found,) = [finding for finding in outcome.findings if finding.id == id_]
    return found


def now_of(records: list[Record]) -> datetime:
    assert records[0].time is not None
    return records[0].time


ACCOUNT: list[tuple[int, int, str, str]] = [
    (UNKNOWN_USER, 0, "user-unknown", "knows no ned"),
    (REVOKED, 0, "account-revoked", "disabled, locked out, expired or outside"),
    (REVOKED, DISABLED, "account-disabled", "is disabled"),
    (FAILED, 0, "wrong-password", "refuses the password of ned"),
]


@pytest.mark.parametrize("over_tcp", [False, True])
@pytest.mark.parametrize(("code", "status", "id_", "words"), ACCOUNT)
def test_what_is_wrong_with_an_account(
    code: int, status: int, id_: str, words: str, over_tcp: bool, tmp_path: Path
) -> None:
    records = refused()
    error = krb_error(code, now_of(records), status=status)
    found = one(seen(with_errors(records, error, over_tcp=over_tcp), tmp_path), id_)
    assert found.severity.value == "error"
    assert words in found.detail
    assert any("KRB-ERROR of 192.0.2.88" in line for line in found.evidence)


@pytest.mark.parametrize(("code", "id_"), [(UNKNOWN_SERVICE, "spn-not-registered"), (NOT_UNIQUE, "spn-duplicate")])
def test_a_service_that_gets_no_ticket(code: int, id_: str, tmp_path: Path) -> None:
    records = refused()
    found = one(seen(with_errors(records, krb_error(code, now_of(records), service=SPN)), tmp_path), id_)
    assert found.severity.value == "error"
    assert "sip/hs1.litwareinc.com" in found.remedy
    # With NTLM the sign-in succeeds all the same.
    records = session()
    found = one(seen(with_errors(records, krb_error(code, now_of(records), service=SPN)), tmp_path), id_)
    assert found.severity.value == "warning"
    assert "signs in otherwise" in found.detail


@pytest.mark.parametrize(("minutes", "side"), [(20, "ahead of"), (-7, "behind")])
def test_the_clock_of_the_kdc(minutes: int, side: str, tmp_path: Path) -> None:
    records = refused()
    error = krb_error(SKEW, now_of(records) + timedelta(minutes=minutes))
    found = one(seen(with_errors(records, error), tmp_path), "kdc-clock-skew")
    assert found.severity.value == "error"
    assert "refuses a request of 192.0.2.35 for its time" in found.detail
    assert side in found.detail


def test_a_clock_that_is_seen_in_a_refusal_for_something_else(tmp_path: Path) -> None:
    records = refused()
    error = krb_error(REQUIRED, now_of(records) + timedelta(minutes=20))
    assert one(seen(with_errors(records, error), tmp_path), "kdc-clock-skew").severity.value == "warning"


def test_a_client_that_never_comes_to_credentials(tmp_path: Path) -> None:
    records = session()[:2]
    found = one(seen(with_errors(records, krb_error(FAILED, now_of(records))), tmp_path), "wrong-password")
    assert found.severity.value == "error"


# --- silence


def test_what_every_sign_in_has_is_no_finding(tmp_path: Path) -> None:
    records = session()
    errors = [
        krb_error(REQUIRED, now_of(records)),
        krb_error(52, now_of(records)),
        krb_error(UNKNOWN_SERVICE, now_of(records), service=("host", "printer.litwareinc.com")),
    ]
    assert seen(with_errors(records, *errors), tmp_path).ids == []


def test_a_refusal_of_somebody_else_or_of_another_time_is_none_of_ours(tmp_path: Path) -> None:
    records = refused()
    plain = seen(with_errors(records), tmp_path).ids
    other = krb_error(FAILED, now_of(records), client="nina")
    assert seen(with_errors(records, other), tmp_path).ids == plain
    early = krb_error(FAILED, now_of(records) - timedelta(hours=1))
    assert seen(with_errors(records, early, before=timedelta(hours=1)), tmp_path).ids == plain


def test_a_refusal_before_a_sign_in_by_kerberos_weighs_little(tmp_path: Path) -> None:
    records = kerberos_session().records()
    found = one(seen(with_errors(records, krb_error(FAILED, now_of(records))), tmp_path), "wrong-password")
    assert found.severity.value == "info"
    skew = krb_error(SKEW, now_of(records) + timedelta(minutes=20))
    assert one(seen(with_errors(records, skew), tmp_path), "kdc-clock-skew").severity.value == "warning"


def test_a_capture_without_kerberos_is_not_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr("sipauthctl.capture.kerberos_errors.output", lambda *more: calls.append(more) or iter(()))
    path = tmp_path / "x.pcap"
    path.write_bytes(written.capture(session()))
    assert list(kerberos_errors(path, "x")) == []
    assert calls == []
    path.write_bytes(with_errors(session(), krb_error(FAILED, now_of(session()))))
    list(kerberos_errors(path, "x"))
    assert len(calls) == 1


def test_a_packed_capture(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap.gz"
    path.write_bytes(gzip.compress(with_errors(session(), krb_error(FAILED, now_of(session())))))
    (error,) = kerberos_errors(path, "x")
    assert (error.kdc, error.client, error.place) == (Address(KDC, None), Address(CLIENT.host, None), 1)
    assert error.data == krb_error(FAILED, now_of(session()))


@pytest.mark.parametrize("cut", range(12, 120, 9))
def test_a_damaged_refusal(cut: int, tmp_path: Path) -> None:
    records = refused()
    error = krb_error(FAILED, now_of(records))
    assert "wrong-password" not in seen(with_errors(records, error[:cut]), tmp_path).ids


def test_what_is_held_is_bounded() -> None:
    errors = KdcErrors()
    ends = {"kdc": Address(KDC, None), "client": CLIENT, "data": b""}
    for number in range(2 * ERRORS_KEPT):
        errors.add(KdcError("kdc-error", "", "x", number, datetime.now(UTC), **ends))  # type: ignore[arg-type]
    assert len(errors._errors) == ERRORS_KEPT


# --- a real KDC


@needs_kdc
def test_the_answers_of_a_real_kdc(tmp_path: Path) -> None:
    from sipauthctl.lab.kdc import Kdc
    from tests.mechanisms.kerberos.harness import with_kdc

    async def ask(kdc: Kdc) -> list[bytes]:
        def talk(name: KerberosName, service: tuple[str, ...] | None = None) -> bytes:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp_socket:
                udp_socket.settimeout(10)
                udp_socket.sendto(as_request(name, 7, service=service), ("127.0.0.1", kdc.port))
                return udp_socket.recv(65535)

        asked: list[Callable[[], bytes]] = [
            lambda: talk(KerberosName("nobody", kdc.realm)),
            lambda: talk(KerberosName("dora", kdc.realm)),
            lambda: talk(KerberosName("ned", kdc.realm), ("sip", "hs9.litwareinc.com")),
        ]
        return [await asyncio.to_thread(one) for one in asked]

    unknown, disabled, service = with_kdc(ask)
    for user, error, expected in (
        ("nobody", unknown, "user-unknown"),
        ("dora", disabled, "account-revoked"),
        ("ned", service, "spn-not-registered"),
    ):
        records = [replace(r, raw=r.raw.replace(b"sip:ned@", b"sip:%b@" % user.encode())) for r in refused()]
        assert expected in seen(with_errors(records, error), tmp_path).ids
