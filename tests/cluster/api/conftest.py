from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skoop.cluster.api import ApiClient, Patience, connect
from tests.apiserver import ApiServer

QUICK = Patience(connect=2, read=2, sleep=lambda _: None)


def pod(number: int, **labels: str) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"namespace": f"ns{number % 2}", "name": f"p{number:04}", "labels": labels},
        "spec": {"nodeName": f"node-{number % 3}"},
    }


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer.started(pod(number, app=f"a{number % 5}") for number in range(1200)) as server:
        yield server


@pytest.fixture
def client(server: ApiServer, tmp_path: Path) -> Iterator[ApiClient]:
    client = connect(str(server.kubeconfig(tmp_path)), patience=QUICK)
    yield client
    client.close()
