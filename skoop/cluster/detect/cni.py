"""Which network plugin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from skoop.cluster.detect.facts import UNKNOWN_SOURCE, Cni, Fact
from skoop.model.kube import ConfigMap, Inventory, Workload
from skoop.netstack.state import Namespace

# Beginnings of names. A plugin that does the networking comes before one that may only add policy
# to it (Calico on AWS, Cilium inside Terway).
_DAEMON_SETS = (
    ("canal", Cni.CANAL),
    ("rke2-canal", Cni.CANAL),
    ("aws-node", Cni.AWS_VPC),
    ("terway", Cni.TERWAY),
    ("kube-ovn-cni", Cni.KUBE_OVN),
    ("antrea-agent", Cni.ANTREA),
    ("kindnet", Cni.KINDNET),
    ("weave-net", Cni.WEAVE),
    ("kube-flannel", Cni.FLANNEL),
    ("cilium", Cni.CILIUM),
    ("anetd", Cni.CILIUM),
    ("calico-node", Cni.CALICO),
    ("kube-router", Cni.KUBE_ROUTER),
)
_CONFIG_MAPS = (
    ("canal-config", Cni.CANAL),
    ("rke2-canal-config", Cni.CANAL),
    ("amazon-vpc-cni", Cni.AWS_VPC),
    ("eni-config", Cni.TERWAY),
    ("antrea-config", Cni.ANTREA),
    ("kube-flannel-cfg", Cni.FLANNEL),
    ("cilium-config", Cni.CILIUM),
    ("calico-config", Cni.CALICO),
    ("kube-router-cfg", Cni.KUBE_ROUTER),
)
_ANNOTATIONS = (
    ("flannel.alpha.coreos.com/backend-type", Cni.FLANNEL),
    ("ovn.kubernetes.io/", Cni.KUBE_OVN),
    ("node.antrea.io/", Cni.ANTREA),
    ("network.cilium.io/", Cni.CILIUM),
    ("io.cilium.network.", Cni.CILIUM),
    ("projectcalico.org/", Cni.CALICO),
    ("kube-router.io/", Cni.KUBE_ROUTER),
)
_LINKS = (
    ("flannel.", Cni.FLANNEL),
    ("cilium_host", Cni.CILIUM),
    ("antrea-gw", Cni.ANTREA),
    ("ovn0", Cni.KUBE_OVN),
    ("kube-bridge", Cni.KUBE_ROUTER),
    ("weave", Cni.WEAVE),
    ("cali", Cni.CALICO),
)


def detect_cni(inventory: Inventory, hosts: Mapping[str, Namespace]) -> Fact[Cni]:
    """The plugin, by DaemonSets, then ConfigMaps, annotations of nodes, and devices on them."""
    running = [each for each in inventory.daemon_sets if each.desired]
    sources = (
        _found(_DAEMON_SETS, ((each.name, f"DaemonSet {_path(each)}") for each in running)),
        _found(
            _CONFIG_MAPS,
            ((each.name, f"ConfigMap {_path(each)}") for each in inventory.config_maps),
        ),
        _found(_ANNOTATIONS, _annotations(inventory)),
        _found(_LINKS, _links(hosts)),
    )
    for found in sources:
        if found:
            return _choose(found)
    return Fact(Cni.UNKNOWN, UNKNOWN_SOURCE, certain=False)


def _found(
    known: tuple[tuple[str, Cni], ...], named: Iterable[tuple[str, str]]
) -> dict[Cni, str]:  # fmt: skip
    """The first source of each plugin, in the order of `known`."""
    listed = list(named)
    found: dict[Cni, str] = {}
    for beginning, cni in known:
        for name, source in listed:
            if name.startswith(beginning):
                found.setdefault(cni, source)
    return found


def _choose(found: dict[Cni, str]) -> Fact[Cni]:
    if Cni.FLANNEL in found and Cni.CALICO in found:
        return Fact(Cni.CANAL, f"{found[Cni.FLANNEL]} and {found[Cni.CALICO]}")
    cni, source = next(iter(found.items()))
    return Fact(cni, source)


def _path(each: Workload | ConfigMap) -> str:
    return f"{each.namespace}/{each.name}"


def _annotations(inventory: Inventory) -> Iterator[tuple[str, str]]:
    for node in inventory.nodes:
        for key in sorted(node.annotations):
            yield key, f"annotation {key} of node {node.name}"


def _links(hosts: Mapping[str, Namespace]) -> Iterator[tuple[str, str]]:
    for name, host in hosts.items():
        for link in host.links:
            yield link.name, f"device {link.name} on node {name}"
