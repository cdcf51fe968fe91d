"""Who takes a frame on the underlay for an address that nobody has on a device there."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skoop.diagnose.plain_underlay import PlainUnderlay
from skoop.diagnose.underlay import Arrives, Beyond, Carried, Lost
from skoop.diagnose.world import Machine, World
from skoop.model.address import Family, parse_prefix
from skoop.model.disposition import Disposition
from skoop.netstack.state import Gap, Neighbour
from skoop.netstack.walk.events import Frame, Reason
from tests.diagnose.worlds import (
    K1,
    Change,
    ask,
    change,
    cluster,
    result,
    to,
    with_routes,
    with_sysctls,
    without_routes,
    world,
)
from tests.netstack.builders import ip, iptables, link, namespace, neighbour, packet

VTEP, B1 = "10.244.2.0", "10.244.2.2"
INSIDE = (parse_prefix("10.244.0.0/16"),)


def carried(made: World, target: str) -> Carried:
    """A frame of k1 for an address that its route calls on-link."""
    stack = made.stacks["node/k1"]
    frame = Frame(packet(f"udp {K1} -> {target}:53"), "", "")
    return PlainUnderlay(made, INSIDE).carry(stack, stack.links["eth0"], frame, ip(target), ())


def in_another_subnet(space):
    addresses = [
        replace(one, value=ip("172.31.0.2")) if one.device == "eth0" else one
        for one in space.addresses
    ]
    return replace(space, addresses=tuple(addresses))


ANSWERED: dict[str, tuple[Change, str]] = {
    "its address on another device": (with_sysctls(), VTEP),
    "a proxy for its pods": (with_sysctls(**{"net.ipv4.conf.eth0.proxy_arp": "1"}), B1),
}
SILENT: dict[str, tuple[Change, str]] = {
    "a pod's address": (with_sysctls(), B1),
    "arp_ignore": (with_sysctls(**{"net.ipv4.conf.all.arp_ignore": "1"}), VTEP),
    "rp_filter": (with_sysctls(**{"net.ipv4.conf.eth0.rp_filter": "1"}), "10.244.2.77"),
    "another segment": (in_another_subnet, VTEP),
}


@pytest.mark.parametrize(("does", "target"), ANSWERED.values(), ids=ANSWERED)
def test_a_node_answers(does: Change, target: str) -> None:
    found = carried(world(change(cluster(), "node/k2", does)), target)
    assert isinstance(found, Arrives)
    assert (found.stack.id, found.link.name) == ("node/k2", "eth0")


@pytest.mark.parametrize(("does", "target"), SILENT.values(), ids=SILENT)
def test_nobody_answers(does: Change, target: str) -> None:
    found = carried(world(change(cluster(), "node/k2", does)), target)
    assert isinstance(found, Beyond)
    assert found.lost


def test_two_proxies() -> None:
    """Nothing tells which of them answers first."""
    proxy = with_sysctls(**{"net.ipv4.conf.eth0.proxy_arp": "1"})
    second = change(cluster(), "node/k2", proxy)["node/k2"]
    third = replace(second, id="node/k3", inode=300)
    machines = [Machine("k1", cluster()["node/k1"]), Machine("k2", second), Machine("k3", third)]
    found = carried(World.of(machines), B1)
    assert isinstance(found, Lost)
    assert found.stop.reason is Reason.CONTESTED
    assert "node k2 and node k3 both answer for" in found.stop.detail


@pytest.mark.parametrize(("target", "expected"), [(VTEP, "ok"), (B1, "timeout")])
def test_a_pod_network_that_a_route_calls_on_link(target: str, expected: str) -> None:
    """Of it only what the node itself has is found: met on the kernel with a NodePort, whose
    replies go to the VTEP's address."""
    spaces = change(
        cluster(),
        "node/k1",
        without_routes(to("10.244.2.0/24")),
        with_routes("10.244.2.0/24 dev eth0 scope link"),
    )
    assert result(ask(spaces, "a1", f"{target}:80", unroutable=INSIDE)) == expected


