"""Runs tshark as pyshark would and gives what it writes; the one file that touches pyshark's private parts.

pyshark writes tshark's command line. It neither finds tshark nor reads its configuration: it would run whatever
program a file `config.ini` in the current folder names, and evidence comes in folders. Its packet objects are not
used, which cost a quarter of a millisecond each and cannot hold several SIP layers of one frame; nor is its event
loop, which does not notice that tshark was ended by a signal, breaks inside another loop, and differs from one Python
to the next.
"""

from __future__ import annotations

import contextlib
import fcntl
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from sipauthctl.capture.record import ReadError
from sipauthctl.programs import child_environment, find_program

_NO_CONFIGURATION: Any = ModuleType("pyshark.config")
_NO_CONFIGURATION.get_config = lambda: None
sys.modules["pyshark.config"] = _NO_CONFIGURATION  # its own looks into the current folder as soon as it is imported

from pyshark.capture.file_capture import FileCapture  # noqa: E402

_PIECE = 1 << 20  # bytes of output at a time; so much tshark may also write before it is read
_SAID = 4096  # bytes of what it says at the end
_LINES_SAID = 3
_REMARK = "Running as user"
_OWN = "tshark: "
_TOO_OLD = ("unknown preference", "invalid option", "unrecognized option", "Unknown protocol")
_INSTALL = "Captures are read with tshark, which is not installed: apt install tshark"
_UPDATE = "Captures are read with tshark 3.0 or later, and this one is older: apt install tshark"
_BASE_SECONDS = 15  # of processor time, whatever the capture
_BYTES_A_SECOND = 1_000_000  # of a capture; tshark usually reads twenty times as many
_NO_LOOP: Any = object()  # in place of an event loop, which pyshark would otherwise set up at once


class TsharkProblem(Exception):
    """tshark ended with an error after what it gave; the text is what it said, or how it ended."""


def output(
    path: Path, arguments: Sequence[str], preferences: dict[str, str], decode_as: dict[str, str]
) -> Iterator[bytes]:
    """What tshark writes to its standard output, in pieces as they come.

    Args:
        path: a capture, also packed with gzip.
        arguments: what to write.
        preferences: tshark's `-o`; paths in them are absolute.
        decode_as: tshark's `-d`.

    Raises:
        ReadError: tshark is not there, or too old.
        TsharkProblem: it ended with an error, after what it gave.
    """
    command = _command(path, arguments, preferences, decode_as)
    seconds = _BASE_SECONDS + path.stat().st_size // _BYTES_A_SECOND
    with tempfile.TemporaryDirectory(prefix="sipauthctl-") as home, tempfile.TemporaryFile() as said:
        # The user's own profiles, plug-ins and Lua scripts would change what is read, and so would an IOR.txt in the
        # current folder.
        environment = child_environment(HOME=home, WIRESHARK_CONFIG_DIR=home)
        with subprocess.Popen(  # noqa: S603 (a list of arguments, no shell)
            command,
            bufsize=0,
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
        ) as process:
            try:
                resource.prlimit(process.pid, resource.RLIMIT_CPU, (seconds, seconds + 1))
                if process.stdout is not None:
                    yield from _pieces(process.stdout)
            except BaseException:  # also where nobody wants the rest
                process.kill()
                raise
        words, of_its_own = _last_words(said)
        if process.returncode or of_its_own:
            _judge(process.returncode, words, seconds)


def _command(
    path: Path, arguments: Sequence[str], preferences: dict[str, str], decode_as: dict[str, str]
) -> list[str]:
    tshark = find_program("tshark")
    if tshark is None:
        raise ReadError(_INSTALL)
    capture = FileCapture(
        str(path.absolute()),
        keep_packets=False,
        eventloop=_NO_LOOP,
        override_prefs=preferences,
        decode_as=decode_as,
        custom_parameters=list(arguments),
    )
    return [tshark, "-n", *capture.get_parameters()]


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    with contextlib.suppress(OSError, AttributeError):  # a limit of the system, another system
        fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, _PIECE)
    while piece := stream.read(_PIECE):
        yield piece


def _last_words(said: IO[bytes]) -> tuple[str, bool]:
    """What it said, and whether it said so itself: it may end in the middle with status 0 (a frame too large to be
    exported), while its dissectors only warn."""
    said.seek(max(0, said.seek(0, 2) - _SAID))
    lines = (line.strip() for line in said.read().decode("utf-8", "replace").splitlines())
    kept = [line for line in lines if line and not line.startswith(_REMARK)]
    own = [line.removeprefix(_OWN) for line in kept if line.startswith(_OWN)]
    return " ".join((own or kept)[-_LINES_SAID:]), bool(own)


def _judge(status: int, words: str, seconds: int) -> None:
    if status == -signal.SIGXCPU:
        raise TsharkProblem(f"it needed more than {seconds} s of processor time, many times what is usual")
    if status < 0:
        raise TsharkProblem(f"it was ended by signal {-status}")
    if any(mark in words for mark in _TOO_OLD):
        raise ReadError(_UPDATE)
    raise TsharkProblem(words or f"it ended with status {status}")
