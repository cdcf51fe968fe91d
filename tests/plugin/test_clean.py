from __future__ import annotations

import pytest

from skoop.cluster.detect.facts import Cni
from skoop.model.address import parse_prefix
from skoop.plugin.base import ClusterView
from skoop.plugin.linux import LinuxPlugin
from skoop.plugin.table import plugin_for
from tests.plugin.build import NODES, VIP, cluster

CLEAN = {
    "vxlan": cluster("vxlan"),
    "vxlan with DirectRouting": cluster("vxlan", direct=True),
    "vxlan dual stack": cluster("vxlan", dual=True),
    "vxlan by default VNI and port": cluster("vxlan", VNI=1, Port=8472),
    "host-gw": cluster("host-gw"),
    "ipip": cluster("ipip"),
    "wireguard": cluster("wireguard"),
    "a cloud's routes": cluster("alloc"),
}


@pytest.mark.parametrize("view", CLEAN.values(), ids=CLEAN)
def test_nothing_is_said_of_a_clean_cluster(view: ClusterView) -> None:
    for plugin in (plugin_for(Cni.FLANNEL), LinuxPlugin()):
        for node in NODES:
            assert [each.suspicion.message for each in plugin.expectations(view, node)] == []


def test_a_node_that_was_not_collected_is_not_judged() -> None:
    view = cluster()
    bare = type(view)(view.inventory, view.facts, {}, {})
    assert plugin_for(Cni.FLANNEL).expectations(bare, "k1") == ()
    assert plugin_for(Cni.FLANNEL).expectations(bare, "no-such-node") == ()


@pytest.mark.parametrize(
    ("backend", "pods"),
    [
        ("vxlan", True),
        ("host-gw", True),
        ("ipip", True),
        ("udp", True),
        ("wireguard", True),
        ("alloc", False),
    ],
)
def test_what_routers_outside_do_not_know(backend: str, pods: bool) -> None:
    unroutable = plugin_for(Cni.FLANNEL).unroutable(cluster(backend))
    assert (parse_prefix("10.244.0.0/16") in unroutable) is pods
    assert parse_prefix(f"{VIP}/32") in unroutable


def test_without_a_cni_of_its_own_pods_may_be_routed() -> None:
    unroutable = LinuxPlugin().unroutable(cluster())
    assert unroutable == (parse_prefix(f"{VIP}/32"),)
