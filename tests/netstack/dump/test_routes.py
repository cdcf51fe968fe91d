from __future__ import annotations

import pytest

from skoop.errors import ParseError
from skoop.model.address import Family, parse_ip, parse_prefix
from skoop.netstack.dump.nexthops import read_nexthops
from skoop.netstack.dump.routes import (
    dsfield,
    read_cached,
    read_routes,
    resolved,
    with_locks,
)
from skoop.netstack.state import NextHop, Route, RouteType


def v4(own: str) -> Route:
    (route,) = read_routes(f"[{own}]", Family.V4, "test")
    return route


def gateway(text: str) -> tuple[Family, int]:
    return parse_ip(text)


# As iproute2 6.1 prints them.
ROUTES = [
    pytest.param(
        '{"dst":"default","tos":"0x10","gateway":"10.1.0.254","dev":"v0","flags":[]}',
        {
            "destination": parse_prefix("0.0.0.0/0"),
            "tos": 0x10,
            "nexthops": (NextHop("v0", gateway("10.1.0.254")),),
        },
        id="default-with-tos",
    ),
    pytest.param(
        '{"dst":"10.1.0.0/24","dev":"v0","protocol":"kernel","scope":"link","prefsrc":"10.1.0.1",'
        '"flags":[]}',
        {
            "scope": "link",
            "protocol": "kernel",
            "prefsrc": parse_ip("10.1.0.1")[1],
            "nexthops": (NextHop("v0"),),
            "table": "main",
        },
        id="connected",
    ),
    pytest.param(
        '{"dst":"10.6.0.0/16","gateway":"10.1.0.9","dev":"v0","table":"201","flags":["onlink"],'
        '"metrics":[{"mtu":1400,"advmss":1000}]}',
        {
            "table": "201",
            "mtu": 1400,
            "nexthops": (NextHop("v0", gateway("10.1.0.9"), 1, ("onlink",)),),
        },
        id="onlink-mtu-table",
    ),
    pytest.param(
        '{"dst":"10.7.0.0/16","flags":[],"nexthops":[{"gateway":"10.1.0.8","dev":"v0","weight":2,'
        '"flags":[]},{"gateway":"10.1.0.7","dev":"v0","weight":3,"flags":["dead","linkdown"]}]}',
        {
            "nexthops": (
                NextHop("v0", gateway("10.1.0.8"), 2),
                NextHop("v0", gateway("10.1.0.7"), 3, ("dead", "linkdown")),
            )
        },
        id="multipath",
    ),
    pytest.param(
        '{"dst":"10.8.0.0/16","via":{"family":"inet6","host":"fd00::9"},"dev":"v0","flags":[]}',
        {"nexthops": (NextHop("v0", gateway("fd00::9")),)},
        id="v6-gateway-of-a-v4-route",
    ),
    pytest.param(
        '{"dst":"10.11.0.0/16","encap":"ip","id":5,"src":"0.0.0.0","dst":"1.2.3.4","ttl":0,'
        '"tos":0,"dev":"vxe","scope":"link","flags":[]}',
        {
            "destination": parse_prefix("10.11.0.0/16"),
            "nexthops": (NextHop("vxe", encap="ip"),),
        },
        id="encap-repeats-dst",
    ),
    pytest.param(
        '{"type":"blackhole","dst":"10.3.0.0/16","metric":7,"flags":[]}',
        {"type": RouteType.BLACKHOLE, "metric": 7, "nexthops": ()},
        id="blackhole",
    ),
    pytest.param(
        '{"type":"throw","dst":"10.5.0.0/16","table":"200","flags":[]}',
        {"type": RouteType.THROW},
        id="throw",
    ),
    pytest.param(
        '{"type":"local","dst":"127.0.0.1","dev":"lo","table":"local","scope":"host","flags":[]}',
        {
            "type": RouteType.LOCAL,
            "destination": parse_prefix("127.0.0.1/32"),
            "table": "local",
            "scope": "host",
        },
        id="bare-host",
    ),
    pytest.param(
        '{"dst":"10.10.0.1","dev":"br0","protocol":99,"scope":200,"table":7,"flags":[]}',
        {"scope": "site", "protocol": "99", "table": "7"},
        id="numbers-for-names",
    ),
]


@pytest.mark.parametrize(("own", "expected"), ROUTES)
def test_one_route(own: str, expected: dict[str, object]) -> None:
    route = v4(own)
    assert {name: getattr(route, name) for name in expected} == expected


