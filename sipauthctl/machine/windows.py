"""What the registry of a Windows computer says of its domain, edition and NetBIOS."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Protocol

WINLOGON = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon"
POLICY_HISTORY = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Group Policy\History"
VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
PRODUCT = r"SYSTEM\CurrentControlSet\Control\ProductOptions"
NETBT_INTERFACES = r"SYSTEM\CurrentControlSet\Services\NetBT\Parameters\Interfaces"
_DISABLED = 2  # NetbiosOptions: 0 as DHCP says, 1 enabled, 2 disabled


class Registry(Protocol):
    """Reads HKEY_LOCAL_MACHINE."""

    def value(self, key: str, name: str) -> object:
        """A value, None where it is missing or may not be read."""

    def subkeys(self, key: str) -> tuple[str, ...]:
        """The names of the keys below one; none where it is missing."""


@dataclass(frozen=True, slots=True)
class WindowsFacts:
    """`dns_domain` and `netbios_domain` are empty on a computer that is in no domain. `xp_home` is Windows XP Home
    Edition. `netbios_disabled` means on every network adapter."""

    product: str
    dns_domain: str
    netbios_domain: str
    xp_home: bool
    netbios_disabled: bool


def local_registry() -> Registry | None:
    """This computer's registry, None where it runs no Windows."""
    if sys.platform == "win32":
        from sipauthctl.machine.winreg_registry import WinregRegistry

        return WinregRegistry()
    return None


def read_registry(registry: Registry) -> WindowsFacts:
    """The facts.

    A computer that was joined has the domain of its computer policy in the history of group policy; the DNS suffix
    alone can be set without joining.
    """
    product = _text(registry.value(VERSION, "ProductName"))
    suites = registry.value(PRODUCT, "ProductSuite")
    personal = isinstance(suites, list | tuple) and "Personal" in suites  # the Home editions
    xp = _text(registry.value(VERSION, "CurrentVersion")) in ("5.1", "5.2")
    joined = _text(registry.value(POLICY_HISTORY, "MachineDomain"))
    interfaces = registry.subkeys(NETBT_INTERFACES)
    options = [registry.value(rf"{NETBT_INTERFACES}\{name}", "NetbiosOptions") for name in interfaces]
    return WindowsFacts(
        product=product,
        dns_domain=joined,
        netbios_domain=_text(registry.value(WINLOGON, "CachePrimaryDomain")) if joined else "",
        xp_home=xp and (personal or "Home" in product),
        netbios_disabled=bool(options) and all(option == _DISABLED for option in options),
    )


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
