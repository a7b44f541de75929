"""Fills the directory of a provisioned domain controller; run by the Python that has Samba's modules.

    python3 -I population.py < JSON

It stands alone, since that Python knows nothing of this package. The JSON object has:

- `configuration`: path of smb.conf; `database`: path of the domain's own part of sam.ldb
- `controller`: the domain controller's FQDN
- `administrator`: {user, password}
- `accounts`: objects with `user`, `display_name`, `password`, `sip_uri` (or null), `state`
- `service`: the account that the SIP servers run as: `user`, `former` (another one, which once was that), `password`
- `spns`: the servers' service principal names
- `owners`: which of them each account has in the end
- `encryption_types`: msDS-SupportedEncryptionTypes of both service accounts in the end, null to leave them
- `keytab`: where to write the service's keys under all these names
- `stale`: whether the service's password changes after that
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import json
import sys
import time
from typing import Any

import ldb
import samba.dckeytab  # noqa: F401 - adds export_keytab to Net
from samba.auth import system_session
from samba.credentials import Credentials
from samba.net import Net
from samba.param import LoadParm
from samba.samdb import SamDB

# The attributes that the schema preparation of Office Communications Server adds. The names and syntaxes are
# Microsoft's; the object identifiers are only this lab's own.
SIP_ATTRIBUTES = (
    ("msRTCSIP-UserEnabled", "2.5.5.8", "1", "2.25.3306251.1"),
    ("msRTCSIP-PrimaryUserAddress", "2.5.5.12", "64", "2.25.3306251.2"),
)
SPN = "servicePrincipalName"
ENCRYPTION_TYPES = "msDS-SupportedEncryptionTypes"
RC4_AND_AES = 0x1C
PROTECTED_USERS = 525  # relative identifier, [MS-DTYP] 2.4.2.4
DISABLED = 0x0002
NORMAL_ACCOUNT = 0x0200
DONT_EXPIRE_PASSWORD = 0x10000
LONG_AGO = 132223104000000000  # 2020-01-01 in 100 ns since 1601
WORKSTATION = "LITWARE-PC7"
HOUR, DAY = 3600, 24


def main() -> None:
    """Does everything in one process, as opening the database takes longest."""
    wanted = json.load(sys.stdin)
    parameters = LoadParm()
    parameters.load(wanted["configuration"])
    database = SamDB(session_info=system_session(), lp=parameters)
    extend_schema(database)
    add_controller_name(database, wanted["controller"])
    database.setpassword(by_user(wanted["administrator"]["user"]), wanted["administrator"]["password"])
    for account in wanted["accounts"]:
        add_account(database, account)
    service = wanted["service"]
    add_service(database, service)
    change(database, find(database, service["user"]), SPN, wanted["spns"])
    write_keytab(parameters, wanted["keytab"], wanted["spns"])
    for user in (service["user"], service["former"]):
        if wanted["encryption_types"] is not None:
            change(database, find(database, user), ENCRYPTION_TYPES, str(wanted["encryption_types"]))
    if wanted["stale"]:
        database.setpassword(by_user(service["user"]), service["password"] + "-changed")
    write_raw(database, wanted)


def write_raw(database: Any, wanted: dict[str, Any]) -> None:
    """What the domain controller would refuse: names that another account has, and times that only it may write."""
    raw = ldb.Ldb(wanted["database"], options=["modules:"])
    changes = [(user, SPN, spns) for user, spns in wanted["owners"].items()]
    for account in wanted["accounts"]:
        if account["state"] in RAW_STATES:
            name, value = RAW_STATES[account["state"]]
            changes.append((account["user"], name, value()))
    for user, name, value in changes:
        change(raw, find(database, user), name, value)


def extend_schema(database: Any) -> None:
    """Adds the SIP attributes to users."""
    schema = str(database.get_schema_basedn())
    for name, syntax, om_syntax, identifier in SIP_ATTRIBUTES:
        database.add(
            {
                "dn": f"CN={name},{schema}",
                "objectClass": "attributeSchema",
                "lDAPDisplayName": name,
                "attributeID": identifier,
                "attributeSyntax": syntax,
                "oMSyntax": om_syntax,
                "isSingleValued": "TRUE",
                "searchFlags": "1",
            }
        )
    database.set_schema_update_now()
    change(database, f"CN=User,{schema}", "mayContain", [name for name, *_ in SIP_ATTRIBUTES], ldb.FLAG_MOD_ADD)
    database.set_schema_update_now()


def add_controller_name(database: Any, host: str) -> None:
    """What a controller that runs for some time adds by itself: the name under which clients ask it for LDAP."""
    computer = find(database, f"{host.partition('.')[0].upper()}$")
    change(database, computer, SPN, f"ldap/{host}", ldb.FLAG_MOD_ADD)


def add_account(database: Any, account: dict[str, Any]) -> None:
    """One user, held back by what the normal way allows."""
    user = account["user"]
    given, _, surname = account["display_name"].partition(" ")
    database.newuser(user, account["password"], givenname=given, surname=surname, mailaddress=account["mail"])
    dn = find(database, user)
    enabled = account["sip_uri"] is not None
    change(database, dn, "msRTCSIP-UserEnabled", "TRUE" if enabled else "FALSE")
    if enabled:
        change(database, dn, "msRTCSIP-PrimaryUserAddress", account["sip_uri"])
    if account["state"] == "protected":
        group = f"{database.get_domain_sid()}-{PROTECTED_USERS}"
        change(database, f"<SID={group}>", "member", str(dn), ldb.FLAG_MOD_ADD)
    if account["state"] in STATES:
        name, value = STATES[account["state"]]
        change(database, dn, name, value())


def add_service(database: Any, service: dict[str, Any]) -> None:
    """The account of the SIP servers, and the one that once was.

    Keys of a type are made only for a password that is set after the type was chosen.
    """
    for user, password in ((service["user"], service["password"]), (service["former"], f"{service['password']}-2")):
        database.newuser(user, password)
        dn = find(database, user)
        change(database, dn, "userAccountControl", str(NORMAL_ACCOUNT | DONT_EXPIRE_PASSWORD))
        change(database, dn, ENCRYPTION_TYPES, str(RC4_AND_AES))
        database.setpassword(by_user(user), password)


def write_keytab(parameters: Any, path: str, spns: list[str]) -> None:
    """The keys of the account that has these names."""
    credentials = Credentials()
    credentials.guess(parameters)
    net = Net(credentials, parameters)
    for spn in spns:
        net.export_keytab(keytab=path, principal=spn)


def by_user(user: str) -> str:
    """The filter for an account."""
    return f"(sAMAccountName={ldb.binary_encode(user)})"


def find(database: Any, user: str) -> Any:
    """The DN of an account."""
    return database.search(base=database.domain_dn(), expression=by_user(user), attrs=["dn"])[0].dn


def change(database: Any, dn: Any, name: str, value: Any, how: int = ldb.FLAG_MOD_REPLACE) -> None:
    """Sets an attribute to one value or several."""
    message = ldb.Message(ldb.Dn(database, str(dn)))
    message[name] = ldb.MessageElement(value, how, name)
    database.modify(message)


def hours_without_now() -> bytes:
    """logonHours: one bit an hour from Sunday 00:00 UTC; six hours a day are allowed, none within three of now."""
    now = int(time.time()) // HOUR % DAY
    allowed = {(now + ahead) % DAY for ahead in range(9, 15)}
    day = sum(1 << hour for hour in allowed)
    return day.to_bytes(3, "little") * 7


STATES = {
    "disabled": ("userAccountControl", lambda: str(NORMAL_ACCOUNT | DISABLED)),
    "expired": ("accountExpires", lambda: str(LONG_AGO)),
    "password-must-change": ("pwdLastSet", lambda: "0"),
    "logon-hours": ("logonHours", hours_without_now),
    "logon-workstation": ("userWorkstations", lambda: WORKSTATION),
}
# What only the domain controller itself may write.
RAW_STATES = {
    "locked-out": ("lockoutTime", lambda: str((int(time.time()) + 11644473600) * 10**7)),
    "password-expired": ("pwdLastSet", lambda: str(LONG_AGO)),
}

if __name__ == "__main__":
    main()
