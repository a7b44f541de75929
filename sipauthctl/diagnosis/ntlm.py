"""Which end of an NTLM handshake lacks 128-bit keys."""

from __future__ import annotations

from sipauthctl.mechanisms.ntlm.messages import key_bits

STRONG_KEY_BITS = 128


def key_strength(challenge: int | None, authenticate: int | None) -> tuple[str, str]:
    """The remedy of ntlm-key-strength-mismatch that fits these negotiate flags, and why, in a sentence.

    A client may set only flags that the CHALLENGE has ([MS-NLMP] 3.1.5.1.2), so what the AUTHENTICATE lacks is the
    client's doing only where the CHALLENGE was seen.

    Args:
        challenge: the flags of the CHALLENGE, None where it was not seen.
        authenticate: those of the AUTHENTICATE.

    Returns:
        The key of the remedy and the sentence; both empty where the flags seen do not tell.
    """
    if challenge is None:
        return "", ""
    if key_bits(challenge) < STRONG_KEY_BITS:
        return "server", "The CHALLENGE lacks the flag for 128-bit keys."
    if authenticate is None:
        return "", ""
    if key_bits(authenticate) < STRONG_KEY_BITS:
        return "client", "The AUTHENTICATE lacks the flag for 128-bit keys; the CHALLENGE has it."
    return "both", "Both have the flag for 128-bit keys."
