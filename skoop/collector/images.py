"""Which image a node's collector is made from.

The agent needs sh, iproute2 and iptables, and its script travels with the command; so an image that
the node has already will do, and nothing has to be pulled on a node whose network is broken.
"""

from __future__ import annotations

from typing import Final

from skoop.collector import labels
from skoop.model.kube import Inventory, Pod

_SUITABLE: Final = (
    "flannel/flannel",
    "coreos/flannel",
    "mirrored-flannel",
    "calico/node",
    "calico-node",
    "mirrored-calico-node",
    "cilium/cilium",
    "kube-router",
    "antrea/antrea",
    "weave-kube",
    "kube-ovn",
    "/terway",
)
"""Parts of the names of network plugins' images that have sh, iproute2 and iptables. kube-proxy's
has no iproute2."""


def suitable_images(node: str, inventory: Inventory) -> tuple[str, ...]:
    """Images that run on a node, once each, in the order of the list above: as the pods name them,
    so that the node knows them by that name."""
    running = {
        container.image
        for pod in inventory.pods_on_node(node)
        if not pod.finished
        for container in pod.containers
        if container.image and not container.waiting and not container.terminated
    }
    ranked = [
        (rank, image)
        for image in running
        for rank, part in enumerate(_SUITABLE)
        if part in image.partition("@")[0]
    ]
    return tuple(dict.fromkeys(image for _, image in sorted(ranked)))


def resident_pod(node: str, inventory: Inventory) -> Pod | None:
    """The collector that `skoop collector install` has put on a node, if it runs."""
    for pod in inventory.pods_on_node(node):
        marks = (pod.labels.get(labels.MANAGED_BY), pod.labels.get(labels.COMPONENT))
        if marks == (labels.OWNER, labels.RESIDENT) and pod.ready and not pod.terminating:
            return pod
    return None
