"""All targets, by name."""

from __future__ import annotations

from tests.fuzz import capture_targets, handshake_targets, sip_targets, token_targets
from tests.fuzz.registry import TARGETS, Target

__all__ = ["TARGETS", "Target"]
MODULES = (sip_targets, token_targets, capture_targets, handshake_targets)
