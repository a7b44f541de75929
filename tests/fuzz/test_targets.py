"""Every target of the fuzzer, on its seeds and on what hypothesis makes of them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, Target


@st.composite
def damaged(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A seed with some places overwritten, cut out, filled up or doubled."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        at, lost = draw(st.integers(0, len(data))), draw(st.integers(0, 12))
        put = draw(st.binary(max_size=12) | st.just(data[at // 2 : at][:60]))
        data = data[:at] + put + data[at + lost :]
    return data


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_no_input_breaks_a_promise(target: Target) -> None:
    for seed in target.seeds:
        target.run(seed)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(damaged(target.seeds) | st.binary(max_size=200))
    @example(b"")
    def run(data: bytes) -> None:
        target.run(data)

    run()
