"""A standing cluster: its namespaces by the names the description uses."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.felix.words import veth as calico_veth
from tests.lab import commands
from tests.lab.namespaces import Netns, create
from tests.lab.topology import Cluster, Node, Pod

UNDERLAY = "underlay"
OUTSIDE = "outside"


class Lab:
    """The namespaces of one cluster. Close it, or use it as a context manager."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        own = [p.id for p in cluster.pods if not p.host_network]
        labels = (UNDERLAY, OUTSIDE, *(n.id for n in cluster.nodes), *own)
        self.namespaces = create(labels)
        self._folder = TemporaryDirectory(prefix="skoop-lab-")
        self.undo = ExitStack()
        """What is to be set back on the machine itself when the lab goes."""

    @property
    def folder(self) -> Path:
        """A folder that goes when the lab goes."""
        return Path(self._folder.name)

    def node(self, name: str) -> Netns:
        """A node's own namespace."""
        return self.namespaces[f"node/{name}"]

    def pod(self, name: str) -> Netns:
        """The namespace a pod lives in: its node's when it is on the host network."""
        pod = self.cluster.pod(name)
        return self.node(pod.node) if pod.host_network else self.namespaces[pod.id]

    @property
    def underlay(self) -> Netns:
        """The wires and the router between nodes, which a diagnosis cannot see."""
        return self.namespaces[UNDERLAY]

    @property
    def outside(self) -> Netns:
        """A client outside the cluster."""
        return self.namespaces[OUTSIDE]

    def iptables(self, namespace: Netns, *rules: str, family: int = 4, backend: str = "") -> None:
        """Run iptables once for each line, on the cluster's backend unless another is named."""
        name = ("iptables-" if family == 4 else "ip6tables-") + (backend or self.cluster.iptables)
        for rule in rules:
            commands.run(namespace, (name, "-w", "5", *shlex.split(rule)))

    def veth(self, pod: Pod) -> str:
        """The node's end of a pod's veth where the lab made it by hand."""
        return calico_veth(pod.namespace, pod.name) if self.cluster.calico else host_veth(pod)

    def close(self) -> None:
        """Remove everything."""
        self.undo.close()
        for namespace in self.namespaces.values():
            namespace.close()
        self._folder.cleanup()

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def host_veth(pod: Pod) -> str:
    """The name of the node's end of a pod's veth."""
    return f"veth{pod.name}"[:15]


def underlay_port(node: Node) -> str:
    """The underlay's end of a node's wire."""
    return f"u{node.name}"
