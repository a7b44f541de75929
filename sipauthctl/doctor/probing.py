"""Runs the prober for a check, with the run's tools."""

from __future__ import annotations

import asyncio

from sipauthctl.doctor.case import Case
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.probe.facts import RunFacts
from sipauthctl.probe.initiators import InitiatorMaker
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.probe.run import Probe
from sipauthctl.probe.tools import Tools


async def probe(case: Case, options: ProbeOptions, makers: dict[Scheme, InitiatorMaker]) -> RunFacts:
    """One registration from the first question to de-registration, which an interruption does not skip."""
    tools = case.tools
    running = Probe(options, Tools(tools.now, tools.token_bytes, makers, tools.observer), tools.resolver, tools.rng)
    task = asyncio.create_task(running.run())
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        running.interrupt()
        await asyncio.wait({task})
        raise
