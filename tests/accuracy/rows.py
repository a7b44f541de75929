"""The table: faults with the cause that the doctor must name first, and healthy deployments."""

from __future__ import annotations

import struct
from datetime import timedelta
from pathlib import Path
from typing import Any

from sipauthctl.association.choice import Wanted
from sipauthctl.association.family import HeaderFamily
from sipauthctl.lab.kdc import KeyType
from sipauthctl.lab.settings import DirectoryKind
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.network.evidence import Transport
from sipauthctl.probe.initiators import Credentials
from sipauthctl.probe.options import ServerChoice
from sipauthctl.sip.uri import SipUri
from tests.accuracy.examination import BOTH, Row

KERBEROS: dict[str, Any] = {"lab": {"schemes": BOTH}}
KERBEROS_ALONE: dict[str, Any] = {"lab": {"schemes": (Scheme.KERBEROS,)}}
TCP: dict[str, Any] = {"options": {"transport": Transport.TCP, "allow_cleartext": True}}


FABRIKAM: dict[str, Any] = {"logon": "FABRIKAM\\ned"}
ANOTHER_DOMAIN: dict[str, Any] = {
    "expected": "credentials-refused",
    "tells": "domain-mismatch",
    "undecidable": "a wrong password of a user of a child or trusted domain looks the same",
    **FABRIKAM,
}
ZOE: dict[str, Any] = {"logon": "zoe@litwareinc.com", "options": {"user": SipUri.parse("sip:zoe@litwareinc.com")}}


def expired_cache(folder: Path) -> dict[str, Any]:
    """A credential cache of an hour ago: the ticket's end is written into the past."""
    from tests.mechanisms.kerberos.harness import save_cache

    path = folder / "expired"
    times = save_cache(path)
    past = struct.pack(">III", times[0], times[1], times[1] - 3600)
    path.write_bytes(path.read_bytes().replace(struct.pack(">III", *times), past))
    return {"credentials": Credentials(cache=f"FILE:{path}")}


def _lab(family: str, fault: str, expected: str | None, **more: Any) -> Row:
    return Row(family, fault, expected, faults=(fault,), **more)


