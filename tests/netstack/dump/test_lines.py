"""An entry's JSON becomes the line that the same tool prints without -j."""

from __future__ import annotations

import pytest

from skoop.model.address import Family, parse_ip
from skoop.netstack.dump.fdb import read_fdb
from skoop.netstack.dump.links import read_links
from skoop.netstack.dump.neighbours import read_neighbours
from skoop.netstack.dump.ports import with_ports
from skoop.netstack.dump.routes import read_cached, read_routes, with_locks
from skoop.netstack.dump.rules import read_rules
from skoop.netstack.lines import fdb_line, route_arguments, rule_line
from skoop.netstack.linkline import link_line
from skoop.netstack.state import BridgePort, FdbEntry, Link, PolicyRule, Vxlan

DEAD = (
    '{"dst":"10.7.0.0/16","protocol":"static","metric":100,"flags":[],"nexthops":[{"gateway":'
    '"10.1.0.8","dev":"v0","weight":2,"flags":[]},{"gateway":"10.1.0.7","dev":"v1","weight":3,'
    '"flags":["dead","linkdown"]}]}'
)
OVERLAY = '{"dst":"10.2.0.0/24","gateway":"10.2.0.0","dev":"flannel.1","flags":["onlink"%s]%s}'


@pytest.mark.parametrize(
    ("own", "line"),
    [
        ('{"dst":"default","gateway":"10.1.0.1","dev":"eth0"}', "default via 10.1.0.1 dev eth0"),
        (OVERLAY % ("", ""), "10.2.0.0/24 via 10.2.0.0 dev flannel.1 onlink"),
        ('{"type":"blackhole","dst":"10.0.0.0/8"}', "blackhole 10.0.0.0/8"),
        (
            '{"type":"local","dst":"10.1.0.1","dev":"cni0","table":"local","protocol":"kernel",'
            '"scope":"host","prefsrc":"10.1.0.1"}',
            "local 10.1.0.1 dev cni0 table local proto kernel scope host src 10.1.0.1",
        ),
        (
            DEAD,
            "10.7.0.0/16 proto static metric 100 nexthop via 10.1.0.8 dev v0 weight 2 "
            "nexthop via 10.1.0.7 dev v1 weight 3 dead linkdown",
        ),
        (
            '{"dst":"10.8.0.0/16","via":{"family":"inet6","host":"fd00::9"},"dev":"v0"}',
            "10.8.0.0/16 via inet6 fd00::9 dev v0",
        ),
        (
            '{"dst":"10.9.0.0/16","tos":"0x10","nhid":5,"dev":"v0","metric":7,"flags":["linkdown"],'
            '"metrics":[{"mtu":1400}]}',
            "10.9.0.0/16 tos 0x10 nhid 5 dev v0 metric 7 linkdown mtu 1400",
        ),
        (
            '{"dst":"10.11.0.0/16","encap":"ip","id":5,"dst":"1.2.3.4","dev":"vxe"}',
            "10.11.0.0/16 encap ip dev vxe",
        ),
    ],
)
def test_route(own: str, line: str) -> None:
    assert read_routes(f"[{own}]", Family.V4, "test")[0].raw == line


def test_v6_route() -> None:
    own = '{"dst":"fd01::/64","from":"fd02::/64","gateway":"fd00::9","dev":"v0","pref":"high"}'
    (route,) = read_routes(f"[{own}]", Family.V6, "test")
    assert route.raw == "fd01::/64 from fd02::/64 via fd00::9 dev v0 pref high"


def test_lock_and_learnt_mtu_are_in_the_line() -> None:
    text = '[{"dst":"10.9.0.9","gateway":"10.1.0.1","dev":"v0","metrics":[{"mtu":1400}]}]'
    plain = "10.9.0.9 via 10.1.0.1 dev v0 mtu lock 1400 "
    (locked,) = with_locks(read_routes(text, Family.V4, "test"), plain)
    assert locked.raw == plain.strip()
    (learnt,) = read_cached(text, Family.V4, "test")
    assert learnt.raw == "10.9.0.9 via 10.1.0.1 dev v0 cache mtu 1400"


