"""Exceptions of gssapi and krb5 turned into `KerberosFailure`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import gssapi
import krb5
from gssapi.raw.misc import GSSError

from sipauthctl.mechanisms.kerberos.errors import KerberosCause, KerberosFailure, Phase, cause_of, failure

_BY_STATUS = (
    (gssapi.exceptions.MissingCredentialsError, KerberosCause.NO_TICKET),
    (gssapi.exceptions.ExpiredCredentialsError, KerberosCause.TICKET_EXPIRED),
    (gssapi.exceptions.ExpiredContextError, KerberosCause.TICKET_EXPIRED),
)


@contextmanager
def translated(phase: Phase, doing: str) -> Iterator[None]:
    """Raises what fails inside as `KerberosFailure`.

    Args:
        phase: what is being done.
        doing: the same in words, for the text of the error.
    """
    try:
        yield
    except krb5.Krb5Error as error:
        words = str(error).removesuffix(str(error.err_code)).strip()
        raise failure(cause_of(error.err_code, phase), error.err_code, doing, words) from None
    except GSSError as error:
        raise _gss_failure(error, phase, doing) from None


def _gss_failure(error: GSSError, phase: Phase, doing: str) -> KerberosFailure:
    code = _signed(error.min_code)
    cause = cause_of(code, phase)
    if cause is KerberosCause.OTHER:
        cause = next((cause for kind, cause in _BY_STATUS if isinstance(error, kind)), cause)
    words = "; ".join(error.get_all_statuses(error.min_code, False))
    return failure(cause, code or error.maj_code, doing, words)


def _signed(code: int) -> int:
    """A minor status as libkrb5 means it: GSS-API hands its negative 32-bit codes on as unsigned ones."""
    return code - 2**32 if code >= 2**31 else code
