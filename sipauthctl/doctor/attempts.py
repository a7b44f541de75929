"""Keeps the doctor harmless: accounts lock out after some failed sign-ins, so one failure ends all attempts."""

from __future__ import annotations


class Attempts:
    """Whoever is about to prove a password to anybody (server, KDC, directory) asks `refusal` first, and reports a
    failure by `failed`. What cannot count towards a lockout (an unknown user, a ticket that is refused) need not be
    reported.

    Args:
        all_attempts: the user allows more than one failure.
    """

    def __init__(self, *, all_attempts: bool = False) -> None:
        self._all_attempts = all_attempts
        self._failed = ""

    @property
    def refusal(self) -> str | None:
        """Why no further attempt may be made, as one sentence without a final dot; None where one may."""
        if self._all_attempts or not self._failed:
            return None
        return f"{self._failed}, and another failure could lock the account (--all-attempts tries all the same)"

    def failed(self, what: str) -> None:
        """Notes a failed sign-in; `what` is the beginning of a sentence, such as `the KDC refused the password`."""
        self._failed = self._failed or what
