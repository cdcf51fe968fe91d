# ruff: noqa: E501  (one fault a line)
"""One thing broken at a time: what the client observes, and what stopped it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.model.address import parse_ip
from skoop.model.disposition import Verdict
from skoop.netstack.conntrack import CtStatus
from skoop.netstack.state import CtTable, FdbEntry, Namespace, Route
from skoop.netstack.walk.events import Reason
from tests.diagnose.worlds import (
    A2,
    B1,
    Change,
    Spaces,
    ask,
    change,
    cluster,
    evidence,
    failed,
    pod_mac,
    reasons,
    result,
    to,
    vtep,
    with_link,
    with_port,
    with_routes,
    with_rules,
    with_sysctls,
    without_routes,
)
from tests.netstack.builders import ct_entry, iptables, listen, neighbour

FAR, NEAR = f"{B1}:80", f"{A2}:80"


def on(space: str, *changes: Change) -> tuple[tuple[str, tuple[Change, ...]], ...]:
    return ((space, changes),)


def sockets(*texts: str, **fields: int) -> Change:
    made = tuple(listen(text, **fields) for text in texts)
    return lambda space: replace(space, sockets=made)


def fdb(*entries: FdbEntry) -> Change:
    return lambda space: replace(space, fdb=entries)


def no_neighbours(space: Namespace) -> Namespace:
    return replace(space, neighbours=())


def no_routes(space: Namespace) -> Namespace:
    """What the kernel does when the device goes down."""
    return replace(space, routes=tuple(e for e in space.routes if e.table == "local"))


def also_neighbour(address: str, device: str, mac: str, state: str = "PERMANENT") -> Change:
    entry = neighbour(address, device, mac, state)
    return lambda space: replace(space, neighbours=(*space.neighbours, entry))


def without_device(name: str) -> Change:
    def apply(space: Namespace) -> Namespace:
        def stays(each: Route) -> bool:
            return all(hop.device != name for hop in each.nexthops)

        return replace(
            space,
            links=tuple(each for each in space.links if each.name != name),
            addresses=tuple(each for each in space.addresses if each.device != name),
            routes=tuple(each for each in space.routes if stays(each)),
        )

    return apply


def vxlan(**fields: object) -> Change:
    def apply(space: Namespace) -> Namespace:
        links = tuple(
            replace(e, vxlan=replace(e.vxlan, **fields)) if e.vxlan else e for e in space.links
        )
        return replace(space, links=links)

    return apply


def wrong_remote(space: Namespace) -> Namespace:
    entry = space.fdb[0]
    return replace(space, fdb=(replace(entry, remote=parse_ip("172.30.0.77")),))


def static(device: str, mac: str) -> FdbEntry:
    return FdbEntry(device, mac, master="cni0", permanent=True, raw=f"{mac} dev {device} static")


def learned(device: str, mac: str) -> FdbEntry:
    return FdbEntry(device, mac, master="cni0", raw=f"{mac} dev {device}")


Where = tuple[tuple[str, tuple[Change, ...]], ...]
ASSURED = ct_entry(
    "tcp 10.244.1.9:1 10.244.2.9:80", "tcp 10.244.2.9:80 10.244.1.9:1", status=CtStatus.ASSURED
)
FAULTS: dict[str, tuple[Where, str, str, Reason]] = {
    # --- the pods
    "client: eth0 down": (on("pod/t/a1", with_link("eth0", up=False), no_routes), FAR, "unreachable", Reason.ROUTE_MISSING),
    "client: no default route": (
        on("pod/t/a1", without_routes(to("default"))), FAR, "unreachable", Reason.ROUTE_MISSING),
    "client: default route by lo": (
        on("pod/t/a1", without_routes(to("default")), with_routes("default dev lo")), FAR, "timeout",
        Reason.ROUTE_TYPE),
    "client: OUTPUT drops": (
        on("pod/t/a1", with_rules(iptables("-A OUTPUT -j DROP"))), FAR, "timeout", Reason.RULE),
    "server: no listener": (on("pod/t/b1", sockets()), FAR, "refused", Reason.NO_LISTENER),
    "server: listens on loopback": (
        on("pod/t/b1", sockets("tcp 127.0.0.1:80")), FAR, "refused", Reason.NO_LISTENER),
    "server: listens on v6 only": (
        on("pod/t/b1", sockets("tcp [::]:80")), FAR, "refused", Reason.NO_LISTENER),
    "server: other protocol": (on("pod/t/b1", sockets("udp 0.0.0.0:80")), FAR, "refused", Reason.NO_LISTENER),
    "server: backlog full": (
        on("pod/t/b1", sockets("tcp 0.0.0.0:80", backlog=5, queued=6)), FAR, "timeout", Reason.BACKLOG_FULL),
    "server: eth0 down": (on("pod/t/b1", with_link("eth0", up=False)), FAR, "unreachable", Reason.NEIGHBOUR),
    "server: INPUT drops": (
        on("pod/t/b1", with_rules(iptables("-A INPUT -j DROP"))), FAR, "timeout", Reason.RULE),
    "server: INPUT rejects": (
        on("pod/t/b1", with_rules(iptables("-A INPUT -j REJECT"))), FAR, "refused", Reason.RULE),
    "server: no way back": (
        on("pod/t/b1", without_routes(to("default"))), FAR, "timeout", Reason.ROUTE_MISSING),
    # --- veth and bridge
    "node: veth down": (on("node/k1", with_link("veth1", up=False)), FAR, "unreachable", Reason.NEIGHBOUR),
    "node: bridge down": (
        on("node/k1", with_link("cni0", up=False)), FAR, "unreachable", Reason.NEIGHBOUR),
    "node: port blocking": (
        on("node/k1", with_port("veth2", state="blocking")), NEAR, "unreachable", Reason.NEIGHBOUR),
    "node: isolated ports": (
        on("node/k1", with_port("veth1", isolated=True), with_port("veth2", isolated=True)), NEAR,
        "unreachable", Reason.NEIGHBOUR),
    "bridge: static entry behind the wrong port": (
        on("node/k1", fdb(static("veth1", pod_mac(1, 2)))), NEAR, "timeout", Reason.WRONG_MAC),
    "pod: wrong permanent neighbour": (
        on("pod/t/a1", also_neighbour(A2, "eth0", "02:de:ad:00:00:01")), NEAR, "timeout", Reason.WRONG_MAC),
    "pod: FAILED is asked again, nobody is there": (
        on("pod/t/a1", also_neighbour("10.244.1.99", "eth0", "", "FAILED")), "10.244.1.99:80", "unreachable",
        Reason.NEIGHBOUR),
    "peer MTU smaller": (on("pod/t/b1", with_link("eth0", mtu=1000)), FAR, "ok", Reason.PEER_MTU),
    # --- vxlan
    "vxlan down": (on("node/k1", with_link("flannel.1", up=False)), FAR, "timeout", Reason.LINK_DOWN),
    "vxlan down and up again: routes and neighbours are gone": (
        on("node/k1", no_neighbours, without_routes(to("10.244.2.0/24"))), FAR, "unknown", Reason.FAR_END),
    "vxlan: no fdb entry": (on("node/k1", fdb()), FAR, "timeout", Reason.FDB_MISSING),
    "vxlan: no fdb entry back": (on("node/k2", fdb()), FAR, "timeout", Reason.FDB_MISSING),
    "vxlan: wrong remote": (on("node/k1", wrong_remote), FAR, "unknown", Reason.FAR_END),
    "vxlan: no neighbour": (on("node/k1", no_neighbours), FAR, "unreachable", Reason.NEIGHBOUR),
    "vxlan: other VNI": (on("node/k2", vxlan(vni=2)), FAR, "timeout", Reason.TUNNEL_UNKNOWN),
    "vxlan: other port": (on("node/k2", vxlan(port=4789)), FAR, "timeout", Reason.NO_LISTENER),
    "vxlan: local address not its own": (
        on("node/k1", vxlan(local=parse_ip("172.30.0.99"))), FAR, "timeout", Reason.TUNNEL_LOCAL),
    "vxlan: receiver has a v6 socket only": (
        on("node/k2", vxlan(local=parse_ip("fd30::2"))), FAR, "timeout", Reason.NO_LISTENER),
    "vxlan: wrong VTEP MAC": (
        on("node/k2", with_link("flannel.1", mac="02:00:00:00:ee:99")), FAR, "timeout", Reason.WRONG_MAC),
    "vxlan: both ends have one MAC": (
        (
            ("node/k1", (with_link("flannel.1", mac=vtep(2)),)),
        ), FAR, "timeout", Reason.WRONG_MAC),
    "vxlan: no route to the other node": (
        on("node/k1", with_routes("unreachable 172.30.0.2/32")), FAR, "timeout", Reason.TUNNEL_ROUTE),
    "vxlan: port blocked": (
        on("node/k2", with_rules(iptables("-A INPUT -p udp --dport 8472 -j DROP"))), FAR, "timeout", Reason.RULE),
    # --- nodes
    "ip_forward off": (on("node/k1", with_sysctls(net__ipv4__ip_forward="0")), FAR, "timeout", Reason.FORWARDING_OFF),
    "forwarding off on the bridge": (
        on("node/k1", with_sysctls(net__ipv4__conf__cni0__forwarding="0")), FAR, "timeout", Reason.FORWARDING_OFF),
    "forwarding off on the way back": (
        on("node/k2", with_sysctls(net__ipv4__conf__cni0__forwarding="0")), FAR, "timeout", Reason.FORWARDING_OFF),
    "FORWARD drops": (on("node/k1", with_rules(iptables(FORWARD="DROP"))), FAR, "timeout", Reason.RULE),
    "FORWARD rejects": (
        on("node/k1", with_rules(iptables("-A FORWARD -j REJECT"))), FAR, "refused", Reason.RULE),
    "FORWARD resets": (
        on("node/k1", with_rules(iptables("-A FORWARD -p tcp -j REJECT --reject-with tcp-reset"))), FAR,
        "refused", Reason.RULE),
    "route into lo": (
        on("node/k1", with_routes("10.244.2.2/32 dev lo")), FAR, "unreachable", Reason.TTL),
    "conntrack full": (
        on("node/k1", with_rules(iptables("-A FORWARD -j ACCEPT")),
           lambda s: replace(s, conntrack=CtTable((ASSURED,) * 10, 10, 10))), FAR, "timeout", Reason.CONNTRACK_FULL),
    "blackhole route": (
        on("node/k1", with_routes("blackhole 10.244.2.2/32")), FAR, "timeout", Reason.ROUTE_TYPE),
    "prohibit route": (
        on("node/k1", with_routes("prohibit 10.244.2.2/32")), FAR, "unreachable", Reason.ROUTE_TYPE),
    "rp_filter strict, way back elsewhere": (
        on("node/k2", with_sysctls(**{"net__ipv4__conf__flannel/1__rp_filter": "1"}),
           with_routes("10.244.1.2/32 dev cni0")), FAR, "timeout", Reason.RP_FILTER),
    "way back to nobody": (
        on("node/k2", with_routes("10.244.1.2/32 dev cni0")), FAR, "timeout", Reason.NEIGHBOUR),
    "NIC without carrier": (
        on("node/k1", with_link("eth0", carrier=False, operstate="LOWERLAYERDOWN")), FAR, "timeout",
        Reason.LINK_DOWN),
    "NIC of the other node down": (
        on("node/k2", with_link("eth0", up=False)), FAR, "timeout", Reason.NEIGHBOUR),
}  # fmt: skip


def broken(where: Where) -> Spaces:
    spaces = cluster()
    for space, changes in where:
        spaces = change(spaces, space, *changes)
    return spaces


@pytest.mark.parametrize(
    ("where", "target", "observed", "reason"), FAULTS.values(), ids=FAULTS.keys()
)
def test_fault(where: Where, target: str, observed: str, reason: Reason) -> None:
    settled = ask(broken(where), "a1", target)
    if observed == "ok":
        assert result(settled) == "ok"
        return
    assert (result(settled), reason in reasons(settled)) == (observed, True), reasons(settled)
    assert settled.verdict is not Verdict.REACHABLE
    assert sum(row.weight for row in settled.rows) == pytest.approx(1)
    assert all(row.blockers[0].stop.detail for row in failed(settled))


def test_the_small_peer_drops_large_packets_silently() -> None:
    settled = ask(
        broken(on("pod/t/b1", with_link("eth0", mtu=1000))),
        "a1",
        f"{B1}:53",
        proto="udp",
        size=1100,
    )
    assert (result(settled), reasons(settled)) == ("timeout", {Reason.PEER_MTU})
    assert "mtu 1000" in evidence(settled)


def test_a_vxlan_device_drops_frames_from_its_own_mac() -> None:
    spaces = broken((("node/k1", (with_link("flannel.1", mac=vtep(2)),)),))
    (row,) = ask(spaces, "a1", FAR).rows
    assert row.blockers[0].node == "node/k2"
    assert "itself" in row.blockers[0].stop.detail


BACK = with_port("veth2", flood=False)


@pytest.mark.parametrize("known", [True, False], ids=["learned", "not learned"])
def test_a_port_without_flooding_gets_what_the_bridge_has_learned(known: bool) -> None:
    entries = (learned("veth2", pod_mac(1, 2)), learned("veth1", pod_mac(1, 1)))
    changes = (BACK, fdb(*entries)) if known else (BACK,)
    assert (result(ask(broken(on("node/k1", *changes)), "a1", NEAR)) == "ok") is known


def via_eth0(space: Namespace) -> Namespace:
    return replace(space, fdb=(replace(space.fdb[0], via="eth0"),))


@pytest.mark.parametrize(
    ("bound", "expected"), [(False, "timeout"), (True, "ok")], ids=["free", "via eth0"]
)
def test_a_bound_tunnel_end_is_taken_to_be_on_the_link(bound: bool, expected: str) -> None:
    """`bridge fdb ... via eth0` goes past a blackhole route; seen on Linux 6.18."""
    changes: tuple[Change, ...] = (with_routes("blackhole 172.30.0.2/32"),)
    changes = (*changes, via_eth0) if bound else changes
    assert result(ask(broken(on("node/k1", *changes)), "a1", FAR)) == expected


FLOODING = {
    "a default remote": vxlan(remote=parse_ip("172.30.0.2")),
    "a forwarding entry for every station": lambda space: replace(
        space,
        fdb=(
            *space.fdb,
            FdbEntry("flannel.1", "00:00:00:00:00:00", self_=True, remote=parse_ip("172.30.0.2")),
        ),
    ),
    "a program that answers": vxlan(l3miss=True),
}


@pytest.mark.parametrize("flooding", FLOODING.values(), ids=FLOODING.keys())
def test_a_tunnel_that_floods_may_find_its_neighbours(flooding: Change) -> None:
    settled = ask(broken(on("node/k1", no_neighbours, flooding)), "a1", FAR)
    assert settled.verdict is Verdict.UNKNOWN
