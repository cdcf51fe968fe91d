from __future__ import annotations

import pytest

from skoop.errors import ParseError
from skoop.model.address import Family, parse_prefix
from skoop.netstack.dump.rules import read_rules

# As iproute2 6.1 prints them.
RULES = [
    ('{"priority":0,"src":"all","table":"local"}', {"priority": 0, "target": "local"}),
    (
        '{"priority":63,"not":null,"src":"all","fwmark":"0x5","table":"5"}',
        {"inverted": True, "fwmark": (5, 0xFFFFFFFF), "target": "5"},
    ),
    (
        '{"priority":64,"src":"all","table":"99","flow_from":"4","flow_to":"5","protocol":"33"}',
        {"target": "99", "unmodelled": ""},
    ),
    ('{"priority":65,"src":"all","tun_id":7,"table":"9"}', {"tun_id": 7}),
    (
        '{"priority":66,"src":"all","table":"main","suppress_ifgroup":"5"}',
        {"suppress_ifgroup": 5, "suppress_prefixlength": -1},
    ),
    (
        '{"priority":67,"src":"all","table":"main","suppress_prefixlen":0}',
        {"suppress_prefixlength": 0, "suppress_ifgroup": -1},
    ),
    (
        '{"priority":68,"src":"all","iif":"lo","action":"prohibit"}',
        {"action": "prohibit", "iif": "lo", "target": ""},
    ),
    (
        '{"priority":69,"src":"all","dst":"1.2.3.5","action":"unreachable"}',
        {"action": "unreachable", "destination": parse_prefix("1.2.3.5/32"), "source": None},
    ),
    ('{"priority":71,"src":"all","uid_start":0,"uid_end":99,"table":"5"}', {"uid_range": (0, 99)}),
    ('{"priority":72,"src":"all","ipproto":"ipproto-99","table":"7"}', {"ipproto": 99}),
    (
        '{"priority":73,"src":"all","ipproto":"tcp","sport":10,"dport_start":20,"dport_end":30,'
        '"table":"6"}',
        {"ipproto": 6, "sport": (10, 10), "dport": (20, 30)},
    ),
    ('{"priority":74,"src":"all","tos":"0x10","table":"5"}', {"tos": 16}),
    (
        '{"priority":75,"src":"all","iif":"nonex","iif_detached":null,"table":"5"}',
        {"iif": "nonex", "unmodelled": ""},
    ),
    ('{"priority":100,"src":"all","goto":32766}', {"action": "goto", "target": "32766"}),
    (
        '{"priority":101,"src":"all","goto":50000,"unresolved":null}',
        {"action": "goto", "target": "50000", "unmodelled": ""},
    ),
    ('{"priority":102,"src":"all","nop":null}', {"action": "nop"}),
    (
        '{"priority":1000,"src":"all","l3mdev":null}',
        {"action": "lookup", "l3mdev": True, "target": ""},
    ),
    (
        '{"priority":32763,"src":"all","fwmark":"0x100","fwmask":"0xff00","table":"201"}',
        {"fwmark": (0x100, 0xFF00)},
    ),
    (
        '{"priority":32764,"not":null,"src":"10.2.0.1","dst":"10.3.0.0","dstlen":16,"table":"main"}',
        {
            "inverted": True,
            "source": parse_prefix("10.2.0.1/32"),
            "destination": parse_prefix("10.3.0.0/16"),
        },
    ),
    (
        '{"priority":9,"src":"all","dscp":"EF","table":"main"}',
        {"unmodelled": "dscp", "tos": None},
    ),
]


@pytest.mark.parametrize(("own", "expected"), RULES, ids=[own[:60] for own, _ in RULES])
def test_one_rule(own: str, expected: dict[str, object]) -> None:
    (rule,) = read_rules(f"[{own}]", Family.V4, "test")
    assert {name: getattr(rule, name) for name in expected} == expected


def test_v6_prefixes() -> None:
    own = '{"priority":5,"src":"fd00::","srclen":64,"dst":"fd01::1","table":"8"}'
    (rule,) = read_rules(f"[{own}]", Family.V6, "test")
    assert rule.source == parse_prefix("fd00::/64")
    assert rule.destination == parse_prefix("fd01::1/128")


@pytest.mark.parametrize(
    "own",
    [
        '{"priority":5,"src":"all"}',
        '{"priority":5,"src":"fd00::1","table":"8"}',
        '{"priority":5,"src":"10.0.0.0","srclen":64,"table":"8"}',
        '{"priority":5,"src":"all","action":"teleport"}',
        '{"priority":[],"src":"all","table":"8"}',
        '{"priority":5,"src":"all","ipproto":"no-such","table":"8"}',
        '{"priority":5,"src":"all","fwmark":"many","table":"8"}',
    ],
)
def test_a_rule_that_means_nothing_is_an_error(own: str) -> None:
    with pytest.raises(ParseError):
        read_rules(f"[{own}]", Family.V4, "test")
