"""Cables between namespaces, and what lies between nodes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.diagnose.neighbours import resolve
from skoop.diagnose.plain_underlay import PlainUnderlay
from skoop.diagnose.underlay import Arrives, Beyond, Lost
from skoop.diagnose.world import WireEnd
from skoop.model.address import Family, parse_prefix
from skoop.model.disposition import Disposition
from skoop.netstack.walk.events import Frame
from tests.diagnose.worlds import (
    A2,
    B1,
    K1,
    K2,
    Change,
    change,
    cluster,
    pod_mac,
    vtep,
    with_link,
    with_port,
    with_sysctls,
    world,
)
from tests.netstack.builders import ip, link, namespace, neighbour, packet


def test_each_pod_hangs_on_its_own_port() -> None:
    made = world(cluster())
    for pod, port in (("pod/t/a1", "veth1"), ("pod/t/a2", "veth2")):
        stack = made.stacks[pod]
        other, device = made.peer(stack, stack.links["eth0"])  # type: ignore[misc]
        assert (other.id, device.name) == ("node/k1", port)
        back, end = made.peer(other, device)  # type: ignore[misc]
        assert (back.id, end.name) == (pod, "eth0")


def test_pods_with_equal_indexes_are_told_apart_by_their_namespace() -> None:
    """Every pod's eth0 is index 2 here; only nsid and inode say whose it is."""
    spaces = cluster()
    host = spaces["node/k1"]
    wrong = replace(host, nsids=((1, 102), (2, 101)))
    made = world({**spaces, "node/k1": wrong})
    stack = made.stacks["pod/t/a1"]
    assert isinstance(made.peer(stack, stack.links["eth0"]), WireEnd)


def test_a_pod_that_was_not_collected_leaves_an_open_end() -> None:
    spaces = {key: value for key, value in cluster().items() if key != "pod/t/a2"}
    made = world(spaces)
    host = made.stacks["node/k1"]
    assert made.peer(host, host.links["veth2"]) is WireEnd.MISSING
    assert made.peer(host, host.links["eth0"]) is WireEnd.UNDERLAY


def test_veth_pairs_inside_one_namespace() -> None:
    host = cluster()["node/k1"]
    pair = (
        link("va", 40, peer_index=41, peer_nsid=-1),
        link("vb", 41, peer_index=40, peer_nsid=-1),
    )
    made = world({"node/k1": replace(host, links=(*host.links, *pair))})
    stack = made.stacks["node/k1"]
    assert made.peer(stack, pair[0]) == (stack, pair[1])


def test_a_world_with_one_namespace_changed_shares_the_rest() -> None:
    spaces = cluster()
    before = world(spaces)
    after = before.with_namespace(change(spaces, "node/k1", sockets=())["node/k1"])
    assert after.stacks["node/k2"] is before.stacks["node/k2"]
    assert after.stacks["node/k1"] is not before.stacks["node/k1"]
    assert not after.stacks["node/k1"].namespace.sockets


OWNERS = {
    "the NIC's address": (K1, ["node/k1"]),
    "a tunnel's address is not on the underlay": ("10.244.1.0", []),
    "a bridge's neither": ("10.244.1.1", []),
    "a pod's neither": (B1, []),
}


@pytest.mark.parametrize(("text", "expected"), OWNERS.values(), ids=OWNERS.keys())
def test_owners_on_the_underlay(text: str, expected: list[str]) -> None:
    made = world(cluster())
    assert [stack.id for stack, _ in made.owners(Family.V4, ip(text))] == expected


# --- neighbours


RESOLVED: dict[str, tuple[tuple[Change, ...], str, str]] = {
    "asked": ((), A2, pod_mac(1, 2)),
    "the bridge": ((), "10.244.1.1", "02:00:00:00:cc:01"),
    "nobody": ((), "10.244.1.77", ""),
    "through an isolated pair of ports": (
        (with_port("veth1", isolated=True), with_port("veth2", isolated=True)), A2, ""),
    "through a blocked port": ((with_port("veth2", state="blocking"),), A2, ""),
    "broadcasts are not flooded": ((with_port("veth2", bcast_flood=False),), A2, ""),
    "the bridge ignores what is not on it": (
        (with_sysctls(net__ipv4__conf__cni0__arp_ignore="1"),), K1, ""),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "target", "mac"), RESOLVED.values(), ids=RESOLVED.keys())
def test_resolve(changes: tuple[Change, ...], target: str, mac: str) -> None:
    made = world(change(cluster(), "node/k1", *changes))
    stack = made.stacks["pod/t/a1"]
    found = resolve(made, stack, stack.links["eth0"], Family.V4, ip(target), ip("10.244.1.2"))
    assert (found.mac, found.known) == (mac, True)
    assert found.detail


