"""The signals that end a lab, and the one that does not."""

from __future__ import annotations

import signal

import pytest

from tests.lab.lab_process import running


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_nothing_is_left(number: signal.Signals) -> None:
    with running("--schemes", "ntlm") as lab:
        assert lab.files()
        assert lab.end(number) == 0
        assert (lab.processes(), lab.files(), lab.log) == (set(), [], "")


def test_with_nohup_it_outlives_its_terminal() -> None:
    with running("--schemes", "ntlm", ignored="HUP") as lab:
        lab.process.send_signal(signal.SIGHUP)
        assert lab.sip_status() == b"SIP/2.0 401"
        assert lab.end(signal.SIGTERM) == 0
        assert lab.files() == []
