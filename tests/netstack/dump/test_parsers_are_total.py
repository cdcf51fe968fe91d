"""Any text gives a value or a ParseError."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skoop.errors import ParseError
from skoop.model.address import Family
from skoop.model.packet import Proto
from skoop.netstack.dump.addresses import read_addresses
from skoop.netstack.dump.conntracktext import read_conntrack
from skoop.netstack.dump.fdb import read_fdb
from skoop.netstack.dump.links import read_links
from skoop.netstack.dump.neighbours import read_neighbours
from skoop.netstack.dump.nexthops import read_nexthops
from skoop.netstack.dump.ports import read_ports
from skoop.netstack.dump.procsockets import read_proc_sockets
from skoop.netstack.dump.qdiscs import read_filters, read_qdiscs
from skoop.netstack.dump.routes import locked_mtus, read_routes
from skoop.netstack.dump.rules import read_rules
from skoop.netstack.dump.sockets import read_sockets
from skoop.netstack.dump.sysctls import read_sysctls
from skoop.netstack.dump.vlans import read_vlans
from skoop.netstack.dump.wireguard import (
    read_allowed,
    read_endpoints,
    read_fwmarks,
    read_handshakes,
    read_keys,
    read_listen_ports,
)

Reader = Callable[[str, str], object]


def _proc(text: str, source: str) -> object:
    return read_proc_sockets(text, Proto.UDP, source)


def _routes(text: str, source: str) -> object:
    return read_routes(text, Family.V4, source)


def _rules(text: str, source: str) -> object:
    return read_rules(text, Family.V6, source)


JSON_READERS: list[Reader] = [
    read_links,
    read_addresses,
    read_neighbours,
    read_fdb,
    read_ports,
    read_nexthops,
    read_filters,
    read_qdiscs,
    read_vlans,
    _routes,
    _rules,
]
LINE_READERS: list[Reader] = [
    read_sockets,
    read_conntrack,
    read_sysctls,
    _proc,
    read_keys,
    read_listen_ports,
    read_fwmarks,
    read_endpoints,
    read_allowed,
    read_handshakes,
]

KEYS = [
    "ifindex",
    "ifname",
    "flags",
    "mtu",
    "linkinfo",
    "info_kind",
    "info_data",
    "info_slave_kind",
    "info_slave_data",
    "link",
    "link_index",
    "link_netnsid",
    "address",
    "addr_info",
    "family",
    "local",
    "prefixlen",
    "dst",
    "dev",
    "lladdr",
    "state",
    "proxy",
    "mac",
    "master",
    "nhid",
    "id",
    "group",
    "weight",
    "gateway",
    "via",
    "host",
    "type",
    "table",
    "tos",
    "metrics",
    "encap",
    "nexthops",
    "from",
    "priority",
    "src",
    "srclen",
    "dstlen",
    "fwmark",
    "fwmask",
    "goto",
    "action",
    "ipproto",
    "sport",
    "dport_start",
    "dport_end",
    "kind",
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.text(max_size=8),
    st.sampled_from(
        ["10.0.0.1", "fd00::1", "10.0.0.0/8", "all", "default", "vxlan", "bridge", "ipip", "0x10"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=12,
)
WORDS = st.sampled_from(
    [
        "tcp",
        "udp",
        "6",
        "17",
        "LISTEN",
        "UNCONN",
        "ESTAB",
        "ESTABLISHED",
        "0",
        "4096",
        "0.0.0.0:80",
        "*:80",
        "[::]:1",
        ":::8",
        "10.0.0.1:*",
        "*:*",
        "src=1.2.3.4",
        "dst=1.2.3.4",
        "src=fd00::1",
        "sport=1",
        "dport=2",
        "[UNREPLIED]",
        "mark=0",
        "=",
        "a",
        "0:",
        "0100010A:0050",
        "0A",
        "07",
        "01",
        "00:00",
        "ipv4",
        "2",
        "²",
    ]
)
KEY = 43 * "k" + "="
COLUMNS = st.sampled_from(
    ["wg0", KEY, "(none)", "off", "0x12", "51820", "10.0.0.1:1", "[fd00::1]:1", "10.0.0.0/8", ""]
)
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(st.lists(WORDS, max_size=14).map(" ".join), max_size=3).map("\n".join),
    st.lists(st.lists(COLUMNS, max_size=5).map("\t".join), max_size=3).map("\n".join),
)


@pytest.mark.parametrize("read", JSON_READERS + LINE_READERS, ids=lambda r: r.__name__)
def test_any_text(read: Reader) -> None:
    @settings(max_examples=40)
    @given(TEXTS)
    def check(text: str) -> None:
        with contextlib.suppress(ParseError):
            read(text, "test")

    check()


@pytest.mark.parametrize("read", JSON_READERS, ids=lambda r: r.__name__)
def test_any_json(read: Reader) -> None:
    @settings(max_examples=60)
    @given(st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=10), max_size=3))
    def check(value: object) -> None:
        with contextlib.suppress(ParseError):
            read(json.dumps(value), "test")

    check()


@settings(max_examples=60)
@given(TEXTS)
def test_plain_routes_never_fail(text: str) -> None:
    assert isinstance(locked_mtus(text + "\n mtu lock \nx table mtu lock 9"), frozenset)


@pytest.mark.parametrize("read", JSON_READERS, ids=lambda r: r.__name__)
@pytest.mark.parametrize("text", ["[" * 100_000, "[" + '{"linkinfo":' * 50_000, '["\ud800"]'])
def test_hostile_depth_and_surrogates(read: Reader, text: str) -> None:
    with pytest.raises(ParseError):
        partial(read, text)("test")
