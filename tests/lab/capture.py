"""A lab as a snapshot on disk: what a diagnosis may know about it, and nothing else.

The nodes are read by skoop's own collector. The underlay and the outside client are left out, as
no cluster's collector could see them.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from skoop.collector.local import collect_node
from skoop.snapshot import Manifest, NodeDocument, Snapshot, save
from tests.lab.lab import Lab
from tests.lab.objects import lists
from tests.lab.topology import Node


def capture(lab: Lab, folder: Path) -> None:
    """Write the snapshot into a new folder, or an archive by its name's ending."""
    nodes = lab.cluster.nodes
    with ThreadPoolExecutor(len(nodes)) as pool:
        documents = list(pool.map(lambda node: _collect(lab, node), nodes))
    snapshot = Snapshot(
        manifest=Manifest(cluster="lab"),
        cluster={name: json.dumps(found).encode() for name, found in lists(lab.cluster).items()},
        nodes={node.name: found for node, found in zip(nodes, documents, strict=True)},
    )
    save(snapshot, folder)


def _collect(lab: Lab, node: Node) -> NodeDocument:
    pods = {
        f"{pod.namespace}/{pod.name}": lab.pod(pod.name).path
        for pod in lab.cluster.pods_on(node.name)
    }
    return collect_node(node.name, lab.node(node.name).path, pods)
