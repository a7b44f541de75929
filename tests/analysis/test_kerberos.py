"""Kerberos sign-ins: every signature checked with the keytab, the mistakes named, and what a keytab shows."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest

from sipauthctl.analysis.kerberos import KeytabKeys
from sipauthctl.analysis.results import State
from sipauthctl.analysis.secrets import Secrets
from sipauthctl.analysis.words import Method
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Record
from sipauthctl.mechanisms.kerberos.libkrb5 import Key
from tests.analysis.kerberos_session import Session, right, session, unsigned
from tests.analysis.sessions import NOTHING, Outcome, changed, outcome, put
from tests.mechanisms.kerberos.independent import checksum, header
from tests.mechanisms.kerberos.recorded import REALM, SPN, Entry, contexts, keytab, needs_libkrb5, written

pytestmark = needs_libkrb5


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def given(stack: ExitStack, *keys: Entry) -> Secrets:
    return Secrets(kerberos=KeytabKeys(stack.enter_context(keytab(written(*keys)))))


def severity(seen: Outcome, id_: str) -> str:
    return next(found.severity.value for found in seen.findings if found.id == id_)


def detail(seen: Outcome, id_: str) -> str:
    return next(found.detail for found in seen.findings if found.id == id_)


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("recorded", contexts(), ids=[found.name for found in contexts()])
def test_every_signature_is_valid_with_the_keytab(recorded: object, version: int, stack: ExitStack) -> None:
    found = next(one for one in contexts() if one is recorded)
    if found.mutual and version == 4:
        version = 3  # before the server's token the client has no key to sign its own with
    made = Session(found, version)
    seen = outcome(made.records(), made.secrets(stack))
    assert {s.verdict for s in seen.signatures} == {Verdict.VALID}
    assert {s.method for s in seen.signatures} == {Method.KEYTAB}
    assert len(seen.signatures) == (6 if version == 4 else 5)
    (association,) = seen.associations
    assert (association.state, association.scheme) == (State.ESTABLISHED, "Kerberos")
    assert seen.ids == (["rc4-ticket"] if found.type == "arcfour-hmac" else [])


def test_a_ticket_under_rc4_shows_without_a_keytab() -> None:
    (found,) = outcome(session("arcfour-hmac").records(), NOTHING).findings
    assert (found.id, found.severity.value) == ("rc4-ticket", "warning")
    assert found.evidence == ("kerberos.pcap:3", f"ticket for {SPN}: encryption type 23 (rc4-hmac)")


def test_without_a_keytab_nothing_is_claimed() -> None:
    seen = outcome(session().records(), NOTHING)
    assert {(s.verdict, s.detail) for s in seen.signatures} == {(Verdict.UNVERIFIABLE, "no keytab was given")}
    assert seen.findings == ()


@pytest.mark.parametrize(
    ("place", "change", "words"),
    [
        (4, lambda token: token[:4], "has 4 bytes"),
        (4, lambda token: token[:2] + b"\0" + token[3:], "SentByAcceptor"),
        (5, lambda token: token[:2] + b"\1" + token[3:], "SentByAcceptor"),
        (6, lambda token: b"\5" + token[1:], "begins with 0504"),
        (7, lambda token: token[:14] + b"\xff" + token[15:], "SND_SEQ"),
    ],
)
def test_a_malformed_signature_shows_without_a_keytab(
    place: int, change: Callable[[bytes], bytes], words: str
) -> None:
    records = session().records()
    token = re.findall(rb'(?:response|rspauth)="([0-9a-f]+)"', records[place - 1].raw)[0]
    raw = records[place - 1].raw.replace(token, change(bytes.fromhex(token.decode())).hex().encode())
    seen = outcome(put(records, replace(records[place - 1], raw=raw)), NOTHING)
    assert [s.frame for s in seen.signatures if s.verdict is Verdict.INVALID] == [place]
    assert words in detail(seen, "signature-malformed")
    assert severity(seen, "signature-malformed") == "error"


def test_mutual_authentication_without_the_servers_token_is_no_mistake(stack: ExitStack) -> None:
    made = session(mutual=True, version=3)
    records = [
        replace(one, raw=re.sub(rb', gssapi-data="[^"]*"', b"", one.raw)) if one.place == 4 else one
        for one in made.records()
    ]
    seen = outcome(records, made.secrets(stack))
    assert {s.verdict for s in seen.signatures} == {Verdict.UNVERIFIABLE}
    assert "the server's token" in seen.signatures[0].detail
    assert seen.findings == ()


@pytest.mark.parametrize("type_", ["aes256-cts-hmac-sha1-96", "arcfour-hmac"])
@pytest.mark.parametrize("place", [3, 4, 5, 6])
def test_a_changed_field_makes_exactly_its_message_invalid(type_: str, place: int, stack: ExitStack) -> None:
    made = session(type_)
    seen = outcome(changed(made.records(), place, b"To: <sip:ned@", b"To: <sip:nad@"), made.secrets(stack))
    assert [s.frame for s in seen.signatures if s.verdict is Verdict.INVALID] == [place]
    assert "To URI" in seen.sentences[0]
    assert len(seen.associations) == 1


MISTAKES: list[tuple[str, Callable[[Key, str, bytes], bytes]]] = [
    ("other-direction-key", lambda key, who, text: right(key, "server", text)),
    ("mic-key-usage", lambda key, who, text: header(0) + checksum(key.contents, 18, 23, text + header(0))),
    ("mic-header-left-out", lambda key, who, text: header(0) + checksum(key.contents, 18, 25, text)),
    ("mic-checksum-type", lambda key, who, text: header(0) + hmac.digest(key.contents, text + header(0), "sha1")[:12]),
    ("string-end", lambda key, who, text: right(key, who, text + b"\0")),
    ("uri-without-scheme", lambda key, who, text: right(key, who, text.replace(b"<sip:ned", b"<ned"))),
    ("targetname-form", lambda key, who, text: right(key, who, text.replace(b"<sip/hs1", b"<hs1"))),
    ("other-case", lambda key, who, text: right(key, who, text.replace(b"<Kerberos>", b"<kerberos>"))),
    (
        "uri-without-scheme mic-key-usage",
        lambda key, who, text: (
            header(0) + checksum(key.contents, 18, 23, text.replace(b"<sip:ned", b"<ned") + header(0))
        ),
    ),
]


@pytest.mark.parametrize(("mistake", "make"), MISTAKES)
def test_a_mistake_is_named(mistake: str, make: Callable[[Key, str, bytes], bytes], stack: ExitStack) -> None:
    made = session()
    records = made.records()
    seen = outcome(put(records, made.signed(records[4], make)), made.secrets(stack))
    assert [s.frame for s in seen.signatures if s.verdict is Verdict.INVALID] == [5]
    assert seen.mistakes == [mistake]


def test_a_damaged_signature_is_named(stack: ExitStack) -> None:
    made = session()
    records = made.records()
    raw = re.sub(rb'response="(\w{40})\w\w', rb'response="\1ee', records[4].raw)
    seen = outcome(put(records, replace(records[4], raw=raw)), made.secrets(stack))
    assert seen.mistakes == ["signature-changed"]


# --- keytabs that do not fit

OTHER = Entry(f"sip/hs2.litwareinc.com@{REALM}", 1, 18, bytes(32))
STALE = Entry(f"{SPN}@{REALM}", 7, 18, bytes(32))


def refused(records: list[Record]) -> list[Record]:
    """The first two exchanges, the second one answered with a new challenge."""
    challenge = records[1].raw.replace(b"CSeq: 1 ", b"CSeq: 2 ")
    return [*records[:3], replace(records[3], raw=challenge)]


def test_a_keytab_for_another_service_claims_nothing(stack: ExitStack) -> None:
    seen = outcome(session().records(), given(stack, OTHER))
    assert {s.verdict for s in seen.signatures} == {Verdict.UNVERIFIABLE}
    assert severity(seen, "given-secret-unfit") == "info"
    assert f"the ticket is for {SPN}@{REALM}, the keytab is of {OTHER.principal}" in detail(seen, "given-secret-unfit")
    assert "service-key-mismatch" not in seen.ids


def test_a_keytab_that_is_not_the_servers_where_the_server_took_the_ticket(stack: ExitStack) -> None:
    seen = outcome(session().records(), given(stack, STALE))
    assert severity(seen, "given-secret-unfit") == "warning"
    assert "accepts the sign-in" in detail(seen, "given-secret-unfit")
    assert "service-key-mismatch" not in seen.ids


def test_a_keytab_that_explains_the_refusal(stack: ExitStack) -> None:
    seen = outcome(refused(session().records()), given(stack, STALE))
    assert severity(seen, "service-key-mismatch") == "error"
    assert "version 1 of the key" in detail(seen, "service-key-mismatch")


def test_a_keytab_for_another_service_does_not(stack: ExitStack) -> None:
    seen = outcome(refused(session().records()), given(stack, OTHER))
    assert "service-key-mismatch" not in seen.ids
    assert "credentials-refused" in seen.ids


def test_a_keytab_that_fits_leaves_the_other_causes_of_a_refusal(stack: ExitStack) -> None:
    made = session()
    seen = outcome(refused(made.records()), made.secrets(stack))
    assert "decrypts the ticket of ned@LITWAREINC.COM" in detail(seen, "credentials-refused")
    assert {"service-key-mismatch", "ticket-expired", "clock-skew"}.isdisjoint(seen.ids)


# --- clocks


def later(records: list[Record], by: timedelta) -> list[Record]:
    return [replace(one, time=None if one.time is None else one.time + by) for one in records]


def test_a_ticket_that_had_ended(stack: ExitStack) -> None:
    made = session()  # its ticket lasted a minute
    seen = outcome(later(refused(made.records()), timedelta(minutes=7)), made.secrets(stack))
    assert "ticket-expired" in seen.ids
    seen = outcome(later(refused(made.records()), timedelta(minutes=4)), made.secrets(stack))
    assert "ticket-expired" not in seen.ids


@pytest.mark.parametrize(("minutes", "found"), [(-20, True), (-6, True), (-4, False), (4, False), (6, True)])
def test_the_clock_of_the_client_against_the_servers(minutes: int, found: bool, stack: ExitStack) -> None:
    """The Date of the server and the authenticator of the client, whatever the clock of the capture."""
    made = replace(session(), clock=timedelta(minutes=-minutes))
    seen = outcome(later(refused(made.records()), timedelta(minutes=-minutes)), made.secrets(stack))
    assert ("clock-skew" in seen.ids) is found
    if found:
        side = "ahead of" if minutes > 0 else "behind"
        assert f"The clock of the client of sip:ned@litwareinc.com is {abs(minutes)} min 0 s {side} that of" in detail(
            seen, "clock-skew"
        )


# --- tokens that are none


def with_token(data: bytes) -> list[Record]:
    records = session().records()
    raw = re.sub(rb'gssapi-data="[^"]*"', b'gssapi-data="' + data + b'"', records[2].raw)
    return put(records, replace(records[2], raw=raw))


SPNEGO = b"YB4GBisGAQUFAqAUMBKgDTALBgkqhkiG9xIBAgKiAQA="


@pytest.mark.parametrize(("data", "words"), [(SPNEGO, "SPNEGO"), (b"!", "not base64"), (b"TlRMTVNTUAADAAAA", "NTLM")])
def test_a_token_of_another_kind_is_named_without_any_keytab(data: bytes, words: str) -> None:
    seen = outcome(refused(with_token(data)), NOTHING)
    assert severity(seen, "kerberos-malformed-token") == "error"
    assert words in detail(seen, "kerberos-malformed-token")


def test_what_the_server_could_read_is_no_error() -> None:
    assert severity(outcome(with_token(SPNEGO), NOTHING), "kerberos-malformed-token") == "warning"


def test_an_unsigned_answer_is_missing_its_signature(stack: ExitStack) -> None:
    made = session()
    records = made.records()
    seen = outcome(put(records, unsigned(records[5])), made.secrets(stack))
    assert seen.verdicts[6] is Verdict.MISSING
    assert {verdict for place, verdict in seen.verdicts.items() if place != 6} == {Verdict.VALID}
