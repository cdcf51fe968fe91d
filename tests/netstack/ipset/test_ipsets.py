"""Sets as the kernel's kadt functions judge packets against them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from skoop.errors import ParseError
from skoop.model.packet import ANY_PORT, EPHEMERAL, Icmp, Packet, Proto
from skoop.netstack.conntrack import new_connection
from skoop.netstack.ipset import read_ipsets
from skoop.netstack.netfilter import Hook, View
from tests.netstack.iptables.asking import NODE
from tests.netstack.iptables.hookdriver import packet

TCP = packet("10.1.0.5", "10.2.0.9", 80, sport=40000)
UDP = packet("10.1.0.5", "10.2.0.9", 53, "udp", sport=40000)
PING = Packet(family=TCP.family, proto=Proto.ICMP, src=TCP.src, dst=TCP.dst, icmp=Icmp(8, 0))
GRE = replace(PING, proto=Proto.GRE, icmp=Icmp())
V6 = packet("fd00::5", "fd00::9", 443, sport=40000)
MARKED = replace(TCP, mark=0x4005)
ANYONE = replace(TCP, src=0)


def contains(create: str, members: str, directions: str, probe: Packet, **view: object):
    adds = "\n".join(f"add s {one.strip()}" for one in members.split("|") if one.strip())
    sets = read_ipsets(f"create s {create}\n{adds}\n", "ipset save")
    seen = View(Hook.FORWARD, NODE, new_connection(probe), **view)
    return sets["s"].contains(probe, seen, tuple(directions.split(",")))


ROWS = [
    ("hash:ip family inet hashsize 1024", "10.1.0.5", "src", TCP, True),
    ("hash:ip", "10.1.0.5", "dst", TCP, False),
    ("hash:ip", "10.1.0.4-10.1.0.6", "src", TCP, True),
    ("hash:ip", "10.1.0.4/30", "src", TCP, True),
    ("hash:ip netmask 24", "10.1.0.0", "src", TCP, True),
    ("hash:ip bitmask 255.0.0.255", "10.0.0.5", "src", TCP, True),
    ("hash:ip", "0.0.0.0", "src", ANYONE, False),
    ("hash:ip family inet6", "fd00::5", "src", V6, True),
    ("hash:ip family inet", "10.1.0.5", "src", V6, False),
    ("hash:ip timeout 60", "10.1.0.5 timeout 12", "src", TCP, True),
    ('hash:ip comment', '10.1.0.5 comment "with nomatch, no"', "src", TCP, True),
    ("hash:ip counters", "10.1.0.5 packets 3 bytes 180", "src", TCP, True),
    ("hash:net", "10.0.0.0/8", "src", TCP, True),
    ("hash:net", "10.1.0.5", "src", TCP, True),
    ("hash:net", "10.1.0.5/32", "src", TCP, True),
    ("hash:net", "10.0.0.0/8 | 10.1.0.0/16 nomatch", "src", TCP, False),
    ("hash:net", "10.0.0.0/8 nomatch | 10.1.0.0/16", "src", TCP, True),
    ("hash:net", "10.0.0.0/8|10.1.0.0/16 nomatch|10.1.0.4/30", "src", TCP, True),
    ("hash:net", "0.0.0.0/0", "dst", TCP, True),
    ("hash:net", "10.1.0.0-10.1.0.9", "src", TCP, True),
    ("hash:net", "10.1.0.0-10.1.0.4", "src", TCP, False),
    ("hash:net family inet6", "fd00::/16", "src", V6, True),
    ("hash:net family inet6", "::/0", "src", V6, True),
    ("hash:ip,port", "10.2.0.9,tcp:80", "dst,dst", TCP, True),
    ("hash:ip,port", "10.2.0.9,80", "dst,dst", TCP, True),
    ("hash:ip,port", "10.2.0.9,udp:80", "dst,dst", TCP, False),
    ("hash:ip,port", "10.2.0.9,tcp:80", "dst", TCP, False),
    ("hash:ip,port", "10.2.0.9,tcp:80", "dst,dst,src", TCP, True),
    ("hash:ip,port", "10.1.0.5,tcp:80", "src,dst", TCP, True),
    ("hash:ip,port", "10.1.0.5,icmp:echo-request", "src,src", PING, True),
    ("hash:ip,port", "10.1.0.5,icmp:0/0", "src,src", PING, False),
    ("hash:ip,port", "10.1.0.5,gre:0", "src,src", GRE, True),
    ("hash:ip,port", "10.1.0.5,icmp:8/0", "src,src", replace(PING, icmp=Icmp()), None),
    ("hash:ip,port", "10.1.0.5,tcp:40000", "src,src", replace(TCP, sport=EPHEMERAL), False),
    ("hash:ip,port", "10.1.0.5,tcp:30000-50000", "src,src", replace(TCP, sport=EPHEMERAL), None),
    ("hash:ip,port", "10.1.0.6,tcp:30000-50000", "src,src", replace(TCP, sport=EPHEMERAL), False),
    ("hash:net,port", "10.2.0.0/24,tcp:80 | 10.2.0.0/16,tcp:80 nomatch", "dst,dst", TCP, True),
    ("hash:net,port", "10.2.0.0/24,tcp:81 | 10.2.0.0/16,tcp:80", "dst,dst", TCP, True),
    ("hash:ip,port,ip", "10.2.0.9,tcp:80,10.1.0.5", "dst,dst,src", TCP, True),
    ("hash:ip,port,ip", "10.2.0.9,tcp:80,10.1.0.5", "dst,dst,dst", TCP, False),
    ("hash:ip,port,net", "10.2.0.9,tcp:80,10.1.0.0/16", "dst,dst,src", TCP, True),
    ("hash:ip,port,net", "10.2.0.9,tcp:80,10.1.0.0/16|10.2.0.9,tcp:80,10.1.0.5 nomatch",
     "dst,dst,src", TCP, False),
    ("hash:net,net", "10.1.0.0/16,10.2.0.0/16", "src,dst", TCP, True),
    ("hash:net,net", "10.1.0.0/16,10.2.0.0/16|10.1.0.0/24,10.0.0.0/8 nomatch", "src,dst", TCP,
     False),
    ("hash:net,port,net", "10.1.0.0/16,tcp:80,10.2.0.0/16", "src,dst,dst", TCP, True),
    ("hash:ip,mark", "10.1.0.5,0x00004005", "src,src", MARKED, True),
    ("hash:ip,mark markmask 0xff00", "10.1.0.5,0x4000", "src,src", MARKED, True),
    ("hash:ip,mark", "10.1.0.5,0x1", "src,src", MARKED, False),
    ("bitmap:ip range 10.1.0.0-10.1.255.255", "10.1.0.5", "src", TCP, True),
    ("bitmap:ip range 10.1.0.0-10.1.255.255 netmask 24", "10.1.0.0", "src", TCP, True),
    ("bitmap:ip range 10.1.0.0/24", "10.1.0.6", "src", TCP, False),
    ("bitmap:port range 0-65535", "80", "dst", TCP, True),
    ("bitmap:port range 0-65535", "80", "src", TCP, False),
    ("bitmap:port range 0-65535", "0", "dst", PING, False),
    ("bitmap:port range 0-65535", "1000-64000", "dst", replace(UDP, dport=ANY_PORT), None),
    ("bitmap:port range 0-65535", "30080", "dst", replace(UDP, dport=EPHEMERAL), False),
    ("hash:mac", "00:11:22:33:44:55", "src", TCP, None),
    ("hash:ip,mac", "10.1.0.5,00:11:22:33:44:55", "src,src", TCP, None),
    ("hash:ip,mac", "10.1.0.6,00:11:22:33:44:55", "src,src", TCP, False),
    ("bitmap:ip,mac range 10.1.0.0/16", "10.1.0.5", "src,src", TCP, True),
    ("hash:future,thing", "whatever", "src,src", TCP, None),
]  # fmt: skip


@pytest.mark.parametrize(("create", "members", "directions", "probe", "expected"), ROWS)
def test_members(create, members, directions, probe, expected):
    assert contains(create, members, directions, probe, iif="eth0") is expected


@pytest.mark.parametrize(
    ("members", "iif", "expected"),
    [
        ("10.1.0.0/16,eth0", "eth0", True),
        ("10.1.0.0/16,eth0", "eth1", False),
        ("10.1.0.0/16,eth0 nomatch|0.0.0.0/0,eth0", "eth0", False),
        ("10.1.0.0/16,eth1|0.0.0.0/0,eth0", "eth0", False),
        ("10.1.0.0/16,eth wildcard", "eth7", True),
        ("10.1.0.0/16,eth0", "", False),
        ("10.1.0.0/16,physdev:veth1", "br0", None),
    ],
)
def test_networks_by_interface(members, iif, expected):
    physin = "veth1" if iif == "br0" else ""
    found = contains("hash:net,iface", members, "src,src", TCP, iif=iif, physin=physin)
    assert found is expected


def test_a_list_is_the_union_of_its_sets():
    text = "create a hash:ip\nadd a 10.9.9.9\ncreate b hash:net\nadd b 10.1.0.0/16\n"
    sets = read_ipsets(text + "create both list:set size 8\nadd both a\nadd both b\n", "x")
    seen = View(Hook.FORWARD, NODE, new_connection(TCP))
    assert sets["both"].contains(TCP, seen, ("src",)) is True
    assert sets["both"].contains(TCP, seen, ("dst",)) is False


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("add s 10.0.0.1\n", 1),
        ("create s hash:ip\nadd s not-an-address\n", 2),
        ("create s hash:ip\nadd s fd00::1\n", 2),
        ("create s hash:net\nadd s 10.0.0.0/33\n", 2),
        ("create s hash:ip,port\nadd s 10.0.0.1\n", 2),
        ("create s hash:ip,port\nadd s 10.0.0.1,tcp:99999\n", 2),
        ("create s hash:ip family inet7\n", 1),
        ("create s\n", 1),
        ("Name: s\n", 1),
        ("create s hash:ip\nadd s 10.0.0.0/8\n", 2),
    ],
)
def test_what_ipset_does_not_print_is_an_error(text, line):
    with pytest.raises(ParseError) as raised:
        read_ipsets(text, "ipset save on k1")
    assert (raised.value.source, raised.value.line) == ("ipset save on k1", line)


KINDS = st.sampled_from(sorted({row[0] for row in ROWS} | {"list:set", "hash:net,iface", "x"}))
PARTS = st.sampled_from(
    ["10.0.0.1", "10.0.0.0/8", "tcp:80", "icmp:8/0", "eth0", "fd00::1", "-", ""]
)
ELEMENTS = st.one_of(st.lists(PARTS, max_size=4).map(",".join), st.text(max_size=12))


@settings(max_examples=300)
@given(KINDS, st.lists(ELEMENTS, max_size=3), st.sampled_from(["", " nomatch", " wildcard", ' "']))
def test_any_text_is_sets_or_a_parse_error(kind, elements, flag):
    lines = [f"create s {kind}", *(f"add s {one}{flag}" for one in elements)]
    try:
        sets = read_ipsets("\n".join(lines), "fuzz")
    except ParseError:
        return
    for probe in (TCP, PING, V6, replace(UDP, dport=EPHEMERAL)):
        seen = View(Hook.FORWARD, NODE, new_connection(probe), iif="eth0", oif="eth1")
        for directions in (("src",), ("dst", "dst", "src")):
            assert sets["s"].contains(probe, seen, directions) in (True, False, None)
