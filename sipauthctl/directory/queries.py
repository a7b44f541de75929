"""The questions to a directory. All read; values from outside are escaped in filters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ldap3.utils.conv import escape_filter_chars

from sipauthctl.directory.errors import DirectoryError
from sipauthctl.directory.records import (
    ACCOUNT_ATTRIBUTES,
    OWNER_ATTRIBUTES,
    SIP_ADDRESS,
    AccountRecord,
    SpnOwner,
    account_record,
    spn_owner,
)
from sipauthctl.directory.session import DirectorySession, Entry
from sipauthctl.directory.values import generalized_time

_ANY = "(objectClass=*)"
SERVICE_ACCOUNT = "RTCService"
"""The account that Office Communications Server's setup makes for its services."""


@dataclass(frozen=True, slots=True)
class DomainName:
    """A domain of the forest: its DNS name and its NetBIOS name."""

    dns: str
    netbios: str


@dataclass(frozen=True, slots=True)
class Question:
    """What to look up.

    Attributes:
        names: the user as `sAMAccountName` or user principal name.
        sip_uri: the SIP address, with `sip:`.
        spns: service principal names whose owners are wanted.
    """

    names: tuple[str, ...]
    sip_uri: str
    spns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DirectoryFacts:
    """What the directory has.

    Attributes:
        host: the domain controller's own name for itself.
        how: how the connection was protected.
        time: its clock in UTC, None where it tells none.
        domains: of the forest.
        suffixes: of user principal names, beside the domains' own.
        account: the user's, None where none has one of the names.
        owners: the accounts that have each service principal name.
        sip_schema: whether the schema knows the SIP attributes.
        sip_owner: the account name that has the SIP address, empty where none has it.
        service_account: whether there is an account called as the product's setup does it.
    """

    host: str
    how: str
    time: datetime | None
    domains: tuple[DomainName, ...]
    suffixes: tuple[str, ...]
    account: AccountRecord | None
    owners: dict[str, tuple[SpnOwner, ...]]
    sip_schema: bool
    sip_owner: str
    service_account: bool


def look_up(session: DirectorySession, question: Question) -> DirectoryFacts:
    """Asks for all of it, in some short searches.

    Raises:
        DirectoryError: it is no Active Directory, refuses, or does not answer.
    """
    roots = session.search("", _ANY, ["*", "+"], object_only=True)
    root = roots[0] if roots else None
    base = root.text("defaultNamingContext") if root is not None else ""
    if root is None or not base:
        raise DirectoryError("the directory is no Active Directory")
    partitions = f"CN=Partitions,{root.text('configurationNamingContext')}"
    sip_schema = _has_attribute(session, root.text("schemaNamingContext"), SIP_ADDRESS)
    found = session.search(base, _account_filter(question.names), ACCOUNT_ATTRIBUTES)
    users = session.search(base, _equal(SIP_ADDRESS, question.sip_uri), ["sAMAccountName"]) if sip_schema else []
    service = session.search(base, f"(&{_PERSON}{_equal('sAMAccountName', SERVICE_ACCOUNT)})", ["sAMAccountName"])
    return DirectoryFacts(
        host=root.text("dnsHostName").lower(),
        how=session.how,
        time=generalized_time(root.text("currentTime")),
        domains=_domains(session, partitions),
        suffixes=_suffixes(session, partitions),
        account=_account(session, found[0]) if len(found) == 1 else None,
        owners={spn: _owners(session, base, spn) for spn in question.spns},
        sip_schema=sip_schema,
        sip_owner=users[0].text("sAMAccountName") if users else "",
        service_account=bool(service),
    )


_PERSON = "(objectCategory=person)(objectClass=user)"


def _account(session: DirectorySession, entry: Entry) -> AccountRecord:
    """With all its groups, which the directory works out for a search of the object alone."""
    own = session.search(entry.dn, _ANY, ["tokenGroups"], object_only=True)
    return account_record(entry, own[0].raws("tokenGroups") if own else ())


def _account_filter(names: tuple[str, ...]) -> str:
    equal = "".join(_equal("userPrincipalName" if "@" in name else "sAMAccountName", name) for name in names)
    return f"(&{_PERSON}(|{equal}))"


def _equal(attribute: str, value: str) -> str:
    return f"({attribute}={escape_filter_chars(value)})"


def _owners(session: DirectorySession, base: str, spn: str) -> tuple[SpnOwner, ...]:
    return tuple(map(spn_owner, session.search(base, _equal("servicePrincipalName", spn), OWNER_ATTRIBUTES)))


def _has_attribute(session: DirectorySession, schema: str, name: str) -> bool:
    return bool(schema and session.search(schema, _equal("lDAPDisplayName", name), ["lDAPDisplayName"]))


def _domains(session: DirectorySession, partitions: str) -> tuple[DomainName, ...]:
    found = session.search(partitions, "(&(objectClass=crossRef)(nETBIOSName=*))", ["dnsRoot", "nETBIOSName"])
    return tuple(DomainName(entry.text("dnsRoot").lower(), entry.text("nETBIOSName")) for entry in found)


def _suffixes(session: DirectorySession, partitions: str) -> tuple[str, ...]:
    found = session.search(partitions, _ANY, ["uPNSuffixes"], object_only=True)
    return tuple(text.lower() for entry in found for text in entry.texts("uPNSuffixes"))
