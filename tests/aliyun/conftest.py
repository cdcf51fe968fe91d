from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aliyun.double import Server, served
from tests.aliyun.worlds import two_nodes


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A double on the loopback; nothing of the machine's own environment shines through."""
    for name in ("https_proxy", "all_proxy", "no_proxy", "ssl_cert_file"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with served(Server(two_nodes()), tmp_path) as running:
        yield running
