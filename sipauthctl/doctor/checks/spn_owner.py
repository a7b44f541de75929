"""The owner of the service principal name: one, and one that a service can run as."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sipauthctl.association.spn import Spn
from sipauthctl.directory.values import KeyTypes
from sipauthctl.doctor.case import Case
from sipauthctl.doctor.check import Check, CheckResult
from sipauthctl.findings import Finding, Severity, finding
from sipauthctl.mechanisms.base import Scheme
from sipauthctl.probe.diagnosis.kerberos import refused_by_server

if TYPE_CHECKING:
    from sipauthctl.directory.queries import DirectoryFacts
    from sipauthctl.directory.records import SpnOwner

_AES_OR_RC4 = KeyTypes.RC4 | KeyTypes.AES128 | KeyTypes.AES256


class SpnOwnerCheck(Check):
    """Judges what the directory check found. Where the server refused a ticket, a doubtful owner is the cause."""

    id = "spn-owner"
    title = "the account that has the service principal name"
    needs = ("directory",)
    after = ("sign-in",)

    async def run(self, case: Case) -> CheckResult:
        """See the class."""
        facts = case.directory
        if facts is None or not facts.owners:
            return self.skipped("Kerberos is not offered" if facts is not None else "the directory was not asked")
        refused = any(
            hop.scheme is Scheme.KERBEROS and refused_by_server(hop) for run in case.runs for hop in run.hops
        )
        found = [item for spn, owners in facts.owners.items() for item in _judge(case, facts, spn, owners, refused)]
        detail = "; ".join(f"{spn}: {_names(owners)}" for spn, owners in facts.owners.items())
        return self.judged(detail, found)


def _judge(
    case: Case, facts: DirectoryFacts, spn: str, owners: tuple[SpnOwner, ...], refused: bool
) -> Iterator[Finding]:
    if not owners:
        # Another domain of the forest may have it; the KDC knows.
        spn_check = case.results.get("spn")
        if spn_check is not None and "spn-not-registered" in {item.id for item in spn_check.findings}:
            detail = f"No account of the domain has {spn}."
            told = [f"no servicePrincipalName {spn} at {facts.host}"]
            yield finding("spn-not-registered", detail, told, spn=spn, account=_product_account(facts))
    elif len(owners) > 1:
        detail = f"{spn} is on {_names(owners)}."
        yield finding("spn-duplicate", detail, map(_line, owners), spn=spn, owner=_wrong_one(facts, spn, owners))
    else:
        yield from _sole(case, facts, spn, owners[0], refused)


def _sole(case: Case, facts: DirectoryFacts, spn: str, owner: SpnOwner, refused: bool) -> Iterator[Finding]:
    doubt = _doubt(case, owner) or (refused and _doubt_when_refused(facts, spn, owner)) or ""
    if doubt:
        severity = Severity.ERROR if refused else Severity.WARNING
        after = " The server refuses the ticket that is made for that account." if refused else ""
        detail = f"{spn} is on {owner.name}, {doubt}.{after}"
        own = _product_account(facts)
        fields = {"spn": spn, "owner": owner.name, "account": own if own != owner.name else ""}
        yield finding("spn-wrong-account", detail, [_line(owner)], severity=severity, **fields)
    if owner.key_types is not None and not owner.key_types & _AES_OR_RC4:
        detail = f"{owner.name}, which has {spn}, is allowed DES keys alone."
        yield finding("etype-unsupported", detail, [_line(owner)], account=owner.name)


def _doubt(case: Case, owner: SpnOwner) -> str:
    """Why no server of this family runs as the owner, as the end of a sentence; empty where one may."""
    account = case.directory.account if case.directory is not None else None
    if owner.disabled:
        return "which is disabled"
    if account is not None and owner.dn == account.dn:
        return "the account that signs in here"
    if owner.sip_address is not None:
        return f"the account of a person with the address {owner.sip_address}"
    return ""


def _doubt_when_refused(facts: DirectoryFacts, spn: str, owner: SpnOwner) -> str:
    """What can be right, and is the likely cause where the server cannot decrypt the ticket."""
    from sipauthctl.directory.records import OwnerKind

    host = _host(spn)
    if owner.kind is OwnerKind.COMPUTER:
        return f"the computer {owner.host}" if owner.host and host and owner.host != host else ""
    own = _product_account(facts)
    return f"while the account that the product's setup makes, {own}, has none" if own not in ("", owner.name) else ""


def _wrong_one(facts: DirectoryFacts, spn: str, owners: tuple[SpnOwner, ...]) -> str:
    """An owner from which the name can be taken, empty where it is not plain which one the service runs as.

    That is the account of the product's setup, or (from Lync on) the server's computer.
    """
    from sipauthctl.directory.records import OwnerKind

    right = [
        owner
        for owner in owners
        if owner.name == _product_account(facts) or (owner.kind is OwnerKind.COMPUTER and owner.host == _host(spn))
    ]
    return next(owner.name for owner in owners if owner not in right) if len(right) == 1 else ""


def _host(spn: str) -> str:
    parsed = Spn.parse(spn)
    return parsed.host.lower() if parsed is not None else ""


def _product_account(facts: DirectoryFacts) -> str:
    """The account that the product's setup makes, empty where there is none of that name."""
    from sipauthctl.directory.queries import SERVICE_ACCOUNT

    return SERVICE_ACCOUNT if facts.service_account else ""


def _names(owners: tuple[SpnOwner, ...]) -> str:
    return ", ".join(owner.name for owner in owners) or "no account"


def _line(owner: SpnOwner) -> str:
    set_on = f", password set {owner.password_set:%Y-%m-%d %H:%M} UTC" if owner.password_set is not None else ""
    keys = f", key types 0x{int(owner.key_types):X}" if owner.key_types is not None else ""
    return f"{owner.dn}: {owner.kind.value}{', disabled' if owner.disabled else ''}{set_on}{keys}"
