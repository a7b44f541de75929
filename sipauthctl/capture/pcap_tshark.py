"""Runs tshark through pyshark and gives what it writes; the one file that touches pyshark's private parts.

pyshark's own packet objects cost a quarter of a millisecond each and cannot hold several SIP layers of one frame. So
only its handling of the process is used, with a parser that passes tshark's output on as it comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pyshark.capture.capture import TSharkCrashException
from pyshark.capture.file_capture import FileCapture
from pyshark.tshark.tshark import TSharkNotFoundException

from sipauthctl.capture.record import ReadError

_PIECE = 1 << 18  # bytes of output at a time
_AHEAD = 1 << 20  # bytes that tshark may write before they are read
_ERROR_LINES = 4
_REMARKS = ("Running as user",)
_TOO_OLD = ("unknown preference", "invalid option", "unrecognized option", "Unknown protocol")
_INSTALL = "Captures are read with tshark, which is not installed: apt install tshark"
_UPDATE = "Captures are read with tshark 3.0 or later, and this one is older: apt install tshark"


class TsharkProblem(Exception):
    """tshark ended with an error after what it gave; the text is what it said, or how it ended."""


class _Pieces:
    """What pyshark calls to cut the output into packets: here into pieces of any length."""

    def __init__(self, process: asyncio.subprocess.Process | None) -> None:
        self._process = process

    async def get_packets_from_stream(
        self, stream: asyncio.StreamReader, data: bytes, got_first_packet: bool = True
    ) -> tuple[bytes, bytes]:
        """The next piece of the output, and the bytes that are left, which are none.

        Raises:
            EOFError: the output is at its end.
        """
        piece = await stream.read(_PIECE)
        if not piece:
            if self._process is not None:
                await self._process.wait()  # else pyshark kills it, and how it ended is lost
            raise EOFError
        return piece, b""


class _Capture(FileCapture):  # type: ignore[misc]
    process: asyncio.subprocess.Process | None = None

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop, **options: Any) -> None:
        self.said: deque[str] = deque(maxlen=_ERROR_LINES)
        super().__init__(str(path), keep_packets=False, eventloop=loop, **options)

    async def _get_tshark_process(self, packet_count: int | None = None, stdin: int | None = None) -> Any:
        """Without the output mode that pyshark always asks for, and without asking for the version first."""
        parameters = [self._get_tshark_path(), "-n", *self.get_parameters(packet_count=packet_count)]
        process = await asyncio.create_subprocess_exec(
            *parameters,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_PIECE,
        )
        _widen(process)
        self._create_stderr_handling_task(process.stderr)
        self._created_new_process(parameters, process)
        self.process = process
        return process

    async def _handle_process_stderr_forever(self, stderr: asyncio.StreamReader) -> None:
        rest = b""
        while piece := await stderr.read(_PIECE):
            *lines, rest = (rest + piece)[-_PIECE:].split(b"\n")
            self._note(lines)
        self._note([rest])

    def _note(self, lines: list[bytes]) -> None:
        for line in lines:
            text = line.decode("utf-8", "replace").strip()
            if text and not text.startswith(_REMARKS):
                self.said.append(text.removeprefix("tshark: "))

    def _setup_tshark_output_parser(self) -> _Pieces:
        return _Pieces(self.process)

    def __del__(self) -> None:
        """pyshark closes here, too late to be of use and at times with a traceback; `output` closes."""


def _widen(process: asyncio.subprocess.Process) -> None:
    """Lets tshark run ahead, and so on another core, while what it wrote is looked at."""
    pipe = process._transport.get_pipe_transport(1)  # type: ignore[attr-defined]
    with contextlib.suppress(OSError, AttributeError):  # a limit of the system, another system
        fcntl.fcntl(pipe.get_extra_info("pipe").fileno(), fcntl.F_SETPIPE_SZ, _AHEAD)


def output(
    path: Path, arguments: Sequence[str], preferences: dict[str, str], decode_as: dict[str, str]
) -> Iterator[bytes]:
    """What tshark writes to its standard output, in pieces as they come.

    Args:
        path: a capture, also packed with gzip.
        arguments: what to write.
        preferences: tshark's `-o`.
        decode_as: tshark's `-d`.

    Raises:
        ReadError: tshark is not there, or too old.
        TsharkProblem: it ended with an error, after what it gave.
    """
    loop = asyncio.new_event_loop()
    try:
        capture = _Capture(
            path, loop, override_prefs=preferences, decode_as=decode_as, custom_parameters=list(arguments)
        )
        try:
            yield from capture._packets_from_tshark_sync()
        except TSharkCrashException:
            pass  # its exit status says the same
        finally:
            _close(capture, loop)
        _judge(capture)
    except (TSharkNotFoundException, FileNotFoundError, PermissionError) as error:
        raise ReadError(_INSTALL if isinstance(error, TSharkNotFoundException) else str(error)) from None
    finally:
        loop.close()


def _judge(capture: _Capture) -> None:
    status = capture.process.returncode if capture.process is not None else 0
    if not status:
        return
    if status < 0:  # which pyshark does not notice
        raise TsharkProblem(f"it was ended by signal {-status}")
    words = " ".join(capture.said)
    if any(mark in words for mark in _TOO_OLD):
        raise ReadError(_UPDATE)
    raise TsharkProblem(words or f"it ended with status {status}")


def _close(capture: _Capture, loop: asyncio.AbstractEventLoop) -> None:
    process = capture.process
    if process is not None and process.returncode is None:
        try:
            loop.run_until_complete(asyncio.wait_for(process.wait(), 0.5))
        except TimeoutError:  # we stopped reading before its end
            process.kill()
            loop.run_until_complete(process.wait())
    tasks = asyncio.all_tasks(loop)
    if tasks:
        _, open_tasks = loop.run_until_complete(asyncio.wait(tasks, timeout=0.5))
        for task in open_tasks:
            task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
