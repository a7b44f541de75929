"""What a service ticket shows: whether it will still be issued."""

from __future__ import annotations

from sipauthctl.findings import Finding, finding
from sipauthctl.mechanisms.kerberos.as_exchange import ETYPES, RC4


def rc4_ticket(key_type: int | None, *, spn: str, host: str) -> Finding | None:
    """The finding for a service ticket under RC4; None for another one, or none.

    Args:
        key_type: the encryption type of the ticket, RFC 3961 8.
        spn: the service principal name that it is for.
        host: the server.
    """
    if key_type != RC4:
        return None
    detail = (
        f"The ticket for {spn} is encrypted with RC4. Once the domain controllers have the Windows updates of 2026, "
        f"they issue no such ticket for an account without AES keys, and Kerberos to {host} fails."
    )
    return finding("rc4-ticket", detail, [f"ticket for {spn}: encryption type {RC4} ({ETYPES[RC4]})"], spn=spn)
