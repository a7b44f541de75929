"""The checks, one file each, in the order in which they are listed: that of a sign-in."""

from __future__ import annotations

from sipauthctl.doctor.check import Check
from sipauthctl.doctor.checks.clock import ClockCheck
from sipauthctl.doctor.checks.directory import DirectoryCheck
from sipauthctl.doctor.checks.dns import DnsCheck
from sipauthctl.doctor.checks.domain import DomainCheck
from sipauthctl.doctor.checks.kdc import KdcCheck
from sipauthctl.doctor.checks.machine import MachineCheck
from sipauthctl.doctor.checks.name import NameCheck
from sipauthctl.doctor.checks.netbios import NetbiosCheck
from sipauthctl.doctor.checks.ntlm import NtlmCheck
from sipauthctl.doctor.checks.offers import OffersCheck
from sipauthctl.doctor.checks.reachability import ReachabilityCheck
from sipauthctl.doctor.checks.sign_in import SignInCheck
from sipauthctl.doctor.checks.signatures import SignaturesCheck
from sipauthctl.doctor.checks.spn import SpnCheck
from sipauthctl.doctor.checks.spn_owner import SpnOwnerCheck

CHECKS: tuple[Check, ...] = (
    NameCheck(),
    DnsCheck(),
    ReachabilityCheck(),
    OffersCheck(),
    MachineCheck(),
    KdcCheck(),
    DirectoryCheck(),
    ClockCheck(),
    SpnCheck(),
    NtlmCheck(),
    SignInCheck(),
    SpnOwnerCheck(),
    DomainCheck(),
    NetbiosCheck(),
    SignaturesCheck(),
)
