"""What became of the sign-in, for checks whose findings matter only where it failed."""

from __future__ import annotations

from sipauthctl.doctor.case import Case
from sipauthctl.doctor.kerberos import REFUSED_BY_KDC

_EXPLAINED = REFUSED_BY_KDC | {"logon-workstation", "user-unknown"}


def refused_without_reason(case: Case) -> bool:
    """Whether a server refused the credentials, and neither it nor the KDC nor the directory told why."""
    found = {item.id for result in case.results.values() for item in result.findings}
    return "credentials-refused" in found and not found & _EXPLAINED
