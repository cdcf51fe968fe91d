"""Packets through WireGuard: whom a device sends to, and from whom it takes what."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skoop.model.address import Family, parse_ip, parse_prefix
from skoop.model.diagnosis import Diagnosis
from skoop.model.disposition import Verdict
from skoop.netstack.state import Gap, Socket, Wireguard
from tests.diagnose.diagnosed import diagnose
from tests.diagnose.worlds import (
    Change,
    Spaces,
    ask,
    change,
    cluster,
    evidence,
    reasons,
    result,
    seen_source,
    wg_key,
    wireguard,
    with_link,
    with_routes,
    with_rules,
)
from tests.netstack.builders import ip, iptables, rule

B1 = "10.244.2.2:80"
NARROW = (parse_prefix("10.244.2.128/25"), parse_prefix("10.244.1.128/25"))


def device(made: Wireguard | None) -> Change:
    return with_link("flannel-wg", wireguard=made)


def peered(**both: Any) -> Spaces:
    """`k1` and `k2` are fields of what that node has as its peer."""
    spaces = cluster("wireguard")
    for name, fields in both.items():
        spaces = change(spaces, f"node/{name}", device(wireguard(int(name[1]), **fields)))
    return spaces


def first(found: Diagnosis) -> str:
    return found.suspicions[0].name if found.suspicions else ""


@pytest.mark.parametrize("proto", ["tcp", "udp"])
@pytest.mark.parametrize("size", [0, 4000])
def test_there_and_back(proto: str, size: int) -> None:
    port = {"tcp": 80, "udp": 53}[proto]
    settled = ask(cluster("wireguard"), "a1", f"10.244.2.2:{port}", proto=proto, size=size)
    assert result(settled) == "ok"
    assert seen_source(settled) == "10.244.1.2"


def test_a_node_itself_has_the_devices_address() -> None:
    settled = ask(cluster("wireguard"), "k1", B1)
    assert result(settled) == "ok"
    assert seen_source(settled) == "10.244.1.0"


REFUSED = {
    "no allowed addresses": ({"allowed": ()}, "wireguard-peer-missing"),
    "others": ({"allowed": NARROW}, "wireguard-peer-missing"),
    "no endpoint": ({"endpoint": None}, "wireguard-endpoint-wrong"),
}


@pytest.mark.parametrize(("peer", "cause"), REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("source", ["a1", "k1"])
def test_a_device_that_cannot_send_says_so(peer: dict[str, Any], cause: str, source: str) -> None:
    spaces = peered(k1=peer)
    assert result(ask(spaces, source, B1)) == "unreachable"
    found = diagnose(spaces, source, "b1")
    assert first(found) == cause
    assert "flannel-wg" in found.suspicions[0].evidence[0].source


LOST = {
    "the receiver allows others": ({"k2": {"allowed": NARROW}}, "wireguard-peer-missing"),
    "the sender's key is not known": ({"k2": {"key": wg_key(9)}}, "wireguard-key-mismatch"),
    "the receiver's key is another": ({"k1": {"key": wg_key(9)}}, "wireguard-key-mismatch"),
    "the port is another": (
        {"k1": {"endpoint": (Family.V4, ip("172.30.0.2"), 51821)}},
        "wireguard-endpoint-wrong",
    ),
}


@pytest.mark.parametrize(("peers", "cause"), LOST.values(), ids=LOST.keys())
def test_a_device_that_does_not_take_it_is_silent(peers: dict[str, Any], cause: str) -> None:
    spaces = peered(**peers)
    assert result(ask(spaces, "a1", B1)) == "timeout"
    assert first(diagnose(spaces, "a1", "b1")) == cause


def test_the_longest_prefix_decides() -> None:
    """A second peer with the pod's own network: the sender's other peer has no part in it."""
    mine = wireguard(1)
    narrow = replace(mine.peers[0], key=wg_key(9), allowed=(parse_prefix("10.244.2.2/32"),))
    both = replace(mine, peers=(narrow, *mine.peers))
    spaces = change(cluster("wireguard"), "node/k1", device(both))
    assert result(ask(spaces, "a1", B1)) == "timeout"
    assert result(ask(spaces, "a1", "10.244.2.3:80")) == "ok"


def test_answers_go_to_where_the_peer_was_heard() -> None:
    """The server's node has no endpoint, or a wrong one, until the client's calls it."""
    for end in (None, (Family.V4, ip("172.30.0.77"), 1)):
        assert result(ask(peered(k2={"endpoint": end}), "a1", B1)) == "ok"


def test_the_answer_comes_from_the_address_that_was_called() -> None:
    """172.30.0.22 is the second of k2's addresses, which no route would choose."""
    spaces = peered(k1={"endpoint": (Family.V4, ip("172.30.0.22"), 51820)})
    host = spaces["node/k2"]
    second = replace(host.addresses[2], value=ip("172.30.0.22"), secondary=True)
    own = next(each for each in host.routes if each.destination == parse_prefix("172.30.0.2"))
    local = replace(own, destination=parse_prefix("172.30.0.22"))
    host = replace(host, addresses=(*host.addresses, second), routes=(*host.routes, local))
    only_from_there = iptables("-A INPUT -p udp -s 172.30.0.22 -j ACCEPT", "-A INPUT -j DROP")
    spaces = change({**spaces, host.id: host}, "node/k1", with_rules(only_from_there))
    assert result(ask(spaces, "a1", B1)) == "ok"


