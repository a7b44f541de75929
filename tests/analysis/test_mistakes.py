"""For each mistake a client (or server) that makes it, and an analysis that names it.

The wrong signatures are made by `independent`, which shares no code with the package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from sipauthctl.analysis.words import Sender
from sipauthctl.association.verdict import Verdict
from sipauthctl.capture.record import Record
from tests.analysis import independent
from tests.analysis.independent import Keys, joined, resigned, sealing_key, signature, string_fields, value
from tests.analysis.sessions import GIVEN, NOTHING, PASSWORD, outcome, put, session

REFRESH = 9  # the second refresh: cnum 3
ANSWER = 10
INDEX = {
    "scheme": 0,
    "rand": 1,
    "num": 2,
    "realm": 3,
    "targetname": 4,
    "Call-ID": 5,
    "CSeq number": 6,
    "CSeq method": 7,
    "From URI": 8,
    "From tag": 9,
    "To URI": 10,
    "To tag": 11,
    "identity SIP URI": 12,
    "identity tel URI": 13,
    "Expires": 14,
    "status code": 15,
}


def keys_of(records: list[Record], password: str = PASSWORD) -> Keys:
    challenge, authenticate = independent.tokens(records)
    return independent.keys(challenge, authenticate, password)


def who(record: Record) -> str:
    return "server" if record.raw.startswith(b"SIP/2.0") else "client"


def test_the_independent_signature_is_the_right_one() -> None:
    for extended in (True, False):
        records = session(extended=extended)
        keys = keys_of(records)
        for record in records[4:]:
            text = joined(string_fields(record.raw, who(record)))
            made = signature(keys, who(record), text)
            stands = bytes.fromhex(independent.value(record.raw, rb'(?:response|rspauth)="(\w+)"').decode())
            assert made[8:] == stands[8:]


Change = Callable[[list[bytes], bytes], list[bytes]]


def field(name: str, change: Callable[[bytes], bytes]) -> Change:
    def changed(fields: list[bytes], raw: bytes) -> list[bytes]:
        return [change(value) if index == INDEX[name] else value for index, value in enumerate(fields)]

    return changed


def both(*changes: Change) -> Change:
    def changed(fields: list[bytes], raw: bytes) -> list[bytes]:
        for change in changes:
            fields = change(fields, raw)
        return fields

    return changed


def without_sip(value: bytes) -> bytes:
    return value.removeprefix(b"sip:")


def bracketed(value: bytes) -> bytes:
    return b"<" + value + b">"


def quoted(value: bytes) -> bytes:
    return b'"' + value + b'"'


def constant(value: bytes) -> Callable[[bytes], bytes]:
    return lambda _: value


def from_parameters(fields: list[bytes], raw: bytes) -> list[bytes]:
    epid = independent.value(raw, rb"\r\nFrom: [^\r]*(;tag=[^\r]*)")
    return [value + epid if index == INDEX["From URI"] else value for index, value in enumerate(fields)]


def from_header(fields: list[bytes], raw: bytes) -> list[bytes]:
    header = independent.value(raw, rb"\r\nFrom: ([^\r]*)")
    return [header if index == INDEX["From URI"] else value for index, value in enumerate(fields)]


def version_2(fields: list[bytes], raw: bytes) -> list[bytes]:
    return [value for index, value in enumerate(fields) if index not in (10, 12, 13)]


def filled(fields: list[bytes], raw: bytes) -> list[bytes]:
    return [value for value in fields if value]


def longer(fields: list[bytes], raw: bytes) -> list[bytes]:
    return [*fields, b"200"]


def exchanged(fields: list[bytes], raw: bytes) -> list[bytes]:
    order = [*range(8), 10, 11, 8, 9, *range(12, len(fields))]
    return [fields[index] for index in order]


def _from_tag(fields: list[bytes], raw: bytes, pattern: bytes) -> list[bytes]:
    return field("From tag", constant(value(raw, rb"\r\nFrom: [^\r]*?" + pattern)))(fields, raw)


REQUEST_STRINGS: list[tuple[str, str, Change]] = [
    ("string-of-another-version", "version 2", version_2),
    ("uri-without-scheme", "From URI", field("From URI", without_sip)),
    ("uri-without-scheme", "To URI", field("To URI", without_sip)),
    ("uri-without-scheme", "From URI and To URI", both(field("From URI", without_sip), field("To URI", without_sip))),
    ("uri-with-brackets", "From URI", field("From URI", bracketed)),
    ("uri-with-brackets", "To URI", both(field("From URI", bracketed), field("To URI", bracketed))),
    ("uri-with-parameters", "header parameters", from_parameters),
    ("uri-with-parameters", "whole header value", from_header),
    ("quotes-kept", "realm", field("realm", quoted)),
    ("quotes-kept", "targetname", field("targetname", quoted)),
    ("quotes-kept", "realm", both(field("realm", quoted), field("targetname", quoted))),
    ("quotes-kept", "num", both(*(field(name, quoted) for name in ("realm", "targetname", "rand", "num")))),
    ("to-tag", "From tag", lambda fields, raw: [*fields[:11], fields[9], *fields[12:]]),
    ("from-tag", "the From tag was left out", field("From tag", constant(b""))),
    ("from-tag", "blanks around", field("From tag", lambda tag: tag + b" ")),
    ("from-tag", "with the parameters behind it", lambda fields, raw: _from_tag(fields, raw, rb";tag=([^\r]*)")),
    ("from-tag", "the epid was signed in the place of", lambda fields, raw: _from_tag(fields, raw, rb"epid=(\w+)")),
    ("from-tag", "with its name", field("From tag", lambda tag: b"tag=" + tag)),
    ("from-tag", "with quotes", field("From tag", quoted)),
    ("display-name", "display name", field("From URI", constant(b"e"))),
    ("field-left-out", "Call-ID", field("Call-ID", constant(b""))),
    ("blank-kept", "realm was signed with a blank after", field("realm", lambda realm: realm + b" ")),
    ("leading-zeros", "CSeq number", field("CSeq number", lambda number: number.lstrip(b"0"))),
    ("targetname-form", "host in upper", field("targetname", lambda name: name.replace(b"hs1", b"HS1"))),
    ("targetname-form", "host alone", field("targetname", lambda name: name.partition(b".")[0])),
    ("expires", "although", field("Expires", constant(b"7200"))),
    ("expires", "left out", field("Expires", constant(b""))),
    ("identity", "although", field("identity SIP URI", constant(b"sip:ned@litwareinc.com"))),
    ("status-code", "in a request", longer),
    ("status-code", "in a request", lambda fields, raw: [*fields, b""]),
    ("empty-fields-left-out", "left out", filled),
    ("other-case", "realm", field("realm", bytes.lower)),
    ("other-case", "targetname", field("targetname", bytes.upper)),
    ("other-case", "From URI", field("From URI", bytes.lower)),
    ("other-case", "URIs", both(field("From URI", bytes.lower), field("To URI", bytes.lower))),
    ("other-case", "scheme", field("scheme", bytes.lower)),
    ("other-case", "scheme", field("scheme", bytes.capitalize)),
    ("other-case", "rand", field("rand", bytes.upper)),
    ("other-case", "method", field("CSeq method", bytes.lower)),
    ("from-and-to-exchanged", "exchanged", exchanged),
    ("number-off-by-one", "number 2", field("num", constant(b"2"))),
    ("targetname-form", "sip/", field("targetname", lambda value: b"sip/" + value)),
    ("changed-on-the-way", "CSeq number", field("CSeq number", lambda value: b"%d" % (int(value) - 1))),
]


def prepared(sentence: str, mistake: str, record: Record) -> Record:
    """The message that is signed wrongly, with the header that the mistake is about put in or taken out."""
    raw = record.raw
    if mistake == "expires" and sentence == "although":
        raw = raw.replace(b"\r\nExpires: 7200", b"")
    if mistake == "other-case" and sentence == "rand":
        raw = raw.replace(b'crand="', b'crand="ab')
    if mistake == "expires" and sentence == "left out":
        raw = raw.replace(b"\r\nContact:", b"\r\nExpires: 7200\r\nContact:")
    if mistake == "other-case" and "URI" in sentence:
        raw = raw.replace(b"<sip:ned@", b"<sip:Ned@")
    if sentence == "blanks around":
        raw = raw.replace(b";epid=", b" ;epid=", 1)
    if mistake == "display-name":
        raw = raw.replace(b"\r\nFrom: <", b'\r\nFrom: "Ned <e> Flint" <')
    if mistake == "leading-zeros":
        raw = raw.replace(b"CSeq: ", b"CSeq: 0")
    if sentence == "whole header value":
        raw = raw.replace(b"\r\nFrom: <", b'\r\nFrom: "Ned Flint" <')
    return replace(record, raw=raw)


@pytest.mark.parametrize("extended", [True, False], ids=["ess", "no-ess"])
@pytest.mark.parametrize(("mistake", "sentence", "change"), REQUEST_STRINGS)
def test_a_request_that_signs_the_wrong_string(mistake: str, sentence: str, change: Change, extended: bool) -> None:
    records = session(extended=extended)
    record = prepared(sentence, mistake, records[REFRESH - 1])
    right = string_fields(record.raw, "client")
    wrong = joined(change(right, record.raw))
    assert wrong != joined(right)
    made = signature(keys_of(records), "client", wrong)
    seen = outcome(put(records, resigned(record, made)))
    assert {place for place, verdict in seen.verdicts.items() if verdict is Verdict.INVALID} == {REFRESH}
    (explained,) = seen.associations[0].explained
    assert (explained.mistake, explained.sender, explained.num) == (mistake, Sender.CLIENT, 3)
    assert sentence in explained.sentence
    assert explained.signed == wrong.decode()
    assert explained.expected == joined(right).decode()
    assert explained.difference.startswith(f"at byte {_first(wrong, joined(right))}: signed ")
    assert "signature-invalid" in seen.ids


def _first(left: bytes, right: bytes) -> int:
    position = 0
    while position < min(len(left), len(right)) and left[position] == right[position]:
        position += 1
    return position + 1


@pytest.mark.parametrize(("mistake", "sentence", "change"), REQUEST_STRINGS)
def test_the_same_is_named_without_a_secret(mistake: str, sentence: str, change: Change) -> None:
    records = session(extended=False)
    record = prepared(sentence, mistake, records[REFRESH - 1])
    wrong = joined(change(string_fields(record.raw, "client"), record.raw))
    made = signature(keys_of(records), "client", wrong)
    seen = outcome(put(records, resigned(record, made)), NOTHING)
    assert {place for place, verdict in seen.verdicts.items() if verdict is Verdict.INCONSISTENT} == {REFRESH}
    assert {seen.verdicts[place] for place in seen.verdicts if place != REFRESH} == {Verdict.CONSISTENT}
    assert seen.mistakes == [mistake]
    assert sentence in seen.sentences[0]


RESPONSE_STRINGS: list[tuple[str, str, Change]] = [
    ("status-code", "left out", lambda fields, raw: fields[:-1]),
    ("status-code", "empty", field("status code", constant(b""))),
    ("status-code", "with its reason", field("status code", constant(b"200 OK"))),
    ("to-tag", "left out", field("To tag", constant(b""))),
    ("expires", "left out", field("Expires", constant(b""))),
    ("string-of-another-version", "version 2", version_2),
]


@pytest.mark.parametrize(("mistake", "sentence", "change"), RESPONSE_STRINGS)
def test_an_answer_that_signs_the_wrong_string(mistake: str, sentence: str, change: Change) -> None:
    records = session()
    record = records[ANSWER - 1]
    wrong = joined(change(string_fields(record.raw, "server"), record.raw))
    seen = outcome(put(records, resigned(record, signature(keys_of(records), "server", wrong))))
    assert {place for place, verdict in seen.verdicts.items() if verdict is Verdict.INVALID} == {ANSWER}
    assert seen.mistakes == [mistake]
    assert sentence in seen.sentences[0]


IDENTITY = b'\r\nP-Asserted-Identity: "Ned" <sip:ned.flint@litwareinc.com>, <tel:+15555550123>'
PREFERRED = b"\r\nP-Preferred-Identity: <sip:other@litwareinc.com>"
IDENTITY_STRINGS: list[tuple[str, Change]] = [
    ("left out", both(field("identity SIP URI", constant(b"")), field("identity tel URI", constant(b"")))),
    ("tel URI of P-Asserted-Identity was left out", field("identity tel URI", constant(b""))),
    (
        "P-Preferred-Identity was signed",
        both(
            field("identity SIP URI", constant(b"sip:other@litwareinc.com")), field("identity tel URI", constant(b""))
        ),
    ),
]


@pytest.mark.parametrize(("sentence", "change"), IDENTITY_STRINGS)
def test_an_identity_that_is_signed_wrongly(sentence: str, change: Change) -> None:
    records = session()
    record = records[REFRESH - 1]
    record = replace(record, raw=record.raw.replace(b"\r\nContact:", IDENTITY + PREFERRED + b"\r\nContact:"))
    wrong = joined(change(string_fields(record.raw, "client"), record.raw))
    seen = outcome(put(records, resigned(record, signature(keys_of(records), "client", wrong))))
    assert seen.mistakes == ["identity"]
    assert sentence in seen.sentences[0]


Sign = Callable[[Keys, bytes, int], bytes]

KEY_MISTAKES: list[tuple[str, bool, Sign]] = [
    ("other-direction-key", True, lambda keys, text, num: signature(keys, "server", text)),
    ("sequence-number-zero", True, lambda keys, text, num: signature(keys, "client", text, sequence=0)),
    ("sequence-number-zero", False, lambda keys, text, num: signature(keys, "client", text, sequence=0)),
    ("sequence-number-one", True, lambda keys, text, num: signature(keys, "client", text, sequence=1)),
    ("sequence-number-one", False, lambda keys, text, num: signature(keys, "client", text, sequence=1)),
    ("sequence-number-counting", True, lambda keys, text, num: signature(keys, "client", text, sequence=num)),
    ("sequence-number-counting", False, lambda keys, text, num: signature(keys, "client", text, sequence=num)),
    ("cipher-not-rekeyed", True, lambda keys, text, num: signature(keys, "client", text, skip=8 * (num - 1))),
    (
        "cipher-not-rekeyed",
        True,
        lambda keys, text, num: signature(
            keys, "client", text, skip=8 * (num - 1), cipher_key=sealing_key(keys, "client")
        ),
    ),
    ("cipher-not-rekeyed", False, lambda keys, text, num: signature(keys, "client", text, skip=12 * (num - 1))),
    (
        "cipher-key-without-sequence-number",
        True,
        lambda keys, text, num: signature(keys, "client", text, cipher_key=sealing_key(keys, "client")),
    ),
    ("checksum-not-encrypted", True, lambda keys, text, num: signature(keys, "client", text, encrypt=False)),
    ("checksum-not-encrypted", False, lambda keys, text, num: signature(keys, "client", text, encrypt=False)),
    ("no-key-exchange", True, lambda keys, text, num: signature(keys, "client", text, session=keys.base)),
    (
        "no-key-exchange",
        True,
        lambda keys, text, num: signature(keys, "client", text, session=keys.base, encrypt=False),
    ),
    ("no-key-exchange", False, lambda keys, text, num: signature(keys, "client", text, session=keys.base)),
    ("key-left-encrypted", True, lambda keys, text, num: signature(keys, "client", text, session=keys.encrypted)),
]


@pytest.mark.parametrize(("mistake", "extended", "sign"), KEY_MISTAKES)
def test_the_wrong_key_or_algorithm(mistake: str, extended: bool, sign: Sign) -> None:
    records = session(extended=extended)
    record = records[REFRESH - 1]
    text = joined(string_fields(record.raw, "client"))
    seen = outcome(put(records, resigned(record, sign(keys_of(records), text, 3))))
    assert {place for place, verdict in seen.verdicts.items() if verdict is Verdict.INVALID} == {REFRESH}
    (explained,) = seen.associations[0].explained
    assert explained.mistake == mistake
    assert explained.signed == explained.expected == text.decode()
    assert explained.difference == ""


def test_a_sequence_number_other_than_100_shows_without_a_secret() -> None:
    records = session(extended=False)
    record = records[REFRESH - 1]
    text = joined(string_fields(record.raw, "client"))
    made = signature(keys_of(records), "client", text, sequence=0)
    seen = outcome(put(records, resigned(record, made)), NOTHING)
    assert seen.mistakes == ["sequence-number-zero"]
    records = session(extended=True)
    record = records[REFRESH - 1]
    made = signature(keys_of(records), "client", text, sequence=7)
    seen = outcome(put(records, resigned(record, made)), NOTHING)
    assert seen.verdicts[REFRESH] is Verdict.INVALID
    assert "sequence number 7 instead of 100" in next(s.detail for s in seen.signatures if s.frame == REFRESH)


def test_the_key_of_the_lm_response() -> None:
    """The recorded session of Communicator 2007 R2 has an LMv2 response, as the lab's client has not."""
    from tests.analysis.recorded_session import GIVEN as RECORDED
    from tests.analysis.recorded_session import KEYS, RECORDS

    record = RECORDS[1]
    text = joined(string_fields(record.raw, "client"))
    for key in (KEYS.lm_base, independent.rc4(KEYS.lm_base, KEYS.encrypted)):
        made = signature(KEYS, "client", text, session=key)
        seen = outcome(put(RECORDS, resigned(record, made)), RECORDED)
        assert seen.mistakes == ["lm-key"]


