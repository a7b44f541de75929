"""Says which account has a user principal name; run by the Python that has Samba's modules.

    python3 -I principal_owner.py SMB_CONF < NAME

It stands alone, as population.py does. It prints the account's name, or nothing.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import sys

import ldb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB


def main() -> None:
    """Asks the domain's database itself, which needs no logon."""
    parameters = LoadParm()
    parameters.load(sys.argv[1])
    database = SamDB(session_info=system_session(), lp=parameters)
    wanted = f"(userPrincipalName={ldb.binary_encode(sys.stdin.read())})"
    for entry in database.search(base=database.domain_dn(), expression=wanted, attrs=["sAMAccountName"]):
        sys.stdout.write(f"{entry['sAMAccountName']}\n")


if __name__ == "__main__":
    main()
