"""One address, two hosts: what is named, and that nobody guesses who answers first."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.diagnose.plain_underlay import PlainUnderlay
from skoop.diagnose.underlay import Arrives, Lost
from skoop.diagnose.world import Machine, World
from skoop.model.address import parse_ip
from skoop.model.diagnosis import Diagnosis
from skoop.model.disposition import Verdict
from skoop.model.kube import Inventory, build_inventory
from skoop.model.request import Overrides, Request
from skoop.netstack.stack import Stack
from skoop.netstack.walk.events import Frame, Reason
from tests.diagnose.diagnosed import inventory, session
from tests.diagnose.worlds import (
    A2,
    B1,
    K1,
    K2,
    Change,
    Spaces,
    change,
    cluster,
    pod_mac,
)
from tests.netstack.builders import address, ip, neighbour, packet, route


def readdressed(old: str, new: str) -> Change:
    """Another address instead of its own, with its routes."""

    def apply(space):
        made = address(f"{new}/24 eth0")
        kept = tuple(one for one in space.addresses if one.value != parse_ip(old)[1])
        local = replace(route(f"local {new} dev eth0"), table="local")
        routes = tuple(one for one in space.routes if one.destination.network != parse_ip(old)[1])
        return replace(space, addresses=(*kept, made), routes=(*routes, local))

    return apply


def with_address(text: str, device: str) -> Change:
    def apply(space):
        local = replace(route(f"local {text} dev {device}"), table="local")
        made = address(f"{text}/24 {device}")
        return replace(space, addresses=(*space.addresses, made), routes=(*space.routes, local))

    return apply


def with_entry(text: str, device: str, mac: str, state: str = "STALE") -> Change:
    entry = neighbour(text, device, mac, state)
    return lambda space: replace(space, neighbours=(*space.neighbours, entry))


def named(**ips: str) -> Inventory:
    """The API's objects, with other addresses of pods."""
    known = inventory()
    pods = [
        replace(pod, ips=(parse_ip(ips[pod.name]),)) if pod.name in ips else pod
        for pod in known.pods
    ]
    return build_inventory(nodes=known.nodes, pods=pods)


def ask(spaces: Spaces, known: Inventory, source: str, target: str) -> Diagnosis:
    request = Request(
        src=f"pod/t/{source}",
        dst=target if "." in target else f"pod/t/{target}",
        port=80,
        overrides=Overrides(network_plugin="kindnet"),
    )
    return session(spaces, known).diagnose(request)


def twins() -> Spaces:
    """b2 has the address of b1, and the API says so."""
    return change(cluster(), "pod/t/b2", readdressed("10.244.2.3", B1))


TWINS = named(b2=B1)


def test_two_pods_with_one_address() -> None:
    made = ask(twins(), TWINS, "a1", "b1")
    first = made.suspicions[0]
    assert made.verdict is Verdict.UNKNOWN
    assert first.blocking
    assert (first.name, first.where.name) in {("pod-duplicate-ip", f"t/b{n}") for n in (1, 2)}
    told = {each.source for each in first.evidence}
    assert {"status.podIPs of pod t/b1", "status.podIPs of pod t/b2"} <= told
    assert f"delete pod {first.where.name[2:]}" in first.fix


REMEMBERED = {"the right one": (1, Verdict.REACHABLE), "the other one": (2, Verdict.REACHABLE)}


@pytest.mark.parametrize(("number", "verdict"), REMEMBERED.values(), ids=REMEMBERED.keys())
def test_a_remembered_station_goes_on_being_used(number: int, verdict: Verdict) -> None:
    """Both listen, so the connection works; which pod it reaches is told."""
    spaces = change(twins(), "node/k2", with_entry(B1, "cni0", pod_mac(2, number)))
    made = ask(spaces, TWINS, "a1", "b1")
    assert made.verdict is verdict
    (outcome,) = made.outcomes
    assert outcome.server is not None
    assert outcome.server.name == f"b{number}"
    assert "pod-duplicate-ip" in {one.name for one in made.suspicions}


def test_the_twin_that_does_not_listen() -> None:
    spaces = change(twins(), "node/k2", with_entry(B1, "cni0", pod_mac(2, 2)))
    spaces = change(spaces, "pod/t/b2", lambda space: replace(space, sockets=()))
    made = ask(spaces, TWINS, "a1", "b1")
    assert made.verdict is Verdict.UNREACHABLE
    assert (made.suspicions[0].name, made.suspicions[0].where.name) == ("pod-duplicate-ip", "t/b2")


NO_TWINS = {
    "one has ended": {"phase": "Succeeded"},
    "one was never started": {"phase": "Pending"},
}


