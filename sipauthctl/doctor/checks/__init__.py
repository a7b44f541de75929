"""The checks, one file each, in the order in which they are listed."""

from __future__ import annotations

from sipauthctl.doctor.check import Check
from sipauthctl.doctor.checks.name import NameCheck

CHECKS: tuple[Check, ...] = (NameCheck(),)
