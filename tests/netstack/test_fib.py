"""Rules, tables and next hops: which way a packet goes."""

from __future__ import annotations

from typing import Any

import pytest

from skoop.model.address import Family, parse_ip
from skoop.model.packet import EPHEMERAL
from skoop.netstack.fib import Fib, FibKind, FibResult, Flow
from tests.netstack.builders import DEFAULT_RULES, ip, route, rule

NEAR, FAR = "near", "far"
ROUTES = (
    "0.0.0.0/0 via 10.0.0.1 dev near",
    "10.9.0.0/16 via 10.0.0.2 dev near",
    "0.0.0.0/0 dev far table 100",
)
V6_ROUTES = ("::/0 via fd00::1 dev near", "::/0 dev far table 100")


def flow(dst: str = "10.9.0.5", src: str = "0.0.0.0", **fields: Any) -> Flow:
    family, value = parse_ip(dst)
    return Flow(family, value, parse_ip(src)[1] if src != "0.0.0.0" else 0, **fields)


def look(asked: Flow, routes: Any = ROUTES, rules: Any = (), **fields: Any) -> FibResult:
    made = [route(text) for text in routes]
    every = [*(r for r in DEFAULT_RULES if r.family is asked.family), *rules]
    return Fib(asked.family, every, made, **fields).lookup(asked)


def way(found: FibResult) -> str:
    """The device, or the kind when there is none."""
    return found.nexthops[0].device if found.nexthops else found.kind.value


SELECTORS = [
    # id, selector, a flow that matches, one that does not
    ("from", {"source": "10.1.0.0/16"}, flow(src="10.1.2.3"), flow(src="10.2.2.3")),
    ("to", {"destination": "10.9.0.0/24"}, flow("10.9.0.5"), flow("10.9.1.5")),
    ("iif", {"iif": "eth0"}, flow(iif="eth0"), flow(iif="eth1")),
    ("iif lo is the host's own", {"iif": "lo"}, flow(), flow(iif="eth0")),
    ("oif", {"oif": "far"}, flow(oif="far"), flow()),
    ("fwmark", {"fwmark": (0x10, 0xFFFFFFFF)}, flow(mark=0x10), flow(mark=0x11)),
    ("fwmark with mask", {"fwmark": (0x10, 0xF0)}, flow(mark=0x1F), flow(mark=0x2F)),
    ("tos", {"tos": 0x10}, flow(tos=0x10), flow(tos=0x08)),
    ("tos of four bits only", {"tos": 0x10}, flow(tos=0xB0), flow(tos=0x14)),
    ("ipproto", {"ipproto": 6}, flow(proto=6), flow(proto=17)),
    ("sport", {"sport": (1000, 1001)}, flow(sport=1001), flow(sport=1002)),
    ("dport", {"dport": (80, 80)}, flow(dport=80), flow(dport=81)),
    ("drawn source port", {"sport": (1024, 65535)}, flow(sport=EPHEMERAL), flow(sport=22)),
    (
        "several at once",
        {"source": "10.1.0.0/16", "dport": (80, 80)},
        flow(src="10.1.0.1", dport=80),
        flow(src="10.1.0.1", dport=443),
    ),
]


@pytest.mark.parametrize(
    ("selector", "yes", "no"), [case[1:] for case in SELECTORS], ids=[case[0] for case in SELECTORS]
)
class TestSelectors:
    def test_selects(self, selector: dict[str, Any], yes: Flow, no: Flow) -> None:
        rules = [rule(100, target="100", **selector)]
        assert way(look(yes, rules=rules)) == FAR
        assert way(look(no, rules=rules)) == NEAR

    def test_not_inverts(self, selector: dict[str, Any], yes: Flow, no: Flow) -> None:
        if "oif" in selector:
            return  # a bound device also limits the next hops
        rules = [rule(100, target="100", inverted=True, **selector)]
        assert way(look(yes, rules=rules)) == NEAR
        assert way(look(no, rules=rules)) == FAR


UNDECIDABLE = {
    "uid of a socket": {"uid_range": (0, 1000)},
    "l3mdev": {"l3mdev": True},
    "tunnel id": {"tun_id": 7},
    "a selector skoop does not know": {"unmodelled": "flowlabel"},
    "suppress_ifgroup": {"suppress_ifgroup": 3},
    "drawn source port that may lie inside": {"sport": (40000, 50000)},
}


