# ruff: noqa: E501  (one state a line)
"""A packet that came in: refused, taken, or sent on. Each row was seen on Linux 6.18."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skoop.model.disposition import Disposition
from skoop.model.packet import Packet, Proto
from skoop.netstack.stack import Stack
from skoop.netstack.state import Action, Gap, Shaping, TrafficControl
from skoop.netstack.walk.events import Local, Reason, Resolve, Stopped
from tests.netstack.builders import ip, iptables, link, packet, rule
from tests.netstack.walk.rig import ADDRESSES, E0, E1, answer, arrive, only, router, told

THROUGH = packet("tcp 10.0.0.9 -> 10.0.1.9:80")
THROUGH6 = packet("tcp fd00::9 -> [fd01::9]:80")
TO_ROUTER = packet("tcp 10.0.0.9 -> 10.0.0.1:22")
FAR = packet("tcp 10.0.0.9 -> 192.0.2.9:80")
FAR6 = packet("tcp fd00::9 -> [fd99::9]:80")


def e0(**values: str) -> dict[str, str]:
    return {f"net.ipv4.conf.e0.{name}": value for name, value in values.items()}


PASSES: dict[str, tuple[Packet, dict[str, Any], str]] = {
    "forwarded on link": (THROUGH, {}, "out e1 to 10.0.1.9"),
    "forwarded by a gateway": (FAR, {"routes": ["default via 10.0.1.254 dev e1"]}, "out e1 to 10.0.1.254"),
    "v6 forwarded": (THROUGH6, {}, "out e1 to fd01::9"),
    "v4 by a v6 gateway": (FAR, {"routes": ["192.0.2.0/24 via fd01::9 dev e1"]}, "out e1 to fd01::9"),
    "onlink gateway": (FAR, {"routes": ["192.0.2.0/24 via 172.16.0.1 dev e1 onlink"]}, "out e1 to 172.16.0.1"),
    "delivered": (TO_ROUTER, {}, "local"),
    "delivered though forwarding is off": (TO_ROUTER, {"sysctls": {"net.ipv4.ip_forward": "0"}}, "local"),
    "to the other device's address": (packet("tcp 10.0.0.9 -> 10.0.1.1:22"), {}, "local"),
    "v4 forwarding off on the output device only": (
        THROUGH, {"sysctls": {"net.ipv4.conf.e1.forwarding": "0"}}, "out e1 to 10.0.1.9"),
    "v6 does not ask the device": (
        THROUGH6, {"sysctls": {"net.ipv6.conf.e0.forwarding": "0"}}, "out e1 to fd01::9"),
    "v6 forced on one device": (
        THROUGH6, {"sysctls": {"net.ipv6.conf.all.forwarding": "0", "net.ipv6.conf.e0.force_forwarding": "1"}},
        "out e1 to fd01::9"),
    "strict rp_filter, symmetric": (THROUGH, {"sysctls": e0(rp_filter="1")}, "out e1 to 10.0.1.9"),
    "loose rp_filter, asymmetric": (
        packet("tcp 10.0.1.7 -> 10.0.1.9:80"), {"sysctls": e0(rp_filter="2")}, "out e1 to 10.0.1.9"),
    "no rp_filter, no route back": (packet("tcp 192.0.2.7 -> 10.0.1.9:80"), {}, "out e1 to 10.0.1.9"),
    "v6 has no rp_filter": (
        packet("tcp fd77::7 -> [fd01::9]:80"), {"sysctls": e0(rp_filter="1")}, "out e1 to fd01::9"),
    "own source with accept_local": (
        packet("tcp 10.0.1.1 -> 10.0.1.9:80"), {"sysctls": e0(accept_local="1")}, "out e1 to 10.0.1.9"),
    "loopback destination with route_localnet": (
        packet("tcp 10.0.0.9 -> 127.0.0.1:80"), {"sysctls": e0(route_localnet="1")}, "local"),
    "just fits": (replace(THROUGH, size=1500), {}, "out e1 to 10.0.1.9"),
    "too big but may be fragmented": (
        replace(THROUGH, size=1501, df=False), {}, "out e1 to 10.0.1.9"),
    "v6 in fragments that fit": (
        replace(THROUGH6, size=4000, df=False, fragment=1500), {}, "out e1 to fd01::9"),
    "strict rp_filter: the way back is looked up from where the packet goes": (
        packet("tcp 10.0.1.7 -> 10.0.1.9:80"),
        {"sysctls": e0(rp_filter="1"), "rules": [rule(10, target="100", iif="e1")],
         "routes": ["10.0.1.7/32 dev e0 table 100"]},
        "out e1 to 10.0.1.9"),
    "policy rule by input device": (
        FAR, {"rules": [rule(100, target="100", iif="e0")], "routes": ["default dev e1 table 100"]},
        "out e1 to 192.0.2.9"),
    "the mark set in PREROUTING routes": (
        FAR,
        {
            "rules": [rule(100, target="100", fwmark=(7, 0xFF))],
            "routes": ["default dev e1 table 100"],
            "rulesets": (iptables("-t mangle -A PREROUTING -j MARK --set-mark 7"),),
        },
        "out e1 to 192.0.2.9"),
    "not every policy rule is for it": (
        THROUGH, {"rules": [rule(100, action="prohibit", source="10.7.0.0/16")]}, "out e1 to 10.0.1.9"),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "state", "expected"), PASSES.values(), ids=PASSES.keys())
def test_passes(sent: Packet, state: dict[str, Any], expected: str) -> None:
    assert told(only(arrive(router(**state), sent))) == expected


SYN_ONLY = {"sysctls": {"net.ipv4.ip_forward": "0"}}
STOPS: dict[str, tuple[Packet, dict[str, Any], Disposition, str]] = {
    "ip_forward off": (THROUGH, SYN_ONLY, Disposition.DROPPED, ""),
    "forwarding off on the input device": (
        THROUGH, {"sysctls": e0(forwarding="0")}, Disposition.DROPPED, ""),
    "v6 forwarding off": (
        THROUGH6, {"sysctls": {"net.ipv6.conf.all.forwarding": "0"}}, Disposition.DROPPED, ""),
    "no route": (FAR, {}, Disposition.NO_ROUTE, "3/0"),
    "no route, forwarding off": (FAR, SYN_ONLY, Disposition.DROPPED, ""),
    "v6 no route": (FAR6, {}, Disposition.NO_ROUTE, "1/0"),
    "unreachable route": (
        FAR, {"routes": ["unreachable 192.0.2.0/24"]}, Disposition.NO_ROUTE, "3/1"),
    "prohibit route": (FAR, {"routes": ["prohibit 192.0.2.0/24"]}, Disposition.NO_ROUTE, "3/13"),
    "blackhole route": (FAR, {"routes": ["blackhole 192.0.2.0/24"]}, Disposition.BLACKHOLED, ""),
    "v6 blackhole route": (
        FAR6, {"routes": ["blackhole fd99::/64"]}, Disposition.BLACKHOLED, ""),
    "throw route": (FAR, {"routes": ["throw 192.0.2.0/24"]}, Disposition.NO_ROUTE, "3/0"),
    "blackhole rule": (
        THROUGH, {"rules": [rule(100, action="blackhole")]}, Disposition.BLACKHOLED, ""),
    "unreachable rule": (
        THROUGH, {"rules": [rule(100, action="unreachable")]}, Disposition.NO_ROUTE, "3/0"),
    "prohibit rule": (
        THROUGH, {"rules": [rule(100, action="prohibit")]}, Disposition.NO_ROUTE, "3/13"),
    "strict rp_filter": (
        packet("tcp 10.0.1.7 -> 10.0.1.9:80"), {"sysctls": e0(rp_filter="1")}, Disposition.RPF_FAILED, ""),
    "strict by all": (
        packet("tcp 10.0.1.7 -> 10.0.1.9:80"), {"sysctls": {"net.ipv4.conf.all.rp_filter": "1"}},
        Disposition.RPF_FAILED, ""),
    "strict for local delivery too": (
        packet("tcp 10.0.1.7 -> 10.0.0.1:22"), {"sysctls": e0(rp_filter="1")}, Disposition.RPF_FAILED, ""),
    "loose rp_filter, no route back": (
        packet("tcp 192.0.2.7 -> 10.0.1.9:80"), {"sysctls": e0(rp_filter="2")}, Disposition.RPF_FAILED, ""),
    "loose rp_filter on a device without address": (
        packet("tcp 10.0.1.7 -> 10.0.1.9:80"),
        {"sysctls": e0(rp_filter="2"), "addresses": ADDRESSES[1:2]}, Disposition.RPF_FAILED, ""),
    "strict rp_filter, blackhole back": (
        packet("tcp 192.0.2.7 -> 10.0.1.9:80"),
        {"sysctls": e0(rp_filter="1"), "routes": ["blackhole 192.0.2.0/24"]}, Disposition.RPF_FAILED, ""),
    "own source": (packet("tcp 10.0.1.1 -> 10.0.1.9:80"), {}, Disposition.DROPPED, ""),
    "own source, to the router": (packet("tcp 10.0.1.1 -> 10.0.0.1:80"), {}, Disposition.DROPPED, ""),
    "loopback source": (packet("tcp 127.0.0.1 -> 10.0.1.9:80"), {}, Disposition.DROPPED, ""),
    "loopback destination": (packet("tcp 10.0.0.9 -> 127.0.0.1:80"), {}, Disposition.DROPPED, ""),
    "zero source": (packet("udp 0.0.0.0 -> 10.0.1.9:67"), {}, Disposition.DROPPED, ""),
    "too big": (replace(THROUGH, size=1501), {}, Disposition.MTU_EXCEEDED, "3/4"),
    "too big for the route": (
        replace(FAR, size=1401), {"routes": ["192.0.2.0/24 dev e1 mtu 1400"]},
        Disposition.MTU_EXCEEDED, "3/4"),
    "v6 too big, always": (replace(THROUGH6, size=1501, df=False), {}, Disposition.MTU_EXCEEDED, "2/0"),
    "v6 in fragments that do not fit": (
        replace(THROUGH6, size=4000, df=False, fragment=1501), {}, Disposition.MTU_EXCEEDED, "2/0"),
    "a burst of too large segments": (
        replace(THROUGH, size=1501, gso=True), {}, Disposition.MTU_EXCEEDED, "3/4"),
    "hop limit": (replace(THROUGH, ttl=1), {}, Disposition.LOOP, "11/0"),
    "v6 hop limit": (replace(THROUGH6, ttl=1), {}, Disposition.LOOP, "3/0"),
    "IPv6 disabled": (
        THROUGH6, {"sysctls": {"net.ipv6.conf.e0.disable_ipv6": "1"}}, Disposition.DROPPED, ""),
    "device down": (THROUGH, {"links": (replace(E0, up=False), E1)}, Disposition.LINK_DOWN, ""),
    "rule": (
        THROUGH, {"rulesets": (iptables("-A FORWARD -j DROP"),)}, Disposition.DROPPED, ""),
    "reject": (
        THROUGH, {"rulesets": (iptables("-A FORWARD -j REJECT"),)}, Disposition.REJECTED, "3/3"),
    "reject with a reset": (
        THROUGH, {"rulesets": (iptables("-A FORWARD -p tcp -j REJECT --reject-with tcp-reset"),)},
        Disposition.REJECTED, "rst"),
    "routes not collected": (
        THROUGH, {"gaps": (Gap("routes", "no ip"),)}, Disposition.INSUFFICIENT_INFO, ""),
    "rules not collected": (
        THROUGH, {"gaps": (Gap("rules", "no ip"),)}, Disposition.INSUFFICIENT_INFO, ""),
    "undecidable rule": (
        THROUGH, {"rules": [rule(100, target="100", unmodelled="dscp")]},
        Disposition.INSUFFICIENT_INFO, ""),
}  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "state", "disposition", "sent_back"), STOPS.values(), ids=STOPS.keys()
)
def test_stops(
    sent: Packet, state: dict[str, Any], disposition: Disposition, sent_back: str
) -> None:
    event = only(arrive(router(**state), sent))
    assert (told(event), answer(event)) == (disposition.value, sent_back)
    assert isinstance(event, Stopped)
    assert event.stop.detail


def test_forwarding_not_collected_is_not_a_pass() -> None:
    made = router()
    bare = Stack(replace(made.namespace, sysctls={}))
    assert told(only(arrive(bare, THROUGH))) == "INSUFFICIENT_INFO"


EVIDENCE = {
    "forwarding": (THROUGH, SYN_ONLY, "net.ipv4.ip_forward = 0"),
    "rp_filter": (
        packet("tcp 10.0.1.7 -> 10.0.1.9:80"),
        {"sysctls": e0(rp_filter="1")},
        "rp_filter = 1",
    ),
    "route": (FAR, {"routes": ["blackhole 192.0.2.0/24"]}, "blackhole 192.0.2.0/24"),
    "policy rule": (
        FAR,
        {"rules": [rule(100, action="prohibit", raw="100: prohibit")]},
        "100: prohibit",
    ),
    "rule": (THROUGH, {"rulesets": (iptables("-A FORWARD -j DROP"),)}, "-A FORWARD -j DROP"),
    "mtu": (replace(THROUGH, size=1501), {}, "mtu 1500"),
    "own address": (packet("tcp 10.0.1.1 -> 10.0.1.9:80"), {}, "10.0.1.1"),
}


@pytest.mark.parametrize(("sent", "state", "text"), EVIDENCE.values(), ids=EVIDENCE.keys())
def test_a_stop_shows_its_evidence(sent: Packet, state: dict[str, Any], text: str) -> None:
    event = only(arrive(router(**state), sent))
    assert isinstance(event, Stopped)
    assert any(text in each.text for each in event.stop.evidence)


def test_a_packet_for_another_mac_is_not_taken() -> None:
    from skoop.netstack.walk.device import receive
    from skoop.netstack.walk.events import Branch, Frame

    frame = Frame(THROUGH, "02:00:00:00:99:99", "02:00:00:00:77:77")
    event = only(receive(router(), E0, frame, Branch()))
    assert isinstance(event, Stopped)
    assert event.stop.reason is Reason.WRONG_MAC


ECMP = "192.0.2.0/24 nexthop via 10.0.1.2 dev e1 weight 3 nexthop via 10.0.0.2 dev e0"


def test_ecmp_branches_by_weight() -> None:
    events = arrive(router(routes=[ECMP]), FAR)
    shares = {told(event): event.branch.weight for event in events}
    assert shares == pytest.approx({"out e1 to 10.0.1.2": 0.75, "out e0 to 10.0.0.2": 0.25})


def test_forward_sees_the_routed_packet() -> None:
    """FORWARD sees the port after DNAT, the source before SNAT, and one hop less."""
    rules = iptables(
        "-t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.0.1.9:8080",
        "-t nat -A POSTROUTING -j MASQUERADE",
        "-A FORWARD -s 10.0.0.9 -d 10.0.1.9 -p tcp --dport 8080 -m ttl --ttl-eq 63 -i e0 -o e1 "
        "-j ACCEPT",
        FORWARD="DROP",
    )
    event = only(arrive(router(rulesets=(rules,)), packet("tcp 10.0.0.9 -> 10.96.0.1:80")))
    assert isinstance(event, Resolve)
    assert (event.packet.src, event.packet.dport) == (ip("10.0.1.1"), 8080)


def test_masquerade_takes_the_primary_address_of_the_output_device() -> None:
    state = {
        "addresses": ("10.0.0.1/24 e0", "10.0.1.1/24 e1", "10.0.1.2/24 e1 secondary"),
        "rulesets": (iptables("-t nat -A POSTROUTING -o e1 -j MASQUERADE"),),
    }
    event = only(arrive(router(**state), THROUGH))
    assert isinstance(event, Resolve)
    assert event.packet.src == ip("10.0.1.1")


def test_redirect_goes_to_the_address_of_the_input_device() -> None:
    rules = iptables("-t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 15001")
    event = only(arrive(router(rulesets=(rules,)), THROUGH))
    assert isinstance(event, Local)
    assert (event.packet.dst, event.packet.dport) == (ip("10.0.0.1"), 15001)


def test_dnat_to_loopback_needs_route_localnet() -> None:
    rules = iptables("-t nat -A PREROUTING -j DNAT --to-destination 127.0.0.1")
    blocked = only(arrive(router(rulesets=(rules,)), THROUGH))
    assert isinstance(blocked, Stopped)
    assert blocked.stop.reason is Reason.MARTIAN_DESTINATION
    open_ = router(rulesets=(rules,), sysctls=e0(route_localnet="1"))
    assert told(only(arrive(open_, THROUGH))) == "local"


def test_rejected_errors_carry_the_connection() -> None:
    rules = iptables("-A FORWARD -j REJECT")
    event = only(arrive(router(rulesets=(rules,)), THROUGH))
    assert isinstance(event, Stopped)
    assert event.answer_tracked is not None


def test_no_error_about_an_error() -> None:
    from skoop.netstack.walk import icmp

    about = icmp.error(packet("udp 192.0.2.9 -> 10.0.0.9:53"), icmp.Problem.PORT_UNREACHABLE)
    assert about is not None
    lost = replace(about, src=ip("10.0.0.9"), dst=ip("192.0.2.9"))
    assert answer(only(arrive(router(), lost))) == ""


def test_unseen_rules_are_followed_both_ways() -> None:
    made = router(gaps=(Gap("rulesets", "iptables is missing"),))
    events = arrive(made, THROUGH)
    assert sorted(told(event) for event in events) == ["INSUFFICIENT_INFO", "out e1 to 10.0.1.9"]
    assert all(event.branch.guesses for event in events)


@pytest.mark.parametrize("kind", ["tun", "wireguard", "openvswitch"])
def test_devices_that_are_not_modelled_are_named(kind: str) -> None:
    made = router(links=(E0, replace(E1, kind=kind)))
    from skoop.netstack.walk.device import transmit
    from skoop.netstack.walk.events import Branch, Frame

    event = only(transmit(made, made.links["e1"], Frame(THROUGH, "", ""), 0, Branch()))
    assert told(event) == "INSUFFICIENT_INFO"


def test_a_tc_program_may_do_anything() -> None:
    program = TrafficControl(ingress=Shaping(Action.PROGRAM, "the BPF program x"))
    made = router(links=(replace(E0, tc=program), E1))
    events = arrive(made, THROUGH)
    assert {told(event) for event in events} == {"INSUFFICIENT_INFO", "out e1 to 10.0.1.9"}
    assert all(event.branch.guesses[0].unknown.rule == "the BPF program x" for event in events)


def test_tproxy_hands_the_packet_to_a_local_port() -> None:
    state = {
        "rulesets": (
            iptables("-t mangle -A PREROUTING -p tcp -j TPROXY --on-port 15006 --tproxy-mark 1/1"),
        ),
        "rules": [rule(100, target="100", fwmark=(1, 1))],
        "routes": ["local 0.0.0.0/0 dev lo table 100"],
    }
    event = only(arrive(router(**state), THROUGH))
    assert isinstance(event, Local)
    assert (event.tproxy_port, event.packet.dst) == (15006, THROUGH.dst)


def test_vlan_and_link_names_are_nothing_special() -> None:
    """No device name is hard-coded."""
    made = router(
        links=(link("ens5", 2), link("bond0.100", 3)),
        addresses=("10.0.0.1/24 ens5", "10.0.1.1/24 bond0.100"),
        sysctls={"net.ipv4.conf.bond0/100.forwarding": "0"},
    )
    assert told(only(arrive(made, THROUGH, "ens5"))) == "out bond0.100 to 10.0.1.9"
    back = packet("tcp 10.0.1.9 -> 10.0.0.9:80")
    assert told(only(arrive(made, back, "bond0.100"))) == "DROPPED"


def test_other_protocols_are_routed_as_well() -> None:
    sent = Packet(family=THROUGH.family, proto=Proto.GRE, src=ip("10.0.0.9"), dst=ip("10.0.1.9"))
    assert told(only(arrive(router(), sent))) == "out e1 to 10.0.1.9"
