"""Reading listings: which chains there are, what is skipped, what is named as not modelled."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skoop.errors import ParseError
from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.netstack.conntrack import new_connection
from skoop.netstack.netfilter import ChainKind, Hook, Ruleset, View
from skoop.netstack.nft import modelled, read_ruleset, read_text
from tests.netstack.nft.driver import TestHost

NOTHING = frozenset()
HOST = TestHost(("10.0.0.1",))


def entry(kind: str, **fields: object) -> dict:
    return {kind: {"family": "inet", "table": "t", "handle": 1, **fields}}


def base(name: str = "c", hook: str = "input", **fields: object) -> dict:
    whole = {"type": "filter", "prio": 0, "policy": "accept", **fields}
    return entry("chain", name=name, hook=hook, **whole)


def read(*entries: dict, covered: frozenset = NOTHING) -> Ruleset:
    table = {"table": {"family": "inet", "name": "t", "handle": 1}}
    return read_ruleset(json.dumps({"nftables": [table, *entries]}), covered=covered, source="test")


def test_a_base_chain_says_where_it_hangs():
    (chain,) = read(base("nat-pre", "prerouting", type="nat", prio=-100)).chains
    assert (chain.engine, chain.name) == ("nft", "inet t nat-pre")
    assert (chain.hook, chain.priority, chain.kind) == (Hook.PREROUTING, -100, ChainKind.NAT)
    assert chain.family is None


@pytest.mark.parametrize(("family", "expected"), [("ip", Family.V4), ("ip6", Family.V6)])
def test_a_table_of_one_ip_version(family, expected):
    (chain,) = read(base(family=family)).chains
    assert chain.family is expected


@pytest.mark.parametrize(
    ("prio", "expected"),
    [(-5, -5), ("filter", 0), ("dstnat - 10", -110), ("mangle + 5", -145), ("-7", -7)],
)
def test_priorities(prio, expected):
    assert read(base(prio=prio)).chains[0].priority == expected


def test_covered_tables_are_skipped():
    rule = entry("rule", chain="c", expr=[{"xt": None}])
    covered = frozenset({("inet", "t")})
    assert read(base(), rule, covered=covered) == Ruleset()
    assert read(base(), rule).unmodelled


def test_a_dormant_table_has_no_hooks():
    dormant = {"table": {"family": "inet", "name": "t", "flags": "dormant", "handle": 1}}
    assert read(dormant, base()) == Ruleset()


@pytest.mark.parametrize(
    ("family", "hook"),
    [("netdev", "ingress"), ("netdev", "egress"), ("bridge", "forward"), ("inet", "ingress")],
)
def test_link_layer_rules_that_could_drop_are_named(family, hook):
    entries = (
        base(hook=hook, family=family, dev="eth0"),
        entry("chain", family=family, name="sub"),
        entry("rule", family=family, chain="c", expr=[{"jump": {"target": "sub"}}]),
        entry("rule", family=family, chain="c", expr=[{"counter": None}, {"accept": None}]),
        entry("rule", family=family, chain="sub", expr=[{"counter": None}, {"drop": None}]),
    )
    found = read(*entries)
    assert found.chains == ()
    assert [(unknown.where, unknown.rule) for unknown in found.unmodelled] == [
        (f"nft {family} t sub", "counter drop")
    ]


@pytest.mark.parametrize(
    "expr",
    [
        [{"xt": None}],
        [{"xt": {"type": "target", "name": "TCPMSS"}}],
        [{"queue": {"num": 1}}],
        [{"synproxy": None}, {"drop": None}],
        [{"brand new": {"x": 1}}],
        [{"match": {"op": "==", "left": {"brand": {"new": 1}}, "right": 1}}, {"drop": None}],
        [{"match": {"op": "==", "left": {"meta": {"key": "novel"}}, "right": 1}}],
        [{"match": {"op": "~", "left": {"meta": {"key": "mark"}}, "right": 1}}],
        [{"match": {"op": "==", "left": {"meta": {"key": "cgroup"}}, "right": 5}}],
        [{"mangle": {"key": {"payload": {"protocol": "ether", "field": "daddr"}}, "value": 1}}],
        [{"ct count": {"val": 3}}],
        [{"reject": {"type": "carrier pigeon"}}],
        [{"vmap": {"key": {"meta": {"key": "mark"}}, "data": "@missing"}}],
        ["drop"],
        [{}],
    ],
    ids=str,
)
def test_what_is_not_modelled_is_named_with_its_rule(expr):
    (unknown,) = read(base(), entry("rule", chain="c", expr=expr)).unmodelled
    assert unknown.where == "nft inet t c"
    assert unknown.rule
    assert unknown.why


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        '{"nftables": 1}',
        '{"nftables": [{"rule": {"family": "ip"}}]}',
        '{"nftables": [{"table": {"family": "appletalk", "name": "x"}}]}',
        '{"nftables": [' * 5000,
    ],
    ids=lambda text: text[:40] or "empty",
)
def test_what_is_no_listing(text):
    with pytest.raises(ParseError) as caught:
        read_ruleset(text, covered=NOTHING, source="node-1 nft")
    assert caught.value.source == "node-1 nft"


@pytest.mark.parametrize(
    "chain", [{"type": "odd"}, {"policy": "maybe"}, {"prio": "soon"}, {"hook": "sideways"}], ids=str
)
def test_a_base_chain_no_kernel_has(chain):
    with pytest.raises(ParseError):
        read(base(**{"hook": "input", **chain}))


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "table",
        "table ip t",
        "table ip t {",
        "table ip t {\n chain c {\n",
        "table ip t {\n set s {\n elements = { 1 2 }\n }\n}",
        "table ip t {\n chain c {\n type filter hook input priority soon; policy accept;\n }\n}",
        "table ip t {\n \x00 \n}",
    ],
    ids=repr,
)
def test_text_that_is_no_listing(text):
    with pytest.raises(ParseError):
        read_text(text, covered=NOTHING, source="x")


def test_a_namespace_without_rules():
    assert read_text("", covered=NOTHING, source="x") == Ruleset()
    assert read_ruleset('{"nftables": []}', covered=NOTHING, source="x") == Ruleset()


def test_a_rule_of_unreadable_text_is_named():
    text = (
        "table ip t {\n\tchain c {\n\t\ttype filter hook input priority filter; policy drop;\n"
        "\t\ttcp dport 22 frobnicate wildly 7\n\t\taccept\n\t}\n}\n"
    )
    found = read_text(text, covered=NOTHING, source="x")
    (unknown,) = found.unmodelled
    assert unknown.rule == "tcp dport 22 frobnicate wildly 7"
    assert len(found.chains) == 1


def test_text_with_handles_devices_and_remarks():
    text = """# Warning: table ip filter is managed by iptables-nft, do not touch!
