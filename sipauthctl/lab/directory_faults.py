"""Faults of the directory. Those that only an Active Directory can show bring one with them."""

from __future__ import annotations

from sipauthctl.lab.behaviour import SpnFlaw
from sipauthctl.lab.fault import Fault, changing

DIRECTORY_FAULTS = (
    Fault(
        "spn-duplicate",
        "A second account has the servers' service principal names too (with --directory samba).",
        changing(spns=SpnFlaw.DUPLICATE),
    ),
    Fault(
        "spn-wrong-account",
        "Another account than the servers' has their service principal names (with --directory samba).",
        changing(spns=SpnFlaw.WRONG_ACCOUNT),
    ),
)