@pytest.mark.parametrize("fields", NO_TWINS.values(), ids=NO_TWINS.keys())
def test_an_address_that_went_to_another_pod(fields: dict[str, str]) -> None:
    """b2's object still names the address, but b2 has no namespace any more."""
    spaces = {key: space for key, space in cluster().items() if key != "pod/t/b2"}
    known = named(b2=B1)
    pods = [replace(one, **fields) if one.name == "b2" else one for one in known.pods]
    made = ask(spaces, build_inventory(nodes=known.nodes, pods=pods), "a1", "b1")
    assert "pod-duplicate-ip" not in {one.name for one in made.suspicions}


def test_the_api_is_late_and_the_pod_has_another_address() -> None:
    made = ask(cluster(), TWINS, "a1", "b1")
    assert "pod-duplicate-ip" not in {one.name for one in made.suspicions}


def test_a_pod_that_has_its_neighbours_address() -> None:
    """Only one of them has it by the API."""
    spaces = change(cluster(), "pod/t/b2", with_address(B1, "eth0"))
    made = ask(spaces, inventory(), "a1", "b1")
    first = made.suspicions[0]
    assert (made.verdict, first.name, first.where.name) == (
        Verdict.UNKNOWN,
        "address-conflict",
        "t/b2",
    )


def test_a_pods_address_on_lo_concerns_only_its_host() -> None:
    spaces = change(cluster(), "pod/t/a1", with_address(A2, "lo"))
    made = ask(spaces, inventory(), "a1", "a2")
    assert made.suspicions[0].name == "local-table-capture"


def test_a_node_with_another_nodes_address() -> None:
    """What k2 answers to k1 stays on k2."""
    spaces = change(cluster(), "node/k2", with_address(K1, "eth0"))
    made = ask(spaces, inventory(), "a1", "b1")
    first = made.suspicions[0]
    assert made.verdict is not Verdict.REACHABLE
    assert (first.name, first.where.name, first.blocking) == ("address-conflict", "k2", True)
    assert "InternalIP" in "".join(each.text for each in first.evidence)


def two_more() -> tuple[World, Stack]:
    """k1, and two nodes with the address of k2."""
    third = replace(cluster()["node/k2"], id="node/k3", inode=300)
    links = tuple(
        replace(one, mac="02:00:00:00:00:33") if one.name == "eth0" else one for one in third.links
    )
    machines = [Machine(f"k{n}", cluster()[f"node/k{n}"]) for n in (1, 2)]
    made = World.of([*machines, Machine("k3", replace(third, links=links))])
    return made, made.stacks["node/k1"]


ENTRIES = {
    "nothing is remembered": ((), "contested"),
    "the one": ((neighbour(K2, "eth0", "02:00:00:00:00:02", "STALE"),), "node/k2"),
    "the other": ((neighbour(K2, "eth0", "02:00:00:00:00:33", "REACHABLE"),), "node/k3"),
    "one that is gone": ((neighbour(K2, "eth0", "02:00:00:00:00:99", "STALE"),), "contested"),
    "one that failed": ((neighbour(K2, "eth0", "02:00:00:00:00:02", "FAILED"),), "contested"),
}


@pytest.mark.parametrize("nexthop", [K2, "172.30.0.254"], ids=["on the link", "by a router"])
@pytest.mark.parametrize(("entries", "expected"), ENTRIES.values(), ids=ENTRIES.keys())
def test_two_nodes_on_a_link_with_one_address(entries, expected: str, nexthop: str) -> None:
    made, stack = two_more()
    made = made.with_namespace(replace(stack.namespace, neighbours=entries))
    stack = made.stacks["node/k1"]
    frame = Frame(packet(f"udp {K1} -> {K2}:53"), "", "")
    found = PlainUnderlay(made).carry(stack, stack.links["eth0"], frame, ip(nexthop), ())
    if expected == "contested" or nexthop != K2:
        assert isinstance(found, Lost)
        assert found.stop.reason is Reason.CONTESTED
        assert "node k2 and node k3 both have 172.30.0.2" in found.stop.detail
        assert len(found.stop.evidence) == 2
    else:
        assert isinstance(found, Arrives)
        assert found.stack.id == expected


@pytest.mark.parametrize("source", ["a1", "b1"])
def test_nothing_of_this_is_said_of_a_clean_cluster(source: str) -> None:
    for backend in ("vxlan", "host-gw", "ipip"):
        made = ask(cluster(backend), inventory(), source, "a2")
        assert made.suspicions == ()


def test_two_answers_on_a_bridge_by_any_other_host() -> None:
    """A host that the API does not know: the walk says it by itself."""
    spaces = change(cluster(), "pod/t/b2", with_address("10.244.2.77", "eth0"))
    spaces = change(spaces, "pod/t/b1", with_address("10.244.2.77", "eth0"))
    made = ask(spaces, inventory(), "a1", "10.244.2.77")
    assert made.verdict is Verdict.UNKNOWN
    assert [one.name for one in made.suspicions][:1] == ["address-conflict"]
