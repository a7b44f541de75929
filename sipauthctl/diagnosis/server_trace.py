"""The result codes in the error records of server traces: SSPI's, and the NTSTATUS of a refused logon."""

from __future__ import annotations

import re

from sipauthctl.diagnosis.refusals import FINDING_OF_CODE
from sipauthctl.mechanisms.status import status_text

_CODE = re.compile(r"0x([0-9A-Fa-f]{8})")

# winerror.h; the names are those that people look up.
_NAMES = {
    0x80090302: "SEC_E_UNSUPPORTED_FUNCTION",
    0x80090303: "SEC_E_TARGET_UNKNOWN",
    0x80090304: "SEC_E_INTERNAL_ERROR",
    0x80090308: "SEC_E_INVALID_TOKEN",
    0x8009030C: "SEC_E_LOGON_DENIED",
    0x8009030D: "SEC_E_UNKNOWN_CREDENTIALS",
    0x8009030E: "SEC_E_NO_CREDENTIALS",
    0x8009030F: "SEC_E_MESSAGE_ALTERED",
    0x80090310: "SEC_E_OUT_OF_SEQUENCE",
    0x80090311: "SEC_E_NO_AUTHENTICATING_AUTHORITY",
    0x80090317: "SEC_E_CONTEXT_EXPIRED",
    0x80090322: "SEC_E_WRONG_PRINCIPAL",
    0x80090324: "SEC_E_TIME_SKEW",
    0x80090330: "SEC_E_DECRYPT_FAILURE",
    0x80090331: "SEC_E_ALGORITHM_MISMATCH",
    0x80090342: "SEC_E_KDC_UNKNOWN_ETYPE",
}
_CAUSES = {
    0x80090322: "service-key-mismatch",
    0x80090324: "clock-skew",
    0x80090342: "etype-unsupported",
}


def code_of(text: str) -> int | None:
    """The result code in the text of a record, None where it has none."""
    match = _CODE.search(text)
    return int(match[1], 16) if match else None


def cause_of(code: int) -> str | None:
    """The id of the finding that a code stands for, None where it leaves the cause open."""
    return _CAUSES.get(code) or FINDING_OF_CODE.get(code)


def code_text(code: int) -> str:
    """`0x8009030C SEC_E_LOGON_DENIED`; the number alone where the name is not known."""
    return f"0x{code:08X} {_NAMES[code]}" if code in _NAMES else status_text(code)
