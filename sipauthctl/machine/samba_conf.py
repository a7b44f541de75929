"""smb.conf, as far as it tells of the domain and of NetBIOS: Samba's smb.conf(5)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sipauthctl.machine.files import read_text

PATH = "etc/samba/smb.conf"
_TRUE = ("yes", "true", "1", "on")


@dataclass(frozen=True, slots=True)
class SambaConf:
    """The settings of [global]; `security` and `server_role` in small letters, empty where they are not set."""

    security: str = ""
    server_role: str = ""
    realm: str = ""
    workgroup: str = ""
    netbios_disabled: bool = False

    @property
    def in_domain(self) -> bool:
        """Whether this is the configuration of a member, or a controller, of a domain."""
        controller = self.server_role in ("active directory domain controller", "domain controller", "dc")
        return self.security in ("ads", "domain") or self.server_role == "member server" or controller


def read_samba_conf(root: Path) -> SambaConf | None:
    """The settings, None where there is no readable file.

    Args:
        root: the file system's root.
    """
    text = read_text(root / PATH)
    if text is None:
        return None
    settings: dict[str, str] = {}
    section = "global"  # what stands before the first section is global too
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line[1:].partition("]")[0].strip().lower()
        elif line and line[0] not in "#;" and section == "global":
            name, _, value = line.partition("=")
            settings["".join(name.lower().split())] = value.strip()  # Samba counts no spaces in names
    return SambaConf(
        security=settings.get("security", "").lower(),
        server_role=settings.get("serverrole", "").lower(),
        realm=settings.get("realm", ""),
        workgroup=settings.get("workgroup", ""),
        netbios_disabled=settings.get("disablenetbios", "").lower() in _TRUE,
    )
