from __future__ import annotations

import json

import pytest

from skoop.errors import ParseError
from skoop.model.address import Family, parse_ip, parse_prefix
from skoop.netstack.dump.addresses import read_addresses
from skoop.netstack.dump.fdb import read_fdb
from skoop.netstack.dump.links import NO_NSID, read_links
from skoop.netstack.dump.neighbours import read_neighbours
from skoop.netstack.dump.ports import read_ports, with_ports
from skoop.netstack.dump.sysctls import read_sysctls
from skoop.netstack.state import (
    UNSHAPED,
    Action,
    BridgePort,
    BridgeSettings,
    IpTunnel,
    Link,
    Shaping,
    TrafficControl,
    Vxlan,
)


def link(**fields: object) -> Link:
    own = {"ifindex": 9, "ifname": "x", "flags": ["UP", "LOWER_UP"], **fields}
    return read_links(json.dumps([own]), "test")[0]


def kind(name: str, **data: object) -> dict[str, object]:
    return {"linkinfo": {"info_kind": name, "info_data": data}}


def test_loopback_and_flags() -> None:
    lo = link(link_type="loopback", address="00:00:00:00:00:00", mtu=65536)
    assert (lo.kind, lo.up, lo.carrier, lo.mtu, lo.arp) == ("loopback", True, True, 65536, True)
    down = link(flags=["NOARP", "POINTOPOINT", "NO-CARRIER"], operstate="DOWN")
    assert (down.up, down.carrier, down.arp, down.point_to_point) == (False, False, False, True)
    assert down.operstate == "DOWN"


@pytest.mark.parametrize(
    ("fields", "peer"),
    [
        pytest.param({"link_index": 4, "link_netnsid": 6}, (4, 6), id="another-namespace"),
        pytest.param({"link_index": 4, "link_netnsid": -1}, (4, NO_NSID), id="no-id-here"),
        pytest.param({"link": "x"}, (9, -1), id="this-namespace"),
        pytest.param({}, (0, -1), id="unknown"),
    ],
)
def test_veth_peer(fields: dict[str, object], peer: tuple[int, int]) -> None:
    found = link(linkinfo={"info_kind": "veth"}, **fields)
    assert (found.kind, found.peer_index, found.peer_nsid) == ("veth", *peer)


def test_vxlan() -> None:
    data = {
        "id": 7,
        "remote": "10.1.0.9",
        "local": "10.1.0.1",
        "link": "v0",
        "port": 8472,
        "learning": False,
        "ttl": 9,
        "df": "set",
    }
    assert link(**kind("vxlan", **data)).vxlan == Vxlan(
        7, 8472, parse_ip("10.1.0.1"), parse_ip("10.1.0.9"), "v0", False, df="set", ttl=9
    )
    group = link(**kind("vxlan", id=8, group="239.1.1.1", proxy=True, l2miss=True, port=4789)).vxlan
    assert group is not None
    assert (group.remote, group.proxy, group.learning) == (parse_ip("239.1.1.1"), True, True)
    external = link(**kind("vxlan", external=True, id=0, port=4790)).vxlan
    assert external is not None
    assert external.external


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        (
            "ipip",
            {"proto": "ipip", "remote": "any", "local": "10.0.0.1", "ttl": 0, "pmtudisc": True},
            IpTunnel(Family.V4, local=0x0A000001),
        ),
        (
            "sit",
            {"remote": "10.0.0.2", "local": "any", "ttl": 64, "pmtudisc": False, "link": "eth0"},
            IpTunnel(Family.V4, remote=0x0A000002, underlay="eth0", ttl=64, pmtudisc=False),
        ),
        ("gre", {"external": True}, IpTunnel(Family.V4, external=True)),
        (
            "ip6tnl",
            {"remote": "fd00::2", "local": "fd00::1", "hoplimit": 64},
            IpTunnel(Family.V6, local=parse_ip("fd00::1")[1], remote=parse_ip("fd00::2")[1]),
        ),
    ],
)
def test_tunnels(name: str, data: dict[str, object], expected: IpTunnel) -> None:
    assert link(**kind(name, **data)).tunnel == expected


def test_bridge_and_port() -> None:
    data = {"vlan_filtering": 1, "stp_state": 1, "group_fwd_mask": "0x8", "nf_call_iptables": 1}
    assert link(**kind("bridge", **data)).bridge == BridgeSettings(
        True, True, True, False, group_fwd_mask=8
    )
    slave = {"state": "blocking", "hairpin": True, "isolated": True, "proxy_arp": True}
    found = link(
        master="br0",
        linkinfo={"info_kind": "veth", "info_slave_kind": "bridge", "info_slave_data": slave},
    )
    assert found.port == BridgePort("blocking", hairpin=True, isolated=True, proxy_arp=True)
    bonded = link(linkinfo={"info_slave_kind": "bond", "info_slave_data": {"state": "ACTIVE"}})
    assert bonded.port is None


def test_bridge_link_completes_ports() -> None:
    ports = read_ports(
        '[{"ifname":"x","master":"br0","state":"disabled","hairpin":true,"mcast_router":1}]', "t"
    )
    (found,) = with_ports((link(master="br0"),), ports)
    assert found.port == BridgePort("disabled", hairpin=True)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"qdisc": "noqueue"}, UNSHAPED),
        ({"qdisc": "mq"}, UNSHAPED),
        (
            {"qdisc": "netem"},
            TrafficControl(egress=Shaping(Action.MAY_ACT, "qdisc netem")),
        ),
        (
            {"xdp": {"mode": 1, "prog": {"id": 7}}},
            TrafficControl(ingress=Shaping(Action.PROGRAM, "an XDP program", "xdp")),
        ),
    ],
)
def test_what_may_act_on_packets(fields: dict[str, object], expected: TrafficControl) -> None:
    assert link(**fields).tc == expected


