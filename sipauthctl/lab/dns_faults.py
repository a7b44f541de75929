"""Faults of the name server and its records."""

from __future__ import annotations

from sipauthctl.lab.behaviour import NameServerFlaw
from sipauthctl.lab.fault import Fault, Need, changing

DNS_FAULTS = (
    Fault("no-srv", "DNS knows no server of the SIP domain.", changing(name_server=NameServerFlaw.NO_SRV)),
    Fault(
        "srv-unresolvable",
        "The SRV records name hosts that have no address.",
        changing(name_server=NameServerFlaw.UNRESOLVABLE_TARGET),
    ),
    Fault(
        "srv-foreign-domain",
        "The SRV records name a host outside the SIP domain.",
        changing(name_server=NameServerFlaw.FOREIGN_TARGET),
    ),
    Fault(
        "srv-dead-port",
        "The SRV records name a port on which nothing listens.",
        changing(name_server=NameServerFlaw.DEAD_PORT),
    ),
    Fault(
        "srv-dead-first",
        "The SRV records prefer a server that is down (by priority and weight) to the one that works.",
        changing(name_server=NameServerFlaw.DEAD_SERVER_FIRST),
    ),
    Fault(
        "srv-alias",
        "The SRV records name an alias (CNAME) of the proxy, which RFC 2782 forbids.",
        changing(name_server=NameServerFlaw.ALIAS_TARGET),
    ),
    Fault(
        "lyncdiscover-only",
        "DNS knows lyncdiscover.litwareinc.com, by which newer clients begin, and nothing for older ones.",
        changing(name_server=NameServerFlaw.AUTODISCOVER_ONLY),
    ),
    Fault(
        "no-domain-records",
        "DNS has no records of the domain's KDC and directory.",
        changing(name_server=NameServerFlaw.NO_DOMAIN_RECORDS),
        needs=(Need.DOCTOR, Need.KERBEROS),
    ),
    Fault(
        "no-such-domain",
        "DNS says that the SIP domain does not exist (NXDOMAIN for every name).",
        changing(name_server=NameServerFlaw.NO_SUCH_DOMAIN),
    ),
    Fault(
        "nameserver-silent",
        "The name server answers nothing.",
        changing(name_server=NameServerFlaw.SILENT),
    ),
    Fault(
        "nameserver-refuses",
        "The name server refuses every question (REFUSED).",
        changing(name_server=NameServerFlaw.REFUSES),
    ),
    Fault(
        "nameserver-fails",
        "The name server fails at every question (SERVFAIL).",
        changing(name_server=NameServerFlaw.FAILS),
    ),
)
