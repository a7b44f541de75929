"""Which endpoint a request is of, and which identities a registrar refuses."""

from __future__ import annotations

import re

import pytest

from sipauthctl.association.endpoint import EndpointId, EndpointProblem, endpoint_problem, instance_of
from sipauthctl.sip.message import Request, parse_message
from tests.association.dialogue import register

EPID, INSTANCE = "01010101", "4b1682a8-f968-5701-83fc-7c6741dc6697"
"""The example of [MS-SIPRE] 3.2.2.2."""


def test_the_published_instance_of_an_epid() -> None:
    assert str(instance_of(EPID)) == INSTANCE


@pytest.mark.parametrize(
    ("epid", "instance", "problem"),
    [
        (EPID, INSTANCE, None),
        (EPID, INSTANCE.upper(), None),
        (EPID, None, None),  # clients before OCS 2007 have no instance
        ("a" * 16, None, None),
        ("a" * 17, None, EndpointProblem.TOO_LONG),
        (EPID, INSTANCE.replace("4b", "4c"), EndpointProblem.MISSING),
        ("02020202", INSTANCE, EndpointProblem.MISSING),
        (None, INSTANCE, EndpointProblem.NO_EPID),
        (None, None, EndpointProblem.MISSING),
    ],
)
def test_the_identity_of_an_endpoint(epid: str | None, instance: str | None, problem: EndpointProblem | None) -> None:
    from_ = "<sip:ned@litwareinc.com>;tag=1" + (f";epid={epid}" if epid else "")
    contact = "<sip:192.0.2.7:3721>" + (f';+sip.instance="<urn:uuid:{instance}>"' if instance else "")
    request = register()
    request = request.with_headers(request.headers.replace("From", from_).add("Contact", contact))
    assert endpoint_problem(request) is problem


def test_an_epid_that_is_no_text_belongs_to_no_instance() -> None:
    raw = register().to_bytes()
    epid = re.findall(rb"epid=\w+", raw)[0]
    contact = f'Contact: <sip:192.0.2.7>;+sip.instance="<urn:uuid:{INSTANCE}>"\r\nCSeq:'.encode()
    request = parse_message(raw.replace(epid, b"epid=\xff").replace(b"CSeq:", contact))
    assert isinstance(request, Request)
    assert endpoint_problem(request) is EndpointProblem.MISSING


def test_a_contact_of_all_has_no_instance() -> None:
    request = register()
    assert endpoint_problem(request.with_headers(request.headers.add("Contact", "*"))) is None


def test_the_address_is_compared_without_case_and_the_epid_with_it() -> None:
    request = register()
    other = request.with_headers(request.headers.replace("From", "<sip:NED@LitwareInc.com>;tag=2;epid=c8ca638a15"))
    assert EndpointId.of(other.from_) == EndpointId.of(request.from_)
    other = request.with_headers(request.headers.replace("From", "<sip:ned@litwareinc.com>;tag=2;epid=C8CA638A15"))
    assert EndpointId.of(other.from_) != EndpointId.of(request.from_)
