"""Sign-ins that go wrong: what the lab was told to do is what the analysis finds."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from sipauthctl.analysis.analyze import Analysis
from sipauthctl.analysis.results import State
from sipauthctl.analysis.secrets import Secrets, password_secrets
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Address, Notice, Record
from sipauthctl.network.transport import Timeouts
from tests.analysis import recorded_session
from tests.analysis.sessions import GIVEN, NOTHING, PASSWORD, Outcome, changed, lab, outcome, put, session

NO_REDIRECT = {"redirect": False}
WRONG = Secrets(password_secrets("another password"))


def finding(seen: Outcome, id_: str) -> str:
    return next(found.detail for found in seen.findings if found.id == id_)


def severity(seen: Outcome, id_: str) -> str:
    return next(found.severity.value for found in seen.findings if found.id == id_)


def test_a_wrong_password_is_told_from_a_damaged_message() -> None:
    records = lab(password="not his password", lab=NO_REDIRECT)
    seen = outcome(records)
    assert seen.associations[-1].state is State.FAILED
    assert "wrong-password" in seen.ids
    assert "credentials-refused" not in seen.ids
    assert {s.verdict for s in seen.signatures} == {Verdict.UNVERIFIABLE}
    assert seen.mistakes == []


@pytest.mark.parametrize("order", [1, -1])
def test_a_password_that_is_evidently_anothers_says_nothing_of_a_refusal(order: int) -> None:
    """One password for everybody, which fits ned: that it does not fit nina is no sign of a wrong password."""
    refused = lab("credentials-refused", user="nina", lab=NO_REDIRECT)
    seen = outcome([record for part in (session(), refused)[::order] for record in part])
    assert "wrong-password" not in seen.ids
    assert "credentials-refused" in seen.ids
    assert "wrong-password" in outcome(refused).ids


def test_without_a_secret_the_refusal_has_no_finer_cause() -> None:
    seen = outcome(lab(password="not his password", lab=NO_REDIRECT), NOTHING)
    assert "credentials-refused" in seen.ids
    assert seen.associations[-1].stopped_at == "the server refused the client's last token"


def test_a_right_password_that_is_refused_leaves_the_other_causes() -> None:
    seen = outcome(lab("credentials-refused", lab=NO_REDIRECT))
    assert "The given secret is the one" in finding(seen, "credentials-refused")
    assert "wrong-password" not in seen.ids


def test_a_secret_that_is_not_the_clients_though_the_server_took_it() -> None:
    seen = outcome(session(), WRONG)
    assert severity(seen, "given-secret-unfit") == "info"
    named = Secrets(password_secrets("ned\tanother password"))
    assert severity(outcome(session(), named), "given-secret-unfit") == "warning"
    assert "wrong-password" not in seen.ids
    assert {s.detail for s in seen.signatures} == {"the given secret does not fit the token of the client"}


def test_a_proof_that_was_damaged_on_the_way_is_not_called_a_wrong_secret() -> None:
    """It cannot be told from one: the words have to be true of both."""
    records = session()
    token = re.findall(rb'gssapi-data="([^"]+)"', records[4].raw)[0]
    data = bytearray(base64.b64decode(token))
    data[int.from_bytes(data[24:28], "little")] ^= 1  # the offset of the NT response, [MS-NLMP] 2.2.1.3
    raw = records[4].raw.replace(token, base64.b64encode(bytes(data)))
    seen = outcome(put(records, replace(records[4], raw=raw)))
    assert set(seen.verdicts.values()) == {Verdict.UNVERIFIABLE}
    assert "does not fit what the client of LITWAREINC\\ned sent" in finding(seen, "given-secret-unfit")
    assert "wrong-password" not in seen.ids


FAULTS = [
    ("clock-skew", {"clock-skew"}),
    ("no-date", {"date-missing"}),
    ("malformed-date", {"date-malformed"}),
    ("bad-rspauth", {"signature-invalid"}),
    ("replayed-snum", {"num-replayed"}),
    ("skipped-snum", {"num-gap"}),
    ("unsigned-ok", {"signature-missing"}),
    ("unsigned-redirect", {"redirect-unsigned"}),
    ("bad-redirect-signature", {"redirect-unsigned"}),
    ("realm-differs", {"realm-mismatch"}),
    ("missing-targetname", {"targetname-missing"}),
    ("version-1", {"version-unsupported"}),
    ("foreign-spn", {"spn-foreign-service"}),
    ("ntlm-key-strength-mismatch", {"ntlm-key-strength-mismatch"}),
    ("workgroup-server", {"server-not-domain-joined"}),
    ("garbage-token", {"ntlm-malformed-token"}),
    ("credentials-refused", {"credentials-refused"}),
    ("digest-only", {"no-usable-scheme"}),
    ("no-challenge", {"not-challenged"}),
    ("no-offers", {"no-usable-scheme"}),
    ("silent", {"handshake-incomplete"}),
    ("truncated", {"handshake-incomplete"}),
]


@pytest.mark.parametrize(("fault", "expected"), FAULTS)
def test_a_fault_of_the_lab_is_found_in_the_capture(fault: str, expected: set[str]) -> None:
    records = lab(fault, options={"refreshes": 2, "timeouts": Timeouts(2, 2, 1)})
    seen = outcome(records)
    assert expected <= set(seen.ids)


@pytest.mark.parametrize(
    ("setup", "expected"),
    [
        ({"logon": "WRONGDOM\\ned"}, "domain-mismatch"),
        ({"logon": "ned@example.org"}, "upn-suffix-mismatch"),
        ({"user": "olaf"}, "user-not-enabled"),
        ({"user": "ned", "logon": "LITWAREINC\\nina", "password": "Litware-Nina-1"}, "uri-not-authorized"),
    ],
)
def test_the_wrong_user_or_name(setup: dict[str, str], expected: str) -> None:
    seen = outcome(lab(lab=NO_REDIRECT, **setup), NOTHING)
    assert expected in seen.ids


def test_the_client_whose_version_is_refused_is_quoted() -> None:
    (found,) = [one for one in outcome(lab("answer=403:17002")).findings if one.id == "client-version-refused"]
    assert any(line.startswith("User-Agent: sipauthctl/") for line in found.evidence)


@pytest.mark.parametrize(("user", "expected"), [("dora", "account-disabled"), ("luis", "account-locked")])
def test_a_server_that_tells_the_reason(user: str, expected: str) -> None:
    assert expected in outcome(lab("telling-refusals", user=user, lab=NO_REDIRECT), NOTHING).ids


def test_a_clock_beyond_every_limit() -> None:
    seen = outcome(lab("clock-skew", lab=NO_REDIRECT))
    assert re.search(r"2[01] min .* ahead of|19 min .* ahead of", finding(seen, "clock-skew"))
    assert "the cause is clock-skew" in finding(seen, "ntlm-clock-skew")
    # It was accepted all the same, and the clock of the capture may be a third one.
    assert severity(seen, "clock-skew") == "warning"
    assert severity(outcome(lab("clock-skew", "credentials-refused", lab=NO_REDIRECT)), "clock-skew") == "error"


@pytest.mark.parametrize("hours", [-8, 1, 5.5])
def test_a_log_in_local_time_of_unknown_zone_shows_no_skew(hours: float) -> None:
    records = [_later(record, timedelta(hours=hours)) for record in session()]
    assert "clock-skew" in outcome(records).ids
    analysis = Analysis(records, GIVEN, local_times={"session.pcap"})
    list(analysis.associations())
    assert [found.id for found in analysis.findings] == []


def test_times_that_are_not_known_are_not_compared() -> None:
    assert outcome([replace(record, time=None) for record in session()]).serious == []


def _later(record: Record, by: timedelta) -> Record:
    assert record.time is not None
    return replace(record, time=record.time + by)


# --- flow


@pytest.mark.parametrize(
    ("kept", "stopped"),
    [
        (3, "the client asked for the server's token, and none came"),
        (4, "the server sent its token, and the client did not answer it"),
        (5, "the client sent its last token, and no answer came"),
    ],
)
def test_where_a_handshake_stopped(kept: int, stopped: str) -> None:
    # Something much later, so that the silence is the server's and not the end of the capture.
    later = [_later(record, timedelta(minutes=5)) for record in lab(user="nina", lab=NO_REDIRECT)]
    seen = outcome([*session()[:kept], *later])
    stuck = next(a for a in seen.associations if a.user == "sip:ned@litwareinc.com")
    assert (stuck.state, stuck.stopped_at) == (State.INCOMPLETE, stopped)
    assert severity(seen, "handshake-incomplete") == "error"
    assert stopped in finding(seen, "handshake-incomplete")


def test_a_capture_that_ends_in_the_handshake_is_only_warned_of() -> None:
    seen = outcome(session()[:5])
    assert severity(seen, "handshake-incomplete") == "warning"
    assert "the input ends there" in finding(seen, "handshake-incomplete")


@pytest.mark.parametrize("kept", [1, 2, 3, 5])
def test_nothing_is_concluded_from_the_end_of_an_input_that_was_not_read_to_its_end(kept: int) -> None:
    """Not where another input goes on, either; but what the input shows before its end is concluded."""
    cut = [*session()[:kept], Notice("reader-failed", "tshark was ended by signal 9.", "session.pcap")]
    later = [replace(_later(r, timedelta(minutes=5)), input="2.pcap") for r in lab(user="nina", lab=NO_REDIRECT)]
    assert outcome(cut).ids == []
    assert "handshake-incomplete" not in outcome([*cut, *later]).ids
    assert severity(outcome([*cut, *(replace(r, input="session.pcap") for r in later)]), "handshake-incomplete")


def test_a_client_that_does_not_answer_the_first_challenge() -> None:
    seen = outcome(session()[:2])
    assert seen.associations == []
    assert seen.ids == ["handshake-incomplete"]


def test_a_version_4_handshake_whose_last_request_is_unsigned() -> None:
    records = session()
    raw = re.sub(rb', crand="[^"]*", cnum="[^"]*", response="[^"]*"', b"", records[4].raw)
    seen = outcome(put(records, replace(records[4], raw=raw)))
    assert seen.verdicts[5] is Verdict.MISSING
    assert "version 4" in finding(seen, "signature-missing")


def test_a_removed_signature_of_an_answer() -> None:
    records = session()
    raw = re.sub(rb"\r\nAuthentication-Info: [^\r]*", b"", records[9].raw)
    seen = outcome(put(records, replace(records[9], raw=raw)))
    assert seen.verdicts[10] is Verdict.MISSING
    assert {verdict for place, verdict in seen.verdicts.items() if place != 10} == {Verdict.VALID}
    assert "signature-missing" in seen.ids


def test_a_lost_message_is_a_gap_and_a_repeated_one_a_replay() -> None:
    records = session()
    seen = outcome([record for record in records if record.place != 9])
    assert "number 3 came where 2 was due" not in finding(seen, "num-gap")
    assert "client number 4 came where 3 was due" in finding(seen, "num-gap")
    again = replace(records[8], place=99, time=records[-1].time)
    seen = outcome([*records[:10], again, *records[10:]])
    assert severity(seen, "num-replayed") == "error"
    assert "client number 3" in finding(seen, "num-replayed")


@pytest.mark.parametrize("secrets", [GIVEN, NOTHING])
def test_the_number_of_a_wrong_signature_is_no_gap(secrets: Secrets) -> None:
    records = session(extended=False)
    seen = outcome(changed(records, 9, b"To: <sip:ned@", b"To: <sip:nad@"), secrets)
    assert "signature-invalid" in seen.ids
    assert "num-gap" not in seen.ids
    first = changed(records, 5, b"To: <sip:ned@", b"To: <sip:nad@")
    assert "num-not-from-one" not in outcome(first, secrets).ids


def without_session_security(records: list[Record], *, bits: int = 0x80000) -> list[Record]:
    """The CHALLENGE without this flag, which is the 20th byte and those after it, [MS-NLMP] 2.2.1.2."""
    token = re.findall(rb'gssapi-data="([^"]+)"', records[3].raw)[0]
    data = bytearray(base64.b64decode(token))
    flags = int.from_bytes(data[20:24], "little") & ~bits
    data[20:24] = flags.to_bytes(4, "little")
    return put(records, replace(records[3], raw=records[3].raw.replace(token, base64.b64encode(bytes(data)))))


@pytest.mark.parametrize(
    ("bits", "expected", "words"),
    [
        (0x80000, "ntlm-session-security-missing", "lacks extended session security"),
        (0x20000000, "ntlm-key-strength-mismatch", "56 bits"),
    ],
)
def test_a_client_that_stops_at_a_weak_challenge_is_no_fault_of_the_network(
    bits: int, expected: str, words: str
) -> None:
    records = without_session_security(session(), bits=bits)
    again = replace(records[0], place=50, time=records[3].time)
    assert outcome(records[:4]).ids == [expected]
    assert severity(outcome(records[:4]), expected) == "warning"  # the answer may come after the end of the input
    seen = outcome([*records[:4], again])
    assert (severity(seen, expected), "handshake-incomplete" in seen.ids) == ("error", False)
    assert words in finding(seen, expected)
    assert expected not in outcome([*session()[:4], again]).ids


def test_a_client_that_goes_on_counting_does_not_lack_its_beginning() -> None:
    first, second = session(), lab(lab=NO_REDIRECT, options={"refreshes": 1})
    epid, other = (re.findall(rb"epid=\w+", records[0].raw)[0] for records in (first, second))
    instance, another = (re.findall(rb"urn:uuid:[\w-]+", records[0].raw)[0] for records in (first, second))

    def counted(record: Record, before: int) -> Record:
        number = re.sub(rb'cnum="(\d+)"', lambda found: b'cnum="%d"' % (int(found[1]) + before), record.raw)
        raw = number.replace(other, epid).replace(another, instance)
        return replace(record, raw=raw, time=first[-1].time, place=record.place + 100)

    def seen(before: int) -> Outcome:
        return outcome([*first, *(counted(record, before) for record in second)], NOTHING)

    last = max(int(n) for record in first for n in re.findall(rb'cnum="(\d+)"', record.raw))
    # The times of the second session are set back, so that its Date headers can seem to be ahead.
    assert set(seen(last).ids) <= {"clock-skew"}
    assert set(seen(0).ids) <= {"clock-skew"}
    assert "num-not-from-one" in seen(100).ids
    assert "num-not-from-one" in outcome([counted(record, last) for record in second], NOTHING).ids


def test_a_datagram_that_is_sent_again_is_no_replay() -> None:
    records = [replace(record, transport="udp") for record in session()]
    twice = [one for record in records for one in (record, record)]
    seen = outcome(twice)
    assert seen.serious == []
    assert len(seen.associations) == 1


@pytest.mark.parametrize(
    ("place", "old", "new", "expected"),
    [
        (5, rb'opaque="\w', b'opaque="Z', "opaque-changed"),
        (9, rb'opaque="\w', b'opaque="Z', "opaque-changed"),
        (9, rb";epid=\w", b";epid=Z", "epid-changed"),
        (5, rb"Call-ID: \w", b"Call-ID: Z", "call-id-changed"),
        (9, rb"CSeq: \d", b"CSeq: 1", "cseq-not-increased"),
    ],
)
def test_what_must_stay_or_grow(place: int, old: bytes, new: bytes, expected: str) -> None:
    records = session()
    raw, count = re.subn(old, new, records[place - 1].raw, count=1)
    assert count == 1
    seen = outcome(put(records, replace(records[place - 1], raw=raw)))
    assert expected in seen.ids
    assert len(seen.associations) == 1


def test_a_signed_request_that_is_challenged_again() -> None:
    records = session()
    challenge = records[1].raw
    cseq = re.search(rb"CSeq: [^\r]*", records[10].raw)
    assert cseq is not None
    expired = replace(records[11], raw=re.sub(rb"CSeq: [^\r]*", cseq[0], challenge))
    seen = outcome([*records[:11], expired])
    assert "association-expired" in seen.ids


def test_several_proxies_on_the_path_have_an_association_each() -> None:
    """A request signed for two servers: each header is found, and checked with its own key."""
    records = session(redirect=True)
    home = records[12]
    proxy_header = re.search(rb"\r\nAuthorization: [^\r]*", records[4].raw)
    assert proxy_header is not None
    raw = home.raw.replace(b"\r\nAuthorization:", proxy_header[0] + b"\r\nAuthorization:", 1)
    seen = outcome(put(records, replace(home, raw=raw)))
    verdicts = {(a.targetname, s.frame): s.verdict for a in seen.associations for s in a.signatures if s.frame == 13}
    assert verdicts[("hs2.litwareinc.com", 13)] is Verdict.VALID
    assert ("hs1.litwareinc.com", 13) in verdicts


def test_the_server_sees_another_address() -> None:
    records = session()
    via = re.search(rb"\r\nVia: [^\r;]*", records[5].raw)
    assert via is not None
    seen = outcome(changed(records, 6, via[0], via[0] + b";received=198.51.100.9"))
    assert "198.51.100.9" in finding(seen, "nat-detected")


def test_windows_xp_home() -> None:
    records = session()
    raw = re.sub(rb"\r\nUser-Agent: [^\r]*", b"", records[2].raw)
    raw = raw.replace(b"\r\nCSeq:", b"\r\nUser-Agent: UCCAPI/2.0 OC/2.0 (Windows XP Home Edition)\r\nCSeq:")
    assert "client-xp-home" in outcome(put(records, replace(records[2], raw=raw))).ids


def test_a_session_without_extended_session_security_can_be_forged() -> None:
    seen = outcome(session(extended=False), NOTHING)
    assert severity(seen, "ntlm-forgeable-signatures") == "warning"


def test_the_recorded_session_of_communicator_2007_r2() -> None:
    seen = outcome(recorded_session.RECORDS, recorded_session.GIVEN)
    (association,) = seen.associations
    assert (association.user, association.client) == ("sip:user@cosmo.local", "192.168.172.6:12723")
    assert (association.opaque, association.epid, association.version) == ("2BDBAC9D", "c8ca638a15", 4)
    assert association.state is State.ESTABLISHED
    assert [s.verdict for s in association.signatures] == [Verdict.VALID, Verdict.VALID]
    assert seen.serious == []


def test_a_server_address_of_version_6_is_written_in_brackets() -> None:
    ends = {"source": Address("2001:db8::1", 5061), "destination": Address("2001:db8::2", 40000)}
    (association,) = outcome([replace(session()[5], **ends)], NOTHING).associations  # type: ignore[arg-type]
    assert (association.server, association.client) == ("[2001:db8::1]:5061", "[2001:db8::2]:40000")


def test_no_secret_is_in_any_output() -> None:
    seen = outcome(session(), Secrets(password_secrets(PASSWORD)))
    text = (
        repr(seen.associations)
        + repr(seen.findings)
        + repr(GIVEN)
        + repr([list(a.signatures) for a in seen.associations])
    )
    assert PASSWORD not in text
    token = re.search(rb'gssapi-data="(TlRMTVNTUAAD[^"]*)"', session()[4].raw)
    assert token is not None
    assert token[1].decode() not in text


def test_tls_that_cannot_be_read_is_a_warning_only_where_nothing_else_can() -> None:
    records = session()
    unread = Notice("undecrypted-tls", "There is TLS to port 443, and nothing of it can be read.", records[0].input)
    assert severity(outcome([unread]), "tls-not-decrypted") == "warning"
    assert severity(outcome([*records, unread]), "tls-not-decrypted") == "info"
    assert severity(outcome([*records, replace(unread, input="other.pcap")]), "tls-not-decrypted") == "warning"


def test_findings_say_whom_they_are_about() -> None:
    records = lab("bad-rspauth", lab=NO_REDIRECT)
    opaques = {one.opaque for one in outcome(records).associations}
    found = next(one for one in outcome(records).findings if one.id == "signature-invalid")
    assert (found.user, found.server) == ("sip:ned@litwareinc.com", "hs1.litwareinc.com")
    assert {found.association} == opaques
