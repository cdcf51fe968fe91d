"""Which image a node's collector is made from.

The agent needs sh, iproute2 and iptables, and its script travels with the command; so an image that
the node has already will do, and nothing has to be pulled on a node whose network is broken.
"""

from __future__ import annotations

from typing import Final

from skoop.collector import labels
from skoop.model.kube import Inventory, Pod

_SUITABLE: Final = (
    ("kube-flannel", "flannel"),
    ("calico-node", "calico/node"),
    ("cilium-agent", "cilium/cilium"),
    ("kube-router", "kube-router"),
    ("antrea-agent", "antrea/antrea"),
    ("weave", "weave-kube"),
    ("cni-server", "kube-ovn"),
    ("terway", "terway"),
)
"""Network plugins whose images have sh, iproute2 and iptables: their containers' names, and parts
of the images' names. Mirrors rename images, distributions containers. kube-proxy's image has no
iproute2."""


_STARTED: Final = ("", "CrashLoopBackOff", "RunContainerError")
"""Reasons to wait of a container whose image is on the node all the same: a network plugin that
crashes is what a diagnosis may be about."""


def suitable_images(node: str, inventory: Inventory) -> tuple[str, ...]:
    """Images that run on a node, once each, in the order of the list above: as the pods name them,
    so that the node knows them by that name."""
    ranked = [
        (rank, container.image)
        for pod in inventory.pods_on_node(node)
        if pod.host_network and not pod.finished
        for container in pod.containers
        if container.image and container.waiting in _STARTED
        for rank, (name, part) in enumerate(_SUITABLE)
        if name == container.name or part in container.image.partition("@")[0]
    ]
    return tuple(dict.fromkeys(image for _, image in sorted(ranked)))


def resident_pod(node: str, inventory: Inventory) -> Pod | None:
    """The collector that `skoop collector install` has put on a node, if it runs."""
    for pod in inventory.pods_on_node(node):
        marks = (pod.labels.get(labels.MANAGED_BY), pod.labels.get(labels.COMPONENT))
        if marks == (labels.OWNER, labels.RESIDENT) and pod.ready and not pod.terminating:
            return pod
    return None
