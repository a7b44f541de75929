"""What a token shows without any key: the type of the service's key that its ticket is encrypted with."""

from __future__ import annotations

from typing import Any

from pyasn1.codec.der import decoder

from sipauthctl.mechanisms.base import MalformedToken
from sipauthctl.mechanisms.kerberos.as_exchange import ETYPES
from sipauthctl.mechanisms.kerberos.asn1 import DECODING_ERRORS, ApRequest
from sipauthctl.mechanisms.kerberos.token import ap_request


def key_type_of(token: bytes) -> str:
    """The encryption type of the ticket in a first token of GSS-API, by its name, RFC 3961 8.

    Raises:
        MalformedToken: it holds no ticket.
    """
    try:
        message: Any = decoder.decode(ap_request(token), asn1Spec=ApRequest())[0]
        etype = int(message["ticket"]["enc-part"]["etype"])
    except DECODING_ERRORS:
        raise MalformedToken("the token holds no ticket that can be read") from None
    return ETYPES.get(etype, f"type {etype}")
