"""The faults that `--fault` names: each one change of behaviour, with a sentence on what it stands for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

from sipauthctl.lab.accounts import AccountState
from sipauthctl.lab.answer_faults import ANSWER_FAULTS
from sipauthctl.lab.behaviour import (
    AnswerSignature,
    Behaviour,
    Damage,
    DateHeader,
    Impostor,
    RedirectTarget,
)
from sipauthctl.lab.directory_faults import DIRECTORY_FAULTS
from sipauthctl.lab.dns_faults import DNS_FAULTS
from sipauthctl.lab.fault import Fault, Need, changing
from sipauthctl.lab.kdc import KdcFlaw
from sipauthctl.lab.tls_faults import TLS_FAULTS

_ALL = (
    Fault(
        "clock-skew",
        "The servers' clocks are that many seconds ahead (negative: behind), in Date and in the NTLM challenge.",
        lambda behaviour, seconds: replace(behaviour, clock_offset=timedelta(seconds=seconds)),
        default=1200,
        least=-999_999_999.0,
    ),
    Fault(
        "translated-address",
        "The servers see the client under another address, as behind a NAT device.",
        changing(seen_address="198.51.100.9"),
    ),
    Fault("no-date", "Challenges carry no Date header.", changing(date=DateHeader.ABSENT)),
    Fault("malformed-date", "The Date header of challenges cannot be read.", changing(date=DateHeader.MALFORMED)),
    Fault(
        "bad-rspauth",
        "The signature of the final answer is of another message.",
        changing(signature=AnswerSignature.WRONG),
    ),
    Fault(
        "replayed-snum",
        "Every signed answer carries snum 1, so all but the first look replayed.",
        changing(signature=AnswerSignature.REPLAYED),
        needs=(Need.SECOND_REQUEST,),
    ),
    Fault(
        "skipped-snum",
        "The servers leave numbers out: snum 1, then 7, 13, ...",
        changing(signature=AnswerSignature.SKIPPING),
        needs=(Need.SECOND_REQUEST,),
    ),
    Fault(
        "snum-reset",
        "After each refresh the server counts anew from snum 1.",
        changing(signature=AnswerSignature.RESET),
        needs=(Need.REFRESH,),
    ),
    Fault(
        "replay-after-refresh",
        "After the answer to a refresh comes an old answer once more.",
        changing(replay_after_refresh=True),
        needs=(Need.REFRESH,),
    ),
    Fault(
        "forgets-association",
        "Each server drops its first association without a word, as after a restart.",
        changing(forgets_association=True),
        needs=(Need.SECOND_REQUEST,),
    ),
    Fault(
        "wrong-proxy-signs",
        "The signature that names the first proxy is made by its neighbour (with one proxy at least).",
        changing(wrong_proxy_signs=True),
    ),
    Fault(
        "path-change",
        "From the first refresh on another proxy stands in the path (with one proxy at least).",
        changing(path_change=True),
        needs=(Need.SECOND_REQUEST,),
    ),
    Fault(
        "expires-too-short",
        "Registrations are granted that many seconds only.",
        lambda behaviour, seconds: replace(behaviour, granted_expires=round(seconds)),
        default=4,
    ),
    Fault(
        "restart",
        "The servers restart every that many seconds: connections break, associations and registrations are gone.",
        lambda behaviour, seconds: replace(behaviour, restart_every=seconds),
        default=60,
        least=1.0,
        needs=(Need.HOLD,),
    ),
    Fault("unsigned-ok", "The 200 comes without a signature.", changing(signature=AnswerSignature.MISSING)),
    Fault(
        "unsigned-request",
        "Requests of the server (MESSAGE, NOTIFY) come without a signature.",
        changing(unsigned_requests=True),
        needs=(Need.SERVER_REQUEST,),
    ),
    Fault(
        "unsigned-redirect",
        "The 301 to the home server comes without a signature.",
        changing(redirect_signature=AnswerSignature.MISSING),
        needs=(Need.REDIRECT,),
    ),
    Fault(
        "bad-redirect-signature",
        "The signature of the 301 is of another message.",
        changing(redirect_signature=AnswerSignature.WRONG),
        needs=(Need.REDIRECT,),
    ),
    Fault(
        "redirect-loop",
        "The home server redirects back to the proxy.",
        changing(redirect_target=RedirectTarget.BACK),
        needs=(Need.REDIRECT,),
    ),
    Fault(
        "redirect-to-cleartext",
        "The 301 leads from TLS to plain TCP.",
        changing(redirect_target=RedirectTarget.CLEARTEXT),
        needs=(Need.REDIRECT, Need.TLS),
    ),
    Fault(
        "redirect-to-nowhere",
        "The 301 has a Contact that cannot be used.",
        changing(redirect_target=RedirectTarget.NOWHERE),
        needs=(Need.REDIRECT,),
    ),
    Fault(
        "redirect-without-transport",
        "The Contact of the 301 names no transport, which leaves it at the one in use; no error of the server.",
        changing(redirect_target=RedirectTarget.NO_TRANSPORT),
        needs=(Need.REDIRECT,),
    ),
    Fault(
        "redirect-to-foreign-domain",
        "The 301 leads to a server outside the SIP domain.",
        changing(redirect_target=RedirectTarget.FOREIGN),
    ),
    Fault(
        "foreign-spn",
        "The Kerberos offer names a service other than sip, as a server that harvests tickets would.",
        changing(kerberos_targetname="cifs/{host}"),
    ),
    Fault(
        "spn-host-mismatch",
        "The Kerberos offer names sip on another host.",
        changing(kerberos_targetname="sip/other.litwareinc.com"),
        needs=(Need.KERBEROS,),
    ),
    Fault(
        "realm-differs",
        "The challenge with the token has another realm than the first one.",
        changing(realm_in_token="Another Realm"),
        needs=(Need.NTLM,),
    ),
    Fault(
        "legacy-auth-off",
        "The servers offer TLS-DSK alone, as after Set-CsAuthConfig.",
        changing(legacy_auth_off=True),
    ),
    Fault("missing-targetname", "The offers have no targetname.", changing(omit_targetname=True)),
    Fault("old-home-server", "The home server speaks protocol version 2.", changing(home_version=2)),
    Fault("version-1", "The offers are of protocol version 1.", changing(version=1)),
    Fault(
        "ntlm-key-strength-mismatch",
        "The NTLM challenge offers no 128-bit keys, while the server's policy demands them.",
        changing(short_keys=True),
        needs=(Need.NTLM,),
    ),
    Fault(
        "workgroup-server",
        "The server is in no domain: its target info names none.",
        changing(workgroup=True),
        needs=(Need.NTLM,),
    ),
    Fault(
        "garbage-token", "The NTLM token of the server is not NTLM.", changing(garbage_token=True), needs=(Need.NTLM,)
    ),
    Fault(
        "credentials-refused",
        "Right credentials are refused without a reason, as from behind a UPnP NAT or with NetBIOS disabled.",
        changing(reject_all=True),
        needs=(Need.NTLM,),
    ),
    Fault(
        "telling-refusals",
        "A refusal carries the HRESULT of the logon error (wrong password, disabled, locked out) in ms-diagnostics.",
        changing(tell_logon_status=True),
        needs=(Need.NTLM, Need.REFUSAL),
    ),
    Fault(
        "slow",
        "Each answer takes that many seconds.",
        lambda behaviour, seconds: replace(behaviour, delay=seconds),
        default=2,
    ),
    Fault("silent", "The servers take connections and never answer.", changing(damage=Damage.SILENT)),
    Fault("truncated", "The connection closes in the middle of an answer.", changing(damage=Damage.TRUNCATED)),
    Fault("oversized", "An answer's header never ends.", changing(damage=Damage.OVERSIZED)),
    Fault(
        "terminal-escapes",
        "Answers carry terminal control sequences and markup in every text that a tool might show.",
        changing(terminal_escapes=True),
    ),
    Fault("digest-only", "A SIP server of another kind: it offers Digest alone.", changing(impostor=Impostor.DIGEST)),
    Fault("http-server", "A web server on the SIP port.", changing(impostor=Impostor.HTTP)),
    Fault("no-challenge", "The server says 200 without asking who it is.", changing(impostor=Impostor.NO_CHALLENGE)),
    Fault("no-offers", "The 401 has no challenge header.", changing(impostor=Impostor.NO_OFFERS)),
    Fault(
        "kdc-unreachable",
        "Nothing listens on the KDC's port.",
        changing(kdc=KdcFlaw.UNREACHABLE),
        needs=(Need.KERBEROS,),
    ),
    Fault(
        "kdc-clock-skew",
        "The KDC refuses every request, as its clock is 20 minutes ahead.",
        changing(kdc=KdcFlaw.CLOCK_SKEW),
        needs=(Need.KERBEROS,),
    ),
    Fault(
        "spn-not-registered",
        "The KDC knows no account with the servers' service principal names.",
        changing(kdc=KdcFlaw.SPN_NOT_REGISTERED),
        needs=(Need.KERBEROS,),
    ),
    Fault(
        "service-key-mismatch",
        "The servers' keytab is older than their keys at the KDC, so they cannot decrypt tickets.",
        changing(kdc=KdcFlaw.STALE_KEYTAB),
        needs=(Need.KERBEROS,),
    ),
    Fault(
        "etype-mismatch",
        "The servers' accounts have keys of no type that the KDC permits.",
        changing(kdc=KdcFlaw.ETYPE_MISMATCH),
        needs=(Need.KERBEROS,),
    ),
    Fault(
        "rc4-ticket",
        "The servers' accounts have RC4 keys only, so tickets for them are encrypted with RC4.",
        changing(kdc=KdcFlaw.RC4_TICKETS),
        needs=(Need.KERBEROS,),
    ),
    Fault(
        "short-ticket",
        "Tickets for the servers end after a minute.",
        changing(kdc=KdcFlaw.SHORT_TICKETS),
        needs=(Need.KERBEROS,),
    ),
    Fault(
        "expired-account",
        "The first account, ned, has expired.",
        changing(first_account=AccountState.EXPIRED),
        needs=(Need.FIRST_ACCOUNT,),
    ),
    Fault(
        "disabled-account",
        "The first account, ned, is disabled.",
        changing(first_account=AccountState.DISABLED),
        needs=(Need.FIRST_ACCOUNT,),
    ),
    Fault(
        "expired-password",
        "The password of the first account, ned, has expired.",
        changing(first_account=AccountState.PASSWORD_EXPIRED),
        needs=(Need.FIRST_ACCOUNT,),
    ),
    Fault(
        "protected-user",
        "The first account, ned, is in Protected Users, whose members may not use NTLM.",
        changing(first_account=AccountState.PROTECTED),
        needs=(Need.FIRST_ACCOUNT, Need.NTLM),
    ),
)

FAULTS = {fault.name: fault for fault in (*_ALL, *ANSWER_FAULTS, *DNS_FAULTS, *TLS_FAULTS, *DIRECTORY_FAULTS)}


def behaviour_with(requests: Iterable[str]) -> Behaviour:
    """The behaviour with these faults, each `NAME` or `NAME=VALUE`.

    Raises:
        ValueError: a fault is not known, its value is not of its form, or two of them would
            change the same, so that only one could act.
    """
    behaviour, changed_by = Behaviour(), dict[str, str]()
    for request in dict.fromkeys(requests):
        name, equals, text = request.partition("=")
        fault = FAULTS.get(name)
        if fault is None:
            raise ValueError(f"no fault is called {name!r}")
        value = fault.read(equals, text)
        if not _changed(fault, value):
            raise ValueError(f"the fault {request} changes nothing")
        for changed in _changed(fault, value):
            other = changed_by.setdefault(changed, request)
            if other != request:
                raise ValueError(f"the faults {other} and {request} contradict each other: only one of them could act")
        behaviour = fault.change(behaviour, value)
    return behaviour


def needs_of(request: str) -> tuple[Need, ...]:
    """What the fault `NAME` or `NAME=VALUE` needs."""
    return FAULTS[request.partition("=")[0]].needs


def _changed(fault: Fault, value: Any) -> list[str]:
    """What of the behaviour a fault changes."""
    usual = Behaviour()
    alone = fault.change(usual, value)
    changed = [one.name for one in fields(Behaviour) if getattr(alone, one.name) != getattr(usual, one.name)]
    # Without service principal names no account can have them wrongly.
    return [*changed, "spns"] if alone.kdc is KdcFlaw.SPN_NOT_REGISTERED else changed
