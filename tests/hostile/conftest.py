"""The certificate authority that the program is told to trust in these tests."""

from __future__ import annotations

import pytest

from tests.network.peers import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))