@pytest.mark.parametrize(("mistake", "sentence", "change"), REQUEST_STRINGS)
def test_a_client_that_is_refused_for_it(mistake: str, sentence: str, change: Change) -> None:
    """The mistake is in the first message that the client signs, the one with its token: there is no right one."""
    records = session()
    own = prepared(sentence, mistake, records[4])
    wrong = joined(change(string_fields(own.raw, "client"), own.raw))
    refused = replace(records[5], raw=records[1].raw.replace(b"CSeq: 1 ", b"CSeq: 3 "))
    seen = outcome([*records[:4], resigned(own, signature(keys_of(records), "client", wrong)), refused])
    assert seen.mistakes == [mistake]
    assert sentence in seen.sentences[0]
    assert seen.serious == ["signature-invalid"]


@pytest.mark.parametrize("place", [5, REFRESH])
def test_a_to_tag_that_the_client_has_from_the_last_answer(place: int) -> None:
    records = session()
    tag = independent.value(records[place - 2].raw, rb"\r\nTo: [^\r]*;tag=(\w+)")
    assert tag
    record = records[place - 1]
    wrong = joined(field("To tag", constant(tag))(string_fields(record.raw, "client"), record.raw))
    seen = outcome(put(records, resigned(record, signature(keys_of(records), "client", wrong))))
    assert seen.mistakes == ["to-tag"]
    assert seen.sentences == ["a To tag was signed that the message does not have"]


