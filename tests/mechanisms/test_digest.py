"""Digest against the examples of the RFCs and of draft-smith-sipping-auth-examples, which has SIP examples."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sipauthctl.mechanisms.digest import (
    DigestAlgorithm,
    DigestValues,
    request_digest,
    response_digest,
    same_digest,
)

RFC_2617 = DigestValues(
    DigestAlgorithm.MD5,
    "Mufasa",
    "testrealm@host.com",
    "dcd98b7102dd2f0e8b11d0f600bfb0c093",
    "/dir/index.html",
    "GET",
    "auth",
    "00000001",
    "0a4f113b",
)
RFC_7616 = DigestValues(
    DigestAlgorithm.MD5,
    "Mufasa",
    "http-auth@example.org",
    "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "/dir/index.html",
    "GET",
    "auth",
    "00000001",
    "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
)
SIP = DigestValues(
    DigestAlgorithm.MD5,
    "bob",
    "biloxi.com",
    "dcd98b7102dd2f0e8b11d0f600bfb0c093",
    "sip:bob@biloxi.com",
    "INVITE",
    "auth",
    "00000001",
    "0a4f113b",
)
SIP_BODY = (
    b"v=0\r\no=bob 2890844526 2890844526 IN IP4 media.biloxi.com\r\ns=-\r\nc=IN IP4 media.biloxi.com\r\nt=0 0\r\n"
    b"m=audio 49170 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\nm=video 51372 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\n"
    b"m=video 53000 RTP/AVP 32\r\na=rtpmap:32 MPV/90000\r\n"
)


def test_the_example_of_rfc_2617_3_5() -> None:
    assert request_digest(RFC_2617, "Circle Of Life") == "6629fae49393a05397450978507c4ef1"


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        (DigestAlgorithm.MD5, "8ca523f5e9506fed4657c9700eebdbec"),
        (DigestAlgorithm.SHA_256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616_3_9_1(algorithm: DigestAlgorithm, expected: str) -> None:
    assert request_digest(replace(RFC_7616, algorithm=algorithm), "Circle of Life") == expected


def test_sha_512_256_is_the_hash_of_fips_180_4() -> None:
    """The hash of `abc` in the examples of FIPS 180-4."""
    expected = "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"
    assert DigestAlgorithm.SHA_512_256.hash(b"abc") == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"qop": None, "nc": "", "cnonce": ""}, "bf57e4e0d0bffc0fbaedce64d59add5e"),  # 3.1: no algorithm, no qop
        ({}, "89eb0059246c02b2f6ee02c7961d5ea3"),  # 3.3
        ({"algorithm": DigestAlgorithm.MD5_SESS}, "e4e4ea61d186d07a92c9e1f6919902e9"),  # 3.4
        ({"qop": "auth-int", "body": SIP_BODY}, "bdbeebb2da6adb6bca02599c2239e192"),  # 3.5
        (
            {"algorithm": DigestAlgorithm.MD5_SESS, "qop": "auth-int", "body": SIP_BODY},
            "91984da2d8663716e91554859c22ca70",  # 3.6
        ),
    ],
)
def test_the_examples_for_sip(changes: dict[str, object], expected: str) -> None:
    assert DigestAlgorithm.MD5.hash(SIP_BODY) == "c1ed018b8ec4a3b170c0921f5b564e48"
    assert request_digest(replace(SIP, **changes), "zanzibar") == expected  # type: ignore[arg-type]


def test_a_server_answers_without_the_method() -> None:
    """RFC 7616 3.5: the A2 of rspauth begins with the colon, so it is the digest of a request without a method."""
    assert response_digest(SIP, "zanzibar") == request_digest(replace(SIP, method=""), "zanzibar")
    assert response_digest(SIP, "zanzibar") != request_digest(SIP, "zanzibar")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, DigestAlgorithm.MD5),
        ("md5-SESS", DigestAlgorithm.MD5_SESS),
        ("SHA-512-256", DigestAlgorithm.SHA_512_256),
        ("AKAv1-MD5", None),
    ],
)
def test_algorithms_are_known_in_any_case(text: str | None, expected: DigestAlgorithm | None) -> None:
    assert DigestAlgorithm.parse(text) is expected


def test_digests_are_compared_without_case() -> None:
    assert same_digest("ABCDEF", "abcdef")
    assert not same_digest("abcdef", "abcdee")
    assert not same_digest("abcdé\udc80", "abcdef")
