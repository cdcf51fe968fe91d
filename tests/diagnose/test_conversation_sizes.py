# ruff: noqa: E501  (one case a line)
"""MTUs, learned and silent, and packets that go in circles."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skoop.model.disposition import Disposition
from skoop.netstack.walk.events import Reason
from tests.diagnose.worlds import (
    A2,
    B1,
    Change,
    ask,
    change,
    cluster,
    evidence,
    reasons,
    result,
    with_link,
    with_routes,
    with_rules,
)
from tests.netstack.builders import iptables

NO_ICMP = with_rules(iptables("-t raw -A PREROUTING -p icmp -j DROP"))

# "pod MTU 1500 over a tunnel of 1450" is the plain cluster with pod_mtu=1500
SIZES: dict[str, tuple[str, int, dict[str, Any], str]] = {
    "small over vxlan": ("vxlan", 1500, {"proto": "udp", "size": 100}, "ok"),
    "tcp learns the path's MTU": ("vxlan", 1500, {"size": 100_000}, "ok"),
    "udp learns it and fragments": ("vxlan", 1500, {"proto": "udp", "size": 1460}, "ok"),
    "udp that may not be fragmented is told": (
        "vxlan", 1500, {"proto": "udp", "size": 1460, "df": True}, "msgsize"),
    "udp larger than its own MTU is fragmented at once": ("vxlan", 1450, {"proto": "udp", "size": 3000}, "ok"),
    "larger than its own MTU and DF": ("vxlan", 1450, {"proto": "udp", "size": 3000, "df": True}, "msgsize"),
    "ping fragments": ("vxlan", 1500, {"proto": "icmp", "size": 1460}, "ok"),
    "tcp over ipip": ("ipip", 1500, {"size": 100_000}, "ok"),
    "exactly fits": ("vxlan", 1450, {"proto": "udp", "size": 1450 - 28, "df": True}, "ok"),
    "one too many": ("vxlan", 1450, {"proto": "udp", "size": 1450 - 27, "df": True}, "msgsize"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("backend", "mtu", "question", "expected"), SIZES.values(), ids=SIZES.keys()
)
def test_sizes(backend: str, mtu: int, question: dict[str, Any], expected: str) -> None:
    port = {"udp": ":53", "icmp": ""}.get(question.get("proto", "tcp"), ":80")
    settled = ask(cluster(backend, pod_mtu=mtu), "a1", B1 + port, **question)
    assert result(settled) == expected


def test_fragmentation_needed_that_is_filtered_is_a_black_hole() -> None:
    """A pod MTU above the tunnel's is harmless until the error is lost."""
    spaces = change(cluster(pod_mtu=1500), "pod/t/a1", NO_ICMP)
    settled = ask(spaces, "a1", f"{B1}:80", size=100_000)
    assert result(settled) == "timeout"
    assert Reason.MTU in reasons(settled)
    assert "mtu 1450" in evidence(settled)
    assert result(ask(spaces, "a1", f"{B1}:80")) == "ok"


@pytest.mark.parametrize(("size", "expected"), [(0, "ok"), (1300, "timeout")])
def test_a_smaller_mtu_on_the_veth_peer_is_silent(size: int, expected: str) -> None:
    spaces = change(cluster(), "node/k1", with_link("veth1", mtu=1200))
    settled = ask(spaces, "a1", f"{A2}:53", proto="udp", size=size)
    assert result(settled) == expected
    if size:
        assert reasons(settled) == {Reason.PEER_MTU}


def test_tcp_learns_from_both_ends_mtu() -> None:
    """The segment size is the smaller of both ends', so a small peer does no harm."""
    spaces = change(cluster(), "pod/t/b1", with_link("eth0", mtu=1000))
    assert result(ask(spaces, "a1", f"{B1}:80", size=100_000)) == "ok"


def test_a_learned_mtu_of_the_route_is_used() -> None:
    spaces = change(
        cluster(pod_mtu=1500), "pod/t/a1", with_routes(f"{B1}/32 via 10.244.1.1 dev eth0 mtu 1400")
    )
    settled = ask(spaces, "a1", f"{B1}:53", proto="udp", size=1420, df=True)
    assert result(settled) == "msgsize"


