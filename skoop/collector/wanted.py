"""What is to be collected on a node, and what stands against it before anything is tried."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from skoop.collector.script import PodOnNode
from skoop.model.kube import Inventory, Node, Pod

_MIRROR = "kubernetes.io/config.mirror"
_HASH = "kubernetes.io/config.hash"


class NodeFailure(Struct, frozen=True):
    """A node of which there is no document, and why, as a clause."""

    node: str
    why: str


def pods_on(node: str, inventory: Inventory) -> tuple[PodOnNode, ...]:
    """The pods whose network namespaces are to be found on a node: those that have one of their
    own and have not finished."""
    return tuple(
        PodOnNode(pod.namespace, pod.name, _identity(pod))
        for pod in inventory.pods_on_node(node)
        if not pod.host_network and not pod.finished and pod.phase != "Pending" and _identity(pod)
    )


def _identity(pod: Pod) -> str:
    """The id in a pod's cgroups: its UID, or of a static pod the hash of its file (the mirror in
    the API server has a UID of its own)."""
    return pod.annotations.get(_HASH, "") if _MIRROR in pod.annotations else pod.uid


def obstacle(name: str, inventory: Inventory, selector: Mapping[str, str]) -> str:
    """Why a pod on this node cannot be run at all, so that nobody waits for it; "" when it may. A
    node that may not be listed is tried."""
    node = inventory.node(name)
    if node is None:
        listed = not any(each.what == "nodes" for each in inventory.absent)
        return "there is no such node" if listed else ""
    if node.labels.get("kubernetes.io/os", "linux") != "linux":
        return f"it runs {node.labels['kubernetes.io/os']}, not Linux"
    missing = [f"{key}={value}" for key, value in selector.items() if node.labels.get(key) != value]
    if missing:
        return f"the node selector leaves it out (it has no label {', '.join(missing)})"
    for condition in node.conditions:
        if condition.type == "Ready" and condition.status == "Unknown":
            said = ": ".join(filter(None, (condition.reason, condition.message)))
            return f"its kubelet does not answer ({said or 'Ready is Unknown'})"
    return ""


def weakness(node: Node) -> str:
    """What is known to be wrong with a node on which a pod may run nevertheless, as a clause."""
    for condition in node.conditions:
        if condition.type == "Ready" and condition.status == "False":
            said = ": ".join(filter(None, (condition.reason, condition.message)))
            return f"the node is not ready ({said})" if said else "the node is not ready"
    return ""
