"""krb5.conf, as far as it tells which realm and which KDCs are meant: MIT's krb5.conf(5).

libkrb5 has it all, but shows no more than the default realm, and may not be installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sipauthctl.machine.files import read_text

DEFAULT_PATH = "etc/krb5.conf"
_MAX_FILES = 100
_INCLUDED = re.compile(r"[A-Za-z0-9_-]+|[^.].*\.conf")


@dataclass(slots=True)
class Krb5Conf:
    """`kdcs` by realm in capitals, each `HOST` or `HOST:PORT` as it stands there."""

    default_realm: str = ""
    kdcs: dict[str, list[str]] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)


def read_krb5_conf(root: Path, environ: Mapping[str, str]) -> Krb5Conf:
    """The settings of KRB5_CONFIG, else of /etc/krb5.conf; empty where there is none.

    Args:
        root: the file system's root.
        environ: the environment variables.
    """
    given = environ.get("KRB5_CONFIG")
    paths = [Path(part) for part in given.split(":") if part] if given else [root / DEFAULT_PATH]
    conf = Krb5Conf()
    for path in paths:
        _read(root, path, conf)
    return conf


def _read(root: Path, path: Path, conf: Krb5Conf) -> None:
    section, realm = "", ""
    for line in _lines(root, path, conf):
        if line.startswith("["):
            section, realm = line[1:].partition("]")[0].strip().lower(), ""
            continue
        if line.startswith("}"):
            realm = ""
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        value = value.removesuffix("*").strip().strip('"')
        if not equals:
            continue
        if value == "{":
            realm = key
        elif section == "libdefaults" and not realm:
            if key == "default_realm":
                conf.default_realm = conf.default_realm or value  # the first one counts
        elif section == "realms" and realm and key == "kdc":
            conf.kdcs.setdefault(realm.upper(), []).append(value)


def _lines(root: Path, path: Path, conf: Krb5Conf) -> Iterator[str]:
    """The lines that mean something, those of included files in their place."""
    text = read_text(path)
    if text is None or path in conf.files or len(conf.files) >= _MAX_FILES:
        return
    conf.files.append(path)
    for line in text.splitlines():
        line = line.strip()
        word, _, rest = line.partition(" ")
        if word == "include":
            yield from _lines(root, _below(root, rest), conf)
        elif word == "includedir":
            for part in _folder(_below(root, rest)):
                yield from _lines(root, part, conf)
        elif line and line[0] not in "#;":
            yield line


def _below(root: Path, text: str) -> Path:
    return root / text.strip().lstrip("/")


def _folder(path: Path) -> list[Path]:
    try:
        return sorted(part for part in path.iterdir() if _INCLUDED.fullmatch(part.name))
    except OSError:
        return []
