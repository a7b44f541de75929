"""The two header families of a challenge: by a registrar or user agent (401) and by a proxy (407)."""

from __future__ import annotations

from enum import Enum


class HeaderFamily(Enum):
    """Status code and header names that belong together, RFC 3261 22.2 and 22.3, [MS-SIPAE] 2.2."""

    USER_AGENT = (401, "WWW-Authenticate", "Authorization", "Authentication-Info")
    PROXY = (407, "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Authentication-Info")

    def __init__(self, status: int, challenge: str, credentials: str, info: str) -> None:
        self.status = status
        self.challenge = challenge
        self.credentials = credentials
        self.info = info

    @classmethod
    def of_status(cls, status: int) -> HeaderFamily | None:
        """The family of a challenge with this status code, None when it is no challenge."""
        return cls.PROXY if status == cls.PROXY.status else cls.USER_AGENT if status == cls.USER_AGENT.status else None


# `Proxy-Authenticate-Info` is no header of any specification, but the OCS 2007 R2 Resource Kit (chapter 22) prints it
# in its 301 examples: read, never written. A 401 flow's 301 may come with either family's header.
INFO_HEADERS = (HeaderFamily.USER_AGENT.info, HeaderFamily.PROXY.info, "Proxy-Authenticate-Info")
CREDENTIALS_HEADERS = (HeaderFamily.USER_AGENT.credentials, HeaderFamily.PROXY.credentials)
