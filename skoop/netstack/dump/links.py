"""`ip -j -d link` -> Link. Field names: iproute2 ip/ipaddress.c, ip/iplink_*.c."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from skoop.model.address import Family, parse_ip
from skoop.netstack.dump.jsontext import entries, located, with_line
from skoop.netstack.linkline import link_line
from skoop.netstack.state import (
    FREE,
    Action,
    BridgePort,
    BridgeSettings,
    IpTunnel,
    Link,
    Shaping,
    TrafficControl,
    Vxlan,
)

# A qdisc that never drops a packet by what it is: these queue, shape or schedule.
HARMLESS_QDISC = frozenset(
    [
        "noqueue",
        "noop",
        "mq",
        "mqprio",
        "fq_codel",
        "fq",
        "codel",
        "pfifo_fast",
        "pfifo",
        "bfifo",
        "sfq",
        "cake",
        "tbf",
        "pie",
        "fq_pie",
    ]
)
_TUNNELS = {
    "ipip": Family.V4,
    "sit": Family.V4,
    "gre": Family.V4,
    "gretap": Family.V4,
    "erspan": Family.V4,
    "ip6tnl": Family.V6,
    "ip6gre": Family.V6,
    "ip6gretap": Family.V6,
    "vti": Family.V4,
    "vti6": Family.V6,
}
NO_NSID = -2
"""`Link.peer_nsid` of a peer in a namespace that has no id here (link_netnsid -1)."""


class _Data(Struct, frozen=True):
    # vxlan
    id: int = 0
    local: str | None = None
    remote: str | None = None
    group: str | None = None
    local6: str | None = None
    remote6: str | None = None
    group6: str | None = None
    link: str | None = None
    port: int = 0
    learning: bool = True
    proxy: bool = False
    l2miss: bool = False
    l3miss: bool = False
    external: bool = False
    udp_csum: bool = True
    df: str = "unset"
    ttl: int | str = 0
    pmtudisc: bool = True
    # bridge
    vlan_filtering: int = 0
    stp_state: int = 0
    nf_call_iptables: int = 0
    nf_call_ip6tables: int = 0
    group_fwd_mask: str | int = 0


class _Info(Struct, frozen=True):
    info_kind: str = ""
    info_data: msgspec.Raw = msgspec.Raw(b"{}")
    info_slave_kind: str = ""
    info_slave_data: msgspec.Raw = msgspec.Raw(b"{}")


class _Link(Struct, frozen=True):
    ifindex: int
    ifname: str
    flags: tuple[str, ...] = ()
    mtu: int = 1500
    qdisc: str = "noqueue"
    operstate: str = "UNKNOWN"
    link_type: str = "ether"
    address: str = ""
    master: str = ""
    link: str | None = None
    link_index: int = 0
    link_netnsid: int | None = None
    linkinfo: _Info = _Info()
    xdp: object = msgspec.UNSET


_DECODER = msgspec.json.Decoder(_Link)
_DATA = msgspec.json.Decoder(_Data)
PORT = msgspec.json.Decoder(BridgePort)
"""`ip -d link` and `bridge -d link` name a port's attributes alike."""
_NO_DATA = _Data()


def read_links(text: str, source: str) -> tuple[Link, ...]:
    """Every interface of a namespace. Raises ParseError.

    `peer_index` is the other end of a veth, or the device below a vlan, macvlan or tunnel.
    """
    found = list(entries(text, _DECODER, source))
    index_of = {link.ifname: link.ifindex for link, _ in found}
    links = []
    for link, own in found:
        try:
            links.append(_link(link, index_of))
        except (ValueError, msgspec.DecodeError) as error:
            raise located(source, own, ValueError(f"{link.ifname}: {error}")) from error
    return tuple(links)


def _link(link: _Link, index_of: dict[str, int]) -> Link:
    info = link.linkinfo
    kind = info.info_kind or ("loopback" if link.link_type == "loopback" else "")
    data = _DATA.decode(info.info_data) if kind in _WITH_DATA else _NO_DATA
    nsid = -1
    if link.link_netnsid is not None:
        nsid = NO_NSID if link.link_netnsid < 0 else link.link_netnsid
    flags = link.flags
    is_port = info.info_slave_kind == "bridge"
    made = Link(
        index=link.ifindex,
        name=link.ifname,
        kind=kind,
        mac=link.address if link.link_type in ("ether", "loopback") else "",
        mtu=link.mtu,
        up="UP" in flags,
        carrier="LOWER_UP" in flags,
        operstate=link.operstate,
        arp="NOARP" not in flags,
        point_to_point="POINTOPOINT" in flags,
        master=link.master,
        peer_index=link.link_index or index_of.get(link.link or "", 0),
        peer_nsid=nsid,
        vxlan=_vxlan(data) if kind == "vxlan" else None,
        tunnel=_tunnel(kind, data, link.link or "") if kind in _TUNNELS else None,
        bridge=_bridge(data) if kind == "bridge" else None,
        port=PORT.decode(info.info_slave_data) if is_port else None,
        tc=_tc(link),
    )
    return with_line(made, link_line(made, flags=flags, peer=link.link or ""))


_WITH_DATA = frozenset(_TUNNELS) | {"vxlan", "bridge"}


def _tc(link: _Link) -> TrafficControl:
    """XDP sees what comes in, the root qdisc what goes out."""
    xdp = link.xdp is not msgspec.UNSET
    harmless = link.qdisc in HARMLESS_QDISC
    return TrafficControl(
        ingress=Shaping(Action.PROGRAM, "an XDP program", "xdp") if xdp else FREE,
        egress=FREE if harmless else Shaping(Action.MAY_ACT, f"qdisc {link.qdisc}"),
    )


def _vxlan(data: _Data) -> Vxlan:
    remote = data.remote or data.group or data.remote6 or data.group6
    local = data.local or data.local6
    return Vxlan(
        vni=data.id,
        port=data.port,
        local=parse_ip(local) if local else None,
        remote=parse_ip(remote) if remote else None,
        underlay=data.link or "",
        learning=data.learning,
        proxy=data.proxy,
        l2miss=data.l2miss,
        l3miss=data.l3miss,
        external=data.external,
        df=data.df,
        ttl=_ttl(data.ttl),
        checksums=data.udp_csum,
    )


def _tunnel(kind: str, data: _Data, below: str) -> IpTunnel:
    return IpTunnel(
        family=_TUNNELS[kind],
        local=_address_or_any(data.local),
        remote=_address_or_any(data.remote),
        underlay=data.link or below,
        ttl=_ttl(data.ttl),
        pmtudisc=data.pmtudisc,
        external=data.external,
    )


def _address_or_any(text: str | None) -> int:
    return 0 if text in (None, "any") else parse_ip(str(text))[1]


def _ttl(value: int | str) -> int:
    """0 for "inherit" and "auto"."""
    return value if isinstance(value, int) else 0


def _bridge(data: _Data) -> BridgeSettings:
    mask = data.group_fwd_mask
    return BridgeSettings(
        vlan_filtering=bool(data.vlan_filtering),
        stp=bool(data.stp_state),
        nf_call_iptables=bool(data.nf_call_iptables),
        nf_call_ip6tables=bool(data.nf_call_ip6tables),
        group_fwd_mask=mask if isinstance(mask, int) else int(mask, 16),
    )
