from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from skoop.cluster.api import ApiClient, Patience, connect
from tests.apiserver import ApiServer


@pytest.fixture
def server(corpus_documents: dict[str, bytes]) -> Iterator[ApiServer]:
    """The objects of a real cluster with flannel, served."""
    lists = ("pods", "nodes", "services", "endpointslices", "namespaces", "networkpolicies",
             "configmaps", "daemonsets", "deployments")  # fmt: skip
    documents = [
        json.loads(document)
        for name, document in corpus_documents.items()
        if name.partition(".")[0] in lists
    ]
    with ApiServer.started(documents) as server:
        yield server


@pytest.fixture
def client(server: ApiServer, tmp_path: Path) -> Iterator[ApiClient]:
    patience = Patience(connect=2, read=2, sleep=lambda _: None)
    client = connect(str(server.kubeconfig(tmp_path)), patience=patience)
    yield client
    client.close()