@pytest.mark.parametrize("version", [2, 3])
def test_a_client_that_signs_the_string_of_a_newer_or_older_version(version: int) -> None:
    """Version 2 was spoken and that of 3 signed, or the reverse."""
    records = session(version)
    record = records[REFRESH - 1]
    wrong = joined(string_fields(record.raw, "client", 2 if version == 3 else 4))
    seen = outcome(put(records, resigned(record, signature(keys_of(records), "client", wrong))))
    assert seen.mistakes == ["string-of-another-version"]
    assert f"protocol version {2 if version == 3 else 4}" in seen.sentences[0]


def test_a_string_mistake_and_a_key_mistake_together() -> None:
    records = session()
    record = records[REFRESH - 1]
    wrong = joined(field("From URI", without_sip)(string_fields(record.raw, "client"), record.raw))
    seen = outcome(put(records, resigned(record, signature(keys_of(records), "client", wrong, sequence=0))))
    assert seen.mistakes == ["uri-without-scheme sequence-number-zero"]


@pytest.mark.parametrize("ending", [b"\0", b"\r\n", b"\n"])
def test_something_signed_after_the_string(ending: bytes) -> None:
    records = session()
    record = records[REFRESH - 1]
    wrong = joined(string_fields(record.raw, "client")) + ending
    seen = outcome(put(records, resigned(record, signature(keys_of(records), "client", wrong))))
    assert seen.mistakes == ["string-end"]


