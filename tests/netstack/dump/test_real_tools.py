"""What this machine's tools print about a namespace made for it is read back as it was made."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from skoop.model.address import Family, format_ip, parse_ip, parse_prefix
from skoop.netstack.dump import Output, read_namespace
from skoop.netstack.state import Namespace, RouteType

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces"),
]

NAME = f"skdump{os.getpid()}"
SETUP = """
link set lo up
link add v0 type veth peer name v1
link add br0 type bridge
link set v1 master br0
link set v0 up
link set v1 up
link set br0 up
link set v1 type bridge_slave hairpin on isolated on learning off
addr add 10.1.0.1/24 dev v0
addr add 10.1.0.2/24 dev v0
addr add 10.9.0.1 peer 10.9.0.2/32 dev br0
addr add fd00::1/64 dev v0 nodad
link add vx type vxlan id 7 local 10.1.0.1 dstport 8472 dev v0 nolearning
link set vx up
route add unreachable 10.2.0.0/16
route add blackhole 10.3.0.0/16 metric 7
route add prohibit 10.4.0.0/16
route add throw 10.5.0.0/16 table 200
route add 10.6.0.0/16 via 10.1.0.9 dev v0 onlink mtu lock 1400 src 10.1.0.2 table 201
route add 10.7.0.0/16 nexthop via 10.1.0.8 dev v0 weight 2 nexthop via 10.1.0.7 dev v0 weight 3
route add 10.8.0.0/16 via inet6 fd00::9 dev v0
route add default via 10.1.0.254 dev v0 tos 0x10
nexthop add id 1 via 10.1.0.8 dev v0
route add 10.17.0.0/16 nhid 1
-6 route add fd01::/64 via fd00::9 dev v0 metric 5
-6 route add fd03::/64 nexthop via fd00::8 dev v0 nexthop via fd00::7 dev v0
rule add not from 10.2.0.1 to 10.3.0.0/16 lookup main pref 50
rule add fwmark 0x100/0xff00 ipproto udp sport 10 dport 20-30 lookup 201 pref 51
rule add iif v0 oif nosuch tos 0x10 prohibit pref 52
rule add pref 53 goto 32766
rule add lookup main suppress_prefixlength 0 pref 54
-6 rule add from fd00::/64 uidrange 0-99 lookup 8 pref 55
neigh add 10.1.0.10 lladdr 02:00:00:00:00:02 dev v0
neigh add 10.1.0.11 lladdr 02:00:00:00:00:03 dev v0 nud stale
neigh add 10.1.0.12 lladdr 02:00:00:00:00:04 dev v0 nud stale extern_learn
neigh add proxy 10.1.0.77 dev v0
"""
COMMANDS = (
    "ip -j -d link",
    "ip -j addr",
    "ip -j -4 route show table all",
    "ip -4 route show table all",
    "ip -j -6 route show table all",
    "ip -j -4 route show cache",
    "ip -j -6 route show cache",
    "ip -j nexthop",
    "ip -j rule",
    "ip -j -6 rule",
    "ip -j neigh show nud all",
    "ip -j neigh show proxy",
    "ip -j -s neigh show nud stale",
    "bridge -j fdb",
    "bridge -j -d link",
    "ss -H -lntu",
    "conntrack -L",
)
STALE = ("10.1.0.11", "10.1.0.12", "10.1.0.10")
"""A plain one, a program's, and one that is not stale."""


