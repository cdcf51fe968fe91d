"""Our lines against what this machine's iproute2 prints for the same entries."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator

import pytest

from skoop.model.address import Family
from skoop.netstack.dump.fdb import read_fdb
from skoop.netstack.dump.links import read_links
from skoop.netstack.dump.neighbours import read_neighbours
from skoop.netstack.dump.routes import read_routes, with_locks
from skoop.netstack.dump.rules import read_rules

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces"),
]

NAME = f"skline{os.getpid()}"
SETUP = """
link set lo up
link add eth0 type veth peer name far
link set eth0 up
link set far up
link add cni0 type bridge group_fwd_mask 8
link set cni0 up
link add v1 type veth peer name v2
link set v1 master cni0 up
link set v2 up
link set v1 type bridge_slave hairpin on isolated on
link add down0 type veth peer name down1
addr add 172.30.0.11/24 dev eth0
addr add 10.244.1.1/24 dev cni0
addr add fd00::1/64 dev eth0 nodad
link add flannel.1 mtu 1450 type vxlan id 1 local 172.30.0.11 dev eth0 dstport 8472 nolearning
link set flannel.1 up
link add vx2 type vxlan id 9 remote 172.30.0.99 dstport 4789 l2miss l3miss ttl 9 df set
route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink
route add default via 172.30.0.1 dev eth0
route add blackhole 10.0.0.0/8
route add unreachable 10.1.0.0/16 metric 5
route add throw 10.17.0.0/16 table 300
route add prohibit 10.18.0.0/16
route add 10.9.0.0/16 proto static metric 9 nexthop via 172.30.0.1 nexthop via 10.244.1.9 weight 3
route add 10.10.0.0/16 via 172.30.0.1 dev eth0 mtu lock 1400 table 200
route add 10.11.0.0/16 via 172.30.0.1 dev eth0 mtu 1400 tos 0x10 metric 7 onlink
route add 10.13.0.0/16 via inet6 fd00::9 dev eth0
nexthop add id 5 via 172.30.0.1 dev eth0
nexthop add id 6 via 10.244.1.9 dev cni0
nexthop add id 7 group 5/6,2
route add 10.14.0.0/16 nhid 5
route add 10.15.0.0/16 nhid 7
-6 route add default via fd00::9 dev eth0 metric 50 pref high
-6 route add fd01::/64 from fd02::/64 via fd00::9
-6 route add unreachable fd05::/64
-6 route add fd06::/64 nexthop via fd00::9 dev eth0 weight 1 nexthop via fd00::8 dev eth0 weight 2
rule add pref 1 from 10.244.2.0/24 lookup 200
rule add pref 2 not from 10.0.0.1 to 10.2.0.0/16 lookup 201
rule add pref 3 fwmark 0x1/0xff iif eth0 lookup 100
rule add pref 4 fwmark 0x5 oif nope lookup 100
rule add pref 5 ipproto tcp sport 80 dport 100-200 lookup 9
rule add pref 6 ipproto 99 uidrange 0-99 lookup 9
rule add pref 7 lookup main suppress_prefixlength 0
rule add pref 8 lookup main suppress_ifgroup 3
rule add pref 9 from 1.2.3.4 tos 0x10 unreachable
rule add pref 10 prohibit iif lo
rule add pref 11 goto 32766
rule add pref 12 goto 999
rule add pref 13 nop
rule add pref 14 l3mdev
rule add pref 15 tun_id 7 lookup 4
rule add pref 16 not fwmark 0/0xf from 0.0.0.0/8 protocol static blackhole
-6 rule add pref 17 from fd00::/64 ipproto ipv6-icmp fwmark 0x7 lookup 77
neigh add 10.244.2.0 dev flannel.1 lladdr 02:42:0a:f4:02:00 nud permanent
neigh add 172.30.0.77 dev eth0 lladdr 02:42:0a:f4:02:07 nud stale
neigh add 172.30.0.78 dev eth0 nud failed
neigh add proxy 172.30.0.80 dev eth0
neigh add fd00::9 dev eth0 lladdr 02:42:0a:f4:02:07 nud permanent
"""
ENTRIES = """
02:42:0a:f4:02:00 dev flannel.1 dst 172.30.0.12 self permanent
02:42:0a:f4:02:01 dev flannel.1 dst 172.30.0.12 self static
02:42:0a:f4:02:02 dev flannel.1 dst 172.30.0.12 port 99 vni 5 via eth0 self dynamic
02:42:0a:f4:02:03 dev v1 master static
02:42:0a:f4:02:04 dev v1 master dynamic
02:42:0a:f4:02:05 dev v1 master permanent
00:00:00:00:00:00 dev flannel.1 dst 172.30.0.14
"""
# Words about what no packet asks, and the metric that IPv6 prints even when it has none.
COSMETIC = re.compile(r" (pref medium|metric 0|error -?\d+|expires \S+)(?= |$)")
Reader = Callable[[str], list[str]]


@pytest.fixture(scope="module", autouse=True)
def namespace() -> Iterator[None]:
    subprocess.run(["ip", "netns", "add", NAME], check=True)
    try:
        for line in SETUP.strip().splitlines():
            subprocess.run(["ip", "-n", NAME, *line.split()], check=True)
        for line in ENTRIES.strip().splitlines():
            words = ["bridge", "fdb", "append" if "00:00:00:00:00:00" in line else "add"]
            subprocess.run(["ip", "netns", "exec", NAME, *words, *line.split()], check=True)
        yield
    finally:
        subprocess.run(["ip", "netns", "del", NAME], check=False)


def tool(*words: str) -> str:
    command = ["ip", "netns", "exec", NAME, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def printed(text: str) -> list[str]:
    """One line an entry, its white space and cosmetic words made even."""
    lines = [" ".join(line.replace("\\", " ").split()) for line in text.splitlines()]
    return [COSMETIC.sub("", line) for line in lines]


def routes(family: Family) -> Reader:
    def read(text: str) -> list[str]:
        found = read_routes(text, family, "test")
        plain = tool("ip", f"-{int(family)}", "route", "show", "table", "all")
        return [route.raw for route in with_locks(found, plain)]

    return read


def rules(family: Family) -> Reader:
    return lambda text: [rule.raw for rule in read_rules(text, family, "test")]


def neighbours(text: str) -> list[str]:
    return [entry.raw for entry in read_neighbours(text, "test")]


def forwarding(text: str) -> list[str]:
    return [entry.raw for entry in read_fdb(text, "test")]


@pytest.mark.parametrize(
    ("command", "read", "at_least"),
    [
        ("ip -o -4 route show table all", routes(Family.V4), 15),
        ("ip -o -6 route show table all", routes(Family.V6), 8),
        ("ip -o rule", rules(Family.V4), 18),
        ("ip -o -6 rule", rules(Family.V6), 3),
        ("ip -o neigh show nud all", neighbours, 4),
        ("ip -o neigh show proxy", neighbours, 1),
        ("bridge fdb", forwarding, 8),
    ],
)
def test_our_line_is_the_tools(command: str, read: Reader, at_least: int) -> None:
    name, *rest = command.replace(" -o", "").split()
    ours: list[str] = []
    before, theirs = None, printed(tool(*command.split()))
    while before != theirs:  # multicast groups and states come and go meanwhile
        before, ours = theirs, read(tool(name, "-j", *rest))
        theirs = printed(tool(*command.split()))
    assert len(theirs) >= at_least
    assert ours == theirs


def test_the_words_of_a_link_are_the_tools_in_their_order() -> None:
    """A link's line is a selection: every word of ours, found in theirs one after the other."""
    theirs = [line.split() for line in printed(tool("ip", "-d", "-o", "link"))]
    ours = [link.raw.split() for link in read_links(tool("ip", "-j", "-d", "link"), "test")]
    assert len(ours) == len(theirs)
    for own, full in zip(ours, theirs, strict=True):
        rest = iter(full)
        missing = [word for word in own if word not in rest]
        assert not missing, (" ".join(own), " ".join(full))
