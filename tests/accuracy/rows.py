"""The table: faults with the cause that the doctor must name first, and healthy deployments."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from sipauthctl.association.choice import Wanted
from sipauthctl.association.family import HeaderFamily
from sipauthctl.lab.settings import DirectoryKind
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.network.evidence import Transport
from sipauthctl.probe.initiators import Credentials
from sipauthctl.probe.options import ServerChoice
from tests.accuracy.examination import BOTH, Row

KERBEROS: dict[str, Any] = {"lab": {"schemes": BOTH}}
KERBEROS_ALONE: dict[str, Any] = {"lab": {"schemes": (Scheme.KERBEROS,)}}
TCP: dict[str, Any] = {"options": {"transport": Transport.TCP, "allow_cleartext": True}}


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
    Row("offers", "TLS-DSK alone", "tls-dsk-required", lab={"schemes": (Scheme.TLS_DSK,)}),
    _lab("offers", "digest-only", "no-usable-scheme"),
    _lab("offers", "no-offers", "no-usable-scheme"),
    _lab("offers", "realm-differs", "realm-mismatch"),
    _lab("offers", "missing-targetname", "targetname-missing"),
    _lab("offers", "version-1", "version-unsupported"),
    _lab("offers", "no-challenge", "not-challenged"),
    # SPN
    _lab("SPN", "foreign-spn", "spn-foreign-service", **KERBEROS),
    _lab("SPN", "spn-host-mismatch", "spn-host-mismatch", **KERBEROS, **TCP),
    Row("SPN", "malformed SPN", "spn-malformed", behaviour={"kerberos_targetname": "hs1"}, **KERBEROS),
    _lab("SPN", "spn-not-registered", "spn-not-registered", **KERBEROS),
    # domain
    _lab("domain", "workgroup-server", "server-not-domain-joined"),
    Row(
        "domain",
        "refused, and another domain by NetBIOS",
        "netbios-name-mismatch",
        faults=("netbios-wrong-domain", "credentials-refused"),
    ),
    Row("domain", "user of another domain", "domain-mismatch", logon="FABRIKAM\\ned"),
    Row("domain", "user of another domain, both schemes", "domain-mismatch", logon="FABRIKAM\\ned", **KERBEROS),
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
    Row("domain", "suffix unknown to the server", "upn-suffix-mismatch", logon="ned@fabrikam.com"),
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
    _lab("reaching", "reset", "protocol-error"),
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
    Row("domain", "domain unknown to the directory", "domain-mismatch", logon="FABRIKAM\\ned", **_DIRECTORY),
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
