"""What all tests share."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator

import pytest

from sipauthctl.lab.samba.domain import SambaDomain


@pytest.fixture(scope="session", autouse=True)
def _hang_up_ends_children() -> None:
    """Under nohup, programs that a test starts would ignore SIGHUP as well."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _one_provisioned_domain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Domains in this process begin as copies of one empty domain: provisioning takes most of their starting time."""
    provision = SambaDomain._provision
    empty = tmp_path_factory.mktemp("samba") / "provisioned"

    async def copy_or_provision(domain: SambaDomain) -> None:
        if not empty.exists():
            await provision(domain)
            shutil.copytree(domain.folder, empty, symlinks=True)
        else:
            shutil.copytree(empty, domain.folder, symlinks=True, dirs_exist_ok=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SambaDomain, "_provision", copy_or_provision)
        yield