FAULTY = (
    # clock
    _lab("clock", "clock-skew=1200", "clock-skew"),
    _lab("clock", "clock-skew=-1200", "clock-skew"),
    _lab("clock", "clock-skew=600", "clock-skew", **KERBEROS),
    _lab("clock", "kdc-clock-skew", "kdc-clock-skew", **KERBEROS),
    _lab("clock", "malformed-date", "date-malformed"),
    _lab("clock", "no-date", None, tells="date-missing"),
    # offers
    Row("offers", "NTLM alone, Kerberos wanted", "kerberos-not-offered", options={"wanted": Wanted.KERBEROS}),
    Row(
        "offers",
        "Kerberos alone, NTLM wanted",
        "ntlm-not-offered",
        options={"wanted": Wanted.NTLM},
        **KERBEROS_ALONE,
    ),
    Row("offers", "TLS-DSK alone", "legacy-auth-off", lab={"schemes": (Scheme.TLS_DSK,)}, tells="tls-dsk-required"),
    _lab("offers", "legacy-auth-off", "legacy-auth-off", **KERBEROS),
    _lab("offers", "digest-only", "no-usable-scheme"),
    _lab("offers", "no-offers", "no-usable-scheme"),
    _lab("offers", "realm-differs", "realm-mismatch"),
    _lab("offers", "missing-targetname", "targetname-missing"),
    _lab("offers", "version-1", "version-unsupported"),
    _lab("offers", "no-challenge", "not-challenged"),
    # SPN
    _lab("SPN", "foreign-spn", "spn-foreign-service", **KERBEROS),
    _lab("SPN", "spn-host-mismatch", "spn-host-mismatch", **KERBEROS, **TCP),
    Row("SPN", "spn-host-mismatch over TLS", "spn-host-mismatch", ("spn-host-mismatch",), **KERBEROS),
    Row("SPN", "malformed SPN", "spn-malformed", behaviour={"kerberos_targetname": "hs1"}, **KERBEROS),
    _lab("SPN", "spn-not-registered", "spn-not-registered", **KERBEROS),
    # domain
    _lab("domain", "workgroup-server", "server-not-domain-joined"),
    Row(
        "domain",
        "refused, and another domain by NetBIOS",
        "credentials-refused",
        faults=("netbios-wrong-domain", "credentials-refused"),
        tells="netbios-name-mismatch",
        undecidable="a wrong password looks the same where no KDC judges it",
    ),
    Row(
        "domain",
        "refused, and another domain by NetBIOS, user proven",
        "netbios-name-mismatch",
        faults=("netbios-wrong-domain", "credentials-refused"),
        **KERBEROS,
    ),
    Row("domain", "user of another domain", **ANOTHER_DOMAIN),
    Row("domain", "user of another domain, both schemes", **ANOTHER_DOMAIN, **KERBEROS),
    Row("domain", "user of another domain, told by the server", "domain-mismatch", ("telling-refusals",), **FABRIKAM),
    Row(
        "domain",
        "workgroup computer, UPN, no KDC",
        "upn-without-fallback",
        faults=("kdc-unreachable",),
        logon="ned@litwareinc.com",
        asked={"name_given": True},
        **KERBEROS,
    ),
    Row(
        "domain",
        "NTLM refused, NetBIOS off here, user proven",
        "netbios-unavailable",
        faults=("credentials-refused",),
        files={"etc/samba/smb.conf": "[global]\ndisable netbios = yes\n"},
        **KERBEROS,
    ),
    Row(
        "domain",
        "NTLM refused, NetBIOS off here, user unproven",
        "credentials-refused",
        faults=("credentials-refused",),
        files={"etc/samba/smb.conf": "[global]\ndisable netbios = yes\n"},
    ),
    Row(
        "domain",
        "NTLM refused, NetBIOS silent, user proven",
        "credentials-refused",
        faults=("credentials-refused", "netbios-silent"),
        seconds=1.0,
        **KERBEROS,
    ),
    Row(
        "domain",
        "NTLM refused behind NAT, user proven",
        "nat-detected",
        faults=("credentials-refused", "translated-address"),
        **KERBEROS,
    ),
    Row(
        "domain",
        "NTLM refused behind NAT, user unproven",
        "credentials-refused",
        faults=("credentials-refused", "translated-address"),
    ),
    _lab("domain", "translated-address", None, tells="nat-detected"),
    Row("domain", "realm not known", "kdc-not-found", logon="FABRIKAM\\ned", **KERBEROS_ALONE),
    Row(
        "domain",
        "suffix unknown to the server",
        "credentials-refused",
        logon="ned@fabrikam.com",
        tells="upn-suffix-mismatch",
        undecidable="a wrong password with another UPN suffix of the forest looks the same where no KDC is asked",
    ),
    Row(
        "domain",
        "suffix unknown to the server, all attempts allowed",
        "upn-suffix-mismatch",
        logon="ned@fabrikam.com",
        asked={"all_attempts": True},
    ),
    Row("domain", "SIP address unknown to the KDC", "logon-name-is-sip-address", **ZOE, **KERBEROS),
    Row(
        "domain", "SIP address unknown, told by the server", "logon-name-is-sip-address", ("telling-refusals",), **ZOE
    ),
    Row("domain", "suffix unknown to the KDC", "upn-suffix-mismatch", logon="ned@fabrikam.com", **KERBEROS),
    Row("domain", "realm of another domain", "client-domain-differs", logon="fabrikam.com\\ned", **KERBEROS_ALONE),
    # account
    Row("account", "wrong password, told by the KDC", "wrong-password", password="wrong", **KERBEROS),
    Row("account", "unknown user, told by the KDC", "user-unknown", logon="litwareinc.com\\zoe", **KERBEROS),
    Row("account", "wrong password, told by nobody", "credentials-refused", password="wrong"),
    _lab("account", "credentials-refused", "credentials-refused"),
    _lab("account", "expired-account", "account-expired", **KERBEROS),
    _lab("account", "expired-password", "password-expired", **KERBEROS),
    _lab("account", "disabled-account", "account-revoked", **KERBEROS),
    Row(
        "account",
        "disabled account, told by the server",
        "account-disabled",
        faults=("telling-refusals", "disabled-account"),
    ),
    Row("account", "locked account, told by the server", "account-locked", faults=("telling-refusals",), user="luis"),
    Row(
        "account",
        "unknown user, told by the server",
        "user-unknown",
        faults=("telling-refusals",),
        logon="LITWAREINC\\nobody",
    ),
    Row("account", "not enabled for SIP", "user-not-enabled", user="olaf"),
    Row(
        "account",
        "address of another user",
        "uri-not-authorized",
        user="nina",
        logon="LITWAREINC\\ned",
        password="Litware-Ned-1",
    ),
    # Kerberos
    _lab("Kerberos", "rc4-ticket", "rc4-ticket", **KERBEROS),
    _lab("Kerberos", "kdc-unreachable", "kdc-unreachable", **KERBEROS),
    _lab("Kerberos", "etype-mismatch", "etype-unsupported", **KERBEROS),
    _lab("Kerberos", "service-key-mismatch", "service-key-mismatch", **KERBEROS),
    Row(
        "Kerberos",
        "no credential cache",
        "no-ticket",
        asked={"credentials": Credentials(cache="FILE:/nowhere/krb5cc")},
        **KERBEROS,
    ),
    Row(
        "Kerberos",
        "a cache whose ticket has expired",
        "ticket-expired",
        prepare=expired_cache,
        **KERBEROS_ALONE,
    ),
    Row(
        "Kerberos",
        "no keytab",
        "no-ticket",
        asked={"credentials": Credentials(keytab=Path("/nowhere/krb5.keytab"))},
        **KERBEROS,
    ),
    # NTLM
    _lab("NTLM", "ntlm-key-strength-mismatch", "ntlm-key-strength-mismatch"),
    _lab("NTLM", "garbage-token", "ntlm-malformed-token"),
    Row("NTLM", "no session security", "ntlm-forgeable-signatures", lab={"extended_session_security": False}),
    Row("NTLM", "plain TCP", "ntlm-withheld", options={"transport": Transport.TCP}),
    # signatures
    _lab("signatures", "bad-rspauth", "signature-invalid"),
    _lab("signatures", "unsigned-ok", "signature-missing"),
    Row(
        "signatures",
        "unsigned-request",
        "signature-missing",
        faults=("unsigned-request",),
        options={"probes": ("SUBSCRIBE",)},
    ),
    _lab("signatures", "replayed-snum", "num-replayed"),
    _lab("signatures", "skipped-snum", "num-gap"),
    _lab("signatures", "snum-reset", "num-replayed"),
    _lab("signatures", "replay-after-refresh", "num-replayed"),
    Row("signatures", "wrong-proxy-signs", "wrong-signer", faults=("wrong-proxy-signs",)),
    # flow
    _lab("flow", "forgets-association", "association-expired"),
    _lab("flow", "unsigned-redirect", "redirect-unsigned"),
    _lab("flow", "bad-redirect-signature", "redirect-unsigned"),
    _lab("flow", "redirect-loop", "redirect-loop"),
    _lab("flow", "redirect-to-cleartext", "redirect-refused"),
    _lab("flow", "redirect-to-nowhere", "redirect-refused"),
    _lab("flow", "truncated", "handshake-incomplete"),
    # told by the server
    _lab("answer", "answer=401:1013", "clock-skew"),
    _lab("answer", "answer=403:1013", "clock-skew"),
    _lab("answer", "answer=404:1003", "user-not-enabled"),
    _lab("answer", "answer=404:4005", "user-not-enabled"),
    _lab("answer", "answer=400:4011", "endpoint-id-invalid"),
    _lab("answer", "answer=403:4003", "remote-access-off"),
    _lab("answer", "answer=403:4004", "uri-not-authorized"),
    _lab("answer", "answer=403:17002", "client-version-refused"),
    _lab("answer", "answer=504:1008", "next-hop-failed"),
    _lab("answer", "answer=504:1010", "next-hop-failed"),
    _lab("answer", "answer=480", "server-diagnostic"),
    _lab("answer", "first-answer=403:4003", "remote-access-off"),
    # reaching the server
    _lab("reaching", "no-srv", "dns-no-srv"),
    _lab("reaching", "srv-unresolvable", "dns-target-unresolvable"),
    _lab("reaching", "srv-foreign-domain", "dns-domain-mismatch"),
    Row(
        "reaching", "silent name server", "dns-server-unreachable", options={"nameserver": "127.0.0.1:1"}, seconds=0.3
    ),
    Row(
        "reaching",
        "wrong name of the server",
        "dns-target-unresolvable",
        options={"server": ServerChoice("hs9.litwareinc.com", 5061)},
    ),
    Row(
        "reaching",
        "nothing on the port",
        "connection-refused",
        options={"server": ServerChoice("hs1.litwareinc.com", 1)},
    ),
    _lab("reaching", "no-such-domain", "dns-no-srv"),
    _lab("reaching", "lyncdiscover-only", "dns-no-srv"),
    _lab("reaching", "srv-alias", "dns-target-alias"),
    _lab("reaching", "srv-dead-port", "connection-refused"),
    _lab("reaching", "srv-dead-first", "connection-refused"),
    _lab("reaching", "nameserver-silent", "dns-server-unreachable", seconds=0.3),
    _lab("reaching", "nameserver-refuses", "dns-server-unreachable"),
    _lab("reaching", "nameserver-fails", "dns-server-unreachable"),
    _lab("reaching", "tls-untrusted", "tls-untrusted"),
    _lab("reaching", "tls-self-signed", "tls-untrusted"),
    _lab("reaching", "tls-incomplete-chain", "tls-untrusted"),
    _lab("reaching", "tls-weak-key", "tls-weak-certificate"),
    _lab("reaching", "tls-sip-domain-only", "tls-name-mismatch"),
    _lab("reaching", "tls-not-yet-valid", "tls-expired"),
    _lab("reaching", "tls-expires-soon", "tls-expires-soon"),
    _lab("reaching", "plain-on-tls-port", "protocol-error"),
    _lab("reaching", "tls-on-tcp-port", "protocol-error", **TCP),
    _lab("reaching", "mail-server", "protocol-error"),
    _lab("reaching", "mute", "connection-timeout", seconds=0.5),
    _lab("reaching", "reset", "tls-reset"),
    _lab("reaching", "tls-reset", "tls-reset"),
    _lab("reaching", "tls-no-common-cipher", "tls-no-common-cipher"),
    _lab("reaching", "tls-intercepted", "tls-intercepted"),
    _lab("reaching", "tls-name-mismatch", "tls-name-mismatch"),
    _lab("reaching", "tls-expired", "tls-expired"),
    _lab("reaching", "tls-too-old", "tls-too-old"),
    _lab("reaching", "silent", "connection-timeout", seconds=0.5),
    _lab("reaching", "http-server", "protocol-error"),
    _lab("reaching", "oversized", "protocol-error"),
)