@pytest.mark.parametrize("selector", UNDECIDABLE.values(), ids=UNDECIDABLE.keys())
def test_an_undecidable_rule_is_named_and_never_guessed(selector: dict[str, Any]) -> None:
    made = rule(100, target="100", raw="100: the rule", **selector)
    found = look(flow(sport=EPHEMERAL), rules=[made])
    assert found.kind is FibKind.UNKNOWN
    assert "100: the rule" in found.why


def test_an_undecidable_rule_that_cannot_match_is_no_matter() -> None:
    made = rule(100, target="100", uid_range=(0, 1), destination="192.0.2.0/24")
    assert way(look(flow(), rules=[made])) == NEAR


ACTIONS = {
    "blackhole": (rule(100, action="blackhole"), "blackhole"),
    "unreachable": (rule(100, action="unreachable"), "unreachable"),
    "prohibit": (rule(100, action="prohibit"), "prohibit"),
    "nop": (rule(100, action="nop"), NEAR),
    "lookup in a table by number": (rule(100, target="100"), FAR),
    "lookup of main by number": (rule(100, target="254"), NEAR),
    "lookup in an empty table": (rule(100, target="77"), NEAR),
}


@pytest.mark.parametrize(("made", "expected"), ACTIONS.values(), ids=ACTIONS.keys())
def test_actions(made: Any, expected: str) -> None:
    assert way(look(flow(), rules=[made])) == expected


def test_goto_skips_the_rules_between() -> None:
    rules = [
        rule(100, action="goto", target="300", destination="10.9.0.0/16"),
        rule(200, action="blackhole"),
        rule(300, target="100"),
    ]
    assert way(look(flow("10.9.0.5"), rules=rules)) == FAR
    assert way(look(flow("10.8.0.5"), rules=rules)) == "blackhole"


def test_goto_to_a_priority_nobody_has_is_passed_over() -> None:
    """fib_rules_lookup(): an unresolved goto does nothing; seen with `ip route get`."""
    assert way(look(flow(), rules=[rule(100, action="goto", target="500")])) == NEAR


def test_rules_apply_by_priority_not_by_order() -> None:
    rules = [rule(200, action="prohibit"), rule(100, target="100")]
    assert way(look(flow(), rules=rules)) == FAR


SUPPRESS = {
    "default routes": (0, flow("10.8.0.5"), FAR),
    "but not longer ones": (0, flow("10.9.0.5"), NEAR),
    "up to 16 bits": (16, flow("10.9.0.5"), FAR),
}


@pytest.mark.parametrize(("length", "asked", "expected"), SUPPRESS.values(), ids=SUPPRESS.keys())
def test_suppress_prefixlength(length: int, asked: Flow, expected: str) -> None:
    rules = [rule(100, target="main", suppress_prefixlength=length), rule(200, target="100")]
    assert way(look(asked, rules=rules)) == expected


def test_suppress_prefixlength_does_not_suppress_refusals() -> None:
    """Seen with `ip route get`: a blackhole default route of the table still counts."""
    routes = ("blackhole default table 100", "default dev near")
    rules = [rule(100, target="100", suppress_prefixlength=16)]
    assert way(look(flow(), routes, rules)) == "blackhole"


def test_without_the_rule_for_main_nothing_in_main_is_found() -> None:
    made = [route(text) for text in ROUTES]
    only = [r for r in DEFAULT_RULES if r.family is Family.V4 and r.target == "local"]
    assert Fib(Family.V4, only, made).lookup(flow()).kind is FibKind.NONE


