"""The lab's directory: who may sign in, under which names, and which URI belongs to whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum

from sipauthctl.codes import windows_text
from sipauthctl.lab.names import DomainNames
from sipauthctl.mechanisms.base import LogonRefused
from sipauthctl.mechanisms.ntlm.keys import NtlmSecret, check_response
from sipauthctl.mechanisms.ntlm.messages import AuthenticateFacts
from sipauthctl.mechanisms.status import (
    ACCOUNT_DISABLED,
    ACCOUNT_EXPIRED,
    ACCOUNT_LOCKED_OUT,
    ACCOUNT_RESTRICTION,
    INVALID_LOGON_HOURS,
    INVALID_WORKSTATION,
    LOGON_FAILURE,
    NO_SUCH_USER,
    PASSWORD_EXPIRED,
    PASSWORD_MUST_CHANGE,
    WRONG_PASSWORD,
)


class AccountState(str, Enum):
    """What holds an account back, if anything."""

    ACTIVE = "active"
    DISABLED = "disabled"
    LOCKED_OUT = "locked-out"
    EXPIRED = "expired"
    PASSWORD_EXPIRED = "password-expired"
    PASSWORD_MUST_CHANGE = "password-must-change"
    LOGON_HOURS = "logon-hours"  # may sign in only at other hours
    LOGON_WORKSTATION = "logon-workstation"  # may sign in only on another computer
    PROTECTED = "protected"  # in Protected Users, which may not use NTLM
    NOT_ENABLED = "not-enabled"  # may sign in to the domain, but has no SIP address


@dataclass(frozen=True, slots=True)
class Account:
    """One user. The password is a lab's and no secret, but kept out of reprs all the same."""

    user: str
    display_name: str
    password: str = field(repr=False)
    state: AccountState = AccountState.ACTIVE


ACCOUNTS = (
    Account("ned", "Ned Flint", "Litware-Ned-1"),
    Account("nina", "Nina Vale", "Litware-Nina-1"),
    Account("dora", "Dora Lane", "Litware-Dora-1", AccountState.DISABLED),
    Account("luis", "Luis Ortega", "Litware-Luis-1", AccountState.LOCKED_OUT),
    Account("edda", "Edda Moor", "Litware-Edda-1", AccountState.EXPIRED),
    Account("petra", "Petra Stein", "Litware-Petra-1", AccountState.PASSWORD_EXPIRED),
    Account("mona", "Mona Hill", "Litware-Mona-1", AccountState.PASSWORD_MUST_CHANGE),
    Account("hugo", "Hugo Lund", "Litware-Hugo-1", AccountState.LOGON_HOURS),
    Account("wanda", "Wanda Reed", "Litware-Wanda-1", AccountState.LOGON_WORKSTATION),
    Account("olaf", "Olaf Berg", "Litware-Olaf-1", AccountState.NOT_ENABLED),
)


def accounts_with(first: AccountState | None) -> tuple[Account, ...]:
    """The lab's accounts, the first of them in another state if that is asked for."""
    return ACCOUNTS if first is None else (replace(ACCOUNTS[0], state=first), *ACCOUNTS[1:])


# Told only to somebody who knows the password.
_HELD_BACK = {
    AccountState.DISABLED: ACCOUNT_DISABLED,
    AccountState.EXPIRED: ACCOUNT_EXPIRED,
    AccountState.PASSWORD_EXPIRED: PASSWORD_EXPIRED,
    AccountState.PASSWORD_MUST_CHANGE: PASSWORD_MUST_CHANGE,
    AccountState.LOGON_HOURS: INVALID_LOGON_HOURS,
    AccountState.LOGON_WORKSTATION: INVALID_WORKSTATION,
    AccountState.PROTECTED: ACCOUNT_RESTRICTION,
}


class Directory:
    """The accounts of one domain.

    Args:
        accounts: all of them.
        dns_domain: the SIP domain, which is the suffix of user principal names.
        names: of the domain, None for a server that is in no domain.
        principal_owner: gives the user who has a user principal name of another suffix, "" where none has it.
    """

    def __init__(
        self,
        accounts: tuple[Account, ...],
        dns_domain: str,
        names: DomainNames | None,
        principal_owner: Callable[[str], str] = lambda name: "",
    ) -> None:
        self._by_user = {account.user.lower(): account for account in accounts}
        self.accounts = accounts
        self.dns_domain = dns_domain
        self.names = names
        self._principal_owner = principal_owner

    def find(self, user: str, domain: str) -> Account | None:
        """The account behind a logon name: a plain user, with either name of the domain or none, or a UPN."""
        names = (self.names.dns, self.names.netbios) if self.names is not None else (self.dns_domain,)
        if domain and domain.lower() not in {known.lower() for known in names}:
            return None
        name, at, suffix = user.lower().partition("@")
        if at and suffix not in {self.dns_domain.lower(), *(known.lower() for known in names)}:
            name = "" if domain else self._principal_owner(user).lower()
        return self._by_user.get(name)

    def owner(self, address_of_record: str) -> Account | None:
        """Whose SIP address this is (`sip:user@domain` in lower case), None when nobody enabled for SIP has it."""
        for account in self.accounts:
            if address_of_record == self.sip_uri(account) and account.state is not AccountState.NOT_ENABLED:
                return account
        return None

    def sip_uri(self, account: Account) -> str:
        """The SIP address of an account."""
        return f"sip:{account.user}@{self.dns_domain}"

    def check(self, authenticate: AuthenticateFacts, server_challenge: bytes) -> bytes:
        """The session base key of a right response, in the order in which a domain controller looks.

        Raises:
            LogonRefused: with the NTSTATUS that a domain controller would give.
        """
        account = self.find(authenticate.user, authenticate.domain)
        if account is None:
            raise _refused(NO_SUCH_USER)
        if account.state is AccountState.LOCKED_OUT:
            raise _refused(ACCOUNT_LOCKED_OUT)
        key = check_response(NtlmSecret.from_password(account.password), server_challenge, authenticate)
        if key is None:
            raise _refused(WRONG_PASSWORD)
        if account.state in _HELD_BACK:
            raise _refused(_HELD_BACK[account.state])
        return key


def _refused(status: int) -> LogonRefused:
    return LogonRefused(status, windows_text(status))


class RefuseAll:
    """A directory that refuses everybody without a reason."""

    def check(self, authenticate: AuthenticateFacts, server_challenge: bytes) -> bytes:
        """Never succeeds.

        Raises:
            LogonRefused: always.
        """
        raise _refused(LOGON_FAILURE)