STATES = {
    "PERMANENT": "02:de:ad:00:00:01",
    "NOARP": "02:de:ad:00:00:01",
    "REACHABLE": pod_mac(1, 2),
    "STALE": pod_mac(1, 2),
    "FAILED": pod_mac(1, 2),
}


@pytest.mark.parametrize(("state", "mac"), STATES.items())
def test_only_a_fixed_entry_counts_more_than_an_answer(state: str, mac: str) -> None:
    entry = neighbour(A2, "eth0", "02:de:ad:00:00:01", state)
    made = world(change(cluster(), "pod/t/a1", neighbours=(entry,)))
    stack = made.stacks["pod/t/a1"]
    found = resolve(made, stack, stack.links["eth0"], Family.V4, ip(A2), ip("10.244.1.2"))
    assert found.mac == mac
    assert found.evidence


def test_an_entry_helps_when_the_station_was_not_collected() -> None:
    spaces = {key: value for key, value in cluster().items() if key != "pod/t/a2"}
    host = spaces["node/k1"]
    for state, known in (("REACHABLE", True), ("FAILED", True), ("", False)):
        entries = (neighbour(A2, "cni0", "02:aa:00:00:00:01", state),) if state else ()
        made = world({**spaces, "node/k1": replace(host, neighbours=entries)})
        stack = made.stacks["node/k1"]
        found = resolve(made, stack, stack.links["cni0"], Family.V4, ip(A2), ip("10.244.1.1"))
        assert found.known is known


# --- the underlay


def carried(target: str, nexthop: str, *changes: Change, node: str = "node/k1") -> object:
    spaces = change(cluster(), node, *changes)
    made = world(spaces)
    stack = made.stacks["node/k1"]
    under = PlainUnderlay(made, (parse_prefix("10.244.0.0/16"),))
    frame = Frame(packet(f"udp {K1} -> {target}:53"), "", "")
    return under.carry(stack, stack.links["eth0"], frame, ip(nexthop), ())


def test_a_node_on_the_same_subnet_is_reached() -> None:
    found = carried(K2, K2)
    assert isinstance(found, Arrives)
    assert found.stack.id == "node/k2"


def test_a_router_takes_packets_to_nodes() -> None:
    found = carried(K2, "172.30.0.254")
    assert isinstance(found, Arrives)
    assert "router" in found.how


LOST: dict[str, tuple[str, str, tuple[Change, ...], str, Disposition]] = {
    "no carrier": (K2, K2, (with_link("eth0", carrier=False),), "node/k1", Disposition.LINK_DOWN),
    "the other NIC is down": (
        K2, K2, (with_link("eth0", up=False),), "node/k2", Disposition.NEIGHBOUR_UNREACHABLE),
    "the other node does not answer": (
        K2, K2, (with_sysctls(net__ipv4__conf__all__arp_ignore="8"),), "node/k2",
        Disposition.NEIGHBOUR_UNREACHABLE),
}  # fmt: skip


@pytest.mark.parametrize(
    ("target", "nexthop", "changes", "node", "disposition"), LOST.values(), ids=LOST.keys()
)
def test_lost(
    target: str, nexthop: str, changes: tuple[Change, ...], node: str, disposition: Disposition
) -> None:
    found = carried(target, nexthop, *changes, node=node)
    assert isinstance(found, Lost)
    assert found.stop.disposition is disposition
    assert found.stop.detail


def test_pod_addresses_are_lost_behind_a_gateway_and_others_are_out_of_sight() -> None:
    lost, unseen = carried(B1, "172.30.0.254"), carried("192.0.2.7", "172.30.0.254")
    assert isinstance(lost, Beyond)
    assert isinstance(unseen, Beyond)
    assert (lost.lost, unseen.lost) == (True, False)
    assert lost.why


def test_a_permanent_neighbour_nobody_has() -> None:
    entry = neighbour(K2, "eth0", "02:de:ad:00:00:01")
    made = world(change(cluster(), "node/k1", neighbours=(entry,)))
    stack = made.stacks["node/k1"]
    under = PlainUnderlay(made)
    mac = under.mac_of(stack, stack.links["eth0"], Family.V4, ip(K2))
    found = under.carry(
        stack, stack.links["eth0"], Frame(packet(f"udp {K1} -> {K2}:53"), "", mac), ip(K2), ()
    )
    assert isinstance(found, Lost)
    assert found.stop.evidence


def test_vteps_are_stations_of_their_own() -> None:
    assert vtep(1) != vtep(2)
    assert not namespace("node/x").links[1:]