def test_a_client_that_is_always_wrong_is_named_without_a_secret() -> None:
    """There is no right signature of the client to compare with, but those of the server are right."""
    records = session(extended=False)
    keys = keys_of(records)
    for record in records[4::2]:
        wrong = joined(field("From URI", without_sip)(string_fields(record.raw, "client"), record.raw))
        records = put(records, resigned(record, signature(keys, "client", wrong)))
    seen = outcome(records, NOTHING)
    client = {s.verdict for s in seen.signatures if s.sender is Sender.CLIENT}
    server = {s.verdict for s in seen.signatures if s.sender is Sender.SERVER}
    assert (client, server) == ({Verdict.INCONSISTENT}, {Verdict.CONSISTENT})
    assert set(seen.mistakes) == {"uri-without-scheme"}


def test_it_is_named_even_where_only_the_client_was_recorded() -> None:
    records = session(extended=False)
    keys = keys_of(records)
    wrong_ones = []
    for record in records[6::2]:
        wrong = joined(field("From URI", without_sip)(string_fields(record.raw, "client"), record.raw))
        wrong_ones.append(resigned(record, signature(keys, "client", wrong)))
    seen = outcome(wrong_ones, NOTHING)
    assert {s.verdict for s in seen.signatures} == {Verdict.INCONSISTENT}
    assert set(seen.mistakes) == {"uri-without-scheme"}


