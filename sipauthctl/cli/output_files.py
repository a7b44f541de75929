"""Files that the program writes: never over what it reads, never through a link, and for their owner alone.

A new file under a temporary name takes the place of the old one, so that links lead nowhere, other names of the old
file keep its content, and its mode does not count. A report is moved when it is complete; a trace as soon as it is
open, to be read while the run lasts and where it crashes.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import shlex
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

import click

from sipauthctl.cli.errors import CannotRun

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

UNWRITTEN: list[str] = []
"""Of each file that could not be written to its end, a sentence for the end of the program."""

_ENVIRONMENT = ("KRB5CCNAME", "KRB5_CONFIG", "KRB5_CLIENT_KTNAME", "SSLKEYLOGFILE")
_SECRETS = ("password_file", "nt_hash_file", "keytab", "keylog", "ccache")
_BEGINNING = 1_000  # bytes
_OWNER = stat.S_IRUSR | stat.S_IWUSR
_OTHERS = stat.S_IRGRP | stat.S_IROTH


class OutputPath(click.Path):
    """The type of an option that names a file to be written."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path. `-` is refused: the standard output has the result."""
        if str(value) == "-":
            self.fail("'-' does not stand for the standard output here. Name a file.", param, ctx)
        return super().convert(value, param, ctx)


class CommandWithFiles(click.Command):
    """A command that reads files and writes others."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuses arguments beyond those that it takes, without showing them: one may be a password."""
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            ctx.fail("Too many arguments. A password is never one: use --password-file or SIPAUTHCTL_PASSWORD.")
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Refuses to write over what is read, and tells of secrets that others can read, before anything is done."""
        read = [*_files_read(ctx), *(os.environ[name] for name in _ENVIRONMENT if name in os.environ)]
        for param in self.params:
            path = ctx.params.get(param.name or "")
            if isinstance(param.type, OutputPath) and path is not None:
                same = _same_file(path, read)
                if same is not None:
                    raise click.BadParameter(f"this command reads the file {same}. Choose another name.", ctx, param)
        if not ctx.params.get("as_json"):
            for given in _SECRETS:
                _tell_of_others(ctx.params.get(given))
        return super().invoke(ctx)


@contextmanager
def streamed(path: Path, what: str, mark: str) -> Iterator[BinaryIO]:
    """A file that is in its place while it is written.

    Args:
        path: where.
        what: its name in a sentence, such as `trace`.
        mark: what every one of them has near its beginning; no other file is replaced, unless it is empty.

    Raises:
        CannotRun: it cannot be made.
    """
    with _made(path, what, mark) as made:
        made.move()
        with io.BufferedWriter(made) as file:
            yield file


@contextmanager
def replaced(path: Path, what: str, mark: str) -> Iterator[TextIO]:
    """A file that takes its place when it is complete; until then, and where it never is, the old one stays.

    Args, Raises: as `streamed`.
    """
    with _made(path, what, mark) as made:
        with io.TextIOWrapper(io.BufferedWriter(made), encoding="utf-8") as text:
            yield text
        if made.error is None:
            made.move()


class _Made(io.FileIO):
    """A file that drops the rest when it cannot be written; `error` says why."""

    def __init__(self, path: Path, what: str, mark: str) -> None:
        self.error: OSError | None = None
        self._path = path
        self._what = what
        self._temporary: Path | None = None
        if _is_device(path):
            super().__init__(path, "wb", opener=lambda name, _: os.open(name, os.O_WRONLY | os.O_NOCTTY))
        elif path.is_symlink():
            raise CannotRun(f"Cannot write the {what} {path}: it is a symbolic link. Name the file itself.")
        elif not _may_be_replaced(path, mark):
            raise CannotRun(
                f"Cannot write the {what} {path}: another file has that name. Choose another, or remove it."
            )
        else:
            self._temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.part")
            super().__init__(self._temporary, "xb", opener=lambda name, flags: os.open(name, flags, _OWNER))

    def write(self, data: Buffer, /) -> int:
        """Writes, or drops it."""
        if self.error is None:
            try:
                return super().write(data)
            except OSError as error:
                self.error = error
        return memoryview(data).nbytes

    def move(self) -> None:
        """Gives the file its name.

        Raises:
            CannotRun: it cannot have it.
        """
        if self._temporary is not None:
            try:
                self._temporary.replace(self._path)
            except OSError as error:
                raise CannotRun(f"Cannot write the {self._what} {self._path}: {error.strerror}.") from None
            self._temporary = None

    def close(self) -> None:
        """Closes it; an error shows late on some file systems."""
        try:
            super().close()
        except OSError as error:
            self.error = self.error or error

    def tidy(self) -> None:
        """Removes what was not moved."""
        if self._temporary is not None:
            with contextlib.suppress(OSError):
                self._temporary.unlink()
            self._temporary = None


@contextmanager
def _made(path: Path, what: str, mark: str) -> Iterator[_Made]:
    try:
        made = _Made(path, what, mark)
    except OSError as error:
        raise CannotRun(f"Cannot write the {what} {path}: {error.strerror}.") from None
    try:
        yield made
    finally:
        made.close()
        made.tidy()
        if made.error is not None:
            UNWRITTEN.append(f"Cannot write the {what} {path}: {made.error.strerror}.")


def _may_be_replaced(path: Path, mark: str) -> bool:
    """Whether there is nothing of that name, or an output of this program.

    Raises:
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as old:
            beginning = old.read(_BEGINNING)
    except FileNotFoundError:
        return True
    return not beginning or mark.encode() in beginning


def _is_device(path: Path) -> bool:
    """Whether it is a pipe, a terminal or the like, such as /dev/stderr: nothing that can be replaced."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _files_read(ctx: click.Context) -> Iterator[Any]:
    """The paths and open files that the user gave, to the command and before it."""
    while True:
        for param in ctx.command.params:
            value = ctx.params.get(param.name or "")
            if isinstance(param.type, click.Path | click.File) and not isinstance(param.type, OutputPath):
                yield from value if isinstance(value, tuple | list) else () if value is None else (value,)
        if ctx.parent is None:
            return
        ctx = ctx.parent


def _same_file(path: Path, read: Iterable[Any]) -> str | None:
    """The one of the files that is the same, under whatever name."""
    for given in read:
        with contextlib.suppress(OSError, ValueError):  # no such file, or no name of any
            if os.path.samestat(path.stat(), _stat(given)):
                return _name(given)
    return None


def _name(given: Any) -> str:
    return str(given if isinstance(given, str | Path) else given.name)


def _stat(given: Any) -> os.stat_result:
    if hasattr(given, "fileno"):
        return os.fstat(given.fileno())
    return os.fstat(sys.stdin.fileno()) if given == "-" else Path(str(given).removeprefix("FILE:")).stat()


def _tell_of_others(secret: Any) -> None:
    """Says who else can read a secret's file; a pipe or a descriptor has no lasting readers."""
    if secret is None or os.name == "nt":
        return
    path = _name(secret)
    if path in ("-", "<stdin>") or path.startswith(("/dev/fd/", "/proc/")):
        return
    with contextlib.suppress(OSError, ValueError):
        mode = _stat(secret).st_mode
        if stat.S_ISREG(mode) and mode & _OTHERS:
            from sipauthctl.report.text import safe  # which would delay `sipauthctl --help`

            command = f"chmod 600 {shlex.quote(path.removeprefix('FILE:'))}"
            advice = f"other users can read {path} (mode {stat.S_IMODE(mode):04o}). To protect it: {command}"
            click.echo(f"Note: {safe(advice)}", err=True)
