from __future__ import annotations

import pytest

from skoop.netstack.dump import Output, ReadCache, read_namespace
from skoop.netstack.dump.firewall import is_trivial
from skoop.netstack.state import CtTable, Namespace

LINKS = '[{"ifindex":1,"ifname":"br0","flags":["UP"],"linkinfo":{"info_kind":"bridge"}}]'
GOOD = {
    "ip -j -d link": Output(LINKS),
    "ip -j addr": Output("[]"),
    "ip -j -4 route show table all": Output('[{"dst":"default","dev":"lo","flags":[]}]'),
    "ip -j -6 route show table all": Output("[ ]\n"),
    "ip -j rule": Output('[{"priority":0,"src":"all","table":"local"}]'),
    "ip -j -6 rule": Output("[]"),
    "ip -j neigh": Output("[]"),
    "bridge -j fdb": Output("[]"),
    "ss -H -lntu": Output("tcp LISTEN 0 7 0.0.0.0:80 0.0.0.0:*\n"),
    "conntrack -L": Output(""),
    "sysctl": Output("net.ipv4.ip_forward = 1\nnet.netfilter.nf_conntrack_max = 100\n"),
    "iptables-legacy-save": Output(""),
    "iptables-nft-save": Output(""),
    "ip6tables-legacy-save": Output("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"),
    "ip6tables-nft-save": Output(""),
    "nft -j list ruleset": Output('{"nftables": [{"metainfo": {"version": "1.0.6"}}]}'),
    "ipset save": Output(""),
}


def read(**changes: Output | None) -> Namespace:
    outputs = {**GOOD, **{key.replace("_", " "): value for key, value in changes.items()}}
    return read_namespace("pod/a/b", {k: v for k, v in outputs.items() if v is not None})


def read_with(command: str, output: Output | None, **more: Output) -> Namespace:
    outputs = {**GOOD, command: output, **more}
    return read_namespace("pod/a/b", {k: v for k, v in outputs.items() if v is not None})


def test_a_complete_namespace_has_no_gaps() -> None:
    found = read()
    assert found.gaps == ()
    assert [link.name for link in found.links] == ["br0"]
    assert found.sysctls["net.ipv4.ip_forward"] == "1"
    assert [socket.port for socket in found.sockets] == [80]
    assert found.conntrack == CtTable(limit=100)
    assert (len(found.routes), len(found.rules), found.rulesets) == (1, 1, ())


PARTS = {
    "ip -j -d link": "links",
    "ip -j addr": "addresses",
    "ip -j -4 route show table all": "routes",
    "ip -j -6 route show table all": "routes",
    "ip -j rule": "rules",
    "ip -j -6 rule": "rules",
    "ip -j neigh": "neighbours",
    "bridge -j fdb": "fdb",
    "ss -H -lntu": "sockets",
    "conntrack -L": "conntrack",
    "sysctl": "sysctls",
    "iptables-legacy-save": "rulesets",
    "nft -j list ruleset": "rulesets",
}


@pytest.mark.parametrize("command", PARTS)
@pytest.mark.parametrize(
    ("output", "why"),
    [
        pytest.param(None, "was not collected", id="absent"),
        pytest.param(Output(rc=127), "is not installed", id="no-tool"),
        pytest.param(Output(rc=1, stderr="Operation not\npermitted"), "not permitted", id="failed"),
    ],
)
def test_a_missing_command_is_a_gap(command: str, output: Output | None, why: str) -> None:
    gaps = read_with(command, output).gaps
    # Without iptables-legacy-save nothing else shows legacy rules; each part has one command here.
    assert [gap.part for gap in gaps] == [PARTS[command]]
    assert gaps[0].why.startswith(f"pod/a/b: {command}")
    assert why in gaps[0].why


def test_sets_are_only_missed_where_rules_may_ask_for_them() -> None:
    assert read_with("ipset save", None).gaps == ()
    unreadable = read_with("ipset save", None, **{"nft -j list ruleset": Output(rc=127)})
    assert {gap.part for gap in unreadable.gaps} == {"ipsets", "rulesets"}