def test_a_mistake_that_cancels_out_between_the_messages_of_one_side() -> None:
    """CRC32 is linear: text that is changed alike in all, at the same length, leaves their relation as it is."""
    records = session(3, extended=False)
    keys = keys_of(records)
    for record in records[6::2]:
        wrong = joined(field("From URI", bytes.upper)(string_fields(record.raw, "client"), record.raw))
        records = put(records, resigned(record, signature(keys, "client", wrong)))
    seen = outcome(records, NOTHING)
    client = {s.verdict for s in seen.signatures if s.sender is Sender.CLIENT}
    server = {s.verdict for s in seen.signatures if s.sender is Sender.SERVER}
    assert (client, server) == ({Verdict.INCONSISTENT}, {Verdict.CONSISTENT})
    assert "other-case" in seen.mistakes


def test_a_signature_that_nothing_explains() -> None:
    records = session()
    record = resigned(records[REFRESH - 1], signature(keys_of(records), "client", b"something else"))
    seen = outcome(put(records, record))
    (explained,) = seen.associations[0].explained
    assert (explained.mistake, explained.signed) == (None, None)
    assert explained.expected == joined(string_fields(record.raw, "client")).decode()


def test_the_findings_show_both_strings_and_where_they_part() -> None:
    records = session()
    record = records[REFRESH - 1]
    wrong = joined(field("From URI", without_sip)(string_fields(record.raw, "client"), record.raw))
    seen = outcome(put(records, resigned(record, signature(keys_of(records), "client", wrong))), GIVEN)
    (found,) = [finding for finding in seen.findings if finding.id == "signature-invalid"]
    assert "without its scheme" in found.detail
    text = "\n".join(found.evidence)
    assert "session.pcap:9" in text
    assert wrong.decode() in text
    assert joined(string_fields(record.raw, "client")).decode() in text
    assert "first difference" in text