def run(*words: str) -> Output:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return Output(done.stdout, done.returncode, done.stderr)


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    for tool in ("ip", "bridge", "ss", "conntrack"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    assert run("ip", "netns", "add", NAME).rc == 0
    try:
        for line in SETUP.split("\n"):
            done = run("ip", "-n", NAME, *line.split()) if line else Output()
            assert (done.rc, done.stderr) == (0, ""), line
        fdb = "bridge fdb add 02:00:00:00:00:05 dev vx dst 10.1.0.8"
        assert run("ip", "netns", "exec", NAME, *fdb.split()).rc == 0
        outputs = {c: run("ip", "netns", "exec", NAME, *c.split()) for c in COMMANDS}
        yield read_namespace("pod/a/b", outputs)
    finally:
        run("ip", "netns", "del", NAME)


def test_everything_asked_for_was_read(namespace: Namespace) -> None:
    parts = {gap.part for gap in namespace.gaps}
    assert parts == {"sysctls", "rulesets", "ipsets"}, namespace.gaps


def test_links(namespace: Namespace) -> None:
    links = {link.name: link for link in namespace.links}
    assert links["v0"].peer_index == links["v1"].index
    assert (links["v0"].peer_nsid, links["v1"].master) == (-1, "br0")
    port = links["v1"].port
    assert port is not None
    assert (port.hairpin, port.isolated, port.learning, port.flood) == (True, True, False, True)
    vxlan = links["vx"].vxlan
    assert vxlan is not None
    assert (vxlan.vni, vxlan.port, vxlan.underlay) == (7, 8472, "v0")
    assert (vxlan.local, vxlan.remote, vxlan.learning) == (parse_ip("10.1.0.1"), None, False)
    assert links["br0"].bridge is not None
    assert {link.kind for link in namespace.links} == {"loopback", "veth", "bridge", "vxlan"}


def test_addresses(namespace: Namespace) -> None:
    found = {format_ip(a.family, a.value): a for a in namespace.addresses}
    assert (found["10.1.0.1"].secondary, found["10.1.0.2"].secondary) == (False, True)
    assert found["10.9.0.1"].prefix == parse_prefix("10.9.0.2/32")
    assert found["fd00::1"].device == "v0"


def test_routes(namespace: Namespace) -> None:
    routes = {str(r.destination): r for r in namespace.routes if r.table not in ("local",)}
    types = {text: routes[text].type for text in ("10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16")}
    assert list(types.values()) == [
        RouteType.UNREACHABLE,
        RouteType.BLACKHOLE,
        RouteType.PROHIBIT,
    ]
    assert (routes["10.5.0.0/16"].type, routes["10.5.0.0/16"].table) == (RouteType.THROW, "200")
    locked = routes["10.6.0.0/16"]
    assert (locked.mtu, locked.mtu_locked, locked.nexthops[0].flags) == (1400, True, ("onlink",))
    assert [hop.weight for hop in routes["10.7.0.0/16"].nexthops] == [2, 3]
    assert routes["10.8.0.0/16"].nexthops[0].gateway == parse_ip("fd00::9")
    assert routes["0.0.0.0/0"].tos == 0x10
    assert (routes["10.17.0.0/16"].nhid, routes["10.17.0.0/16"].nexthops[0].gateway) == (
        1,
        parse_ip("10.1.0.8"),
    )
    assert routes["fd01::/64"].metric == 5
    assert len(routes["fd03::/64"].nexthops) == 2


def test_rules(namespace: Namespace) -> None:
    rules = {rule.priority: rule for rule in namespace.rules if 50 <= rule.priority < 60}
    assert (rules[50].inverted, str(rules[50].destination)) == (True, "10.3.0.0/16")
    assert (rules[51].fwmark, rules[51].ipproto) == ((0x100, 0xFF00), 17)
    assert (rules[51].sport, rules[51].dport) == ((10, 10), (20, 30))
    assert (rules[52].action, rules[52].oif, rules[52].tos) == ("prohibit", "nosuch", 0x10)
    assert (rules[53].action, rules[53].target) == ("goto", "32766")
    assert rules[54].suppress_prefixlength == 0
    assert (rules[55].family, rules[55].uid_range) == (Family.V6, (0, 99))
    assert not any(rule.unmodelled for rule in namespace.rules)


def test_neighbours_and_fdb(namespace: Namespace) -> None:
    known = {format_ip(n.family, n.address): n for n in namespace.neighbours}
    assert (known["10.1.0.10"].mac, known["10.1.0.10"].state) == ("02:00:00:00:00:02", "PERMANENT")
    assert known["10.1.0.77"].proxy
    shown = {name: (known[name].learned, known[name].idle >= 0) for name in STALE}
    assert shown == {STALE[0]: (False, True), STALE[1]: (True, True), "10.1.0.10": (False, False)}
    (entry,) = [e for e in namespace.fdb if e.mac == "02:00:00:00:00:05"]
    assert (entry.device, entry.remote, entry.local) == ("vx", parse_ip("10.1.0.8"), False)
    assert any(e.local and e.master == "br0" for e in namespace.fdb)


def test_the_kernel_s_own_socket(namespace: Namespace) -> None:
    assert any(s.proto == 17 and s.port == 8472 and s.address == 0 for s in namespace.sockets)