_DIRECTORY: dict[str, Any] = {"lab": {"schemes": BOTH, "directory": DirectoryKind.SAMBA}}


def _account(user: str, expected: str, **more: Any) -> Row:
    return Row("account", f"{user} of the directory, {expected}", expected, user=user, **more, **_DIRECTORY)


IN_DIRECTORY = (
    _account("dora", "account-disabled"),
    _account("luis", "account-locked"),
    _account("edda", "account-expired"),
    _account("petra", "password-expired"),
    _account("mona", "password-expired"),
    _account("hugo", "logon-hours"),
    _account("wanda", "logon-workstation"),
    _account("olaf", "user-not-enabled"),
    _account("ned", "wrong-password", password="wrong"),
    _account("ned", "user-unknown", logon="litwareinc.com\\zoe"),
    Row("domain", "suffix unknown to the directory", "upn-suffix-mismatch", logon="ned@fabrikam.com", **_DIRECTORY),
    Row("domain", "domain unknown to the directory", **ANOTHER_DOMAIN, **_DIRECTORY),
    _lab("account", "protected-user", "protected-user", **_DIRECTORY),
    Row(
        "account",
        "protected user, NTLM alone",
        "protected-user",
        faults=("protected-user",),
        lab={"directory": DirectoryKind.SAMBA},
    ),
    _lab("SPN", "spn-duplicate", "spn-duplicate", **_DIRECTORY),
    _lab("SPN", "spn-wrong-account", "spn-wrong-account", **_DIRECTORY),
)
"""Against a real Active Directory."""

