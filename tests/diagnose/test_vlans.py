"""A bridge that filters VLANs: who is in one reaches the others of it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.model.disposition import Verdict
from skoop.netstack.state import Namespace, Vlan, Vlans
from tests.diagnose.diagnosed import diagnose
from tests.diagnose.worlds import Change, Spaces, change, cluster
from tests.netstack.builders import iptables

ONE = Vlan(1, 1, pvid=True, untagged=True)
TEN = Vlan(10, 10, pvid=True, untagged=True)


def vlans(*carried: Vlan) -> Vlans:
    return Vlans(known=True, carried=carried)


def filtering(**ports: Vlans) -> Change:
    """k1's bridge filters; who is not named carries VLAN 1, untagged."""

    def apply(space: Namespace) -> Namespace:
        links = []
        for link in space.links:
            if link.bridge is not None:
                link = replace(link, bridge=replace(link.bridge, vlan_filtering=True))
            if link.bridge is not None or link.master:
                link = replace(link, vlans=ports.get(link.name, vlans(ONE)))
            links.append(link)
        return replace(space, links=tuple(links))

    return apply


def with_netfilter(space: Namespace) -> Namespace:
    calls = {"net.bridge.bridge-nf-call-iptables": "1"}
    rules = (*space.rulesets, iptables("-A FORWARD -j ACCEPT"))
    return replace(space, sysctls={**space.sysctls, **calls}, rulesets=rules)


def bridged(**ports: Vlans) -> Spaces:
    return change(cluster(), "node/k1", filtering(**ports))


PASSES = {
    "all in one": ({}, "a2"),
    "all in another": (dict.fromkeys(("cni0", "veth1", "veth2"), vlans(TEN)), "a2"),
    "to the host and on": ({}, "b1"),
    "a trunk on the host's end": ({"cni0": vlans(ONE, Vlan(2, 4094))}, "b1"),
    "two pods apart from the host": (dict.fromkeys(("veth1", "veth2"), vlans(TEN)), "a2"),
}


@pytest.mark.parametrize("netfilter", [False, True], ids=["plain", "br_netfilter"])
@pytest.mark.parametrize(("ports", "target"), PASSES.values(), ids=PASSES.keys())
def test_one_vlan(ports: dict[str, Vlans], target: str, netfilter: bool) -> None:
    spaces = bridged(**ports)
    spaces = change(spaces, "node/k1", with_netfilter) if netfilter else spaces
    made = diagnose(spaces, "a1", target)
    assert (made.verdict, made.suspicions) == (Verdict.REACHABLE, ())


REFUSED = {
    "no PVID": ({"veth1": vlans()}, "a2", "veth1 gives untagged frames no VLAN"),
    "tagged only": ({"veth1": vlans(Vlan(1, 1))}, "a2", "no PVID"),
    "the other pod in another": ({"veth2": vlans(TEN)}, "a2", "veth2 does not carry VLAN 1"),
    "the host in another": ({"cni0": vlans(TEN)}, "b1", "cni0 does not carry VLAN 1"),
    "the pod apart": ({"veth1": vlans(TEN)}, "b1", "cni0 does not carry VLAN 10"),
}


@pytest.mark.parametrize(("ports", "target", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_another_vlan(ports: dict[str, Vlans], target: str, says: str) -> None:
    made = diagnose(bridged(**ports), "a1", target)
    first = made.suspicions[0]
    assert (made.verdict, first.name, first.blocking) == (
        Verdict.UNREACHABLE,
        "vlan-filtered",
        True,
    )
    assert says in first.message
    assert any(each.source == "bridge vlan on node/k1" for each in first.evidence)


def test_from_the_other_side() -> None:
    made = diagnose(bridged(veth1=vlans(TEN)), "b1", "a1")
    assert (made.verdict, made.suspicions[0].name) == (Verdict.UNREACHABLE, "vlan-filtered")


def test_a_tag_that_stays_on_is_for_somebody_else_to_take_off() -> None:
    made = diagnose(bridged(veth2=vlans(Vlan(1, 1))), "a1", "a2")
    assert made.verdict is not Verdict.REACHABLE


def test_what_was_not_collected_leaves_the_answer_open() -> None:
    made = diagnose(bridged(cni0=Vlans(), veth1=Vlans(), veth2=Vlans()), "a1", "b1")
    assert made.verdict is Verdict.UNKNOWN
    assert "vlan-filtered" not in {one.name for one in made.suspicions}


def test_a_bridge_that_does_not_filter() -> None:
    spaces = bridged(veth2=vlans(TEN))

    def off(space: Namespace) -> Namespace:
        links = tuple(
            replace(e, bridge=replace(e.bridge, vlan_filtering=False)) if e.bridge else e
            for e in space.links
        )
        return replace(space, links=links)

    made = diagnose(change(spaces, "node/k1", off), "a1", "a2")
    assert (made.verdict, made.suspicions) == (Verdict.REACHABLE, ())
