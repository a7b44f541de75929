"""Which service a client may ask a ticket for, OCS 2007 R2 Resource Kit, chapter 22, and [MS-SIPAE] 3.2.5.1.

A challenge names the service for which the client fetches a Kerberos ticket. A rogue server that could name any
service would harvest tickets for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

_SPN = re.compile(r"(?P<service>[^/:\s]+)(?P<separator>[/:])(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\.?)")


class SpnProblem(Enum):
    """Why a Kerberos targetname is not used."""

    MALFORMED = "malformed"
    FOREIGN_SERVICE = "foreign-service"
    HOST_MISMATCH = "host-mismatch"


@dataclass(frozen=True, slots=True)
class Spn:
    """A service principal name of two parts, such as `sip/hs1.litwareinc.com`."""

    service: str
    host: str

    @classmethod
    def parse(cls, text: str) -> Spn | None:
        """Reads `sip/<FQDN>`, and `sip:<FQDN>` as the Resource Kit prints it too; None for anything else."""
        match = _SPN.fullmatch(text)
        if match is None or (match["separator"] == ":" and match["service"].lower() != "sip"):
            return None
        return cls(match["service"], match["host"].rstrip("."))

    @property
    def text(self) -> str:
        """The form that a KDC knows."""
        return f"{self.service}/{self.host}"


def check_spn(targetname: str, *, server_host: str, over_tls: bool) -> SpnProblem | None:
    """Whether a client may ask a ticket for `targetname`; None when it may.

    Args:
        targetname: the parameter of the Kerberos challenge.
        server_host: the FQDN of the server that was meant to be reached (the outbound proxy; after a redirect the
            server that the redirect named).
        over_tls: whether TLS proved that it is this server. Then the SPN may name another host, as the server's pool
            or service account may be called otherwise, and `choose` judges its domain; without proof it must be the
            server's own.
    """
    spn = Spn.parse(targetname)
    if spn is None:
        return SpnProblem.MALFORMED
    if spn.service.lower() != "sip":
        return SpnProblem.FOREIGN_SERVICE
    if not over_tls and spn.host.lower() != server_host.rstrip(".").lower():
        return SpnProblem.HOST_MISMATCH
    return None
