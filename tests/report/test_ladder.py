"""The ladder: live, narrow, harmless."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len

from sipauthctl.report.console import make_console
from sipauthctl.report.ladder import Ladder
from tests.report.samples import HOSTILE, Terminal, acting, events


def shown(text: str = "", stream: io.StringIO | None = None) -> str:
    stream = stream or io.StringIO()
    ladder = Ladder(make_console(stream, no_color=True))
    for event in events(text):
        ladder(event)
    return stream.getvalue()


def test_it_tells_who_what_how_long_and_what_was_verified() -> None:
    lines = [" ".join(line.split()) for line in shown().splitlines()]
    assert lines[1:] == [
        "hs2.litwareinc.com, hs1.litwareinc.com, hs2.litwareinc.com, ...",
        "DNS nothing names no server",
        "hs1.litwareinc.com port 5061 by TLS",
        "= connected in 2 ms, TLSv1.3, certificate verified",
        "= connected in 2 ms, TLSv1.3, certificate NOT verified",
        "-> REGISTER 3 asks what is offered",
        "<- 401 Unauthorized 12346 ms offers TLS-DSK, Kerberos,",
        "NTLM, clock -1200\u00b11 s",
        "-> REGISTER 3 NTLM response, signed cnum=1",
        "<- 301 Redirect request to Home Server 1 ms snum=1 valid",
        "hs2.litwareinc.com port 5061 by TCP",
        "= connected in 2 ms, not protected",
        "<- 200 OK 1 ms snum=2 invalid: the signature",
        "does not match the message",
        "<- 403 Forbidden 1 ms missing: no rspauth",
        "x the server closed the connection",
    ]


@pytest.mark.parametrize("text", ["", *HOSTILE.values()], ids=["nothing hostile", *HOSTILE])
def test_it_fits_80_columns(text: str) -> None:
    assert max(cell_len(line) for line in shown(text).splitlines()) <= 80


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_hostile_text_never_comes_through(name: str, stream: type[io.StringIO]) -> None:
    output = shown(HOSTILE[name], stream())
    assert not acting(output)
    assert len(output) < 30_000


def test_markup_is_shown_as_it_is() -> None:
    assert "[bold red]x[/bold red]" in shown("[bold red]x[/bold red]")


@pytest.mark.parametrize("text", ["", "\u00b1\u754c\U0001f600", *HOSTILE.values()], ids=["nothing", "more", *HOSTILE])
def test_a_stream_that_takes_ascii_alone_is_enough(text: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict")
    ladder = Ladder(make_console(stream, no_color=False))
    for event in events(text):
        ladder(event)
    stream.flush()
    assert max(len(line) for line in raw.getvalue().splitlines()) <= 80


def test_each_event_is_out_before_the_next() -> None:
    raw = io.BytesIO()
    ladder = Ladder(make_console(io.TextIOWrapper(raw, encoding="utf-8"), no_color=False))
    for event in events():
        before = len(raw.getvalue())
        ladder(event)
        assert raw.getvalue()[before:].endswith(b"\n")
    assert b"\r" not in raw.getvalue()
