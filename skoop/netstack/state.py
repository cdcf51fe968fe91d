"""The state of one network namespace, as collected.

Lookups over it are compiled in `stack`; here is only data. Interfaces are known by index inside
the namespace and by name in rules and routes.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from skoop.model.address import Family, Prefix
from skoop.netstack.conntrack import CtStatus, FlowTuple
from skoop.netstack.ipvs.table import IpvsTable
from skoop.netstack.netfilter import Membership, Ruleset


class Vxlan(Struct, frozen=True):
    """IFLA_VXLAN_*. `local` and `remote`/`group` are (family, address) or None when unset.
    `external` devices take their parameters from the route (collect-metadata mode). `checksums`
    is false when the outer UDP checksum is left 0."""

    vni: int
    port: int
    local: tuple[Family, int] | None = None
    remote: tuple[Family, int] | None = None
    underlay: str = ""
    learning: bool = True
    proxy: bool = False
    l2miss: bool = False
    l3miss: bool = False
    external: bool = False
    df: str = "unset"
    ttl: int = 0
    checksums: bool = True


class IpTunnel(Struct, frozen=True):
    """ipip, sit, gre, ip6tnl. Addresses are 0 when any."""

    family: Family
    local: int = 0
    remote: int = 0
    underlay: str = ""
    ttl: int = 0
    pmtudisc: bool = True
    external: bool = False


class WireguardPeer(Struct, frozen=True):
    """A peer of a WireGuard device, by its public key. `endpoint` is None while none is known,
    `allowed` what may come from it and is sent to it. `met` tells whether a handshake with it was
    ever completed, None when that was not collected."""

    key: str
    endpoint: tuple[Family, int, int] | None = None
    allowed: tuple[Prefix, ...] = ()
    met: bool | None = None


class Wireguard(Struct, frozen=True):
    """A WireGuard device, as `wg show` tells it. `key` is its public key, "" while it has none."""

    key: str
    port: int
    fwmark: int = 0
    peers: tuple[WireguardPeer, ...] = ()


class BridgeSettings(Struct, frozen=True):
    """A bridge's own settings."""

    vlan_filtering: bool = False
    stp: bool = False
    nf_call_iptables: bool = False
    nf_call_ip6tables: bool = False
    group_fwd_mask: int = 0


class BridgePort(Struct, frozen=True):
    """What a bridge port may do, by iproute2's names, by which it is decoded. `state` is
    "forwarding", "blocking", "disabled", ..."""

    state: str = "forwarding"
    hairpin: bool = False
    learning: bool = True
    flood: bool = True
    mcast_flood: bool = True
    bcast_flood: bool = True
    isolated: bool = False
    neigh_suppress: bool = False
    proxy_arp: bool = False
    locked: bool = False


class Vlan(Struct, frozen=True):
    """One or several VLANs that a bridge port, or the bridge itself, carries. `pvid` is what
    untagged frames that come in are given; with `untagged` frames go out without their tag."""

    first: int
    last: int
    pvid: bool = False
    untagged: bool = False


class Vlans(Struct, frozen=True):
    """What a bridge port carries; `known` is false when it was not collected."""

    known: bool = False
    carried: tuple[Vlan, ...] = ()


class Action(Enum):
    """What is known of a qdisc, filter or program: it lets all pass, it may drop, change or
    redirect (a program of BPF, or something else that is not modelled), or it drops all."""

    PASSES = "passes"
    MAY_ACT = "may act"
    PROGRAM = "program"
    DROPS = "drops"


class Shaping(Struct, frozen=True):
    """What acts on the packets that go one way through a device; `text` says what it is."""

    action: Action = Action.PASSES
    text: str = ""
    raw: str = ""


FREE = Shaping()


class TrafficControl(Struct, frozen=True):
    """tc and XDP: on what a device receives, and on what it sends."""

    ingress: Shaping = FREE
    egress: Shaping = FREE


UNSHAPED = TrafficControl()


