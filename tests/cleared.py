"""The leave to make something of a secret, as the policy gives it where nothing is secret."""

from __future__ import annotations

from collections.abc import Callable

from sipauthctl.trust import Clearance, Credential, Destination, Origin, Trust, unwatched


def cleared(
    credential: Credential, name: str = "hs1.litwareinc.com", witness: Callable[[bytes], object] = unwatched
) -> Clearance:
    """For a server or a realm."""
    given = Trust(no_secret=True, witness=witness).clear(credential, Destination(name, Origin.USER, proven=True))
    assert isinstance(given, Clearance)
    return given


NTLM = cleared(Credential.NTLM_RESPONSE)
TICKET = cleared(Credential.SERVICE_TICKET)
AES = cleared(Credential.AES_TIMESTAMP, "LITWAREINC.COM")
RC4 = cleared(Credential.RC4_TIMESTAMP, "LITWAREINC.COM")
