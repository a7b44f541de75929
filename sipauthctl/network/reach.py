"""Connects to a server that may have several addresses."""

from __future__ import annotations

from collections.abc import Callable

from sipauthctl.network.discovery import Candidate
from sipauthctl.network.errors import ConnectionRefused, ConnectTimeout, HostUnresolvable, NetworkError
from sipauthctl.network.tls import TlsPolicy
from sipauthctl.network.transport import Connection, Timeouts, connect


async def connect_candidate(
    candidate: Candidate,
    policy: TlsPolicy,
    timeouts: Timeouts,
    lost: Callable[[NetworkError], None] = lambda error: None,
) -> Connection:
    """A connection to the first address that takes one.

    Args:
        candidate: the server and its addresses.
        policy: whom to trust.
        timeouts: for each address.
        lost: told about each address that is passed over.

    Raises:
        NetworkError: that of the last address, or of the one where TLS failed.
        TrustError: the CA file cannot be used.
    """
    server = candidate.server
    if not candidate.addresses:
        raise HostUnresolvable(server, f"no address is known for {server.host}")
    for address in candidate.addresses[:-1]:
        try:
            return await connect(server, address, policy, timeouts)
        except (ConnectionRefused, ConnectTimeout) as error:
            lost(error)
    return await connect(server, candidate.addresses[-1], policy, timeouts)