DIRECTORY_HEALTHY = (
    Row("healthy", "Active Directory", None, **_DIRECTORY),
    Row("healthy", "Active Directory, user principal name", None, logon="ned@litwareinc.com", **_DIRECTORY),
    Row("healthy", "Active Directory, without credentials", None, asked={"credentials": Credentials()}, **_DIRECTORY),
)

HEALTHY = tuple(
    Row(
        "healthy",
        f"{scheme_words}, {transport.value.upper()}, version {version}, {family.status}, "
        f"{'with' if redirect else 'without'} redirect",
        None,
        lab={"schemes": schemes, "version": version, "family": family, "redirect": redirect},
        options={"transport": transport, "allow_cleartext": transport is Transport.TCP},
    )
    for scheme_words, schemes in (("NTLM", (Scheme.NTLM,)), ("Kerberos and NTLM", BOTH), ("Kerberos", BOTH[:1]))
    for transport in Transport
    for version in (3, 4)
    for family in HeaderFamily
    for redirect in (True, False)
)


def _unusual(name: str, fault: str = "", schemes: tuple[Scheme, ...] = BOTH, **more: Any) -> Row:
    lab = {"schemes": schemes, **more.pop("lab", {})}
    return Row("unusual", name, None, faults=(fault,) if fault else (), lab=lab, **more)


