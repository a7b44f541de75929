"""What the NTLM handshake shows, success or not."""

from __future__ import annotations

from collections.abc import Iterator

from sipauthctl.analysis.results import State
from sipauthctl.analysis.tracked import Step, Tracked
from sipauthctl.association.verdict import Verdict
from sipauthctl.diagnosis.answers import NTLM_MISMATCH, hresults, lines
from sipauthctl.diagnosis.names import server_findings
from sipauthctl.diagnosis.ntlm import STRONG_KEY_BITS, key_strength
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.mechanisms.ntlm.messages import key_bits


def findings(tracked: Tracked, local_times: bool) -> Iterator[Finding]:
    """The version of NTLM, key strength, forgeable signatures, servers outside any domain."""
    if tracked.scheme is not Scheme.NTLM:
        return
    if tracked.authenticate is not None and tracked.authenticate.version == 1:
        detail = f"{tracked.who} answers {tracked.where} with NTLMv1."
        yield finding("ntlm-v1", detail, [f"User-Agent: {tracked.user_agent}"] if tracked.user_agent else [])
    yield from _strength(tracked)
    cut = tracked.input_is_cut and tracked.may_go_on
    if stopped_at_challenge(tracked) and not _has_session_security(tracked) and not cut:
        detail = (
            f"{tracked.who} does not answer the CHALLENGE of {tracked.where}, which lacks extended session security; "
            "a client that demands it ends the handshake there."
        )
        severity = Severity.WARNING if tracked.may_go_on else None
        yield finding("ntlm-session-security-missing", detail, _flags(tracked), severity=severity)
    shown = tracked.handshake_seen or Verdict.CONSISTENT in tracked.verdicts
    if tracked.extended is False and shown:
        how = "The handshake" if tracked.handshake_seen else "The form of the signatures"
        detail = f"{how} of {tracked.who} with {tracked.where} shows no extended session security."
        yield finding("ntlm-forgeable-signatures", detail, _flags(tracked))
    if tracked.challenge is not None and tracked.challenge.has_target_info:
        refused = tracked.state is State.FAILED
        yield from server_findings(tracked.challenge.names, tracked.where, refused=refused)


def stopped_at_challenge(tracked: Tracked) -> bool:
    """Whether the client ended the handshake at a CHALLENGE that offers less than clients may demand."""
    if tracked.challenge is None or tracked.step is not Step.TOKEN_GIVEN or tracked.one_way:
        return False
    return not _has_session_security(tracked) or tracked.challenge.key_bits < STRONG_KEY_BITS


def _has_session_security(tracked: Tracked) -> bool:
    return tracked.challenge is not None and tracked.challenge.extended_session_security


def _strength(tracked: Tracked) -> Iterator[Finding]:
    answer, host = tracked.answer, tracked.where
    offered = tracked.challenge.flags if tracked.challenge is not None else None
    taken = tracked.authenticate.flags if tracked.authenticate is not None else None
    remedy, end = key_strength(offered, taken)
    if answer is not None and NTLM_MISMATCH in hresults(answer):
        detail = f"{host} refuses the strength or security level of the NTLM of {tracked.who}. {end}".rstrip()
        yield finding("ntlm-key-strength-mismatch", detail, [*lines(answer), *_flags(tracked)], remedy=remedy)
        return
    told = offered if taken is None else taken
    if told is not None and key_bits(told) < STRONG_KEY_BITS:
        bits = key_bits(told)
        detail = (
            f"{tracked.who} and {host} negotiate NTLM keys of {bits} bits, which Windows 7 and later refuse. {end}"
        )
        ended = tracked.state is State.FAILED or (stopped_at_challenge(tracked) and not tracked.may_go_on)
        severity = None if ended else Severity.WARNING
        detail = f"{detail} {end}".rstrip()
        yield finding("ntlm-key-strength-mismatch", detail, _flags(tracked), severity=severity, remedy=remedy)


def _flags(tracked: Tracked) -> list[str]:
    parts = (("CHALLENGE", tracked.challenge), ("AUTHENTICATE", tracked.authenticate))
    return [f"flags of the {name}: 0x{token.flags:08X}" for name, token in parts if token is not None]