class Link(Struct, frozen=True, kw_only=True):
    """One interface.

    `kind` is IFLA_INFO_KIND ("veth", "bridge", "vxlan", "ipip", ...), "loopback" for lo and "" for
    hardware. `up` is IFF_UP, `carrier` IFF_LOWER_UP, `operstate` the kernel's word for it.
    `peer_index` is the other end's ifindex (0 unknown) in the namespace `peer_nsid` (-1: the same
    namespace; -2: one that has no id here). `master` is the name of the bridge, bond or VRF it
    belongs to. `arp` is false under IFF_NOARP.
    `tc` tells what traffic control may do to packets, `vlans` what it carries in a bridge that
    filters VLANs. `wireguard` is None on a WireGuard device that was not read.
    """

    index: int
    name: str
    kind: str
    mac: str = ""
    mtu: int = 1500
    up: bool = True
    carrier: bool = True
    operstate: str = "UP"
    arp: bool = True
    point_to_point: bool = False
    master: str = ""
    peer_index: int = 0
    peer_nsid: int = -1
    vxlan: Vxlan | None = None
    tunnel: IpTunnel | None = None
    wireguard: Wireguard | None = None
    bridge: BridgeSettings | None = None
    port: BridgePort | None = None
    tc: TrafficControl = UNSHAPED
    vlans: Vlans = Vlans()
    raw: str = ""


class Address(Struct, frozen=True):
    """An address on an interface; `prefix` keeps the length, `value` the host part too."""

    device: str
    family: Family
    value: int
    prefix: Prefix
    scope: str = "global"
    secondary: bool = False
    peer: int = 0
    flags: tuple[str, ...] = ()


class RouteType(Enum):
    """RTN_* of a route."""

    UNICAST = "unicast"
    LOCAL = "local"
    BROADCAST = "broadcast"
    MULTICAST = "multicast"
    ANYCAST = "anycast"
    BLACKHOLE = "blackhole"
    UNREACHABLE = "unreachable"
    PROHIBIT = "prohibit"
    THROW = "throw"
    NAT = "nat"


class NextHop(Struct, frozen=True):
    """One way out. `gateway` is None for an on-link route; a v6 gateway of a v4 route is allowed.
    `flags` holds the words iproute2 prints: "onlink", "linkdown", "dead", "pervasive"."""

    device: str
    gateway: tuple[Family, int] | None = None
    weight: int = 1
    flags: tuple[str, ...] = ()
    encap: str = ""


class Route(Struct, frozen=True, kw_only=True):
    """One route. `table` is its name or number as text ("main", "200")."""

    destination: Prefix
    type: RouteType = RouteType.UNICAST
    table: str = "main"
    nexthops: tuple[NextHop, ...] = ()
    metric: int = 0
    scope: str = "global"
    prefsrc: int = 0
    protocol: str = ""
    tos: int = 0
    mtu: int = 0
    mtu_locked: bool = False
    pref: str = "medium"
    source: Prefix | None = None
    nhid: int = 0
    cached_pmtu: bool = False
    raw: str = ""


class PolicyRule(Struct, frozen=True, kw_only=True):
    """One `ip rule`. Absent selectors are None, "" or (0, 0); `inverted` is `not`.

    `action` is "lookup", "goto", "nop", "blackhole", "unreachable" or "prohibit"; `target` the
    table's name for lookup and the priority for goto. A fwmark test is mark & mask == value.
    `unmodelled` names selectors skoop does not know: whether the rule matches cannot be told.
    """

    family: Family
    priority: int
    action: str = "lookup"
    target: str = "main"
    inverted: bool = False
    source: Prefix | None = None
    destination: Prefix | None = None
    iif: str = ""
    oif: str = ""
    fwmark: tuple[int, int] | None = None
    tos: int | None = None
    ipproto: int = 0
    sport: tuple[int, int] | None = None
    dport: tuple[int, int] | None = None
    uid_range: tuple[int, int] | None = None
    l3mdev: bool = False
    tun_id: int = 0
    suppress_prefixlength: int = -1
    suppress_ifgroup: int = -1
    unmodelled: str = ""
    raw: str = ""


