"""Which image a node's collector is made from.

The agent needs sh, iproute2 and iptables, and its script travels with the command; so an image that
the node has already will do, and nothing has to be pulled on a node whose network is broken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from skoop.collector import labels
from skoop.model.kube import Container, Inventory, Pod, PodContainer

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
_NO_IMAGE: Final = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")


def suitable_images(node: str, inventory: Inventory) -> tuple[str, ...]:
    """Images that run on a node, once each, in the order of the list above: as the pods name them,
    so that the node knows them by that name. After them those of the network plugin's DaemonSet:
    while its pod is made anew, nothing tells that the image is there."""
    own = [pod for pod in inventory.pods_on_node(node) if pod.host_network and not pod.finished]
    started = [
        (rank, container.image)
        for pod in own
        for container in pod.containers
        if container.image and container.waiting in _STARTED
        for rank in _ranks(container)
    ]
    failed = {c.image for pod in own for c in pod.containers if c.waiting in _NO_IMAGE}
    templates = [
        (rank, container.image)
        for workload in inventory.daemon_sets
        if workload.host_network
        for container in workload.containers
        if container.image and container.image not in failed
        for rank in _ranks(container)
    ]
    return tuple(dict.fromkeys(image for _, image in (*sorted(started), *sorted(templates))))


def _ranks(container: Container | PodContainer) -> Iterator[int]:
    for rank, (name, part) in enumerate(_SUITABLE):
        if name == container.name or part in container.image.partition("@")[0]:
            yield rank


def resident_pod(node: str, inventory: Inventory) -> Pod | None:
    """The collector that `skoop collector install` has put on a node, if it runs."""
    for pod in inventory.pods_on_node(node):
        marks = (pod.labels.get(labels.MANAGED_BY), pod.labels.get(labels.COMPONENT))
        if marks == (labels.OWNER, labels.RESIDENT) and pod.ready and not pod.terminating:
            return pod
    return None
