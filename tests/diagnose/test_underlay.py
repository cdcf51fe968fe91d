"""Who takes a frame on the underlay for an address that nobody has on a device there."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skoop.diagnose.underlay import Arrives, Beyond, Carried, Lost, PlainUnderlay
from skoop.diagnose.world import Machine, World
from skoop.model.address import parse_prefix
from skoop.model.disposition import Disposition
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
from tests.netstack.builders import ip, neighbour, packet

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
