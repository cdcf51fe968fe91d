"""A lab as a snapshot on disk: what a diagnosis may know about it, and nothing else.

The nodes are read by skoop's own collector. The underlay and the outside client are left out, as
no cluster's collector could see them. A node here is a namespace; the settings that only the first
namespace of a machine has, and which count for all, are added.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from skoop.collector.local import collect_node
from skoop.snapshot import Manifest, NamespaceDump, NodeDocument, Snapshot, save
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
    found = collect_node(node.name, lab.node(node.name).path, pods)
    host, *rest = found.namespaces
    return msgspec.structs.replace(found, namespaces=(_with_machine(host), *rest))


def _with_machine(host: NamespaceDump) -> NamespaceDump:
    """With what net/core/neighbour.c registers for the first namespace alone."""
    seen = host.outputs["sysctl"]
    lines = [
        f"net.{family}.neigh.default.{name} = {path.read_text().strip()}\n"
        for family in ("ipv4", "ipv6")
        for name in ("gc_thresh1", "gc_thresh2", "gc_thresh3")
        if (path := Path("/proc/sys/net", family, "neigh/default", name)).exists()
    ]
    whole = msgspec.structs.replace(seen, stdout=seen.stdout + "".join(lines))
    return msgspec.structs.replace(host, outputs={**host.outputs, "sysctl": whole})
