"""What may be told of an error that nobody foresaw."""

from __future__ import annotations

from pathlib import Path


def place_of(error: BaseException) -> str:
    """The line that raised the error, `file.py:12`, without its text, which may hold anything."""
    trace = error.__traceback__
    if trace is None:
        return "no place known"
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