def test_addresses() -> None:
    text = json.dumps(
        [
            {
                "ifname": "v0",
                "addr_info": [
                    {"family": "inet", "local": "10.1.0.2", "prefixlen": 24, "secondary": True},
                    {"family": "inet", "local": "10.9.0.1", "address": "10.9.0.2", "prefixlen": 32},
                    {
                        "family": "inet6",
                        "local": "fe80::1",
                        "prefixlen": 64,
                        "scope": "link",
                        "tentative": True,
                        "dadfailed": True,
                    },
                    {"family": "link_netns"},
                ],
            },
            {},
        ]
    )
    second, peer, v6 = read_addresses(text, "t")
    assert (second.device, second.secondary, str(second.prefix)) == ("v0", True, "10.1.0.0/24")
    assert second.value == parse_ip("10.1.0.2")[1]
    assert (peer.value, peer.peer) == (parse_ip("10.9.0.1")[1], parse_ip("10.9.0.2")[1])
    assert peer.prefix == parse_prefix("10.9.0.2/32")
    assert (v6.family, v6.scope, v6.flags) == (Family.V6, "link", ("tentative", "dadfailed"))


def test_neighbours() -> None:
    text = (
        '[{"dst":"10.1.0.10","dev":"v0","lladdr":"02:00:00:00:00:02","state":["STALE"]},'
        '{"dst":"10.1.0.9","dev":"v0","managed":null,"state":["FAILED"]},'
        '{"dst":"fd00::77","dev":"v0","proxy":null}]'
    )
    stale, failed, proxy = read_neighbours(text, "t")
    assert (stale.mac, stale.state, stale.proxy) == ("02:00:00:00:00:02", "STALE", False)
    assert (failed.mac, failed.state) == ("", "FAILED")
    assert (proxy.proxy, proxy.family) == (True, Family.V6)


def test_fdb() -> None:
    text = (
        '[{"mac":"02:00:00:00:00:06","ifname":"v1","flags":[],"master":"br0","state":"static"},'
        '{"mac":"2a:f4:4c:bd:01:80","ifname":"v1","vlan":1,"flags":[],"master":"br0",'
        '"state":"permanent"},'
        '{"mac":"02:00:00:00:00:05","ifname":"vx","dst":"10.1.0.8","flags":["self"],'
        '"state":"permanent"},'
        '{"mac":"00:00:00:00:00:00","ifname":"vx","dst":"10.1.0.7","port":99,"vni":3,"viaIf":"v0",'
        '"flags":["self"],"state":"permanent"},'
        '{"mac":"02:00:00:00:00:09","ifname":"v1","flags":[],"master":"br0","state":""}]'
    )
    static, local, remote, flood, learnt = read_fdb(text, "t")
    assert (static.permanent, static.local, static.master) == (True, False, "br0")
    assert (local.permanent, local.local, local.vlan) == (True, True, 1)
    assert (remote.self_, remote.local, remote.remote) == (True, False, parse_ip("10.1.0.8"))
    assert (remote.vni, remote.port) == (-1, -1)
    assert (flood.vni, flood.port, flood.via) == (3, 99, "v0")
    assert not learnt.permanent


def test_sysctls() -> None:
    text = (
        "net.ipv4.ip_forward = 1\n# note\n\nnet.ipv4.ip_local_port_range = 32768\t60999\n"
        "net.ipv4.conf.flannel/1.rp_filter = 0\nnet.ipv4.x =\n"
    )
    assert read_sysctls(text, "t") == {
        "net.ipv4.ip_forward": "1",
        "net.ipv4.ip_local_port_range": "32768 60999",
        "net.ipv4.conf.flannel/1.rp_filter": "0",
        "net.ipv4.x": "",
    }
    with pytest.raises(ParseError, match="sysctl:2"):
        read_sysctls("a = 1\nsysctl: cannot stat /proc/sys/x\n", "sysctl")


@pytest.mark.parametrize(
    ("read", "own"),
    [
        (read_links, '{"ifname":"x"}'),
        (read_links, '{"ifindex":1,"ifname":"x","linkinfo":{"info_kind":"vxlan","info_data":7}}'),
        (
            read_links,
            '{"ifindex":1,"ifname":"x","linkinfo":{"info_kind":"ipip","info_data":{"local":"l"}}}',
        ),
        (read_addresses, '{"ifname":"x","addr_info":[{"family":"inet","local":"nowhere"}]}'),
        (
            read_addresses,
            '{"ifname":"x","addr_info":[{"family":"inet","local":"10.0.0.1","prefixlen":33}]}',
        ),
        (read_neighbours, '{"dst":"10.0.0","dev":"v0"}'),
        (read_fdb, '{"mac":"02:00:00:00:00:05","dst":"vtep"}'),
        (read_fdb, '{"mac":"02:00:00:00:00:05","ifname":"vx","nhid":7}'),
    ],
)
def test_meaningless_entries_are_errors(read, own) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ParseError) as caught:
        read(f"[{own}]", "cmd")
    assert caught.value.source == "cmd"
