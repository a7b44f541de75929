"""Checks NTLM responses against the domain's accounts, through Samba's ntlm_auth and winbindd."""

from __future__ import annotations

import subprocess
from pathlib import Path

from sipauthctl.codes import windows_text
from sipauthctl.lab.names import NETBIOS_DOMAIN
from sipauthctl.lab.samba.programs import within
from sipauthctl.mechanisms.base import LogonRefused
from sipauthctl.mechanisms.ntlm.keys import SESSION_KEY_BYTES
from sipauthctl.mechanisms.ntlm.messages import AuthenticateFacts
from sipauthctl.mechanisms.status import (
    ACCOUNT_DISABLED,
    ACCOUNT_EXPIRED,
    ACCOUNT_LOCKED_OUT,
    ACCOUNT_RESTRICTION,
    INVALID_LOGON_HOURS,
    INVALID_WORKSTATION,
    LOGON_FAILURE,
    NO_LOGON_SERVERS,
    NO_SUCH_USER,
    PASSWORD_EXPIRED,
    PASSWORD_MUST_CHANGE,
    WRONG_PASSWORD,
)
from sipauthctl.programs import child_environment, find_program

TIME_LIMIT = 5.0  # seconds

# ntlm_auth gives the description of an NTSTATUS instead of its number; these are words of each, from [MS-ERREF] 2.3.1.
_DESCRIPTIONS = {
    "value provided as the current password is not correct": WRONG_PASSWORD,
    "account does not exist": NO_SUCH_USER,
    "account is currently disabled": ACCOUNT_DISABLED,
    "account has expired": ACCOUNT_EXPIRED,
    "automatically locked": ACCOUNT_LOCKED_OUT,
    "password has expired": PASSWORD_EXPIRED,
    "password must be changed": PASSWORD_MUST_CHANGE,
    "time restrictions": INVALID_LOGON_HOURS,
    "source workstation": INVALID_WORKSTATION,
    "user account restriction": ACCOUNT_RESTRICTION,
    "winbind": NO_LOGON_SERVERS,
}


class DomainLogon:
    """The directory behind the SIP servers' NTLM.

    Args:
        run_folder: of the domain.
        configuration: the domain's smb.conf.
    """

    def __init__(self, run_folder: Path, configuration: Path) -> None:
        self._run_folder = run_folder
        self._configuration = configuration

    def check(self, authenticate: AuthenticateFacts, server_challenge: bytes) -> bytes:
        """The session base key of a right response, as the domain controller gives it; about 40 ms.

        The response goes through standard input, where no other user of the computer sees it.

        Raises:
            LogonRefused: with the domain controller's NTSTATUS; NO_LOGON_SERVERS when it does not answer.
        """
        if any(ord(char) < 0x20 for char in authenticate.user + authenticate.domain):
            raise _refused(NO_SUCH_USER)
        # Only the directory knows the suffixes of user principal names; winbindd takes each for a domain's name.
        domain = authenticate.domain or (NETBIOS_DOMAIN if "@" in authenticate.user else "")
        request = (
            f"LANMAN-Challenge: {server_challenge.hex()}\nNT-Response: {authenticate.nt_response.hex()}\n"
            f"NT-Domain: {domain}\nUsername: {authenticate.user}\nRequest-User-Session-Key: Yes\n.\n"
        )
        answer = self._ask(request, authenticate.workstation)
        key = answer.get("User-Session-Key")
        if answer.get("Authenticated") == "Yes" and key is not None and len(key) == 2 * SESSION_KEY_BYTES:
            return bytes.fromhex(key)
        text = answer.get("Authentication-Error", "")
        raise _refused(next((status for words, status in _DESCRIPTIONS.items() if words in text), LOGON_FAILURE))

    def _ask(self, request: str, workstation: str) -> dict[str, str]:
        command = within(
            self._run_folder,
            find_program("ntlm_auth") or "ntlm_auth",
            f"--configfile={self._configuration}",
            "--helper-protocol=ntlm-server-1",
            f"--workstation={workstation.replace(chr(0), '')}",
        )
        try:
            done = subprocess.run(  # noqa: S603 - no shell takes the name of the workstation
                command,
                input=request.encode("utf-8", "replace"),
                capture_output=True,
                timeout=TIME_LIMIT,
                check=False,
                env=child_environment(),
            )
        except subprocess.TimeoutExpired:
            raise _refused(NO_LOGON_SERVERS) from None
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        return {name: value for name, colon, value in (line.partition(": ") for line in lines) if colon}


def _refused(status: int) -> LogonRefused:
    return LogonRefused(status, windows_text(status))
