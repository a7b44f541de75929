"""Runs tshark through pyshark and gives its lines; the one file that touches pyshark's private parts.

pyshark's own packet objects cost a quarter of a millisecond each and cannot hold several SIP layers of one frame. So
only its handling of the process is used, with an output parser of our own: a line of tshark's EK output is a frame.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pyshark.capture.capture import TSharkCrashException
from pyshark.capture.file_capture import FileCapture
from pyshark.tshark.tshark import TSharkNotFoundException

from sipauthctl.capture.record import ReadError

Frame = dict[str, list[str]]
"""The wanted fields of one frame, by tshark's name with underscores for dots; each a list of values."""

_LAYERS = b'{"timestamp"'


class TsharkProblem(Exception):
    """tshark ended with an error after the frames that were given; the text is its last line, or how it ended."""


class _FrameParser:
    """What pyshark calls to cut the output into packets."""

    def __init__(self, process: asyncio.subprocess.Process | None) -> None:
        self._process = process

    async def get_packets_from_stream(
        self, stream: asyncio.StreamReader, data: bytes, got_first_packet: bool = True
    ) -> tuple[Frame | None, bytes]:
        """The next frame, if its line is whole, and the bytes that are left.

        Raises:
            EOFError: the output is at its end.
        """
        line, newline, rest = data.partition(b"\n")
        if newline:
            return _frame(line), rest
        more = await stream.read(1 << 16)
        if not more:
            if self._process is not None:
                await self._process.wait()  # else pyshark kills it, and how it ended is lost
            raise EOFError
        return None, data + more


def _frame(line: bytes) -> Frame | None:
    if not line.startswith(_LAYERS):
        return None  # the index line before each frame
    layers: Frame = json.loads(line.decode("utf-8", "replace"))["layers"]
    return layers


class _FieldCapture(FileCapture):  # type: ignore[misc]
    process: asyncio.subprocess.Process | None = None

    def _setup_tshark_output_parser(self) -> _FrameParser:
        return _FrameParser(self.process)

    def _created_new_process(self, parameters: Any, process: Any, process_name: str = "TShark") -> None:
        self.process = process
        super()._created_new_process(parameters, process, process_name)

    def __del__(self) -> None:
        """pyshark closes here, too late to be of use and at times with a traceback; `frames` closes."""


def frames(
    path: Path, display_filter: str, fields: Sequence[str], preferences: dict[str, str], decode_as: dict[str, str]
) -> Iterator[Frame]:
    """The frames of a capture that pass a display filter.

    Args:
        path: a capture, also packed with gzip.
        display_filter: tshark's `-Y`.
        fields: what to print of each, tshark's `-e`.
        preferences: tshark's `-o`.
        decode_as: tshark's `-d`.

    Raises:
        ReadError: tshark is not there.
        TsharkProblem: it ended with an error, after the frames that it gave.
    """
    loop = asyncio.new_event_loop()
    arguments: list[str] = []
    for field in fields:
        arguments += ["-e", field]
    try:
        capture = _FieldCapture(
            str(path),
            keep_packets=False,
            display_filter=display_filter,
            use_ek=True,
            eventloop=loop,
            override_prefs=preferences,
            decode_as=decode_as,
            custom_parameters=arguments,
        )
        try:
            yield from capture._packets_from_tshark_sync()
        except TSharkCrashException:
            loop.run_until_complete(asyncio.gather(*capture._stderr_handling_tasks))
            raise TsharkProblem(capture._last_error_line or "it ended with an error") from None
        finally:
            _close(capture, loop)
        status = capture.process.returncode if capture.process is not None else 0
        if status is not None and status < 0:  # which pyshark does not notice
            raise TsharkProblem(f"it was ended by signal {-status}")
    except TSharkNotFoundException:
        raise ReadError("Captures are read with tshark, which is not installed: apt install tshark") from None
    finally:
        loop.close()


def _close(capture: _FieldCapture, loop: asyncio.AbstractEventLoop) -> None:
    process = capture.process
    if process is not None and process.returncode is None:
        try:
            loop.run_until_complete(asyncio.wait_for(process.wait(), 0.5))
        except TimeoutError:  # we stopped reading before its end
            process.kill()
            loop.run_until_complete(process.wait())
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
