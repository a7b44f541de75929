"""This computer's settings, read once for all checks."""

from __future__ import annotations

import asyncio

from sipauthctl.doctor.case import Case
from sipauthctl.machine.facts import Machine, read_machine
from sipauthctl.machine.windows import local_registry
from sipauthctl.probe.realms import Realms, domain_of
from sipauthctl.trust import Origin, Trust


async def machine_of(case: Case) -> Machine:
    """What the settings say. The first call reads them, which may take some seconds."""
    if case.machine is None:
        tools = case.tools
        case.machine = await asyncio.to_thread(read_machine, tools.root, tools.environ, local_registry())
    return case.machine


def server_origin(case: Case) -> Origin:
    """Who named the server."""
    return Origin.DNS if case.asked.probe.server is None else Origin.USER


async def trust_of(case: Case) -> Trust:
    """Who may receive credentials, with the domains that this computer's settings name."""
    return (await realms_of(case)).trust


async def realms_of(case: Case) -> Realms:
    """The realms that the user may belong to, after what is known of the server so far."""
    offers = case.server.offers if case.server is not None else ()
    server = case.domain if case.domain.dns is not None else domain_of(offers)
    asked, tools = case.asked, case.tools
    return Realms(asked.probe, await machine_of(case), tools.resolver, tools.rng, asked.kdc, server)
