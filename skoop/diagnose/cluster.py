"""A cluster as the diagnosis sees it: its objects, its namespaces, and what carries packets
between them."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from skoop.cluster.detect.facts import ClusterFacts
from skoop.diagnose.policy.declared import Declared
from skoop.diagnose.world import Machine, World
from skoop.model.address import Family, format_ip
from skoop.model.diagnosis import Endpoint, EndpointKind, NotChecked
from skoop.model.kube import Inventory
from skoop.netstack.iptables import parse
from skoop.netstack.state import Namespace
from skoop.plugin.base import ClusterView, Expectation, Plugin
from skoop.service import ipvs
from skoop.service.iptables import ProxyRules, compile_rules
from skoop.service.nftables import NftRules
from skoop.service.nftables import compile_rules as compile_nft

_IPVS_PARTS = ("ipvs", "addresses")


class Expected:
    """What a plugin finds wrong with each node, worked out once and when first asked for."""

    def __init__(self, plugin: Plugin, view: ClusterView) -> None:
        self._plugin, self._view = plugin, view
        self._found: dict[str, tuple[Expectation, ...]] = {}

    def on(self, node: str) -> tuple[Expectation, ...]:
        """What is wrong with a node and its pods."""
        if node not in self._found:
            self._found[node] = self._plugin.expectations(self._view, node)
        return self._found[node]


class Programmed:
    """kube-proxy's rules of each node, read for comparison when first asked for."""

    def __init__(self, machines: Mapping[str, Machine]) -> None:
        self._machines = machines
        self._read: dict[tuple[str, Family], ProxyRules | None] = {}
        self._read_nft: dict[tuple[str, Family], NftRules | None] = {}

    def nftables(self, node: str, family: Family) -> NftRules | None:
        """A node's table of nftables mode; None when its rules were not collected."""
        key = (node, family)
        if key not in self._read_nft:
            host = self._host(node)
            texts = [each.text for each in host.rulesets if each.engine == "nft"] if host else []
            source = f"nft of node {node}"
            read = compile_nft(texts[0] if texts else "", family, source) if host else None
            self._read_nft[key] = read
        return self._read_nft[key]

    def ipvs(self, node: str) -> ipvs.Written | None:
        """A node's virtual servers; None when they were not collected."""
        machine = self._machines.get(node)
        if machine is None or any(gap.part in _IPVS_PARTS for gap in machine.host.gaps):
            return None
        host = machine.host
        return ipvs.Written(
            source=f"IPVS of node {node}",
            table=host.ipvs,
            device_addresses=frozenset(
                (each.family, each.value) for each in host.addresses if each.device == ipvs.DEVICE
            ),
            sysctls=host.sysctls,
            sets={} if any(gap.part == "ipsets" for gap in host.gaps) else host.ipsets,
        )

    def on(self, node: str, family: Family) -> ProxyRules | None:
        """A node's rules of iptables mode; None when they were not collected."""
        key = (node, family)
        if key not in self._read:
            self._read[key] = self._compile(node, family)
        return self._read[key]

    def _compile(self, node: str, family: Family) -> ProxyRules | None:
        host = self._host(node)
        if host is None:
            return None
        texts = [each.text for each in host.rulesets if each.family is family]
        ours = [text for text in texts if "KUBE-SERVICES" in text] or texts or [""]
        return compile_rules(parse(ours[0], f"iptables of node {node}"))

    def _host(self, node: str) -> Namespace | None:
        """A node's own namespace, if all of its rules are known."""
        machine = self._machines.get(node)
        if machine is None or any(gap.part == "rulesets" for gap in machine.host.gaps):
            return None
        return machine.host


class Cluster(Struct, frozen=True):
    """Everything known, and what should be. `notes` say what could not be collected or detected."""

    inventory: Inventory
    facts: ClusterFacts
    machines: Mapping[str, Machine]
    world: World
    expected: Expected
    programmed: Programmed
    declared: Declared
    notes: tuple[NotChecked, ...] = ()

    def endpoint_at(self, namespace_id: str, ip: str, port: int) -> Endpoint:
        """A namespace as an endpoint: its pod, or its node; a hostNetwork pod when one serves the
        port on that node."""
        kind, _, name = namespace_id.partition("/")
        if kind == "pod":
            space, _, pod = name.partition("/")
            node = self.world.machine_of.get(namespace_id, "")
            return Endpoint(
                kind=EndpointKind.POD, namespace=space, name=pod, ip=ip, node=node, port=port
            )
        for candidate in self.inventory.pods_on_node(name):
            ports = {each.port for c in candidate.containers for each in c.ports}
            if candidate.host_network and not candidate.finished and port in ports:
                return Endpoint(
                    kind=EndpointKind.POD, namespace=candidate.namespace, name=candidate.name,
                    ip=ip, node=name, port=port,
                )  # fmt: skip
        return Endpoint(kind=EndpointKind.NODE, name=name, ip=ip, node=name, port=port)

    def address_of(self, namespace_id: str) -> str:
        """A namespace's address by the API: its pod's or its node's first; "" when not known."""
        kind, _, name = namespace_id.partition("/")
        if kind == "pod":
            pod = self.inventory.pod(*name.partition("/")[::2])
            addresses = pod.ips if pod else ()
        else:
            node = self.inventory.node(name) if kind == "node" else None
            addresses = node.internal_ips if node else ()
        return format_ip(*addresses[0]) if addresses else ""
