"""The exchange, line by line as it happens: who, what, status, how long, what was verified."""

from __future__ import annotations

from rich.console import Console

from sipauthctl.association.clock import ClockReading
from sipauthctl.association.verdict import Verdict
from sipauthctl.probe.events import (
    Connected,
    Connecting,
    ConnectionLost,
    Discovered,
    Event,
    RequestSent,
    ResponseReceived,
)
from sipauthctl.probe.results import SignatureCheck
from sipauthctl.report.console import put
from sipauthctl.report.text import safe

_LEFT_WIDTH = 35
_TIME_WIDTH = 8


class Ladder:
    """An observer that prints."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, event: Event) -> None:
        """Prints the line of one event."""
        if isinstance(event, Discovered):
            put(self._console, f"DNS {safe(event.source)} names {safe(event.candidates[0].host)}", wrap=False)
        elif isinstance(event, Connecting):
            server = event.server
            line = f"{safe(server.host)}  port {server.port} by {server.transport.value.upper()}"
            put(self._console, (line, "bold"), wrap=False)
        elif isinstance(event, Connected):
            self._connected(event)
        elif isinstance(event, RequestSent):
            self._sent(event)
        elif isinstance(event, ResponseReceived):
            self._received(event)
        elif isinstance(event, ConnectionLost):
            put(self._console, "  ", ("x", "bold red"), f"  {safe(str(event.reason))}", wrap=False)

    def _connected(self, event: Connected) -> None:
        if event.tls is None:
            proof = ("not protected", "yellow")
        elif event.tls.verified:
            proof = (f"{event.tls.version}, certificate verified", "green")
        else:
            proof = (f"{event.tls.version}, certificate NOT verified", "yellow")
        put(self._console, f"  =  connected in {event.elapsed_ms:.0f} ms, ", proof, wrap=False)

    def _sent(self, event: RequestSent) -> None:
        left = f"{event.request.method} {event.request.cseq.number}"
        signed = [] if event.signature is None else [f"signed cnum={event.signature.num}"]
        self._line("->", "cyan", left, "", ", ".join([event.purpose, *signed]))

    def _received(self, event: ResponseReceived) -> None:
        response = event.response
        left = f"{response.status} {short(response.reason, _LEFT_WIDTH - 4)}"
        remarks = [safe(event.remark)] if event.remark else []
        if event.clock is not None:
            remarks.append(clock_words(event.clock))
        if event.signature is not None:
            remarks.append(signature_words(event.signature))
        style = "green" if response.status < 300 else "cyan" if response.status in (301, 401, 407) else "red"
        self._line("<-", style, left, f"{event.elapsed_ms:.0f} ms", ", ".join(remarks))

    def _line(self, arrow: str, style: str, left: str, time: str, right: str) -> None:
        head = f"{left:<{_LEFT_WIDTH}}{time:>{_TIME_WIDTH}}"
        put(self._console, "  ", (arrow, style), f" {head}  {right}".rstrip(), wrap=False)


def signature_words(check: SignatureCheck) -> str:
    """`snum=1 valid`, or what is wrong."""
    if check.verdict is Verdict.VALID and not check.detail:
        return f"snum={check.num} valid"
    number = "" if check.num is None else f"snum={check.num} "
    detail = f": {safe(check.detail, 60)}" if check.detail else ""
    return f"{number}{check.verdict.value}{detail}"


def clock_words(clock: ClockReading) -> str:
    """`clock +0±1 s`."""
    return f"clock {round(clock.skew_seconds):+d}±{round(clock.uncertainty_seconds)} s"


def short(text: str, width: int) -> str:
    """Harmless text in at most `width` characters."""
    shown = safe(text)
    return shown if len(shown) <= width else shown[: width - 3] + "..."
