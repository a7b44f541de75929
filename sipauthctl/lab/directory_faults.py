"""Faults of the domain. Those that only an Active Directory can show bring one with them."""

from __future__ import annotations

from dataclasses import replace

from sipauthctl.lab.behaviour import DirectoryFlaw, SpnFlaw
from sipauthctl.lab.fault import Fault, Need, changing
from sipauthctl.lab.netbios import NetbiosFlaw

DIRECTORY_FAULTS = (
    Fault(
        "netbios-silent",
        "No computer answers by NetBIOS, as where it is disabled.",
        changing(netbios=NetbiosFlaw.SILENT),
        needs=(Need.DOCTOR,),
    ),
    Fault(
        "netbios-wrong-domain",
        "By NetBIOS the computers say that they are in the domain FABRIKAM.",
        changing(netbios=NetbiosFlaw.WRONG_DOMAIN),
        needs=(Need.DOCTOR,),
    ),
    Fault(
        "netbios-conflict",
        "The computers' NetBIOS names are in conflict with others.",
        changing(netbios=NetbiosFlaw.CONFLICT),
        needs=(Need.DOCTOR,),
    ),
    Fault(
        "spn-duplicate",
        "A second account has the servers' service principal names too (with --directory samba).",
        changing(spns=SpnFlaw.DUPLICATE),
        needs=(Need.KERBEROS,),
    ),
    Fault(
        "spn-wrong-account",
        "Another account than the servers' has their service principal names (with --directory samba).",
        changing(spns=SpnFlaw.WRONG_ACCOUNT),
        needs=(Need.KERBEROS,),
    ),
    Fault(
        "directory-unreachable",
        "The domain controller answers Kerberos, and nothing listens on the ports of LDAP (with --directory samba).",
        changing(directory=DirectoryFlaw.UNREACHABLE),
        needs=(Need.DOCTOR,),
    ),
    Fault(
        "directory-down",
        "The domain controller dies when somebody begins to log on to LDAP (with --directory samba).",
        changing(directory=DirectoryFlaw.DIES),
        needs=(Need.DOCTOR,),
    ),
    Fault(
        "directory-slow",
        "Each answer of LDAP and Kerberos takes that many seconds (with --directory samba).",
        lambda behaviour, seconds: replace(behaviour, directory_delay=seconds),
        default=20,
        needs=(Need.KERBEROS,),
    ),
)
