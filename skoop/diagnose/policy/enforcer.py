"""Who enforces policies in a cluster, and whether the walk can see it done."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum

from msgspec import Struct

from skoop.cluster.detect.facts import ClusterFacts, Cni
from skoop.model.kube import Inventory
from skoop.netstack.state import Namespace


class Means(Enum):
    """How policies are enforced."""

    RULES = "iptables or nftables rules, which are walked"
    PROGRAM = "a program that skoop does not follow"
    NOBODY = "nothing"
    UNKNOWN = "not known"


class Enforcer(Struct, frozen=True):
    """Its name for people ("Calico"), and its means."""

    name: str
    means: Means


RULE = re.compile(
    r"\b(?:filter-)?(?:cali-(?P<calico>fw|tw|po|pi|pro|pri|go|gi|from-wl|to-wl|wl-to-host)\b"
    r"|KUBE-(?:NWPLCY|POD-FW|ROUTER|NETWORK-POLICY)|WEAVE-NPC)"
)
"""Chains of the engines that enforce by rules: Felix of Calico, kube-router, weave-npc."""

_EGRESS = ("fw", "po", "pro", "go", "from-wl", "wl-to-host")
_RULE_WRITERS = {
    Cni.CALICO: "Calico",
    Cni.CANAL: "Calico",
    Cni.KUBE_ROUTER: "kube-router",
    Cni.WEAVE: "weave-npc",
}
_PROGRAMS = {
    Cni.CILIUM: "Cilium's eBPF programs",
    Cni.ANTREA: "Antrea's Open vSwitch flows",
    Cni.KUBE_OVN: "Kube-OVN's Open vSwitch flows",
    Cni.TERWAY: "Terway's eBPF programs",
    Cni.AWS_VPC: "the AWS network policy agent's eBPF programs",
    Cni.KINDNET: "kindnet's userspace queue",
}
_ADDED = (
    ("kube-network-policies", "kube-network-policies' userspace queue", Means.PROGRAM),
    ("kube-router", "kube-router", Means.RULES),
    ("cilium", "Cilium's eBPF programs", Means.PROGRAM),
    ("calico-node", "Calico", Means.RULES),
)
"""Engines that are added to a CNI without one, by their DaemonSets."""


def enforcer_of(facts: ClusterFacts, inventory: Inventory, hosts: Iterable[Namespace]) -> Enforcer:
    """The engine of a cluster. A CNI without one may have got one added; k3s has kube-router's in
    its own process, where only its rules tell."""
    cni = facts.cni.value
    if cni in _RULE_WRITERS:
        ebpf = cni is Cni.CALICO and facts.calico.value.ebpf_on("")
        return (
            Enforcer("Calico's eBPF programs", Means.PROGRAM)
            if ebpf
            else Enforcer(_RULE_WRITERS[cni], Means.RULES)
        )
    if cni in _PROGRAMS:
        return Enforcer(_PROGRAMS[cni], Means.PROGRAM)
    for beginning, name, means in _ADDED:
        if any(each.name.startswith(beginning) for each in inventory.daemon_sets):
            return Enforcer(name, means)
    texts = (ruleset.text for host in hosts for ruleset in host.rulesets)
    if any(RULE.search(text) for text in texts):
        return Enforcer("rules of a policy engine", Means.RULES)
    sees_all = cni is Cni.FLANNEL and not inventory.is_absent("daemonsets")
    return Enforcer("nobody" if sees_all else "", Means.NOBODY if sees_all else Means.UNKNOWN)


def is_for_egress(chain: str) -> bool | None:
    """Whether a chain of Calico's judges what pods send, None where its name does not tell."""
    found = RULE.search(chain)
    word = found["calico"] if found else None
    return None if word is None else word in _EGRESS