class Neighbour(Struct, frozen=True):
    """An ARP or ND entry. `mac` is "" while unresolved. `state` is the NUD_* word. `learned` ones
    are a program's (NTF_EXT_LEARNED). `idle` is for how many seconds it has not changed, -1 where
    that is not known or something holds it."""

    device: str
    family: Family
    address: int
    mac: str
    state: str
    proxy: bool = False
    raw: str = ""
    learned: bool = False
    idle: int = -1

    @property
    def is_fixed(self) -> bool:
        """Whether it is used as it is and never asked for again."""
        return self.state in ("PERMANENT", "NOARP")


class FdbEntry(Struct, frozen=True):
    """A forwarding entry of a bridge (`master` set, `self_` false) or of a tunnel device.
    `remote` is a tunnel's other end; `vni`/`port` are -1 unless they differ from the device's."""

    device: str
    mac: str
    master: str = ""
    self_: bool = False
    remote: tuple[Family, int] | None = None
    vni: int = -1
    port: int = -1
    via: str = ""
    vlan: int = 0
    permanent: bool = False
    local: bool = False
    raw: str = ""


class Socket(Struct, frozen=True):
    """A socket that can receive a first packet: listening TCP/SCTP, or unconnected UDP.

    `address` 0 is the wildcard. `dual` marks a v6 wildcard that takes v4 too (ss prints `*`).
    `device` is SO_BINDTODEVICE's interface, "" for none. `peer` is set on a connected UDP socket.
    """

    proto: int
    family: Family
    address: int
    port: int
    dual: bool = False
    device: str = ""
    backlog: int = 0
    queued: int = 0
    peer: tuple[int, int] | None = None
    raw: str = ""


class CtEntry(Struct, frozen=True):
    """One line of conntrack's table. `tcp_state` is "" for other protocols."""

    original: FlowTuple
    reply: FlowTuple
    status: CtStatus
    mark: int = 0
    zone: int = 0
    tcp_state: str = ""
    raw: str = ""


class CtTable(Struct, frozen=True):
    """The connection table: entries (may be a selection), how many there are, how many may be
    (0: not known)."""

    entries: tuple[CtEntry, ...] = ()
    count: int = 0
    limit: int = 0

    @property
    def yielding(self) -> int:
        """How many entries, listed or not, may give way to a new one in a full table: early_drop()
        looks for one that is not ASSURED in the eight buckets from the new one's on."""
        firm = sum(CtStatus.ASSURED in entry.status for entry in self.entries)
        return max(len(self.entries), self.count) - firm


class Gap(Struct, frozen=True):
    """A part of the state that was not collected or could not be read: `part` is a field name of
    `Namespace`, `why` one sentence."""

    part: str
    why: str


class Namespace(Struct, frozen=True, kw_only=True):
    """Everything collected about one network namespace.

    `id` is "node/NAME" or "pod/NAMESPACE/NAME". `inode` identifies it on its machine (0 unknown).
    `nsids` maps the local ids that `Link.peer_nsid` uses to inodes of other namespaces.
    `sysctls` maps full dotted names ("net.ipv4.ip_forward"; a dot inside an interface's name is
    written "/") to their text. `gaps` lists what is missing: a lookup that needs it is undecidable.
    """

    id: str
    inode: int = 0
    nsids: tuple[tuple[int, int], ...] = ()
    links: tuple[Link, ...] = ()
    addresses: tuple[Address, ...] = ()
    rules: tuple[PolicyRule, ...] = ()
    routes: tuple[Route, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    fdb: tuple[FdbEntry, ...] = ()
    sysctls: dict[str, str] = {}
    sockets: tuple[Socket, ...] = ()
    conntrack: CtTable = CtTable()
    rulesets: tuple[Ruleset, ...] = ()
    ipsets: dict[str, Membership] = {}
    ipvs: IpvsTable = IpvsTable()
    gaps: tuple[Gap, ...] = ()
