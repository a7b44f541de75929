"""Which refusals of KDCs belong to which sign-in: by the computer that they went to, and the time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sipauthctl.capture.record import Address, KdcError

SIGN_INS_KEPT = 4096
ERRORS_KEPT = 1000
BEFORE = timedelta(minutes=2)
"""How long before the first message of a sign-in a client may ask for its tickets."""

AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in as far as it matters here: whether it was established at all, and whether by Kerberos."""

    user: str
    server: str
    host: str
    began: datetime
    ended: datetime
    established: bool
    by_kerberos: bool


class KdcErrors:
    """Holds both until the end of the input; bounded, what comes first counts."""

    def __init__(self) -> None:
        self._errors: list[KdcError] = []
        self._sign_ins: dict[str, list[SignIn]] = {}
        self._count = 0

    def add(self, error: KdcError) -> None:
        """Takes a refusal."""
        if len(self._errors) < ERRORS_KEPT:
            self._errors.append(error)

    def sign_in(
        self,
        user: str,
        server: str,
        client: Address | None,
        times: tuple[datetime | None, datetime | None],
        *,
        established: bool,
        by_kerberos: bool,
    ) -> None:
        """Takes a sign-in, where its computer and times are known."""
        began, ended = times
        if client is None or began is None or ended is None or self._count >= SIGN_INS_KEPT:
            return
        self._count += 1
        one = SignIn(user, server, client.host, began, ended, established, by_kerberos)
        self._sign_ins.setdefault(client.host, []).append(one)

    def pairs(self) -> Iterator[tuple[KdcError, SignIn]]:
        """Each refusal with a sign-in that it may belong to: one that succeeded by Kerberos before all others."""
        for error in self._errors:
            near = [one for one in self._sign_ins.get(error.client.host, ()) if _near(error, one)]
            if near:
                yield error, min(near, key=lambda one: (not one.by_kerberos, not one.established))


def _near(error: KdcError, sign_in: SignIn) -> bool:
    return error.time is not None and sign_in.began - BEFORE <= error.time <= sign_in.ended + AFTER
