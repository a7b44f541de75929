"""Results and events made by hand, for the tests of what is shown of them."""

from __future__ import annotations

import io
import unicodedata
from datetime import UTC, datetime

from sipauthctl.association.clock import ClockReading
from sipauthctl.association.offers import Offer
from sipauthctl.association.verdict import Verdict
from sipauthctl.findings import Finding, Severity
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.network.evidence import Endpoint, TlsEvidence, Transport
from sipauthctl.probe.events import (
    Connected,
    Connecting,
    ConnectionLost,
    Discovered,
    Event,
    RequestSent,
    ResponseReceived,
)
from sipauthctl.probe.results import (
    AssociationSummary,
    Exchange,
    Hop,
    HopResult,
    Outcome,
    Registration,
    SignatureCheck,
)
from sipauthctl.sip.headers import Headers
from sipauthctl.sip.message import Request, Response

TIME = datetime(2026, 11, 23, 14, 59, 35, tzinfo=UTC)

HOSTILE = {
    "clear screen": "\x1b[2J\x1b[1;1H",
    "window title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://evil.example/\x1b\\click\x1b]8;;\x1b\\",
    "one-byte CSI": "\x9b31m",
    "one-byte CSI that is not UTF-8": "\udc9b31m",
    "line ends": "one\r\ntwo\rthree\vfour\x85five\u2028six\u2029seven",
    "nul and del": "\x00\x7f\x08",
    "tab": "a\tb",
    "right to left": "\u202egnp.exe\u202c \u2066x\u2069 \u200f\u200e\u061c",
    "invisible": "\u200b\ufeff\u00ad\U000e0041",
    "markup": "[bold red]x[/bold red] [link=http://evil.example/]y[/link] [/] \\[z]",
    "emoji code": ":warning:",
    "surrogates": "\ud800 \udfff \udcff",
    "long": "x" * 20_000,
    "long with controls": "\x1b" * 20_000,
    "wide": "\u754c" * 500,
    "combining": "e" + "\u0301" * 500,
}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def acting(text: str) -> set[str]:
    """The characters in `text` that could act on a terminal or break a line, other than the line end itself."""
    bad = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return {char for char in text if char != "\n" and unicodedata.category(char) in bad}


def endpoint(host: str = "hs1.litwareinc.com") -> Endpoint:
    return Endpoint(host, 5061, Transport.TLS)


def tls(text: str = "hs1.litwareinc.com", *, verified: bool = True) -> TlsEvidence:
    return TlsEvidence("TLSv1.3", "TLS_AES_256_GCM_SHA384", f"CN={text}", f"CN=CA {text}", (text,), TIME, verified)


def finding(text: str = "seen", severity: Severity = Severity.ERROR) -> Finding:
    remedy = f"Register it on the account of {text}:\n    setspn -S sip/hs1.litwareinc.com LITWAREINC\\RTCService"
    return Finding(
        "spn-not-registered", severity, "The KDC knows none", text, (text, f"SIP/2.0 401 {text}"), remedy, "X"
    )


def hop(result: HopResult, text: str = "text") -> Hop:
    """A talk with one server in which `text` stands wherever a server or a user can put some."""
    got_through = result is not HopResult.UNREACHABLE
    established = result in (HopResult.REGISTERED, HopResult.REDIRECTED, HopResult.UNTRUSTED)
    verdict = Verdict.INVALID if result is HopResult.UNTRUSTED else Verdict.VALID
    signatures = (SignatureCheck("client", 1, Verdict.VALID, ""), SignatureCheck("server", 1, verdict, text))
    return Hop(
        server=endpoint(f"hs1.{text}"),
        tls=tls(text) if got_through else None,
        offers=(
            (
                Offer(Scheme.NTLM, "NTLM", text, text, 4, text, None, None, None),
                Offer(None, text, None, None, None, None, None, None, None),
            )
            if got_through
            else ()
        ),
        clock=ClockReading(-1234.5678, 1.01) if got_through else None,
        exchanges=(
            Exchange("REGISTER", 1, 401, text, 1.23456),
            Exchange("REGISTER", 2, None, None, None),
        ),
        association=AssociationSummary(Scheme.NTLM, text, text, text, 4, TIME, TIME) if established else None,
        signatures=signatures if established else (),
        result=result,
    )


def registration(outcome: Outcome, text: str = "text", findings: tuple[Finding, ...] | None = None) -> Registration:
    """A run with that outcome, through a redirect where it got so far."""
    before = (hop(HopResult.REDIRECTED, text),) if outcome is Outcome.REGISTERED else ()
    hops = (*before, hop(HopResult(outcome.value), text))
    made = (finding(text), finding(text, Severity.WARNING), finding(text, Severity.INFO))
    return Registration(outcome, f"sip:{text}", Scheme.NTLM, hops, made if findings is None else findings)


def events(text: str = "") -> list[Event]:
    """A run through a redirect, with `text` wherever a server or a user can put some."""
    home = Endpoint(f"hs2.litwareinc.com{text}", 5061, Transport.TCP)
    proxy = endpoint(f"hs1.litwareinc.com{text}")
    headers = Headers([("CSeq", "3 REGISTER"), ("Call-ID", "x")])
    request = Request(method="REGISTER", uri="sip:litwareinc.com", headers=headers)
    ours = SignatureCheck("client", 1, Verdict.VALID, "")
    theirs = SignatureCheck("server", 1, Verdict.VALID, "")
    wrong = SignatureCheck("server", 2, Verdict.INVALID, f"the signature does not match the message{text}")
    lacking = SignatureCheck("server", None, Verdict.MISSING, f"no rspauth{text}")

    def response(status: int, reason: str) -> Response:
        return Response(status=status, reason=reason + text, headers=headers)

    offered = f"offers TLS-DSK, Kerberos, NTLM{text}"
    return [
        Discovered(f"_sipinternaltls._tcp.litwareinc.com{text}", (proxy, home, proxy, home, proxy)),
        Discovered("nothing", ()),
        Connecting(proxy),
        Connected(proxy, tls(text), 2.4),
        Connected(proxy, tls(text, verified=False), 2.4),
        RequestSent(proxy, request, f"asks what is offered{text}", None),
        ResponseReceived(
            proxy, response(401, "Unauthorized"), 12345.6, None, ClockReading(-1200.4, 1.0), remark=offered
        ),
        RequestSent(proxy, request, "NTLM response", ours),
        ResponseReceived(proxy, response(301, "Redirect request to Home Server"), 0.6, theirs),
        Connecting(home),
        Connected(home, None, 2.4),
        ResponseReceived(home, response(200, "OK"), 1.0, wrong),
        ResponseReceived(home, response(403, "Forbidden"), 1.0, lacking),
        ConnectionLost(home, f"the server closed the connection{text}"),
    ]
