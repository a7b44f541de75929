"""What a challenge offers: one offer a scheme (and, after forking, a proxy), [MS-SIPAE] 2.2.1."""

from __future__ import annotations

from dataclasses import dataclass

from sipauthctl.mechanisms.base import Scheme


@dataclass(frozen=True, slots=True)
class Offer:
    """One WWW-Authenticate or Proxy-Authenticate header. Texts stand as received; absent parameters are None."""

    scheme: Scheme | None
    scheme_text: str
    realm: str | None
    targetname: str | None
    version: int | None
    qop: str | None
    opaque: str | None
    gssapi_data: str | None
    sts_uri: str | None
