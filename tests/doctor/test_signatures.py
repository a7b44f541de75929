"""The check of the signatures counts all of them, also those of a server that sends very many."""

from __future__ import annotations

import asyncio

from sipauthctl.association.verdict import Verdict
from sipauthctl.doctor.checks.signatures import SignaturesCheck
from sipauthctl.network.evidence import Endpoint, Transport
from sipauthctl.probe.facts import HopFacts, RunFacts
from sipauthctl.probe.kept import CHECKS_KEPT
from sipauthctl.probe.results import SignatureCheck
from tests.doctor.harness import case_of

MANY = 3 * CHECKS_KEPT


def test_what_is_no_longer_kept_is_counted_too() -> None:
    hop = HopFacts(Endpoint("hs1.litwareinc.com", 5061, Transport.TLS))
    hop.signatures.add(SignatureCheck("server", num, Verdict.VALID, "") for num in range(1, MANY + 1))
    hop.signatures.add([SignatureCheck("server", MANY + 1, Verdict.INVALID, "it does not hold")])
    hop.signatures.add([SignatureCheck("client", 1, Verdict.VALID, "")])
    case = case_of()
    case.runs = [RunFacts(hops=[hop])]
    assert asyncio.run(SignaturesCheck().run(case)).detail == f"{MANY} of {MANY + 1} valid"
