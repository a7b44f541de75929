"""Domains that sssd or realmd joined this computer to: sssd.conf(5), sssd-ad(5), realm(8)."""

from __future__ import annotations

import configparser
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sipauthctl.machine.files import read_text
from sipauthctl.programs import child_environment, find_program

SSSD_PATH = "etc/sssd/sssd.conf"
_REALM_FOLDERS = ("usr/sbin", "usr/bin", "sbin", "bin")
_REALM_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class JoinedDomain:
    """A domain by its DNS name, and the realm where that is known."""

    domain: str
    realm: str = ""


def read_sssd_conf(root: Path) -> tuple[JoinedDomain, ...]:
    """The Active Directory domains of sssd.conf and its snippets, which only root can read.

    Args:
        root: the file system's root.
    """
    path = root / SSSD_PATH
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    for part in (path, *_snippets(path.parent / "conf.d")):
        text = read_text(part)
        if text is not None:
            try:
                parser.read_string(text)
            except configparser.Error:
                continue
    return tuple(_domain(parser[name], name) for name in parser.sections() if _is_directory(parser[name], name))


def _snippets(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.conf"))
    except OSError:
        return []


def ask_realmd(root: Path) -> tuple[JoinedDomain, ...]:
    """The domains that `realm list` tells of, which anybody may ask; none where it is not installed or silent.

    Args:
        root: the file system's root.
    """
    program = find_program("realm", [root / folder for folder in _REALM_FOLDERS])
    if program is None:
        return ()
    try:
        result = subprocess.run(  # noqa: S603 (a list of arguments, no shell)
            [program, "list"], env=child_environment(), capture_output=True, timeout=_REALM_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(_configured(result.stdout.decode("utf-8", "replace")))


def _is_directory(section: configparser.SectionProxy, name: str) -> bool:
    return name.startswith("domain/") and section.get("id_provider", "").strip().lower() == "ad"


def _domain(section: configparser.SectionProxy, name: str) -> JoinedDomain:
    domain = section.get("ad_domain") or name.removeprefix("domain/")
    return JoinedDomain(domain.strip(), section.get("krb5_realm", "").strip())


def _configured(text: str) -> list[JoinedDomain]:
    """The realms that are configured for Active Directory; each begins at the left margin."""
    found: list[dict[str, str]] = []
    for line in text.splitlines():
        if line and not line[0].isspace():
            found.append({})
        elif found:
            name, _, value = line.partition(":")
            found[-1].setdefault(name.strip(), value.strip())
    return [
        JoinedDomain(entry.get("domain-name", ""), entry.get("realm-name", ""))
        for entry in found
        if entry.get("configured", "no") != "no" and entry.get("server-software") == "active-directory"
    ]