def router_of(
    source: str,
    *rules: str,
    known: tuple[Neighbour, ...] = (),
    bare: bool = False,
    unseen: bool = False,
) -> Carried:
    """A packet of a node, or of its pod, for what is behind a router that nobody collected."""
    own = ("fd00:30::1/64 eth0",) + (() if bare else ("fe80::1/64 eth0",))
    dropped = iptables(*rules, family=Family.V6, engine="ip6tables-legacy")
    made = namespace(
        "node/k1", links=(link("eth0", 2, kind=""),), addresses=own, rulesets=(dropped,),
        neighbours=known, gaps=(Gap("addresses", "no root"),) if unseen else (),
    )  # fmt: skip
    found = World.of([Machine("k1", made)])
    stack = found.stacks["node/k1"]
    frame = Frame(packet(f"udp {source} -> 2001:db8::1:53"), "", "")
    there = PlainUnderlay(found)
    return there.carry(stack, stack.links["eth0"], frame, ip("fd00:30::fe"), ())


NODE6, POD6 = "fd00:30::1", "fd00:244::5"
KNOWN6 = (neighbour("fd00:30::fe", "eth0", "02:00:00:00:00:fe", "STALE"),)
NO_ICMP6 = "-A INPUT -p ipv6-icmp -j DROP"
ROUTERS6: dict[str, tuple[Carried, bool]] = {
    "nothing in the way": (router_of(POD6), True),
    "no answer gets in": (router_of(NODE6, NO_ICMP6), False),
    "no answer gets in, but it is known": (router_of(NODE6, NO_ICMP6, known=KNOWN6), True),
    "the node asks from its address": (router_of(NODE6, bare=True), True),
    "for a pod it has nothing to ask from": (router_of(POD6, bare=True), False),
    "what it has is not known": (router_of(POD6, bare=True, unseen=True), True),
}


@pytest.mark.parametrize(("found", "passes"), ROUTERS6.values(), ids=ROUTERS6)
def test_a_router_of_ipv6_must_be_asked(found: Carried, passes: bool) -> None:
    assert isinstance(found, Beyond) is passes
    if isinstance(found, Lost):
        assert found.stop.reason is Reason.NEIGHBOUR
        assert (found.stop.withheld is None) is ("link-local" in found.stop.detail)


ROUTER, ELSEWHERE = "172.30.0.254", "172.30.9.9"
TRUE_MAC, OTHER_MAC = "02:00:00:00:00:fe", "02:00:00:00:be:ef"


def also_knows(mac: str, state: str) -> Change:
    """A neighbour entry for the router."""

    def changed(space: Any) -> Any:
        entry = neighbour(ROUTER, "eth0", mac, state)
        return replace(space, neighbours=(*space.neighbours, entry))

    return changed


OF_ROUTER: dict[str, tuple[Change | None, Disposition | None]] = {
    "nobody else has heard of it": (None, Disposition.INSUFFICIENT_INFO),
    "another node knows it so": (also_knows(OTHER_MAC, "STALE"), None),
    "another node knows it otherwise": (
        also_knows(TRUE_MAC, "REACHABLE"),
        Disposition.NEIGHBOUR_UNREACHABLE,
    ),
    "another node is told the same for good": (
        also_knows(OTHER_MAC, "PERMANENT"),
        Disposition.INSUFFICIENT_INFO,
    ),
    "another node has asked in vain": (
        also_knows("", "FAILED"),
        Disposition.INSUFFICIENT_INFO,
    ),
}


@pytest.mark.parametrize(("does", "expected"), OF_ROUTER.values(), ids=OF_ROUTER)
def test_a_permanent_entry_for_a_router(does: Change | None, expected: Disposition | None) -> None:
    """The lab's fault `gateway-wrong-mac`: frames for a MAC that the router does not have."""
    spaces = change(cluster(), "node/k1", also_knows(OTHER_MAC, "PERMANENT"))
    made = world(change(spaces, "node/k2", does) if does else spaces)
    stack = made.stacks["node/k1"]
    frame = Frame(packet(f"udp {K1} -> {ELSEWHERE}:53"), "", OTHER_MAC)
    found = PlainUnderlay(made, INSIDE).carry(stack, stack.links["eth0"], frame, ip(ROUTER), ())
    if expected is None:
        assert isinstance(found, Beyond)
        assert not found.lost
    else:
        assert isinstance(found, Lost)
        assert (found.stop.disposition, found.stop.reason) == (expected, Reason.WRONG_MAC)