def small_underlay(backend: str) -> Any:
    spaces = cluster(backend)
    for node in ("node/k1", "node/k2"):
        spaces = change(spaces, node, with_link("eth0", mtu=1440))
    return spaces


def test_a_vxlan_packet_larger_than_the_underlay_is_fragmented() -> None:
    assert result(ask(small_underlay("vxlan"), "a1", f"{B1}:80", size=100_000)) == "ok"


def smaller_underlay(kind: str, *, routed: bool = False) -> Any:
    """k1's device takes 900 bytes, k2's 1501; the nodes are joined as asked."""
    spaces = cluster()
    for node, mtu in (("node/k1", 900), ("node/k2", 1501)):
        spaces = change(spaces, node, with_link("eth0", mtu=mtu, kind=kind))
        if routed:
            other = "172.30.0.2" if node == "node/k1" else "172.30.0.1"
            spaces = change(spaces, node, with_routes(f"{other} via 172.30.0.254 dev eth0"))
    return spaces


BURSTS = {
    "cards send segment after segment": (smaller_underlay(""), "timeout"),
    "virtual devices pass a burst whole": (smaller_underlay("veth"), "ok"),
    "what a router makes of it is unseen": (smaller_underlay("veth", routed=True), "unknown"),
    "cards and a router": (smaller_underlay("", routed=True), "timeout"),
}


@pytest.mark.parametrize(("spaces", "expected"), BURSTS.values(), ids=BURSTS)
def test_a_burst_for_a_smaller_device(spaces: Any, expected: str) -> None:
    """is_skb_forwardable() lets bursts pass; the answer's tunnel packets have 1500 bytes."""
    assert result(ask(spaces, "a1", f"{B1}:80", size=3000)) == expected
    assert result(ask(spaces, "a1", f"{B1}:80")) == "ok"


def test_an_ipip_packet_larger_than_the_underlay_tells_the_sender() -> None:
    """tnl_update_pmtu(): the inner sender gets "fragmentation needed" and uses less."""
    assert result(ask(small_underlay("ipip"), "a1", f"{B1}:80", size=100_000)) == "ok"
    settled = ask(small_underlay("ipip"), "a1", f"{B1}:53", proto="udp", size=1430, df=True)
    assert result(settled) == "msgsize"


def test_an_ipip_tunnel_without_pmtu_discovery_fragments() -> None:
    def plain(space: Any) -> Any:
        links = tuple(
            replace(e, tunnel=replace(e.tunnel, pmtudisc=False)) if e.tunnel else e
            for e in space.links
        )
        return replace(space, links=links)

    spaces = change(change(small_underlay("ipip"), "node/k1", plain), "node/k2", plain)
    assert result(ask(spaces, "a1", f"{B1}:53", proto="udp", size=1430, df=True)) == "ok"


LOOPS: dict[str, tuple[tuple[tuple[str, Change], ...], str]] = {
    "two nodes send it to each other": (
        (("node/k2", with_routes(f"{B1}/32 via 172.30.0.1 dev eth0")),
         ("node/k1", with_routes(f"{B1}/32 via 172.30.0.2 dev eth0"))), "host-gw"),
    "back into the tunnel": (
        (("node/k2", with_routes(f"{B1}/32 via 10.244.1.0 dev flannel.1 onlink")),), "vxlan"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "backend"), LOOPS.values(), ids=LOOPS.keys())
@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_a_loop_ends(changes: Any, backend: str, proto: str) -> None:
    spaces = cluster(backend)
    for space, apply in changes:
        spaces = change(spaces, space, apply)
    settled = ask(spaces, "a1", f"{B1}:{ {'tcp': 80, 'udp': 53}[proto] }", proto=proto)
    assert result(settled) != "ok"
    assert settled.rows[0].disposition is Disposition.LOOP
    assert reasons(settled) & {Reason.LOOP, Reason.TTL}


def test_a_pod_that_sends_everything_back_is_a_loop() -> None:
    spaces = change(
        cluster(),
        "pod/t/a2",
        with_routes(),
        lambda s: replace(s, sysctls={"net.ipv4.ip_forward": "1"}),
    )
    spaces = change(spaces, "node/k1", with_routes(f"10.7.7.7/32 via {A2} dev cni0"))
    settled = ask(spaces, "a1", "10.7.7.7:80")
    assert settled.rows[0].disposition is Disposition.LOOP