def test_v6_source_and_preference() -> None:
    own = '{"dst":"fd04::/64","from":"fd05::/64","dev":"v0","metric":1024,"flags":[],"pref":"high"}'
    (route,) = read_routes(f"[{own}]", Family.V6, "test")
    assert (route.source, route.pref) == (parse_prefix("fd05::/64"), "high")


def test_default_has_the_family_asked_for() -> None:
    (route,) = read_routes('[{"dst":"default","dev":"v0"}]', Family.V6, "test")
    assert route.destination == parse_prefix("::/0")


def test_a_nexthop_object_completes_a_route_that_only_names_it() -> None:
    objects = read_nexthops(
        '[{"id":1,"gateway":"10.1.0.8","dev":"v0","flags":[]},'
        '{"id":2,"gateway":"10.1.0.7","dev":"v0","flags":[]},'
        '{"id":3,"group":[{"id":1,"weight":5},{"id":2}],"flags":[]},'
        '{"id":4,"blackhole":null,"flags":[]},'
        '{"id":6,"encap":"ip6","id":5,"src":"::","dst":"fd00::3","dev":"vxe","flags":[]}]',
        "test",
    )
    assert sorted(objects) == [1, 2, 3, 4, 6]
    routes = read_routes('[{"dst":"10.15.0.0/16","nhid":3,"flags":[]}]', Family.V4, "test")
    (route,) = resolved(routes, objects)
    assert [hop.weight for hop in route.nexthops] == [5, 1]
    assert route.nexthops[1].gateway == gateway("10.1.0.7")
    assert objects[4] == ()


def test_plain_text_tells_the_lock() -> None:
    routes = read_routes(
        '[{"dst":"10.6.0.0/16","dev":"v0","table":"201","metrics":[{"mtu":1400}]},'
        '{"dst":"10.6.0.0/16","dev":"v0","metrics":[{"mtu":1400}]},'
        '{"dst":"default","dev":"v0","metrics":[{"mtu":1300}]},'
        '{"type":"local","dst":"10.9.9.9","dev":"lo","table":"local","metrics":[{"mtu":99}]}]',
        Family.V4,
        "test",
    )
    plain = (
        "10.6.0.0/16 via 10.1.0.9 dev v0 table 201 src 10.1.0.2 onlink mtu lock 1400 \n"
        "10.6.0.0/16 dev v0 mtu 1400\n"
        "default dev v0 mtu lock 1300 \n"
        "local 10.9.9.9 dev lo table local mtu lock 99\n"
    )
    assert [route.mtu_locked for route in with_locks(routes, plain)] == [True, False, True, True]


def test_a_learnt_path_mtu() -> None:
    own = (
        '[{"dst":"192.168.2.2","gateway":"192.168.1.2","dev":"a0","flags":[],"cache":[],'
        '"expires":599,"metrics":[{"mtu":1300}]},'
        '{"dst":"192.168.2.3","gateway":"192.168.1.9","dev":"a0","flags":[],"cache":["redirected"]}]'
    )
    learnt, redirected = read_cached(own, Family.V4, "test")
    assert (learnt.cached_pmtu, learnt.mtu, str(learnt.destination)) == (
        True,
        1300,
        "192.168.2.2/32",
    )
    assert not redirected.cached_pmtu


@pytest.mark.parametrize(
    ("text", "value"),
    [("0x10", 16), ("CS1", 0x20), ("AF11", 0x28), ("EF", 0xB8), ("lowdelay", 16), ("default", 0)],
)
def test_dsfield_names(text: str, value: int) -> None:
    assert dsfield(text) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "empty", id="nothing"),
        pytest.param("default via 10.0.0.1 dev eth0\n", "plain text", id="no-json"),
        pytest.param('[{"dst":"10.0.0.0/8"', "not JSON", id="cut-off"),
        pytest.param('[{"dst":"10.0.0.0/33"}]', "not a prefix", id="bad-prefix"),
        pytest.param('[{"dst":"fd00::/8"}]', "family", id="wrong-family"),
        pytest.param('[{"dst":"default","type":"magic"}]', "magic", id="unknown-type"),
        pytest.param('[{"dev":"v0"}]', "dst", id="no-destination"),
        pytest.param('[{"dst":"default"},{"dst":1}]', "entry 2", id="wrong-type"),
    ],
)
def test_problems_are_named(text: str, problem: str) -> None:
    with pytest.raises(ParseError, match=problem) as caught:
        read_routes(text, Family.V4, "ip -j -4 route")
    assert caught.value.source == "ip -j -4 route"