def test_a_command_names_only_what_it_may_set() -> None:
    dead, by_object = OVERLAY % (',"dead","linkdown"', ""), OVERLAY % ("", ',"nhid":7')
    first, second = read_routes(f"[{dead},{by_object}]", Family.V4, "test")
    assert route_arguments(first) == "10.2.0.0/24 via 10.2.0.0 dev flannel.1 onlink"
    assert route_arguments(second) == "10.2.0.0/24 nhid 7"


@pytest.mark.parametrize(
    ("own", "line"),
    [
        ('"priority":32766,"src":"all","table":"main"', "32766: from all lookup main"),
        (
            '"priority":100,"src":"10.244.2.0","srclen":24,"table":"200"',
            "100: from 10.244.2.0/24 lookup 200",
        ),
        (
            '"priority":5,"not":null,"src":"10.0.0.1","dst":"10.2.0.0","dstlen":16,"table":"201"',
            "5: not from 10.0.0.1 to 10.2.0.0/16 lookup 201",
        ),
        (
            '"priority":5,"src":"all","fwmark":"0x1","fwmask":"0xff","iif":"eth0",'
            '"iif_detached":null,"action":"unreachable"',
            "5: from all fwmark 0x1/0xff iif eth0 [detached] unreachable",
        ),
        (
            '"priority":5,"src":"all","ipproto":"tcp","sport":80,"dport_start":100,"dport_end":200,'
            '"table":"main","suppress_prefixlen":0',
            "5: from all ipproto tcp sport 80 dport 100-200 lookup main suppress_prefixlength 0",
        ),
        (
            '"priority":5,"src":"all","goto":50,"unresolved":null,"protocol":"static"',
            "5: from all goto 50 [unresolved] proto static",
        ),
        ('"priority":5,"src":"all","dscp":"EF","table":"7"', "5: from all dscp EF lookup 7"),
        ('"priority":5,"src":"all","l3mdev":null', "5: from all lookup [l3mdev-table]"),
    ],
)
def test_rule(own: str, line: str) -> None:
    assert read_rules(f"[{{{own}}}]", Family.V4, "test")[0].raw == line


def test_rule_without_its_text_still_names_what_is_not_modelled() -> None:
    rule = PolicyRule(family=Family.V4, priority=5, unmodelled="dscp")
    assert rule_line(rule) == "5: from all (dscp) lookup main"


@pytest.mark.parametrize(
    ("own", "line"),
    [
        (
            '"dst":"10.2.0.0","dev":"flannel.1","lladdr":"02:42:0a:f4:02:00","state":["PERMANENT"]',
            "10.2.0.0 dev flannel.1 lladdr 02:42:0a:f4:02:00 PERMANENT",
        ),
        ('"dst":"10.1.0.9","dev":"eth0","state":["FAILED"]', "10.1.0.9 dev eth0 FAILED"),
        ('"dst":"10.1.0.8","dev":"eth0","proxy":null', "10.1.0.8 dev eth0 proxy"),
    ],
)
def test_neighbour(own: str, line: str) -> None:
    assert read_neighbours(f"[{{{own}}}]", "test")[0].raw == line


@pytest.mark.parametrize(
    ("own", "line"),
    [
        (
            '"ifname":"flannel.1","dst":"172.30.0.12","flags":["self"],"state":"permanent"',
            "dev flannel.1 dst 172.30.0.12 self permanent",
        ),
        (
            '"ifname":"vx","dst":"172.30.0.12","port":99,"vni":5,"viaIf":"eth0","flags":["self"],'
            '"state":""',
            "dev vx dst 172.30.0.12 port 99 vni 5 via eth0 self",
        ),
        ('"ifname":"vx","flags":["self"],"state":"static"', "dev vx self static"),
        ('"ifname":"v1","master":"cni0","state":"permanent"', "dev v1 master cni0 permanent"),
        ('"ifname":"v1","vlan":7,"master":"cni0","state":""', "dev v1 vlan 7 master cni0"),
    ],
)
def test_forwarding_entry(own: str, line: str) -> None:
    text = f'[{{"mac":"02:42:0a:f4:02:00",{own}}}]'
    assert read_fdb(text, "test")[0].raw == f"02:42:0a:f4:02:00 {line}"