UNMET = {"one": {"k1": {"met": False}}, "other": {"k2": {"met": None}}}


@pytest.mark.parametrize("peers", UNMET.values(), ids=UNMET.keys())
def test_two_that_never_met_may_have_different_preshared_keys(peers: dict[str, Any]) -> None:
    spaces = peered(**peers)
    assert result(ask(spaces, "a1", B1)) == "unknown"
    found = diagnose(spaces, "a1", "b1")
    assert found.verdict is Verdict.UNKNOWN
    # What would stop it in any case is told all the same.
    dropped = with_rules(iptables("-A FORWARD -d 10.244.2.2 -j DROP"))
    found = diagnose(change(spaces, "node/k2", dropped), "a1", "b1")
    assert found.verdict is Verdict.UNREACHABLE
    assert "FORWARD" in found.suspicions[0].evidence[0].source


def test_a_device_that_was_not_read() -> None:
    for name in ("k1", "k2"):
        why = "wg show all public-key is not installed"
        gaps = (Gap("wireguard", why),)
        spaces = change(cluster("wireguard"), f"node/{name}", device(None), gaps=gaps)
        found = diagnose(spaces, "a1", "b1")
        assert found.verdict is Verdict.UNKNOWN
        assert why in str(found.not_checked) + str(found.traces)


def _elsewhere(space: Any) -> Any:
    kept: tuple[Socket, ...] = tuple(each for each in space.sockets if each.port != 51820)
    return replace(space, sockets=kept)


def test_a_device_whose_socket_is_in_another_namespace() -> None:
    assert result(ask(change(cluster("wireguard"), "node/k1", _elsewhere), "a1", B1)) == "unknown"


def test_a_program_at_the_port_is_no_server() -> None:
    spaces = change(cluster("wireguard"), "node/k2", with_link("flannel-wg", kind="tun"))
    assert result(ask(spaces, "a1", B1)) == "unknown"


def test_a_device_that_is_down_listens_to_nobody() -> None:
    spaces = change(cluster("wireguard"), "node/k2", with_link("flannel-wg", up=False), _elsewhere)
    assert result(ask(spaces, "a1", B1)) == "timeout"


def test_the_tunnels_packets_have_a_mark_of_their_own() -> None:
    """The inner packet's stays with it, and routes and rules see the device's."""
    marked = replace(wireguard(1), fwmark=0x1234)
    spaces = change(cluster("wireguard"), "node/k1", device(marked))
    inner = iptables("-t mangle -A FORWARD -j MARK --set-mark 0x1")
    outer = iptables("-A OUTPUT -p udp -m mark --mark 0x1 -j DROP")
    assert result(ask(change(spaces, "node/k1", with_rules(inner, outer)), "a1", B1)) == "ok"
    dropped = with_rules(iptables("-A OUTPUT -m mark --mark 0x1234 -j DROP"))
    found = diagnose(change(spaces, "node/k1", dropped), "a1", "b1")
    assert first(found) == "underlay-port-blocked"
    hole = rule(9, action="blackhole", fwmark=(0x1234, 0xFFFFFFFF))
    rules = (hole, *spaces["node/k1"].rules)
    assert result(ask(change(spaces, "node/k1", rules=rules), "a1", B1)) == "timeout"