UNUSUAL = (
    *(_unusual(f"version 2, {scheme.value}", schemes=(scheme,), lab={"version": 2}) for scheme in BOTH),
    _unusual("version 2, both schemes", lab={"version": 2}),
    _unusual("three proxies", lab={"proxies": 3}),
    _unusual("three proxies, forked", lab={"proxies": 3, "forked": True}),
    _unusual("AES128 keys", lab={"key_type": KeyType.AES128}),
    _unusual("IPv6, both schemes", lab={"address": "::1"}),
    _unusual("IPv6, NTLM", schemes=(Scheme.NTLM,), lab={"address": "::1"}),
    _unusual("TLS-DSK beside both", schemes=(Scheme.TLS_DSK, *BOTH)),
    _unusual("TLS-DSK beside NTLM", schemes=(Scheme.TLS_DSK, Scheme.NTLM)),
    _unusual("Access Edge Server, user principal name", schemes=(Scheme.NTLM,), logon="ned@litwareinc.com"),
    _unusual("outside, no records of the domain", "no-domain-records", schemes=(Scheme.NTLM,)),
    _unusual("inside, no records of the domain", "no-domain-records"),
    *(
        _unusual(f"logon name {logon}", logon=logon)
        for logon in ("ned", "ned@litwareinc.com", "litwareinc.com\\ned", "LITWAREINC.COM\\ned")
    ),
    _unusual("no Date", "no-date"),
    _unusual("slow answers", "slow=0.2"),
    _unusual("clock 4 minutes ahead", "clock-skew=240"),
    _unusual("behind NAT", "translated-address"),
    _unusual("silent NetBIOS", "netbios-silent", seconds=1.0),
    _unusual("NetBIOS disabled here", files={"etc/samba/smb.conf": "[global]\ndisable netbios = yes\n"}),
    _unusual("short-lived associations", lab={"sa_lifetime": timedelta(hours=1)}),
    _unusual("only NTLM wanted where both are offered", options={"wanted": Wanted.NTLM}),
    _unusual("only Kerberos wanted where both are offered", options={"wanted": Wanted.KERBEROS}),
)
"""Healthy, and not as the book draws it."""
