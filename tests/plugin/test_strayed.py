"""Pods on one bridge, their gateway on another."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.cluster.detect.facts import Cni
from skoop.netstack.state import BridgeSettings, Link, Namespace
from skoop.plugin.base import ClusterView, Expectation
from skoop.plugin.linux import LinuxPlugin
from skoop.plugin.table import plugin_for
from tests.plugin import faults as f
from tests.plugin.build import cluster, with_namespace

OLD = Link(index=30, name="br-old", kind="bridge", mac="0a:00:00:00:09:09", bridge=BridgeSettings())
OTHER = replace(OLD, index=31, name="docker0")


def with_bridge(bridge: Link) -> f.Fault:
    return lambda host: replace(host, links=(*host.links, bridge))


def gateway_on(device: str) -> f.Fault:
    return f.both(
        f.no_address("10.244.1.1"),
        f.add_address("10.244.1.1/24", device),
        f.add_route("10.244.1.0/24 dev " + device, scope="link", protocol="kernel"),
    )


def all_on(device: str) -> f.Fault:
    def fault(host: Namespace) -> Namespace:
        links = tuple(replace(e, master=device) if e.master == "cni0" else e for e in host.links)
        return replace(host, links=links)

    return fault


def found(plugin: object, view: ClusterView, node: str = "k1") -> list[Expectation]:
    return list(plugin.expectations(view, node))  # type: ignore[attr-defined]


STRAYED = {
    "the address moved": f.both(with_bridge(OLD), gateway_on("br-old")),
    "the pods moved": f.both(with_bridge(OLD), all_on("br-old")),
}


@pytest.mark.parametrize("plugin", [LinuxPlugin(), plugin_for(Cni.FLANNEL)], ids=["any", "flannel"])
@pytest.mark.parametrize("fault", STRAYED.values(), ids=STRAYED.keys())
def test_all_pods_are_elsewhere(fault: f.Fault, plugin: object) -> None:
    clean = cluster("vxlan")
    view = with_namespace(clean, fault(clean.hosts["k1"]))
    said = {each.suspicion.name: each for each in found(plugin, view)}
    assert "wrong-bridge" in said
    assert "veth-wrong-master" not in said
    wrong = said["wrong-bridge"]
    assert "br-old" in wrong.suspicion.message
    assert wrong.repair is not None
    mended = with_namespace(view, wrong.repair(view.hosts["k1"]))
    assert "wrong-bridge" not in {each.suspicion.name for each in found(plugin, mended)}


NOT_STRAYED = {
    "one pod moved": (f.both(with_bridge(OLD), f.link("vethweb", master="br-old")), "k1"),
    "a bridge of another subnet": (
        f.both(with_bridge(OTHER), f.add_address("172.17.0.1/16", "docker0")),
        "k1",
    ),
    "the same subnet twice": (
        f.both(with_bridge(OLD), f.add_address("10.244.1.1/24", "br-old")),
        "k1",
    ),
}


@pytest.mark.parametrize(("fault", "node"), NOT_STRAYED.values(), ids=NOT_STRAYED.keys())
def test_something_else(fault: f.Fault, node: str) -> None:
    clean = cluster("vxlan")
    view = with_namespace(clean, fault(clean.hosts[node]))
    names = {each.suspicion.name for each in found(LinuxPlugin(), view, node)}
    assert "wrong-bridge" not in names