table inet t { # handle 4
	flowtable f { # handle 9
		hook ingress priority filter
		devices = { "eth0", "lo" }
	}
	limit slow { # handle 3
		rate over 10/second burst 5 packets
	}
	quota much { # handle 8
		over 10 mbytes used 20 mbytes
	}
	ct helper ftp-standard { # handle 7
		type "ftp" protocol tcp
		l3proto inet
	}
	chain in { # handle 1
		comment "first"
		type filter hook ingress devices = { "eth0", "lo" } priority filter; policy accept;
		drop # handle 5
	}
	chain c { # handle 2
		type filter hook input priority filter + 1; policy accept;
		limit name "slow" drop # handle 6
		ct helper set "ftp-standard"
		quota name "much" drop comment "over"
	}
}
"""
    found = read_text(text, covered=NOTHING, source="x")
    (chain,) = found.chains
    assert (chain.name, chain.priority) == ("inet t c", 1)
    (ingress,) = found.unmodelled
    assert (ingress.where, ingress.rule) == ("nft inet t in", "drop")
    packet = Packet(family=Family.V4, proto=6, src=1, dst=2, sport=40000, dport=80, flags=2)
    view = View(hook=Hook.INPUT, host=HOST, ct=new_connection(packet), iif="eth0")
    (outcome,) = chain.evaluate(packet, view)
    assert outcome.fired[-1].rule == 'quota name "much" drop comment "over"'


def test_the_list_of_what_is_modelled():
    names = modelled()
    assert names == tuple(sorted(names))
    assert {"vmap", "numgen", "dnat", "meta mark", "ct state", "queue (unknown)"} <= set(names)
    assert "unread" not in names


def test_extensions_of_iptables_without_effect_need_no_parameters():
    expr = [{"xt": {"type": "match", "name": "comment"}}, {"xt": {"type": "target", "name": "LOG"}}]
    assert read(base(), entry("rule", chain="c", expr=expr)).unmodelled == ()


def _meet(ruleset: Ruleset) -> None:
    packet = Packet(family=Family.V4, proto=6, src=1, dst=2, sport=40000, dport=80, flags=2)
    for chain in ruleset.chains:
        view = View(hook=chain.hook, host=HOST, ct=new_connection(packet), iif="eth0")
        outcomes = chain.evaluate(packet, view)
        assert outcomes
        assert all(0 < outcome.weight <= 1 + 1e-9 for outcome in outcomes)


@settings(max_examples=150)
@given(st.text(max_size=200))
def test_any_text_gives_a_ruleset_or_a_parse_error(text):
    for reader in (read_ruleset, read_text):
        try:
            _meet(reader(text, covered=NOTHING, source="fuzz"))
        except ParseError:
            continue


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from(
        ["10.0.0.1", "fd00::1", "@s", "tcp", "local", "eth*", "saddr", "mark", "state", "th", "*"]
    ),
    st.text(max_size=5),
)
KEYS = st.sampled_from(
    "match vmap mangle key data left right op set map payload protocol field meta ct fib flags "
    "result numgen mode mod offset jhash expr concat prefix addr len range elem val jump goto "
    "target dnat snat port family reject type limit quota inv | & << >> socket drop accept "
    "ct_helper log counter tproxy masquerade redirect tcp_option exthdr name base".replace(
        "ct_helper", "ct helper"
    ).split()
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(st.lists(st.dictionaries(KEYS, JSON, min_size=1, max_size=1), max_size=4), JSON)
def test_any_rule_and_any_elements_can_be_met(expr, elements):
    ruleset = read(
        base(),
        entry("set", name="s", elem=elements),
        entry("rule", chain="c", expr=expr),
        entry("rule", chain="c", expr=[{"vmap": {"key": {"meta": {"key": "mark"}}, "data": "@s"}}]),
    )
    _meet(ruleset)


_WORDS = """
table ip inet t { } chain c set map type filter hook input priority 0 ; policy accept tcp dport 80 ,
ip saddr 10.0.0.0/8 . vmap @s elements = : jump ct state new | & "x" != numgen random mod 2 dnat to
limit rate 5/second counter comment drop ( ) / meta mark set fib daddr local reject with add quota
over log prefix 0x1-0x5 [fd00::1]:80 #
"""
WORDS = st.lists(st.sampled_from((*_WORDS.split(), "\n")), max_size=40)


@settings(max_examples=200)
@given(WORDS)
def test_any_words_of_a_listing(words):
    head = "table inet t {\n chain c {\n type filter hook input priority filter; policy accept;\n"
    for text in (" ".join(words), head + " ".join(words) + "\n}\n}\n"):
        try:
            _meet(read_text(text, covered=NOTHING, source="fuzz"))
        except ParseError:
            continue