@pytest.mark.parametrize(
    ("entry", "state"),
    [
        (FdbEntry("vx", "m", self_=True, permanent=True), "self permanent"),
        (FdbEntry("v1", "m", "br0", permanent=True, local=True), "master br0 permanent"),
        (FdbEntry("v1", "m", "br0", permanent=True), "master br0 static"),
        (FdbEntry("v1", "m", "br0"), "master br0"),
    ],
)
def test_state_of_an_entry_that_no_tool_printed(entry: FdbEntry, state: str) -> None:
    assert fdb_line(entry) == f"m dev {entry.device} {state}"


START = '"flags":["BROADCAST","UP","LOWER_UP"],"operstate":"UP","address":"02:42:0a:f4:02:00"'
ETHER = "link/ether 02:42:0a:f4:02:00"


@pytest.mark.parametrize(
    ("own", "line"),
    [
        (
            '"ifname":"flannel.1","mtu":1450,"linkinfo":{"info_kind":"vxlan","info_data":{"id":1,'
            '"local":"172.30.0.11","link":"eth0","port":8472,"learning":false}}',
            f"flannel.1: <BROADCAST,UP,LOWER_UP> mtu 1450 state UP {ETHER} "
            "vxlan id 1 local 172.30.0.11 dev eth0 dstport 8472 nolearning",
        ),
        (
            '"ifname":"veth1","link_index":7,"link_netnsid":0,"master":"cni0","linkinfo":'
            '{"info_kind":"veth","info_slave_kind":"bridge","info_slave_data":{"state":"blocking",'
            '"hairpin":true,"learning":false}}',
            f"veth1@if7: <BROADCAST,UP,LOWER_UP> mtu 1500 master cni0 state UP {ETHER} "
            "link-netnsid 0 veth bridge_slave state blocking hairpin on learning off",
        ),
        (
            '"ifname":"v0","link":"v1","qdisc":"netem","linkinfo":{"info_kind":"veth"}',
            f"v0@v1: <BROADCAST,UP,LOWER_UP> mtu 1500 qdisc netem state UP {ETHER} veth",
        ),
        (
            '"ifname":"tun","link_type":"ipip","linkinfo":{"info_kind":"ipip","info_data":{"local":'
            '"172.30.0.11","remote":"any","ttl":64,"pmtudisc":false}}',
            "tun: <BROADCAST,UP,LOWER_UP> mtu 1500 state UP ipip remote any local 172.30.0.11 "
            "ttl 64 nopmtudisc",
        ),
        (
            '"ifname":"cni0","linkinfo":{"info_kind":"bridge","info_data":{"vlan_filtering":1,'
            '"stp_state":0,"nf_call_iptables":1,"group_fwd_mask":"0x8"}}',
            f"cni0: <BROADCAST,UP,LOWER_UP> mtu 1500 state UP {ETHER} "
            "bridge vlan_filtering 1 group_fwd_mask 0x8 nf_call_iptables 1",
        ),
    ],
)
def test_link(own: str, line: str) -> None:
    (link,) = read_links(f'[{{"ifindex":3,{START},{own}}}]', "test")
    assert link.raw == f"3: {line}"


def test_link_that_no_tool_printed() -> None:
    down = Link(index=0, name="vx", kind="vxlan", up=False, carrier=False, operstate="DOWN")
    assert link_line(down) == "vx: <> mtu 1500 state DOWN vxlan"
    lost = Link(index=4, name="vx", kind="vxlan", carrier=False, vxlan=Vxlan(7, 4789))
    assert link_line(lost) == "4: vx: <NO-CARRIER,UP> mtu 1500 state UP vxlan id 7 dstport 4789"


def test_port_settings_of_an_older_bridge_tool_are_added() -> None:
    (link,) = read_links('[{"ifindex":3,"ifname":"v1","master":"br0"}]', "test")
    (completed,) = with_ports((link,), {"v1": BridgePort(isolated=True)})
    assert completed.raw == f"{link.raw} bridge_slave state forwarding isolated on"


def test_remote_of_the_other_family() -> None:
    entry = FdbEntry("vx", "m", remote=parse_ip("fd00::1"), self_=True)
    assert fdb_line(entry) == "m dev vx dst fd00::1 self"
