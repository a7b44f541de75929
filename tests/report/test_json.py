"""The JSON documents keep their promises."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
from typing import Any

import jsonschema
import pytest

from sipauthctl.diagnosis.ending import EndCause
from sipauthctl.probe.results import FirstReason, Outcome
from sipauthctl.report.json_output import dump, registration_document, schema
from tests.report.samples import HOSTILE, acting, registration
from tests.report.schemas import validate

OUTCOMES = list(Outcome)

# The promised keys, by where they stand.
KEYS: dict[str, set[str]] = {
    "": {"schema", "outcome", "user", "scheme", "hops", "findings"},
    "hops": {"server", "offers", "clock", "exchanges", "association", "signatures", "result"},
    "hops.server": {"host", "port", "transport"},
    "hops.offers": {"scheme", "realm", "targetname", "version"},
    "hops.clock": {"skew_seconds", "uncertainty_seconds"},
    "hops.exchanges": {"method", "cseq", "status", "reason", "elapsed_ms"},
    "hops.association": {"scheme", "realm", "targetname", "opaque", "established"},
    "hops.signatures": {"from", "num", "verdict", "detail"},
    "findings": {
        "id",
        "severity",
        "title",
        "detail",
        "evidence",
        "remedy",
        "reference",
        "user",
        "server",
        "association",
    },
}
EVERY_KEY = [(place, key) for place, keys in KEYS.items() for key in sorted(keys)]

LAB: dict[str, Any] = {
    "schema": "sipauthctl/lab/1",
    "sip_domain": "litwareinc.com",
    "nameserver": "127.0.0.1:5353",
    "ca_file": "/tmp/ca.pem",
    "servers": [
        {"role": "proxy", "host": "hs1.litwareinc.com", "address": "127.0.0.1", "port": 5061, "transport": "tls"},
        {"role": "home", "host": "hs2.litwareinc.com", "address": "127.0.0.1", "port": 5062, "transport": "tcp"},
    ],
    "accounts": [
        {
            "sip_uri": "sip:ned@litwareinc.com",
            "username": "ned",
            "domain": "LITWAREINC",
            "password": "x",
            "state": "enabled",
        }
    ],
    "krb5_config": None,
    "realm": "LITWAREINC.COM",
    "faults": ["clock-skew"],
}
LAB_KEYS = [
    *(("", key) for key in LAB),
    *(("servers", key) for key in ("role", "host", "address", "port", "transport")),
    *(("accounts", key) for key in ("sip_uri", "username", "domain", "password", "state")),
]


def written(outcome: Outcome, text: str = "text") -> str:
    stream = io.StringIO()
    dump(registration_document(registration(outcome, text)), stream)
    return stream.getvalue()


def objects(document: dict[str, Any], place: str) -> list[dict[str, Any]]:
    """The objects at a dotted place, through lists."""
    found: list[Any] = [document]
    for name in filter(None, place.split(".")):
        found = [value[name] for value in found if value is not None]
        found = [item for value in found for item in (value if isinstance(value, list) else [value])]
    return [value for value in found if value is not None]


@pytest.mark.parametrize("name", ["register", "lab"])
def test_the_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))
    assert schema(name)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_document_follows_its_schema(outcome: Outcome) -> None:
    document = json.loads(written(outcome))
    validate(document, "register")
    assert document["outcome"] == outcome.value
    assert document["schema"] == "sipauthctl/register/1"


def test_the_schema_names_every_reason_of_a_handshake() -> None:
    reasons = schema("register")["$defs"]["hop"]["properties"]["handshakes"]["items"]["properties"]["reason"]["enum"]
    # A live run has seen every association begin.
    assert set(reasons) == {*FirstReason, *EndCause} - {EndCause.UNSEEN}


def test_every_promised_key_is_there_and_the_schema_asks_for_it() -> None:
    text = written(Outcome.REGISTERED)
    for place, key in EVERY_KEY:
        document = json.loads(text)
        found = objects(document, place)
        assert found and all(key in item for item in found), (place, key)
        del found[0][key]
        with pytest.raises(jsonschema.ValidationError, match=f"'{key}' is a required property"):
            validate(document, "register")


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        ("", "outcome", "fine"),
        ("", "schema", "sipauthctl/register/2"),
        ("hops", "result", "fine"),
        ("hops.signatures", "verdict", "fine"),
        ("hops.signatures", "from", "proxy"),
        ("hops.server", "port", 0),
        ("hops.server", "transport", "udp"),
        ("findings", "severity", "fatal"),
        ("findings", "evidence", "text"),
    ],
)
def test_the_schema_refuses_a_value_that_was_not_promised(place: str, key: str, value: object) -> None:
    document = json.loads(written(Outcome.REGISTERED))
    objects(document, place)[0][key] = value
    with pytest.raises(jsonschema.ValidationError):
        validate(document, "register")


def test_values_are_those_of_the_result() -> None:
    hop = json.loads(written(Outcome.REGISTERED))["hops"][1]
    assert hop["server"] == {"host": "hs1.text", "port": 5061, "transport": "tls"}
    assert hop["clock"] == {"skew_seconds": -1234.568, "uncertainty_seconds": 1.01}
    assert hop["exchanges"][1] == {
        "method": "REGISTER",
        "cseq": 2,
        "status": None,
        "reason": None,
        "elapsed_ms": None,
    }
    assert hop["offers"][1]["scheme"] == "text"
    assert hop["association"]["established"] == "2026-11-23T14:59:35+00:00"
    expected = {"from": "server", "num": 1, "verdict": "valid", "detail": "text", "targetname": None}
    assert hop["signatures"][1] == expected
    assert hop["tls"]["version"] == "TLSv1.3"
    assert json.loads(written(Outcome.UNREACHABLE))["hops"][0]["tls"] is None


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_neither_acts_nor_breaks_the_document(name: str) -> None:
    for outcome in OUTCOMES:
        output = written(outcome, HOSTILE[name])
        assert not acting(output)
        assert output.isascii()
        document = json.loads(output)
        validate(document, "register")
        json.dumps(document, ensure_ascii=False).encode("utf-8")  # no lone surrogate, which strict readers refuse


def test_text_comes_back_as_it_was() -> None:
    text = '\x1b[1m \u202e Fr\u00fcst \u674e \U0001f600 "quoted" \\ \r\n'
    assert json.loads(written(Outcome.REJECTED, text))["findings"][0]["detail"] == text


def test_a_byte_that_is_not_utf_8_is_told() -> None:
    assert json.loads(written(Outcome.REJECTED, "a\udcffb"))["findings"][0]["detail"] == "a\\xffb"


def test_a_lab_document_follows_its_schema() -> None:
    validate(LAB, "lab")
    validate(LAB | {"krb5_config": "/tmp/krb5.conf"}, "lab")


@pytest.mark.parametrize(("place", "key"), LAB_KEYS)
def test_the_lab_schema_asks_for_every_promised_key(place: str, key: str) -> None:
    document = copy.deepcopy(LAB)
    del objects(document, place)[0][key]
    with pytest.raises(jsonschema.ValidationError):
        validate(document, "lab")


@pytest.mark.parametrize("nameserver", ["127.0.0.1", "", "127.0.0.1:x"])
def test_the_lab_schema_wants_the_name_server_with_its_port(nameserver: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate(LAB | {"nameserver": nameserver}, "lab")


def test_findings_say_whom_they_are_about() -> None:
    made = registration(Outcome.REJECTED)
    (hop,) = made.hops
    opaque = hop.association.opaque if hop.association is not None else None
    for hops, server, association in (((hop,), hop.server.host, opaque), ((hop, hop), None, None)):
        document = registration_document(dataclasses.replace(made, hops=hops))
        assert document["findings"]
        about = {(one["user"], one["server"], one["association"]) for one in document["findings"]}
        assert about == {(made.user, server, association)}