TYPES = {
    "longest prefix wins": (("10.0.0.0/8 dev a", "10.9.0.0/24 dev b"), "b"),
    "a host route wins": (("10.9.0.0/24 dev a", "10.9.0.5/32 dev b"), "b"),
    "lower metric wins": (("10.9.0.0/16 dev a metric 200", "10.9.0.0/16 dev b metric 100"), "b"),
    "blackhole": (("blackhole 10.9.0.0/16", "default dev a"), "blackhole"),
    "unreachable": (("unreachable 10.9.0.0/16", "default dev a"), "unreachable"),
    "prohibit": (("prohibit 10.9.0.0/16", "default dev a"), "prohibit"),
    "throw leaves the table": (("throw 10.9.0.0/16", "default dev a"), "no route"),
    "nothing": (("10.8.0.0/16 dev a",), "no route"),
    "dead next hop": (("10.9.0.0/24 dev a dead", "10.9.0.0/16 dev b"), "b"),
    "dead next hop, higher metric lives": (
        ("10.9.0.0/24 dev a dead metric 1", "10.9.0.0/24 dev b metric 2"),
        "b",
    ),
    "linkdown counts as alive": (("10.9.0.0/24 dev a linkdown", "10.9.0.0/16 dev b"), "a"),
    "onlink": (("10.9.0.0/16 via 192.0.2.1 dev a onlink",), "a"),
    "tos route for other traffic": (("10.9.0.0/16 tos 0x10 dev a", "10.9.0.0/16 dev b"), "b"),
}


@pytest.mark.parametrize(("routes", "expected"), TYPES.values(), ids=TYPES.keys())
def test_routes(routes: tuple[str, ...], expected: str) -> None:
    assert way(look(flow(), routes)) == expected


def test_throw_goes_on_with_the_next_rule() -> None:
    routes = ("throw 10.9.0.0/16 table 100", "default dev far table 100", "default dev near")
    rules = [rule(100, target="100")]
    assert way(look(flow("10.9.0.5"), routes, rules)) == NEAR
    assert way(look(flow("10.8.0.5"), routes, rules)) == FAR


def test_tos_routes_take_their_traffic() -> None:
    routes = ("10.9.0.0/16 tos 0x10 dev a", "10.9.0.0/16 dev b")
    assert [way(look(flow(tos=tos), routes)) for tos in (0x10, 0xB0, 0x08)] == ["a", "a", "b"]


def test_ignore_routes_with_linkdown() -> None:
    routes = ("10.9.0.0/24 dev a linkdown", "10.9.0.0/16 dev b")
    assert way(look(flow(), routes, skip_linkdown=frozenset(("a",)))) == "b"


def test_ecmp_gives_every_living_next_hop_with_its_weight() -> None:
    text = (
        "10.9.0.0/16 nexthop via 10.0.0.1 dev a weight 3 nexthop via 10.0.0.2 dev b weight 1 "
        "nexthop via 10.0.0.3 dev c dead"
    )
    found = look(flow(), (text,))
    assert [(hop.device, hop.weight) for hop in found.nexthops] == [("a", 3), ("b", 1)]


def test_prefsrc_and_the_rule_that_led_there_are_told() -> None:
    made = rule(100, target="100")
    found = look(flow(), ("default dev far table 100 src 10.0.0.7",), [made])
    assert (found.prefsrc, found.rule) == (ip("10.0.0.7"), made)


def test_v6_source_routes() -> None:
    routes = ("fd01::/64 from fd02::/64 dev a", "fd01::/64 dev b")
    assert way(look(flow("fd01::5", "fd02::1"), routes)) == "a"
    assert way(look(flow("fd01::5", "fd03::1"), routes)) == "b"


def test_v6_rules() -> None:
    made = [rule(100, Family.V6, target="100", source="fd02::/64")]
    assert way(look(flow("fd01::5", "fd02::1"), V6_ROUTES, made)) == FAR
    assert way(look(flow("fd01::5", "fd03::1"), V6_ROUTES, made)) == NEAR


def test_a_bound_device_limits_even_local_addresses() -> None:
    """`ip route get 10.0.1.1 oif e0` leaves by e0, though e1 has the address."""
    routes = ("local 10.0.1.1 dev e1 table local", "default dev e0")
    assert way(look(flow("10.0.1.1", oif="e0"), routes)) == "e0"
    assert look(flow("10.0.1.1"), routes).kind is FibKind.LOCAL


CUSTOM = {
    "default ones": ((), False),
    "one more": ((rule(100, target="100"),), True),
    "another priority for main": ((rule(50, target="main"),), True),
}


@pytest.mark.parametrize(("rules", "expected"), CUSTOM.values(), ids=CUSTOM.keys())
def test_custom_rules(rules: Any, expected: bool) -> None:
    every = [*(r for r in DEFAULT_RULES if r.family is Family.V4), *rules]
    assert Fib(Family.V4, every, ()).has_custom_rules is expected
