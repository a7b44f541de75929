"""The lab's KDC: that it starts, that it ends, and what it says when it cannot start."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from pathlib import Path

import pytest

from sipauthctl import programs
from sipauthctl.lab.accounts import Account
from sipauthctl.lab.kdc import Kdc, KdcError, KdcSettings

external = [
    pytest.mark.external,
    pytest.mark.skipif(
        Kdc.missing() is not None and "SIPAUTHCTL_REQUIRE_EXTERNAL" not in os.environ, reason=str(Kdc.missing())
    ),
]


def _without_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(programs, "_SYSTEM_FOLDERS", ())


def test_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    _without_programs(monkeypatch)
    assert Kdc.missing() == (
        "The lab's KDC needs krb5kdc, kdb5_util, kadmin.local of MIT Kerberos: apt install krb5-kdc krb5-admin-server."
    )


def test_without_programs_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with Kdc(KdcSettings()):
            pass

    _without_programs(monkeypatch)
    with pytest.raises(KdcError, match="apt install"):
        asyncio.run(work())


class TestRunning:
    """Against the real programs."""

    pytestmark = external

    def test_it_is_found_outside_the_path_of_a_user(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/usr/bin:/bin")
        assert Kdc.missing() is None

    @pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
    def test_a_taken_port_is_told(self, kind: socket.SocketKind) -> None:
        async def work(port: int) -> None:
            async with Kdc(KdcSettings(port=port)):
                pass

        with socket.socket(type=kind) as taken:
            taken.bind(("127.0.0.1", 0))
            if kind is socket.SOCK_STREAM:
                taken.listen()
            port = taken.getsockname()[1]
            with pytest.raises(KdcError, match=f"127.0.0.1:{port}: Address already in use"):
                asyncio.run(work(port))

    def test_it_leaves_no_process_and_no_file(self) -> None:
        async def work() -> tuple[Path, int]:
            async with Kdc(KdcSettings()) as kdc:
                with socket.create_connection(("127.0.0.1", kdc.port)):
                    return kdc.folder, kdc.port

        folder, port = asyncio.run(work())
        assert not folder.exists()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))

    def test_it_ends_when_the_work_beside_it_fails(self) -> None:
        folders: list[Path] = []

        async def work() -> None:
            async with Kdc(KdcSettings()) as kdc:
                folders.append(kdc.folder)
                raise KeyError

        with pytest.raises(KeyError):
            asyncio.run(work())
        assert not folders[0].exists()

    def test_its_directory_is_private(self) -> None:
        async def work() -> int:
            async with Kdc(KdcSettings()) as kdc:
                return kdc.folder.stat().st_mode & 0o777

        assert asyncio.run(work()) == 0o700

    def test_a_failing_command_is_told_without_its_password(self) -> None:
        async def work(command: str) -> None:
            async with Kdc(KdcSettings()) as kdc:
                await kdc.administer("add_principal -pw Hush-1 zoe", command)

        for command, words in (
            ("add_principal -pw Hush-2 ned", "already exists"),
            ("add_prince -pw Hush-2 zed", "Unknown request"),
            ("add_principal -pw Hush-2 -bogus zed", "usage"),
        ):
            with pytest.raises(KdcError, match=words) as caught:
                asyncio.run(work(command))
            assert "Hush" not in str(caught.value)

    def test_mits_own_kinit_signs_in_with_an_awkward_password(self, tmp_path: Path) -> None:
        secret = 'a "b" \\ $c `d` é while'

        async def work() -> subprocess.CompletedProcess[bytes]:
            async with Kdc(KdcSettings(accounts=(Account("zoe", "Zoe", secret),))) as kdc:
                environment = {"KRB5_CONFIG": str(kdc.configuration), "PATH": os.environ["PATH"]}
                command = ["kinit", "-c", str(tmp_path / "cc"), "zoe"]
                return await asyncio.to_thread(
                    subprocess.run, command, input=secret.encode() + b"\n", env=environment, capture_output=True
                )

        result = asyncio.run(work())
        assert result.returncode == 0, result.stderr
        assert (tmp_path / "cc").stat().st_size > 0
