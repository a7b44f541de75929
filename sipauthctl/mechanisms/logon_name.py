"""Logon names in the forms that Windows takes, and what an NTLM client sends for each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogonName:
    """The user and domain fields of a logon. An empty domain leaves it to the server."""

    user: str
    domain: str = ""

    @classmethod
    def parse(cls, text: str, default_domain: str = "") -> LogonName:
        """Reads `user`, `DOMAIN\\user`, `fqdn\\user` or a user principal name.

        A user principal name goes out whole as the user with no domain, as Windows sends it: only the directory knows
        which domain its suffix belongs to.

        Args:
            text: the name as the user typed it.
            default_domain: the domain where the name has none.

        Raises:
            ValueError: no user is left.
        """
        domain, separator, user = text.strip().partition("\\")
        if not separator:
            domain, user = default_domain, text.strip()
        if not user or user.startswith("@"):
            raise ValueError(f"no user name in {text!r}")
        return cls(user, "" if "@" in user and not separator else domain.strip())

    @property
    def text(self) -> str:
        """The name as it is written: `DOMAIN\\user`, or the user alone."""
        return f"{self.domain}\\{self.user}" if self.domain else self.user
