from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from skoop.cluster.inventory import from_documents
from skoop.model.kube import Inventory

CORPUS = Path(__file__).parent.parent / "data" / "corpus"


class Documents(dict[str, bytes]):
    def __repr__(self) -> str:
        return f"Documents({', '.join(self)})"


@pytest.fixture(scope="session")
def corpus_documents() -> dict[str, bytes]:
    """The API objects of a real Kubernetes 1.36 cluster, by resource."""
    with tarfile.open(CORPUS / "iptables-clean.tar.gz") as archive:
        members = (member for member in archive if "/cluster/" in member.name and member.isfile())
        files = {Path(each.name).stem: archive.extractfile(each) for each in members}
        return Documents({name: file.read() for name, file in files.items() if file})


@pytest.fixture(scope="session")
def corpus(corpus_documents: dict[str, bytes]) -> Inventory:
    return from_documents(corpus_documents)
