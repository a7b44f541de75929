"""The few ASN.1 types of Kerberos that a question to a KDC needs, RFC 4120 5 and [MS-KILE] 2.2.2."""

# ruff: noqa: N815, the names of pyasn1

from __future__ import annotations

from typing import Any

from pyasn1.error import PyAsn1Error
from pyasn1.type import char, constraint, namedtype, tag, univ, useful

DECODING_ERRORS = (PyAsn1Error, ValueError, OverflowError, TypeError, IndexError, AttributeError)
"""What pyasn1 raises for damaged data."""

AS_REQ, AS_REP, KRB_ERROR = 10, 11, 30
"""Message types, RFC 4120 7.5.7, which are also the application tags."""


def _field(number: int, name: str, kind: Any) -> namedtype.NamedType:
    return namedtype.NamedType(name, _tagged(number, kind))


def _optional(number: int, name: str, kind: Any) -> namedtype.OptionalNamedType:
    return namedtype.OptionalNamedType(name, _tagged(number, kind))


def _tagged(number: int, kind: Any) -> Any:
    return kind.subtype(explicitTag=tag.Tag(tag.tagClassContext, tag.tagFormatSimple, number))


def _application(number: int) -> Any:
    kind: Any = univ.Sequence.tagSet
    return kind.tagExplicitly(tag.Tag(tag.tagClassApplication, tag.tagFormatConstructed, number))


class Int32(univ.Integer):
    """Int32 and UInt32 of RFC 4120 5.2.4: a longer number is damage."""

    subtypeSpec = constraint.ConstraintsIntersection(constraint.ValueRangeConstraint(-(2**31), 2**32 - 1))


class _Names(univ.SequenceOf):
    componentType = char.GeneralString()


class _Numbers(univ.SequenceOf):
    componentType = Int32()


class HostAddress(univ.Sequence):
    """RFC 4120 5.2.5."""

    componentType = namedtype.NamedTypes(
        _field(0, "addr-type", Int32()),
        _field(1, "address", univ.OctetString()),
    )


class _HostAddresses(univ.SequenceOf):
    componentType = HostAddress()


class PrincipalName(univ.Sequence):
    """RFC 4120 5.2.2."""

    componentType = namedtype.NamedTypes(
        _field(0, "name-type", Int32()),
        _field(1, "name-string", _Names()),
    )


class PaData(univ.Sequence):
    """RFC 4120 5.2.7; KERB-ERROR-DATA of [MS-KILE] 2.2.2 has the same form."""

    componentType = namedtype.NamedTypes(
        _field(1, "padata-type", Int32()),
        _optional(2, "padata-value", univ.OctetString()),
    )


class MethodData(univ.SequenceOf):
    """RFC 4120 5.9.1."""

    componentType = PaData()


class EtypeInfo2Entry(univ.Sequence):
    """RFC 4120 5.2.7.5."""

    componentType = namedtype.NamedTypes(
        _field(0, "etype", Int32()),
        _optional(1, "salt", char.GeneralString()),
        _optional(2, "s2kparams", univ.OctetString()),
    )


class EtypeInfo2(univ.SequenceOf):
    """RFC 4120 5.2.7.5."""

    componentType = EtypeInfo2Entry()


class EncryptedData(univ.Sequence):
    """RFC 4120 5.2.9."""

    componentType = namedtype.NamedTypes(
        _field(0, "etype", Int32()),
        _field(2, "cipher", univ.OctetString()),
    )


class EncryptedTimestamp(univ.Sequence):
    """PA-ENC-TS-ENC, RFC 4120 5.2.7.2."""

    componentType = namedtype.NamedTypes(
        _field(0, "patimestamp", useful.GeneralizedTime()),
        _field(1, "pausec", Int32()),
    )


class _KdcRequestBody(univ.Sequence):
    componentType = namedtype.NamedTypes(
        _field(0, "kdc-options", univ.BitString()),
        _optional(1, "cname", PrincipalName()),
        _field(2, "realm", char.GeneralString()),
        _optional(3, "sname", PrincipalName()),
        _field(5, "till", useful.GeneralizedTime()),
        _field(7, "nonce", Int32()),
        _field(8, "etype", _Numbers()),
        _optional(9, "addresses", _HostAddresses()),
    )


class AsRequest(univ.Sequence):
    """AS-REQ, RFC 4120 5.4.1."""

    tagSet = _application(AS_REQ)
    componentType = namedtype.NamedTypes(
        _field(1, "pvno", Int32()),
        _field(2, "msg-type", Int32()),
        _optional(3, "padata", MethodData()),
        _field(4, "req-body", _KdcRequestBody()),
    )


class AsReply(univ.Sequence):
    """AS-REP as far as the name of the client, RFC 4120 5.4.2; the ticket stays unread."""

    tagSet = _application(AS_REP)
    componentType = namedtype.NamedTypes(
        _field(0, "pvno", Int32()),
        _field(1, "msg-type", Int32()),
        _optional(2, "padata", MethodData()),
        _field(3, "crealm", char.GeneralString()),
        _field(4, "cname", PrincipalName()),
        _field(5, "ticket", univ.Any()),
        _field(6, "enc-part", univ.Any()),
    )


class KrbError(univ.Sequence):
    """KRB-ERROR, RFC 4120 5.9.1."""

    tagSet = _application(KRB_ERROR)
    componentType = namedtype.NamedTypes(
        _field(0, "pvno", Int32()),
        _field(1, "msg-type", Int32()),
        _optional(2, "ctime", useful.GeneralizedTime()),
        _optional(3, "cusec", Int32()),
        _field(4, "stime", useful.GeneralizedTime()),
        _field(5, "susec", Int32()),
        _field(6, "error-code", Int32()),
        _optional(7, "crealm", char.GeneralString()),
        _optional(8, "cname", PrincipalName()),
        _field(9, "realm", char.GeneralString()),
        _field(10, "sname", PrincipalName()),
        _optional(11, "e-text", char.GeneralString()),
        _optional(12, "e-data", univ.OctetString()),
    )
