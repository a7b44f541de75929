"""The registry of this computer, by Python's winreg. Only Windows has that."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import winreg

    class WinregRegistry:
        """Reads HKEY_LOCAL_MACHINE; what is missing or forbidden gives nothing."""

        def value(self, key: str, name: str) -> object:
            """A value, or None."""
            try:
                with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
                    return winreg.QueryValueEx(opened, name)[0]
            except OSError:
                return None

        def subkeys(self, key: str) -> tuple[str, ...]:
            """The names of the keys below one."""
            try:
                with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
                    return tuple(winreg.EnumKey(opened, index) for index in range(winreg.QueryInfoKey(opened)[0]))
            except OSError:
                return ()
