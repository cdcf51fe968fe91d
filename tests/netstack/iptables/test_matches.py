"""Each match: yes, no, cannot tell."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.model.address import parse_ip
from skoop.model.packet import EPHEMERAL, Icmp, Packet, Proto
from skoop.netstack.conntrack import Connection, CtState, CtStatus, new_connection
from skoop.netstack.ipset import read_ipsets
from skoop.netstack.netfilter import Hook
from tests.netstack.iptables.asking import SYN, matches, ruleset
from tests.netstack.iptables.hookdriver import OneNode, packet

UDP = packet("10.1.0.5", "10.2.0.9", 53, "udp", sport=40000)
DRAWN = replace(SYN, sport=EPHEMERAL)
ACK = replace(SYN, flags=0x10)
PING = Packet(family=SYN.family, proto=Proto.ICMP, src=SYN.src, dst=SYN.dst, icmp=Icmp(8, 0))
V6 = packet("fd00::5", "fd00::1", 80, sport=40000)
NEW = new_connection(SYN)
DNATED = replace(
    NEW,
    state=CtState.ESTABLISHED,
    is_reply=True,
    mark=0x12,
    status=CtStatus.DNAT | CtStatus.SEEN_REPLY,
    original=replace(NEW.original, dst=parse_ip("10.96.0.1")[1], dport=443),
)
NONE = Connection(CtState.INVALID, NEW.original, NEW.reply)
UNTRACKED = replace(NONE, state=CtState.UNTRACKED)

HEADS = [
    ("-s 10.1.0.0/16", True),
    ("! -s 10.1.0.0/16", False),
    ("-s ! 10.1.0.0/16", False),
    ("-s 10.0.0.5/255.0.0.255", True),
    ("-d 10.2.0.9", True),
    ("-d 10.2.0.8/32", False),
    ("-s 0.0.0.0/0", True),
    ("-p tcp", True),
    ("-p 6", True),
    ("-p all", True),
    ("! -p tcp", False),
    ("-p ! tcp", False),
    ("! -p udp", True),
    ("-i eth0", True),
    ("! -i eth0", False),
    ("-i eth+", True),
    ("-i cali+", False),
    ("-i +", True),
    ("-o eth0", False),
    ("! -o eth0", True),
    ("-f", False),
    ("! -f", True),
    ("-s not-a-name.example", None),
]
PORTS = [
    ("-p tcp -m tcp --dport 80", SYN, True),
    ("-p tcp --dport 80", SYN, True),
    ("-p tcp -m tcp ! --dport 80", SYN, False),
    ("-p tcp -m tcp --dport ! 80", SYN, False),
    ("-p tcp -m tcp --dport 79:81", SYN, True),
    ("-p tcp -m tcp --sport :1023", SYN, False),
    ("-p tcp -m tcp --sport 40000:50000", DRAWN, None),
    ("-p tcp -m tcp --sport 1024:65535", DRAWN, True),
    ("-p tcp -m tcp --sport 80", DRAWN, False),
    ("-p tcp -m tcp --sport 40000:50000 --dport 81", DRAWN, False),
    ("-m tcp -p tcp -d 10.2.0.9 --dport 80", SYN, True),
    ("-p tcp -m multiport --dports 22,80,443", SYN, True),
    ("-p tcp -m multiport --dports 22,70:79", SYN, False),
    ("-p tcp -m multiport ! --dports 22,70:79", SYN, True),
    ("-p tcp -m multiport --ports 40000", SYN, True),
    ("-p tcp -m multiport --sports 1,40000:50000", DRAWN, None),
    ("-p tcp -m tcp --syn", SYN, True),
    ("-p tcp -m tcp ! --syn", ACK, True),
    ("-p tcp -m tcp --tcp-flags SYN,RST,ACK,FIN SYN", SYN, True),
    ("-p tcp -m tcp ! --tcp-flags SYN,ACK SYN", SYN, False),
    ("-p tcp -m tcp --tcp-option 8", SYN, None),
    ("-p udp -m udp --dport 53", UDP, True),
    ("-p udp -m udp --dport 53", SYN, False),
    ("-p icmp -m icmp --icmp-type 8", PING, True),
    ("-p icmp -m icmp --icmp-type echo-reply", PING, False),
    ("-p icmp -m icmp --icmp-type any", PING, True),
    ("-p icmp -m icmp ! --icmp-type 8/0", PING, False),
    ("-p icmp -m icmp --icmp-type 3", replace(PING, icmp=Icmp()), None),
]
STATES = [
    ("-m conntrack --ctstate NEW", NEW, True),
    ("-m conntrack ! --ctstate NEW", NEW, False),
    ("-m conntrack --ctstate RELATED,ESTABLISHED", DNATED, True),
    ("-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT", NEW, True),
    ("-m conntrack --ctstate DNAT", DNATED, True),
    ("-m conntrack --ctstate SNAT", DNATED, False),
    ("-m conntrack --ctstate INVALID", NONE, True),
    ("-m conntrack --ctstate UNTRACKED", UNTRACKED, True),
    ("-m conntrack --ctstate INVALID --ctproto udp", NONE, True),
    ("-m conntrack --ctproto tcp", NONE, False),
    ("-m conntrack --ctorigdst 10.96.0.0/12 --ctorigdstport 443", DNATED, True),
    ("-m conntrack ! --ctorigdst 10.96.0.1", DNATED, False),
    ("-m conntrack --ctdir REPLY", DNATED, True),
    ("-m conntrack --ctdir ORIGINAL", DNATED, False),
    ("-m conntrack --ctstatus SEEN_REPLY,ASSURED", DNATED, True),
    ("-m conntrack --ctstatus NONE", NEW, False),
    ("-m conntrack --ctexpire 1:10", NEW, None),
    ("-m state --state NEW", NEW, True),
    ("-m state ! --state NEW", NEW, False),
    ("-m connmark --mark 0x10/0xf0", DNATED, True),
    ("-m connmark ! --mark 0x10/0xf0", DNATED, False),
    ("-m connmark ! --mark 0x1", NONE, False),
    ("-m helper --helper ftp", NEW, False),
    ("-m helper ! --helper ftp", NEW, True),
    ("-m helper --helper ftp", replace(DNATED, state=CtState.RELATED, helper="ftp"), True),
    ("-m helper --helper ftp", replace(DNATED, state=CtState.RELATED), None),
    ("-m connlabel --label 3", NEW, None),
    ("-m connlabel --label 3", NONE, False),
    ("-m connbytes --connbytes 10: --connbytes-dir both --connbytes-mode bytes", NEW, None),
]
OTHERS = [
    ("-m mark --mark 0x4000/0x4000", replace(SYN, mark=0x4001), True),
    ("-m mark ! --mark 0x4000/0x4000", replace(SYN, mark=0x4001), False),
    ("-m mark --mark 5", replace(SYN, mark=5), True),
    ("-m addrtype --dst-type LOCAL", replace(SYN, dst=parse_ip("10.0.0.1")[1]), True),
    ("-m addrtype ! --dst-type LOCAL", SYN, True),
    ("-m addrtype --src-type UNICAST,MULTICAST --dst-type LOCAL", SYN, False),
    ("-m addrtype --dst-type XRESOLVE", SYN, None),
    ("-m addrtype --dst-type UNICAST", V6, True),
    ("-m addrtype --dst-type LOCAL", V6, True),
    ("-m addrtype --dst-type MULTICAST", V6, False),
    ("-m iprange --src-range 10.1.0.1-10.1.0.5", SYN, True),
    ("-m iprange ! --dst-range 10.1.0.1-10.1.0.5", SYN, True),
    ("-m length --length 0:59", SYN, False),
    ("-m length --length 60", SYN, True),
    ("-m ttl --ttl-lt 65", SYN, True),
    ("-m ttl --ttl-eq 63", SYN, False),
    ("-m hl --hl-gt 63", V6, True),
    ("-m tos --tos 0x10/0x3f", replace(SYN, tos=0x10), True),
    ("-m tos --tos Minimize-Delay", replace(SYN, tos=0x10), True),
    ("-m dscp --dscp-class EF", replace(SYN, tos=0xB8), True),
    ("-m dscp ! --dscp 0x2e", replace(SYN, tos=0xB8), False),
    ("-m ecn --ecn-ip-ect 2", replace(SYN, tos=2), True),
    ("-p tcp -m ecn --ecn-tcp-ece", SYN, None),
    ("-p tcp -m tcpmss --mss 1400:1500", SYN, None),
    ("-p tcp -m tcpmss --mss 1400:1500", ACK, False),
    ("-p tcp -m tcpmss ! --mss 1400:1500", ACK, True),
    ("-m mac --mac-source 00:11:22:33:44:55", SYN, None),
    ("-m pkttype --pkt-type unicast", SYN, True),
    ("-m pkttype --pkt-type multicast", replace(SYN, dst=parse_ip("224.0.0.5")[1]), True),
    ('-m comment --comment "x \\" -j ACCEPT"', SYN, True),
    ("-m nfacct --nfacct-name dropped", SYN, True),
    ("-m limit --limit 3/min", SYN, True),
    ("-m hashlimit --hashlimit-upto 5/sec --hashlimit-mode srcip --hashlimit-name a", SYN, True),
    ("-m hashlimit --hashlimit-above 5/sec --hashlimit-name a", SYN, False),
    ("-m connlimit --connlimit-above 16 --connlimit-mask 32 --connlimit-saddr", SYN, False),
    ("-m connlimit --connlimit-upto 16", SYN, True),
    ("-m connlimit --connlimit-above 0", SYN, True),
    ("-m quota --quota 0", SYN, False),
    ("-m recent --set --name x --rsource", SYN, True),
    ("-m recent --rcheck --seconds 60 --name x --rsource", SYN, None),
    ("-m recent --update --seconds 60 --hitcount 4 --name SSH", SYN, None),
    ("-m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-A --rsource", SYN, False),
    ("-m policy --dir in --pol none", SYN, True),
    ("-m policy --dir out --pol ipsec --strict --proto esp", SYN, False),
    ("-p esp -m esp --espspi 1", SYN, False),
    ("-p esp -m esp --espspi 1", replace(SYN, proto=50), None),
    ("-m rt --rt-type 0", V6, False),
    ("-m frag ! --fragid 3", V6, False),
    ("-m socket", SYN, None),
    ("-m socket --restore-skmark", SYN, None),
    ("-m u32 --u32 0>>22&0x3C@0>>24=8", SYN, None),
    ('-m bpf --bytecode "1,6 0 0 1"', SYN, None),
    ('-m string --string "a b" --algo bm', SYN, None),
    ("-m time --timestart 10:00:00 --timestop 11:00:00 --weekdays Mon", SYN, None),
    ("-m nobody-knows --this that --and ! --more", SYN, None),
    ("-p udp -m nobody-knows --this that", SYN, False),
    ("-m set --match-set missing src", SYN, None),
    ("-m statistic --mode random --probability 1.00000000000", SYN, True),
    ("-m statistic --mode random ! --probability 1.00000000000", SYN, False),
    ("-m statistic --mode nth --every 1", SYN, True),
    ("-m statistic --mode odd", SYN, None),
    ("stray words", SYN, None),
    ("--sport 5", SYN, None),
]


@pytest.mark.parametrize(("conditions", "expected"), HEADS, ids=[row[0] for row in HEADS])
def test_conditions_of_the_rule_itself(conditions, expected):
    assert matches(conditions, iif="eth0", oif="eth1") is expected


@pytest.mark.parametrize(("conditions", "probe", "expected"), PORTS)
def test_protocols_and_ports(conditions, probe, expected):
    assert matches(conditions, probe) is expected


@pytest.mark.parametrize(("conditions", "ct", "expected"), STATES)
def test_connections(conditions, ct, expected):
    assert matches(conditions, ct=ct) is expected


@pytest.mark.parametrize(("conditions", "probe", "expected"), OTHERS)
def test_everything_else(conditions, probe, expected):
    assert matches(conditions, probe, iif="eth0", oif="eth1") is expected


@pytest.mark.parametrize(
    ("conditions", "physin", "physout", "expected"),
    [
        ("-m physdev --physdev-is-bridged", "", "", False),
        ("-m physdev ! --physdev-is-bridged", "", "", True),
        ("-m physdev --physdev-is-bridged", "veth1", "veth2", True),
        ("-m physdev --physdev-is-bridged", "veth1", "", False),
        ("-m physdev --physdev-in veth+", "veth1", "", True),
        ("-m physdev ! --physdev-in veth1", "veth1", "veth2", False),
        ("-m physdev --physdev-out veth2", "veth1", "veth2", True),
        ("-m physdev ! --physdev-out veth2", "veth1", "", False),
        ("-m physdev --physdev-is-in", "veth1", "", True),
        ("-m physdev ! --physdev-is-out", "veth1", "", True),
    ],
)
def test_bridge_ports(conditions, physin, physout, expected):
    assert matches(conditions, iif="br0", physin=physin, physout=physout) is expected


@pytest.mark.parametrize(
    ("conditions", "local", "expected"),
    [
        ("-m owner --uid-owner 1337", True, None),
        ("-m owner --uid-owner 1337", False, False),
        ("-m owner ! --uid-owner 1337", False, True),
        ("-m owner --socket-exists", True, True),
        ("-m owner ! --socket-exists", True, False),
        ("-m owner --socket-exists", False, False),
        ("-m cgroup --cgroup 5", True, None),
        ("-m cgroup ! --cgroup 5", False, False),
    ],
)
def test_owner(conditions, local, expected):
    assert matches(conditions, hook=Hook.OUTPUT, oif="eth0", local=local) is expected


@pytest.mark.parametrize(
    ("options", "iif", "expected"),
    [
        ("--invert", "eth1", False),
        ("--invert", "eth0", True),
        ("", "eth1", True),
        ("--loose", "eth0", True),
        ("--invert", "lo", False),
    ],
)
def test_rpfilter_asks_for_the_route_back(options, iif, expected):
    found = matches(f"-m rpfilter {options}", hook=Hook.PREROUTING, table="mangle", iif=iif)
    assert found is expected


def test_a_set_answers_by_its_dimensions():
    sets = read_ipsets(
        "create svc hash:ip,port family inet\nadd svc 10.2.0.9,tcp:80\n", "ipset save"
    )
    host = OneNode([], sets)
    assert matches("-m set --match-set svc dst,dst", host=host) is True
    assert matches("-m set ! --match-set svc dst,dst", host=host) is False
    assert matches("-m set --match-set svc src,dst", host=host) is False
    assert matches("-m set --match-set svc dst", host=host) is False
    assert matches("-m set --match-set svc dst,dst --packets-gt 5", host=host) is None


def test_raw_rules_do_not_know_the_connection_yet():
    asked = {"table": "raw", "hook": Hook.PREROUTING}
    assert matches("-m conntrack --ctstate NEW", iif="eth0", **asked) is False
    assert matches("-m conntrack --ctstate INVALID", iif="eth0", **asked) is True
    assert matches("-m conntrack --ctstate NEW", iif="lo", **asked) is True


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("-A INPUT -m u32 --u32 1=1 -j DROP", "raw bytes"),
        ("-A INPUT -m time --weekdays Mon -j DROP", "time of day"),
        ("-A INPUT -m tcp --frobnicate 3 -j DROP", "--frobnicate"),
        ("-A INPUT -p tcp -m tcp --dport 99999 -j DROP", "99999"),
        ("-A INPUT -p nonesuch -j DROP", "nonesuch"),
        ("-A INPUT -j NFQUEUE --queue-num 0", "user space"),
        ("-A INPUT -j NEWTARGET --option 5", "NEWTARGET"),
        ("-A INPUT -s fd00::1 -j DROP", "other IP version"),
        ("-A INPUT -j", "missing"),
        ('-A INPUT -m comment --comment "open', "never closed"),
    ],
)
def test_what_is_not_modelled_is_named_with_its_rule(rule, why):
    (unknown,) = ruleset(rule).unmodelled
    assert unknown.rule == rule
    assert unknown.where == "iptables-nft filter INPUT"
    assert why in unknown.why
