"""The exchange, line by line as it happens: who, what, status, how long, what was verified."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console

from sipauthctl.association.clock import ClockReading
from sipauthctl.association.verdict import Verdict
from sipauthctl.probe.events import (
    Connected,
    Connecting,
    ConnectionLost,
    Discovered,
    Event,
    Holding,
    OfferPassedOver,
    RequestReceived,
    RequestSent,
    ResponseReceived,
    ResponseSent,
    StrayResponse,
)
from sipauthctl.probe.results import SignatureCheck
from sipauthctl.report.console import encodable, put
from sipauthctl.report.text import safe

_LEFT_WIDTH = 35  # `301 Redirect request to Home Server`
_TIME_WIDTH = 8
_NAME_LIMIT = 255  # of a DNS name
_TEXT_LIMIT = 400
_SHOWN_SERVERS = 4


class Ladder:
    """An observer that prints."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, event: Event) -> None:
        """Prints the line of one event."""
        if isinstance(event, Discovered):
            servers = ", ".join(safe(candidate.host, _NAME_LIMIT) for candidate in event.candidates[:_SHOWN_SERVERS])
            more = ", ..." if len(event.candidates) > _SHOWN_SERVERS else ""
            put(self._console, f"DNS {safe(event.source, _NAME_LIMIT)} names {servers or 'no server'}{more}")
        elif isinstance(event, Connecting):
            server = event.server
            line = f"{safe(server.host, _NAME_LIMIT)}  port {server.port} by {server.transport.value.upper()}"
            put(self._console, (line, "bold"))
        elif isinstance(event, Connected):
            self._connected(event)
        elif isinstance(event, RequestSent):
            self._sent(event)
        elif isinstance(event, ResponseReceived):
            self._received(event)
        elif isinstance(event, OfferPassedOver):
            told = f"passes over {safe(event.offer, _NAME_LIMIT)}: {safe(event.reason, _TEXT_LIMIT)}"
            put(self._console, told, lead=("  =  ",))
        elif isinstance(event, RequestReceived):
            left = f"{event.request.method} {event.request.headers.get('CSeq') or ''}".split(" ")[:2]
            words = signatures_words(event.signatures) if event.signatures else "not signed"
            self._line("<-", "cyan", " ".join(left), "", words)
        elif isinstance(event, StrayResponse):
            checked = [signatures_words(event.signatures)] if event.signatures else []
            right = ", ".join(["answers nothing", *checked])
            self._line("<-", "red", f"{event.response.status} {event.response.reason}", "", right)
        elif isinstance(event, ResponseSent):
            self._line("->", "cyan", f"{event.response.status} {event.response.reason}", "", "")
        elif isinstance(event, Holding):
            put(self._console, safe(event.reason, _TEXT_LIMIT), lead=("  ..  ",))
        elif isinstance(event, ConnectionLost):
            put(self._console, safe(event.reason, _TEXT_LIMIT), lead=("  ", ("x", "bold red"), "  "))

    def _connected(self, event: Connected) -> None:
        if event.tls is None:
            proof = ("not protected", "yellow")
        elif event.tls.verified:
            proof = (f"{event.tls.version}, certificate verified", "green")
        else:
            proof = (f"{event.tls.version}, certificate NOT verified", "yellow")
        put(self._console, f"connected in {event.elapsed_ms:.0f} ms, ", proof, lead=("  =  ",))

    def _sent(self, event: RequestSent) -> None:
        left = f"{event.request.method} {event.request.cseq.number}"
        signed = [] if event.signature is None else [f"signed cnum={_numbers((event.signature, *event.others))}"]
        self._line("->", "cyan", left, "", ", ".join([safe(event.purpose, _TEXT_LIMIT), *signed]))

    def _received(self, event: ResponseReceived) -> None:
        response = event.response
        left = f"{response.status} {response.reason}"
        remarks = [safe(event.remark, _TEXT_LIMIT)] if event.remark else []
        if event.clock is not None:
            remarks.append(clock_words(event.clock))
        if event.signature is not None:
            remarks.append(signatures_words((event.signature, *event.others)))
        style = "green" if response.status < 300 else "cyan" if response.status in (301, 302, 401, 407) else "red"
        self._line("<-", style, left, f"{event.elapsed_ms:.0f} ms", ", ".join(remarks))

    def _line(self, arrow: str, style: str, left: str, time: str, right: str) -> None:
        shown = short(encodable(safe(left), self._console.encoding), _LEFT_WIDTH)
        padding = " " * (_LEFT_WIDTH - cell_len(shown))
        put(self._console, right, lead=("  ", (arrow, style), f" {shown}{padding}{time:>{_TIME_WIDTH}}  "))


def signatures_words(checks: Sequence[SignatureCheck]) -> str:
    """Those of one server, or of several with their names: `snum=5 hs1, 3 hs3 valid`."""
    if len(checks) == 1:
        return signature_words(checks[0])
    if all(check.verdict is Verdict.VALID and not check.detail for check in checks):
        return f"snum={_numbers(checks)} valid"
    return ", ".join(f"{_host(check)} {signature_words(check)}" for check in checks)


def _numbers(checks: Sequence[SignatureCheck]) -> str:
    if len(checks) == 1:
        return str(checks[0].num)
    return ", ".join(f"{check.num} {_host(check)}" for check in checks)


def _host(check: SignatureCheck) -> str:
    return safe((check.targetname or "").removeprefix("sip/").partition(".")[0], _NAME_LIMIT)


def signature_words(check: SignatureCheck) -> str:
    """`snum=1 valid`, or what is wrong."""
    if check.verdict is Verdict.VALID and not check.detail:
        return f"snum={check.num} valid"
    number = "" if check.num is None else f"snum={check.num} "
    detail = f": {safe(check.detail, _TEXT_LIMIT)}" if check.detail else ""
    return f"{number}{check.verdict.value}{detail}"


def clock_words(clock: ClockReading) -> str:
    """`clock +0±1 s`."""
    return f"clock {round(clock.skew_seconds):+d}±{round(clock.uncertainty_seconds)} s"


def short(text: str, width: int) -> str:
    """The text in at most `width` columns of a terminal."""
    return text if cell_len(text) <= width else set_cell_size(text, width - 3) + "..."