@pytest.mark.parametrize("verdict", ["DROP", "REJECT"])
def test_a_firewall_before_the_port(verdict: str) -> None:
    closed = with_rules(iptables(f"-A INPUT -p udp --dport 51820 -j {verdict}"))
    spaces = change(cluster("wireguard"), "node/k2", closed)
    assert result(ask(spaces, "a1", B1)) == "timeout"
    assert first(diagnose(spaces, "a1", "b1")) == "underlay-port-blocked"


def test_tunnel_packets_may_be_fragmented() -> None:
    """The card is smaller than the device's own MTU with what it adds."""
    spaces = cluster("wireguard")
    for name in ("node/k1", "node/k2"):
        spaces = change(spaces, name, with_link("eth0", mtu=1400))
    assert result(ask(spaces, "a1", B1, size=4000)) == "ok"


def test_what_the_device_does_not_take_the_sender_is_told() -> None:
    spaces = cluster("wireguard", pod_mtu=1500)
    assert result(ask(spaces, "a1", B1, size=4000)) == "ok"
    assert result(ask(spaces, "a1", "10.244.2.2:53", proto="udp", size=1400, df=True)) == "msgsize"


def test_packets_that_go_round() -> None:
    """Its own peer is said to be behind the device: nothing ever gets out. By another peer it
    might, which is not followed."""
    round_ = with_routes("172.30.0.2/32 dev flannel-wg")
    everything = (parse_prefix("0.0.0.0/0"),)
    spaces = change(peered(k1={"allowed": everything}), "node/k1", round_)
    assert result(ask(spaces, "a1", B1)) == "timeout"
    mine = wireguard(1)
    other = replace(mine.peers[0], key=wg_key(9), allowed=(parse_prefix("172.30.0.2/32"),))
    nested = replace(mine, peers=(*mine.peers, other))
    spaces = change(cluster("wireguard"), "node/k1", device(nested), round_)
    assert result(ask(spaces, "a1", B1)) == "unknown"


def test_an_answer_by_another_way_does_not_show_that_the_handshake_gets_through() -> None:
    spaces = change(
        cluster("wireguard"), "node/k2", with_routes("10.244.1.0/24 via 172.30.0.1 dev eth0")
    )
    assert result(ask(spaces, "a1", B1)) == "unknown"


def test_a_peer_that_was_not_collected() -> None:
    far = (*parse_ip("192.0.2.9"), 51820)
    assert result(ask(peered(k1={"endpoint": far}), "a1", B1)) == "unknown"


def test_a_translated_source_is_told_by_its_own_address() -> None:
    """icmp_ndo_send(): k1 masquerades what a1 sends, and the error still finds a1."""
    spaces = peered(k1={"allowed": ()})
    masked = with_rules(iptables("-t nat -A POSTROUTING -s 10.244.1.2 -j MASQUERADE"))
    assert result(ask(change(spaces, "node/k1", masked), "a1", B1)) == "unreachable"


def test_a_destination_translated_as_well_leaves_the_error_nameless() -> None:
    """Only the source is turned back in what the error quotes: no connection is found by it."""
    spaces = peered(k1={"allowed": ()})
    both = iptables(
        "-t nat -A PREROUTING -d 10.96.0.1 -j DNAT --to-destination 10.244.2.2",
        "-t nat -A POSTROUTING -s 10.244.1.2 -j MASQUERADE",
    )
    assert (
        result(ask(change(spaces, "node/k1", with_rules(both)), "a1", "10.96.0.1:80")) == "timeout"
    )
    alone = iptables("-t nat -A PREROUTING -d 10.96.0.1 -j DNAT --to-destination 10.244.2.2")
    spaces = change(spaces, "node/k1", with_rules(alone))
    assert result(ask(spaces, "a1", "10.96.0.1:80")) == "unreachable"


def test_a_device_without_key_is_silent() -> None:
    spaces = change(cluster("wireguard"), "node/k1", device(replace(wireguard(1), key="")))
    settled = ask(spaces, "a1", B1)
    assert result(settled) == "timeout"
    assert {each.name for each in reasons(settled)} == {"WIREGUARD_KEYS"}
    assert evidence(settled) == ""