def test_entries_are_only_missed_where_something_forwards_by_them() -> None:
    links = Output('[{"ifindex":1,"ifname":"lo","flags":[],"link_type":"loopback"}]')
    assert read_with("bridge -j fdb", None, **{"ip -j -d link": links}).gaps == ()


def test_no_nft_tables_at_all_is_an_answer() -> None:
    outputs = {name: out for name, out in GOOD.items() if "nft" not in name}
    assert read_namespace("p", {**outputs, "nft list tables": Output("")}).gaps == ()
    assert read_namespace("p", {**outputs, "nft list tables": Output("table ip x\n")}).gaps


@pytest.mark.parametrize(
    "command", [name for name in PARTS if name.startswith(("ip -j", "bridge", "ss", "conn", "sys"))]
)
def test_unreadable_text_is_a_gap_that_names_the_line(command: str) -> None:
    (gap,) = read_with(command, Output("garbage out\n")).gaps
    assert gap.part == PARTS[command]
    assert f"pod/a/b: {command}:1:" in gap.why


def test_a_kernel_without_ipv6_has_no_ipv6_state() -> None:
    failed = Output(rc=2, stderr="RTNETLINK answers: Address family not supported by protocol")
    found = read_with("ip -j -6 rule", failed, **{"ip -j -6 route show table all": failed})
    assert found.gaps == ()


def test_an_empty_table_needs_no_listing() -> None:
    counted = GOOD["sysctl"].stdout + "net.netfilter.nf_conntrack_count = 0\n"
    found = read_with("conntrack -L", None, sysctl=Output(counted))
    assert found.gaps == ()


def test_proc_files_stand_in_for_tools() -> None:
    entry = (
        "ipv4     2 udp      17 29 src=10.0.0.1 dst=10.0.0.2 sport=5 dport=99"
        " src=10.0.0.2 dst=10.0.0.1 sport=99 dport=5 mark=0 zone=0 use=2\n"
    )
    listening = "0: 00000000:0050 00000000:0000 0A 00000000:00000000\n"
    outputs = {
        **{k: v for k, v in GOOD.items() if k not in ("ss -H -lntu", "conntrack -L")},
        "/proc/net/tcp": Output(listening),
        "/proc/net/udp": Output(""),
        "/proc/net/nf_conntrack": Output(entry),
    }
    found = read_namespace("pod/a/b", outputs)
    assert found.gaps == ()
    assert [socket.port for socket in found.sockets] == [80]
    assert len(found.conntrack.entries) == 1


@pytest.mark.parametrize(
    ("legacy_names", "gaps"), [("", 0), ("nat\nfilter\n", 1)], ids=["unused", "in-use"]
)
def test_legacy_iptables_without_its_tool(legacy_names: str, gaps: int) -> None:
    found = read_with(
        "iptables-legacy-save", None, **{"/proc/net/ip_tables_names": Output(legacy_names)}
    )
    assert len(found.gaps) == gaps


@pytest.mark.parametrize(
    ("text", "trivial"),
    [
        ("", True),
        ("# Generated\n*filter\n:INPUT ACCEPT [0:0]\n:X - [0:0]\nCOMMIT\n", True),
        ("*filter\n:INPUT DROP [0:0]\nCOMMIT\n", False),
        ("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP\nCOMMIT\n", False),
        ("*filter\n:INPUT ACCEPT [0:0]\n[5:300] -A INPUT -j DROP\nCOMMIT\n", False),
        ("iptables: Permission denied\n", False),
    ],
)
def test_which_dumps_decide_nothing(text: str, trivial: bool) -> None:
    assert is_trivial(text) is trivial


def test_equal_texts_are_read_once() -> None:
    cache = ReadCache()
    one = read_namespace("pod/a/b", GOOD, cache=cache)
    two = read_namespace("pod/a/c", dict(GOOD), cache=cache)
    assert one.links is two.links
    assert one.sysctls is two.sysctls
    broken = {**GOOD, "ip -j addr": Output("garbage")}
    whys = [
        read_namespace(name, broken, cache=cache).gaps[0].why for name in ("pod/a/b", "pod/a/c")
    ]
    assert [why.split(":")[0] for why in whys] == ["pod/a/b", "pod/a/c"]
