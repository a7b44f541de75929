"""krb5.conf, as far as it tells which realm and which KDCs are meant: MIT's krb5.conf(5).

libkrb5 has it all, but shows no more than the default realm, and may not be installed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sipauthctl.machine.files import read_text

DEFAULT_PATH = "etc/krb5.conf"
_MAX_FILES = 100
_INCLUDED = re.compile(r"[A-Za-z0-9_-]+|[^.].*\.conf")


@dataclass(slots=True)
class Krb5Conf:
    """`kdcs` by realm in capitals, each as it stands there: `HOST`, `HOST:PORT` or the URL of a proxy."""

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
    """Reads a file as libkrb5 does: an included file has sections of its own, and a brace may have its own line."""
    text = read_text(path)
    if text is None or path in conf.files or len(conf.files) >= _MAX_FILES:
        return
    conf.files.append(path)
    section, names, waiting = "", list[str](), ""
    for line in map(str.strip, text.splitlines()):
        word, rest = (*line.split(None, 1), "", "")[:2]
        if not line or line[0] in "#;":
            continue
        if word in ("include", "includedir") and rest:
            found = _below(root, rest)
            for part in _folder(found) if word == "includedir" else [found]:
                _read(root, part, conf)
            continue
        if line.startswith("["):
            section, names, waiting = line[1:].partition("]")[0].strip().lower(), [], ""
            continue
        if line.startswith("}"):
            del names[-1:]
            continue
        if waiting and line.startswith("{"):
            names.append(waiting)
            waiting = ""
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        key, value = key.removesuffix("*").rstrip(), value.removesuffix("*").strip().strip('"')
        waiting = key if equals and not value else ""
        if value == "{":
            names.append(key)
        elif value:
            _set(conf, (section, *names, key), value)


def _set(conf: Krb5Conf, names: tuple[str, ...], value: str) -> None:
    match names:
        case ("libdefaults", "default_realm"):
            conf.default_realm = conf.default_realm or value  # the first one counts
        case ("realms", realm, "kdc"):
            conf.kdcs.setdefault(realm.upper(), []).append(value)


def _below(root: Path, text: str) -> Path:
    return root / text.strip().lstrip("/")


def _folder(path: Path) -> list[Path]:
    try:
        return sorted(part for part in path.iterdir() if _INCLUDED.fullmatch(part.name))
    except OSError:
        return []
