"""Programs beside Python that some tests need; the full run demands them all."""

from __future__ import annotations

import os

import pytest

from sipauthctl.lab.kdc import Kdc
from sipauthctl.lab.samba.programs import missing
from sipauthctl.mechanisms.kerberos.availability import unavailable_reason

DEMANDED = "SIPAUTHCTL_REQUIRE_EXTERNAL" in os.environ

_no_kdc = unavailable_reason() or Kdc.missing()
needs_kdc = pytest.mark.skipif(_no_kdc is not None and not DEMANDED, reason=_no_kdc or "")

_no_samba = unavailable_reason() or missing()
needs_samba = pytest.mark.skipif(_no_samba is not None and not DEMANDED, reason=_no_samba or "")
