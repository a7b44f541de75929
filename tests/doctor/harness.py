"""A case for checks that need no server."""

from __future__ import annotations

import random
import secrets
from datetime import UTC, datetime
from typing import Any

from sipauthctl.doctor.attempts import Attempts
from sipauthctl.doctor.case import Asked, Case, Tools
from sipauthctl.mechanisms.logon_name import LogonName
from sipauthctl.network.resolver import Resolver
from sipauthctl.network.transport import Timeouts
from sipauthctl.probe.options import ProbeOptions
from sipauthctl.sip.uri import SipUri

NOWHERE = "127.0.0.1:1"
"""A name server that does not answer."""


def now() -> datetime:
    return datetime.now(UTC)


def case_of(
    user: str = "sip:ned@litwareinc.com", logon: str = "LITWAREINC\\ned", seconds: float = 5.0, **asked: Any
) -> Case:
    probe = ProbeOptions(
        user=SipUri.parse(user),
        logon_name=LogonName.parse(logon),
        nameserver=NOWHERE,
        timeouts=Timeouts(seconds, seconds, seconds),
    )
    tools = Tools(now, secrets.token_bytes, random.Random(1), Resolver(NOWHERE, seconds))
    return Case(Asked(probe, **asked), tools, Attempts())
