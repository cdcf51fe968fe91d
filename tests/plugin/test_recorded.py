"""Clusters recorded with one fault injected: the right finding first, and mended by its repair."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from skoop.cluster.detect.detect import detect
from skoop.cluster.inventory import from_documents
from skoop.model.disposition import Level
from skoop.netstack.dump import ReadCache
from skoop.plugin.base import ClusterView, Expectation
from skoop.plugin.table import plugin_for
from skoop.snapshot import from_raw
from skoop.snapshot.document import namespaces
from tests.plugin.build import namespace_of, with_namespace

ARCHIVE = Path(__file__).parents[1] / "data" / "node-faults.tar.xz"
"""Raw command outputs of a three-node cluster, a folder per fault."""

Load = Callable[[str], ClusterView]


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    folder = tmp_path_factory.mktemp("recorded")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")

    @cache
    def one(scenario: str) -> ClusterView:
        snapshot = from_raw(folder / scenario)
        inventory = from_documents(dict(snapshot.cluster.items()))
        texts = ReadCache()
        hosts, pods = {}, {}
        for node in snapshot.nodes:
            host, *others = namespaces(snapshot.nodes[node], cache=texts)
            hosts[node] = host
            pods |= {each.id: each for each in others}
        return ClusterView(inventory, detect(inventory, hosts), hosts, pods)

    return one


def found(view: ClusterView) -> list[Expectation]:
    plugin = plugin_for(view.facts.cni.value)
    each_node = [each for node in view.hosts for each in plugin.expectations(view, node)]
    levels = list(Level)
    return sorted(each_node, key=lambda each: levels.index(each.suspicion.level))


def test_a_healthy_cluster_has_nothing_to_say(load: Load) -> None:
    assert [each.suspicion.message for each in found(load("iptables-clean"))] == []


FAULTS = {
    "fdb-missing": ("node/k1", "fdb-missing"),
    "fdb-wrong-remote": ("node/k1", "tunnel-remote-wrong"),
    "route-podcidr-missing": ("node/k1", "route-missing"),
    "route-podcidr-wrong-nexthop": ("node/k1", "route-wrong-nexthop"),
    "rpfilter-strict-asym": ("node/k2", "route-wrong-device"),
    "vtep-mac-changed": ("node/k2", "mac-mismatch"),
    "flannel-down": ("node/k2", "tunnel-down"),
    "veth-detached": ("node/k2", "bridge-port-unattached"),
    "cni0-no-address": ("node/k2", "bridge-address-missing"),
    "bridge-nf-call-0": ("node/k1", "bridge-nf-call-off"),
    "ip-forward-0": ("node/k2", "ip-forward-off"),
    "pod-wrong-netmask": ("pod/shop/web-57ccbc85ff-9fzmg", "wrong-mask"),
    "pod-no-routes": ("pod/default/cli3", "pod-default-route-missing"),
    "pod-gateway-wrong-mac": ("pod/default/cli", "neighbour-wrong-mac"),
    "neigh-permanent-wrong-mac": ("node/k2", "neighbour-wrong-mac"),
    "policy-rule-captures-podcidr": ("node/k2", "policy-rule-captures"),
    "policy-rule-unreachable": ("node/k3", "policy-rule-captures"),
    "mtu-underlay-peer-1400": ("node/k2", "mtu-overlay-overhead"),
    "stale-vip-on-lo": ("node/k1", "local-table-capture"),
}
CONSEQUENCES = {
    "rpfilter-strict-asym": {"rp-filter-drop"},
    "stale-vip-on-lo": {"local-table-capture"},
}
"""What else is true while the fault lasts."""


@pytest.mark.parametrize("scenario", FAULTS)
def test_the_injected_fault_is_found_first(load: Load, scenario: str) -> None:
    first, *rest = found(load(scenario))
    assert (first.namespace, first.suspicion.name) == FAULTS[scenario]
    assert {each.suspicion.name for each in rest} == CONSEQUENCES.get(scenario, set())


@pytest.mark.parametrize("scenario", FAULTS)
def test_its_repair_undoes_it(load: Load, scenario: str) -> None:
    view = load(scenario)
    first = found(view)[0]
    assert first.repair is not None
    mended = with_namespace(view, first.repair(namespace_of(view, first.namespace)))
    left = {(each.namespace, each.suspicion.name) for each in found(mended)}
    assert FAULTS[scenario] not in left


def as_kernel_sees(view: ClusterView, identity: str) -> dict[str, set[object]]:
    """What decides about packets, without the texts that evidence is quoted from."""
    namespace = namespace_of(view, identity)
    return {
        "routes": {
            (each.destination, each.table, each.type, each.prefsrc, tuple(each.nexthops))
            for each in namespace.routes
        },
        "addresses": {(each.device, each.value, each.prefix) for each in namespace.addresses},
        "rules": {(each.priority, each.family, each.target) for each in namespace.rules},
        "fixed": {
            (each.device, each.address, each.mac)
            for each in namespace.neighbours
            if each.state == "PERMANENT"
        },
        "fdb": {(each.device, each.mac, each.remote) for each in namespace.fdb if each.remote},
        "links": {(each.name, each.up, each.master, each.mtu) for each in namespace.links},
    }


SAME_NODES = {
    "fdb-missing",
    "route-podcidr-missing",
    "fdb-wrong-remote",
    "route-podcidr-wrong-nexthop",
    "flannel-down",
    "cni0-no-address",
    "policy-rule-unreachable",
}


@pytest.mark.parametrize("scenario", sorted(SAME_NODES))
def test_the_repaired_node_is_as_the_healthy_one(load: Load, scenario: str) -> None:
    view = load(scenario)
    first = found(view)[0]
    assert first.repair is not None
    mended = with_namespace(view, first.repair(namespace_of(view, first.namespace)))
    healthy = as_kernel_sees(load("iptables-clean"), first.namespace)
    repaired = as_kernel_sees(mended, first.namespace)
    for part in ("routes", "rules", "fixed", "fdb"):
        assert repaired[part] == healthy[part], part
