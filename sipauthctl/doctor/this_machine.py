"""This computer's settings, read once for all checks."""

from __future__ import annotations

import asyncio

from sipauthctl.doctor.case import Case
from sipauthctl.machine.facts import Machine, read_machine
from sipauthctl.machine.windows import local_registry


async def machine_of(case: Case) -> Machine:
    """What the settings say. The first call reads them, which may take some seconds."""
    if case.machine is None:
        tools = case.tools
        case.machine = await asyncio.to_thread(read_machine, tools.root, tools.environ, local_registry())
    return case.machine
