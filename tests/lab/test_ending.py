"""The signals that end a lab, and the one that does not."""

from __future__ import annotations

import os
import shutil
import signal

import pytest

from sipauthctl.lab.kdc import Kdc
from tests.lab.lab_process import running, until_ended


@pytest.mark.slow
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


@pytest.mark.external
@pytest.mark.skipif(
    (Kdc.missing() is not None or shutil.which("setpriv") is None) and "SIPAUTHCTL_REQUIRE_EXTERNAL" not in os.environ,
    reason="needs a KDC and setpriv",
)
def test_a_lab_that_is_killed_takes_its_kdc_with_it() -> None:
    with running() as lab:
        others = lab.processes() - {lab.process.pid}
        assert others
        lab.process.kill()
        until_ended(others)
        assert lab.processes() - {lab.process.pid} == set()
