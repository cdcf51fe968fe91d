"""Who enforces policies, and by which chains one knows it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.cluster.detect import detect
from skoop.diagnose.policy.enforcer import RULE, Means, enforcer_of, is_for_egress
from skoop.model.address import Family
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import Workload, build_inventory
from skoop.model.kube.calico import CalicoObjects, FelixConfiguration
from skoop.model.request import Overrides
from skoop.netstack.iptables import read_ruleset
from skoop.netstack.state import Namespace

CNIS = {
    "calico": Means.RULES,
    "canal": Means.RULES,
    "kube-router": Means.RULES,
    "weave": Means.RULES,
    "cilium": Means.PROGRAM,
    "antrea": Means.PROGRAM,
    "kindnet": Means.PROGRAM,
    "flannel": Means.NOBODY,
    "unknown": Means.UNKNOWN,
}


def means(cni: str, *daemon_sets: str, text: str = "") -> Means:
    inventory = build_inventory(
        daemon_sets=[
            Workload(kind="DaemonSet", namespace="kube-system", name=name) for name in daemon_sets
        ]
    )
    facts = detect(inventory, {}, overrides=Overrides(network_plugin=cni))
    read = read_ruleset(text or "*filter\nCOMMIT\n", engine="x", family=Family.V4, source="x")
    host = Namespace(id="node/k1", rulesets=(replace(read, text=text),))
    return enforcer_of(facts, inventory, (host,)).means


@pytest.mark.parametrize("cni", CNIS)
def test_each_cni(cni: str) -> None:
    assert means(cni) is CNIS[cni]


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ("kube-network-policies", Means.PROGRAM),
        ("kube-router", Means.RULES),
        ("kube-proxy", Means.NOBODY),
    ],
)
def test_an_engine_that_was_added_to_flannel(added: str, expected: Means) -> None:
    assert means("flannel", added) is expected


def test_k3s_has_kube_router_without_a_daemon_set() -> None:
    text = "*filter\n:KUBE-ROUTER-FORWARD - [0:0]\n-A KUBE-ROUTER-FORWARD -j RETURN\nCOMMIT\n"
    assert means("flannel", text=text) is Means.RULES


def test_flannel_alone_when_daemon_sets_were_not_collected() -> None:
    inventory = build_inventory(absent=[NotChecked("daemonsets", "forbidden")])
    facts = detect(inventory, {}, overrides=Overrides(network_plugin="flannel"))
    assert enforcer_of(facts, inventory, ()).means is Means.UNKNOWN


def test_calico_with_ebpf() -> None:
    felix = FelixConfiguration("default", {"bpfEnabled": "true"})
    inventory = build_inventory(calico=CalicoObjects(felix=(felix,)))
    facts = detect(inventory, {}, overrides=Overrides(network_plugin="calico"))
    assert enforcer_of(facts, inventory, ()).means is Means.PROGRAM


CHAINS = {
    "iptables-nft filter cali-tw-cali123": False,
    "iptables-legacy filter cali-fw-cali123": True,
    "iptables-nft filter cali-pi-_Zx": False,
    "iptables-nft filter cali-po-default.allow": True,
    "iptables-nft filter cali-from-wl-dispatch": True,
    "iptables-nft filter cali-to-wl-dispatch-7": False,
    "nft ip calico filter-cali-tw-cali123": False,
    "iptables-nft filter KUBE-NWPLCY-ABC": None,
    "iptables-legacy filter KUBE-POD-FW-ABC": None,
}


@pytest.mark.parametrize("where", CHAINS)
def test_chains_of_policy_engines(where: str) -> None:
    assert RULE.search(where)
    assert is_for_egress(where) is CHAINS[where]


@pytest.mark.parametrize(
    "where",
    ["iptables-nft filter FORWARD", "iptables-nft raw cali-PREROUTING", "nft inet fw forward"],
)
def test_chains_that_are_none(where: str) -> None:
    assert RULE.search(where) is None
