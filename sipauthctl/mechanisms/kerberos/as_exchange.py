"""The question for a first ticket and its answers (AS-REQ; AS-REP or KRB-ERROR), RFC 4120 3.1.

Without pre-authentication a KDC answers anybody: whether the principal exists, what holds it back, what its clock
shows and which types of keys the account has. No password takes part, so that is no sign-in and locks no account.
Nothing here does input or output, or needs libkrb5.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pyasn1.codec.der import decoder, encoder
from pyasn1.type import univ

from sipauthctl.mechanisms.kerberos.asn1 import (
    AS_REP,
    AS_REQ,
    DECODING_ERRORS,
    AsReply,
    AsRequest,
    EtypeInfo2,
    HostAddress,
    KrbError,
    MethodData,
    PaData,
)
from sipauthctl.mechanisms.kerberos.names import KerberosName
from sipauthctl.trust import Credential

TICKET = 0
CLIENT_UNKNOWN = 6
PREAUTH_FAILED = 24
PREAUTH_REQUIRED = 25
RESPONSE_TOO_BIG = 52  # for UDP
WRONG_REALM = 68
"""Error codes of RFC 4120 7.5.9, and 0 for a ticket in the place of an error."""

RC4 = 23  # its key is the NT hash, RFC 4757 2
ETYPES = {
    18: "aes256-cts-hmac-sha1-96",
    17: "aes128-cts-hmac-sha1-96",
    20: "aes256-cts-hmac-sha384-192",
    19: "aes128-cts-hmac-sha256-128",
    RC4: "rc4-hmac",
}
"""The encryption types that are offered, by their numbers: every one that Windows, MIT and Heimdal still have."""


def timestamp_kind(etype: int) -> Credential:
    """What a timestamp under a key of this type is to the policy."""
    return Credential.RC4_TIMESTAMP if etype == RC4 else Credential.AES_TIMESTAMP


_VERSION = 5
_NT_PRINCIPAL, _NT_SRV_INST, _NT_ENTERPRISE = 1, 2, 10
_CANONICALIZE = 1 << (31 - 15)  # KDCOptions, RFC 6806 6: bit 15 from the left of 32
_NETBIOS, _NETBIOS_BYTES = 20, 16  # an address type, RFC 4120 7.5.3
_FOREVER = "20370913024805Z"  # what Windows sends for the longest ticket
_ENC_TIMESTAMP, _PW_SALT, _ETYPE_INFO2 = 2, 3, 19
_EXTENDED_ERROR = struct.Struct("<III")  # KERB-EXT-ERROR, [MS-KILE] 2.2.1


class MalformedAnswer(ValueError):
    """What came is no answer of a KDC; the text says why."""


@dataclass(frozen=True, slots=True)
class KeyType:
    """A type of key that the account has, by its number (RFC 3961 8), the salt of its password and parameters."""

    etype: int
    salt: str | None
    parameters: bytes = b""

    @property
    def name(self) -> str:
        """Its name, or its number where that is not known."""
        return ETYPES.get(self.etype, f"type {self.etype}")


@dataclass(frozen=True, slots=True)
class KdcAnswer:
    """What a KDC said.

    Attributes:
        code: of RFC 4120 7.5.9; 0 where it gave a ticket at once, as for accounts without pre-authentication.
        time: its clock in UTC, None with a ticket.
        realm: the realm that it speaks for; with KDC_ERR_WRONG_REALM (68) the one to ask instead.
        status: the NTSTATUS behind the code, None where it gives none.
        text: its own words, often empty.
        key_types: the account's, in the order of preference; empty where it told none.
        client: whom the answer is about, without the realm; empty where it does not say.
        service: what was asked for, such as `krbtgt/LITWAREINC.COM`; empty where it does not say.
    """

    code: int
    time: datetime | None
    realm: str
    status: int | None = None
    text: str = ""
    key_types: tuple[KeyType, ...] = ()
    client: str = ""
    service: str = ""


def as_request(
    name: KerberosName,
    nonce: int,
    *,
    service: tuple[str, ...] | None = None,
    timestamp: bytes | None = None,
    workstation: str = "",
) -> bytes:
    """An AS-REQ.

    Args:
        name: the client, with its realm.
        nonce: 31 random bits.
        service: the parts of the service's name; None for the realm's ticket-granting service.
        timestamp: the value of a PA-ENC-TIMESTAMP, which proves the password.
        workstation: the NetBIOS name of this computer, which restricted accounts are checked against.
    """
    request: Any = AsRequest()
    request["pvno"] = _VERSION
    request["msg-type"] = AS_REQ
    if timestamp is not None:
        entry: Any = PaData()
        entry["padata-type"] = _ENC_TIMESTAMP
        entry["padata-value"] = timestamp
        request["padata"].append(entry)
    body = request["req-body"]
    options = _CANONICALIZE if name.enterprise else 0
    body["kdc-options"] = tuple(int(bit) for bit in f"{options:032b}")
    parts = (name.user,) if name.enterprise else tuple(name.user.split("/"))
    _principal(body["cname"], _NT_ENTERPRISE if name.enterprise else _NT_PRINCIPAL, parts)
    body["realm"] = _octets(name.realm)
    _principal(body["sname"], _NT_SRV_INST, service or ("krbtgt", name.realm))
    body["till"] = _FOREVER
    body["nonce"] = nonce
    body["etype"].extend(ETYPES)
    if workstation:
        address: Any = HostAddress()
        address["addr-type"] = _NETBIOS
        address["address"] = workstation.upper().encode("ascii", "replace")[:_NETBIOS_BYTES].ljust(_NETBIOS_BYTES)
        body["addresses"].append(address)
    encoded: bytes = encoder.encode(request)
    return encoded


def read_answer(data: bytes) -> KdcAnswer:
    """Reads a KRB-ERROR or an AS-REP.

    Raises:
        MalformedAnswer: it is neither, or damaged.
    """
    kind = data[0] & 0x1F if data else 0
    try:
        if kind == AS_REP:
            return _ticket(_decoded(data, AsReply()))
        return _error(_decoded(data, KrbError()))
    except DECODING_ERRORS:
        raise MalformedAnswer("the answer is not one of a KDC, or is damaged") from None


def _principal(field: Any, kind: int, parts: tuple[str, ...]) -> None:
    field["name-type"] = kind
    field["name-string"].extend(_octets(part) for part in parts)


def _octets(text: str) -> bytes:
    """A KerberosString as all of its implementations write it: UTF-8, whatever RFC 4120 5.2.1 says."""
    return text.encode("utf-8", "surrogateescape")


def _text(value: Any) -> str:
    return bytes(value).decode("utf-8", "backslashreplace")


def _decoded(data: bytes, kind: univ.Sequence | univ.SequenceOf) -> Any:
    value, rest = decoder.decode(data, asn1Spec=kind)
    if rest:
        raise ValueError("bytes after the end")
    return value


def _ticket(reply: Any) -> KdcAnswer:
    entries = reply["padata"] if reply["padata"].isValue else ()
    return KdcAnswer(TICKET, None, _text(reply["crealm"]), key_types=_key_types(entries))


def _error(error: Any) -> KdcAnswer:
    code = int(error["error-code"])
    data = bytes(error["e-data"]) if error["e-data"].isValue else b""
    entries = _pa_data(data)
    client_realm = _text(error["crealm"]) if error["crealm"].isValue else ""
    return KdcAnswer(
        code=code,
        time=_time(error["stime"]) + timedelta(microseconds=_microseconds(error["susec"])),
        # With KDC_ERR_WRONG_REALM the client's realm is the better one (RFC 6806 7).
        realm=client_realm or _text(error["realm"]),
        status=_status(entries) if code != PREAUTH_REQUIRED else None,
        # Bytes are not escaped here: those of a proof that is thrown back could be read in them.
        text=bytes(error["e-text"]).decode("utf-8", "replace").rstrip("\0") if error["e-text"].isValue else "",
        key_types=_key_types(entries),
        client=_name(error["cname"]) if error["cname"].isValue else "",
        service=_name(error["sname"]),
    )


def _name(principal: Any) -> str:
    return "/".join(_text(part) for part in principal["name-string"])


def _microseconds(value: Any) -> int:
    microseconds = int(value)
    return microseconds if 0 <= microseconds < 1_000_000 else 0


def _time(value: Any) -> datetime:
    """KerberosTime, RFC 4120 5.2.3: no fractions, always Z."""
    return datetime.strptime(str(value), "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _pa_data(data: bytes) -> list[Any]:
    """The entries of e-data: METHOD-DATA, or one KERB-ERROR-DATA. Other forms exist, and tell nothing here."""
    for kind in (MethodData(), PaData()):
        try:
            value = _decoded(data, kind)
        except DECODING_ERRORS:
            continue
        return list(value) if isinstance(kind, MethodData) else [value]
    return []


def _status(entries: list[Any]) -> int | None:
    """The NTSTATUS of a KERB-EXT-ERROR. Its type, KERB_ERR_TYPE_EXTENDED, is 3, as is that of PA-PW-SALT."""
    for entry in entries:
        value = bytes(entry["padata-value"]) if entry["padata-value"].isValue else b""
        if int(entry["padata-type"]) == _PW_SALT and len(value) == _EXTENDED_ERROR.size:
            status: int = _EXTENDED_ERROR.unpack(value)[0]
            return status or None
    return None


def _key_types(entries: Any) -> tuple[KeyType, ...]:
    for entry in entries:
        if int(entry["padata-type"]) == _ETYPE_INFO2 and entry["padata-value"].isValue:
            try:
                known = _decoded(bytes(entry["padata-value"]), EtypeInfo2())
            except DECODING_ERRORS:
                return ()
            return tuple(_key_type(item) for item in known)
    return ()


def _key_type(item: Any) -> KeyType:
    salt = _text(item["salt"]) if item["salt"].isValue else None
    return KeyType(int(item["etype"]), salt, bytes(item["s2kparams"]) if item["s2kparams"].isValue else b"")
