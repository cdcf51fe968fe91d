from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from skoop.cluster.detect import detect
from skoop.cluster.inventory import from_documents
from skoop.model.kube import Inventory
from skoop.service import ProxyConfig

CORPUS = Path(__file__).parent.parent / "data" / "corpus" / "iptables-clean.tar.gz"
WANTED = ("/iptables-legacy-save", "/truth.jsonl")


class Recorded(Struct, frozen=True):
    """A real cluster: its objects, its nodes' iptables, and what was measured in it."""

    inventory: Inventory
    config: ProxyConfig
    rules: dict[str, str]
    truth: tuple[dict[str, Any], ...]

    def __repr__(self) -> str:
        return "Recorded(iptables-clean)"


@pytest.fixture(scope="session")
def recorded() -> Recorded:
    with tarfile.open(CORPUS) as archive:
        texts = {
            member.name.partition("/")[2]: file.read()
            for member in archive
            if "/cluster/" in member.name
            or member.name.endswith(("/iptables-legacy-save", "jsonl"))
            if (file := archive.extractfile(member))
        }
    inventory = from_documents(
        {Path(name).stem: text for name, text in texts.items() if name.startswith("cluster/")}
    )
    return Recorded(
        inventory,
        detect(inventory, {}).proxy.value,
        {
            node.name: texts[f"nodes/{node.name}/host/iptables-legacy-save"].decode()
            for node in inventory.nodes
        },
        tuple(json.loads(line) for line in texts["truth.jsonl"].splitlines()),
    )
