"""What the directory has on an account, and on the owner of a service principal name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from sipauthctl.directory.values import (
    PROTECTED_USERS,
    AccountControl,
    KeyTypes,
    filetime,
    number,
    sid_in_domain,
    sid_text,
)

CONTROL, COMPUTED = "userAccountControl", "msDS-User-Account-Control-Computed"
SIP_ENABLED, SIP_ADDRESS = "msRTCSIP-UserEnabled", "msRTCSIP-PrimaryUserAddress"
ACCOUNT_ATTRIBUTES = [
    "sAMAccountName",
    "userPrincipalName",
    CONTROL,
    COMPUTED,
    "lockoutTime",
    "accountExpires",
    "pwdLastSet",
    "logonHours",
    "userWorkstations",
    "objectSid",
    "memberOf",
    SIP_ENABLED,
    SIP_ADDRESS,
]
OWNER_ATTRIBUTES = [
    "sAMAccountName",
    "objectClass",
    "dNSHostName",
    CONTROL,
    "pwdLastSet",
    "msDS-SupportedEncryptionTypes",
    SIP_ADDRESS,
]


class Attributes(Protocol):
    """An entry of a directory."""

    @property
    def dn(self) -> str:
        """Its distinguished name."""

    def text(self, name: str) -> str:
        """The first value of an attribute, empty where it has none."""

    def texts(self, name: str) -> tuple[str, ...]:
        """All values."""

    def raw(self, name: str) -> bytes | None:
        """The first value as it is."""

    def raws(self, name: str) -> tuple[bytes, ...]:
        """All values as they are."""


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """An account. `workstations` is empty where all are allowed, `protected_by` where it is no member of Protected
    Users, else what shows that. The SIP values are None where they are not set."""

    dn: str
    name: str
    principal: str
    control: AccountControl
    locked_since: datetime | None
    expires: datetime | None
    must_change: bool
    logon_hours: bytes | None
    workstations: tuple[str, ...]
    protected_by: str
    sip_enabled: bool | None
    sip_address: str | None


class OwnerKind(Enum):
    """What kind of account it is."""

    USER = "user"
    COMPUTER = "computer"
    MANAGED = "managed service account"


@dataclass(frozen=True, slots=True)
class SpnOwner:
    """An account that has a service principal name. `key_types` is None where the directory leaves them to the KDC."""

    dn: str
    name: str
    kind: OwnerKind
    host: str
    disabled: bool
    password_set: datetime | None
    key_types: KeyTypes | None
    sip_address: str | None


def account_record(entry: Attributes, groups: Iterable[bytes]) -> AccountRecord:
    """Reads an entry that was asked for with `ACCOUNT_ATTRIBUTES`.

    Args:
        entry: the account's.
        groups: the SIDs of its groups, with those that it is in through others (tokenGroups).
    """
    control = AccountControl(number(entry.text(CONTROL)) | number(entry.text(COMPUTED)))
    must_change = entry.text("pwdLastSet") == "0" and AccountControl.PASSWORD_NEVER_EXPIRES not in control
    enabled = entry.text(SIP_ENABLED).upper()
    return AccountRecord(
        dn=entry.dn,
        name=entry.text("sAMAccountName"),
        principal=entry.text("userPrincipalName"),
        control=control,
        locked_since=filetime(entry.text("lockoutTime")) if AccountControl.LOCKED_OUT in control else None,
        expires=filetime(entry.text("accountExpires")),
        must_change=must_change,
        logon_hours=entry.raw("logonHours"),
        workstations=tuple(name.strip() for name in entry.text("userWorkstations").split(",") if name.strip()),
        protected_by=_protected_by(entry, groups),
        sip_enabled=enabled == "TRUE" if enabled else None,
        sip_address=entry.text(SIP_ADDRESS) or None,
    )


def _protected_by(entry: Attributes, groups: Iterable[bytes]) -> str:
    own = entry.raw("objectSid")
    group = sid_in_domain(own, PROTECTED_USERS) if own is not None else b""
    if not group or group not in set(groups):
        return ""
    # Where the group has its English name, the direct membership shows it best.
    named = (dn for dn in entry.texts("memberOf") if dn.lower().startswith("cn=protected users,"))
    return next((f"memberOf: {dn}" for dn in named), f"tokenGroups: {sid_text(group)} (Protected Users)")


def spn_owner(entry: Attributes) -> SpnOwner:
    """Reads an entry that was asked for with `OWNER_ATTRIBUTES`."""
    classes = {name.lower() for name in entry.texts("objectClass")}
    managed = bool(classes & {"msds-groupmanagedserviceaccount", "msds-managedserviceaccount"})
    kind = OwnerKind.MANAGED if managed else OwnerKind.COMPUTER if "computer" in classes else OwnerKind.USER
    key_types = number(entry.text("msDS-SupportedEncryptionTypes"))
    return SpnOwner(
        dn=entry.dn,
        name=entry.text("sAMAccountName"),
        kind=kind,
        host=entry.text("dNSHostName").lower(),
        disabled=AccountControl.DISABLED in AccountControl(number(entry.text(CONTROL))),
        password_set=filetime(entry.text("pwdLastSet")),
        key_types=KeyTypes(key_types) if key_types else None,
        sip_address=entry.text(SIP_ADDRESS) or None,
    )
