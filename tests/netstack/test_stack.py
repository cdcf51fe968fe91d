"""What a compiled namespace answers about its addresses and routes."""

from __future__ import annotations

from typing import Any

import pytest

from skoop.model.address import Family, format_ip, parse_ip
from skoop.netstack.fib import FibKind, Flow
from skoop.netstack.netfilter import AddressType
from skoop.netstack.stack import Stack
from skoop.netstack.state import CtTable, Gap
from skoop.netstack.walk.routing import choose_source
from tests.netstack.builders import ip, iptables, link, listen, namespace, packet, rule

LINKS = (link("e0", 2), link("e1", 3), link("e2", 4))


def stack(*addresses: str, **fields: Any) -> Stack:
    return Stack(namespace(links=LINKS, addresses=addresses, **fields))


# `ip route get` of Linux 6.18 on the same state
SOURCES = [
    ("the subnet's own address", ["10.0.0.1/24 e0", "10.0.1.1/24 e0"], (), "10.0.1.9", "10.0.1.1"),
    ("the first one of the device", ["10.0.0.1/24 e0", "10.0.1.1/24 e0"],
     ["10.9.0.0/16 dev e0"], "10.9.0.1", "10.0.0.1"),
    ("the one in the gateway's subnet", ["10.0.0.1/24 e0", "10.0.1.1/24 e0"],
     ["10.9.0.0/16 via 10.0.1.9 dev e0"], "10.9.0.1", "10.0.1.1"),
    ("prefsrc", ["10.0.0.1/24 e0", "10.0.1.1/24 e1"],
     ["10.9.0.0/16 via 10.0.0.9 dev e0 src 10.0.1.1"], "10.9.0.1", "10.0.1.1"),
    ("the first one even if another's subnet fits, without a gateway",
     ["10.7.0.1/24 e0", "10.0.1.9/16 e0"], ["10.0.0.7/32 dev e0"], "10.0.0.7", "10.7.0.1"),
    ("never a secondary one", ["10.0.0.1/24 e0", "10.0.0.2/24 e0 secondary"], (), "10.0.0.9",
     "10.0.0.1"),
    ("another device's when there is none", ["10.0.1.1/24 e1"], ["10.9.0.0/16 dev e0"],
     "10.9.0.1", "10.0.1.1"),
    ("even of a device that is down", ["10.0.1.1/24 down"], ["10.9.0.0/16 dev e0"], "10.9.0.1",
     "10.0.1.1"),
    ("link scope on link", ["10.7.0.1/24 e0 scope link", "10.7.1.1/24 e0"],
     ["10.5.0.0/16 dev e0 scope link"], "10.5.0.1", "10.7.0.1"),
    ("no link scope by a gateway", ["10.7.0.1/24 e0 scope link", "10.7.1.1/24 e0"],
     ["10.6.0.0/16 via 10.7.0.9 dev e0"], "10.6.0.1", "10.7.1.1"),
    ("another device's by a gateway", ["10.7.0.1/24 e0 scope link", "10.0.0.1/24 e1"],
     ["10.6.0.0/16 via 10.7.0.9 dev e0"], "10.6.0.1", "10.0.0.1"),
    ("itself for a local one", ["10.0.0.1/24 e0", "10.0.1.1/24 e1"], (), "10.0.1.1", "10.0.1.1"),
    ("loopback", [], (), "127.0.0.5", "127.0.0.1"),
    ("v6: global for global", ["fd00:2::7/64 e0", "2001:db8:1::5/64 e0", "fd00:1::5/64 e0"],
     ["default via fe80::1 dev e0"], "2001:db8:9::1", "2001:db8:1::5"),
    ("v6: ULA for ULA", ["2001:db8:1::5/64 e0", "fd00:1::5/64 e0"],
     ["default via fe80::1 dev e0"], "fd00:9::1", "fd00:1::5"),
    ("v6: any global for global", ["fd00:2::7/64 e0", "2001:db8:1::5/64 e0"],
     ["default via fe80::1 dev e0"], "2600::1", "2001:db8:1::5"),
    ("v6: the same subnet", ["fd00:2::7/64 e0", "fd00:1::5/64 e0"], (), "fd00:1::9", "fd00:1::5"),
    ("v6: not link-local", ["fe80::5/64 e0", "fd00:1::5/64 e0"], (), "fd00:1::9", "fd00:1::5"),
    ("v6: no tentative one", ["fd00:1::4/64 e0 tentative", "fd00:1::5/64 e0"], (), "fd00:1::9",
     "fd00:1::5"),
    ("v6: deprecated last", ["fd00:1::4/64 e0 deprecated", "fd00:1::5/64 e0"], (), "fd00:1::9",
     "fd00:1::5"),
    ("v6: deprecated if alone", ["fd00:1::4/64 e0 deprecated"], (), "fd00:1::9", "fd00:1::4"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("addresses", "routes", "target", "expected"),
    [case[1:] for case in SOURCES],
    ids=[case[0] for case in SOURCES],
)
def test_source(addresses: list[str], routes: Any, target: str, expected: str) -> None:
    down = link("down", 5, up=False)
    made = Stack(namespace(links=(*LINKS, down), addresses=addresses, routes=routes))
    family, _ = parse_ip(target)
    unset = "::" if family is Family.V6 else "0.0.0.0"
    chosen = choose_source(made, packet(f"udp {unset} -> {target}:53"))
    assert format_ip(family, chosen.src) == expected


TYPES = {
    "own": ("10.0.0.1", "", AddressType.LOCAL),
    "own on that device": ("10.0.0.1", "e0", AddressType.LOCAL),
    "own on another": ("10.0.0.1", "e1", AddressType.UNICAST),
    "loopback": ("127.0.0.9", "", AddressType.LOCAL),
    "other": ("10.0.0.2", "", AddressType.UNICAST),
    "all ones": ("255.255.255.255", "", AddressType.BROADCAST),
    "zero": ("0.0.0.0", "", AddressType.BROADCAST),
    "multicast": ("224.0.0.1", "", AddressType.MULTICAST),
    "v6 multicast": ("ff02::1", "", AddressType.MULTICAST),
}


@pytest.mark.parametrize(("text", "device", "expected"), TYPES.values(), ids=TYPES.keys())
def test_address_type(text: str, device: str, expected: AddressType) -> None:
    assert stack("10.0.0.1/24 e0").address_type(*parse_ip(text), device) is expected


@pytest.mark.parametrize("part", ["routes", "rules"])
def test_routes_not_collected_are_no_answer(part: str) -> None:
    made = stack("10.0.0.1/24 e0", gaps=(Gap(part, "permission denied"),))
    found = made.route(Flow(Family.V4, ip("10.0.0.9")))
    assert found.kind is FibKind.UNKNOWN
    assert "permission denied" in found.why


def test_sockets_not_collected_are_no_answer() -> None:
    made = stack("10.0.0.1/24 e0", gaps=(Gap("sockets", "no ss"),))
    assert made.has_socket(packet("tcp 10.0.0.9 -> 10.0.0.1:80"), transparent_only=False) is None


def test_transparency_is_in_no_dump() -> None:
    made = stack("10.0.0.1/24 e0", sockets=(listen("tcp 0.0.0.0:80"),))
    asked = packet("tcp 10.0.0.9 -> 10.0.0.1:80")
    assert made.has_socket(asked, transparent_only=True) is None
    assert made.has_socket(asked, transparent_only=False) is True


@pytest.mark.parametrize(
    ("count", "limit", "full"), [(9, 10, False), (10, 10, True), (10, 0, False)]
)
def test_conntrack_full(count: int, limit: int, full: bool) -> None:
    assert stack(conntrack=CtTable(count=count, limit=limit)).conntrack_full() is full


def test_a_host_without_rules_does_not_track() -> None:
    assert not stack().tracks_connections
    assert stack(rulesets=(iptables("-A INPUT -j ACCEPT"),)).tracks_connections


def test_fib_asks_the_policy_rules_too() -> None:
    made = stack(
        "10.0.0.1/24 e0",
        routes=["10.9.0.0/16 dev e0", "10.9.0.0/16 dev e1 table 100"],
        rules=[rule(100, target="100", fwmark=(1, 1))],
    )
    asked = (Family.V4, ip("10.0.0.1"), ip("10.9.0.1"))
    assert made.fib(*asked, 0, "", "", 0).oif == "e0"
    assert made.fib(*asked, 1, "", "", 0).oif == "e1"


def test_the_source_chosen_can_change_the_route() -> None:
    """connect() routes, chooses the source, and routes again with it."""
    made = stack(
        "10.0.0.1/24 e0",
        routes=["10.9.0.0/16 dev e0", "10.9.0.0/16 dev e1 table 100"],
        rules=[rule(100, target="100", source="10.0.0.1/32")],
    )
    chosen = choose_source(made, packet("udp 0.0.0.0 -> 10.9.0.1:53"))
    again = made.route(Flow(Family.V4, chosen.dst, chosen.src))
    assert (chosen.src, again.nexthops[0].device) == (ip("10.0.0.1"), "e1")
