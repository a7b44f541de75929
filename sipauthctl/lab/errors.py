"""What starting a lab can raise beside OSError."""

from __future__ import annotations


class CannotStart(Exception):
    """A part of the lab cannot be started; the text says why, in one sentence without its final stop."""
