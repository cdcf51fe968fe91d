"""What can come out of a namespace, and the branch of the story it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.diagnosis import NotChecked, Suspicion
from skoop.model.disposition import Disposition
from skoop.model.packet import Packet
from skoop.model.trace import Evidence, Hop, Step, StepKind
from skoop.netstack.conntrack import FlowTuple
from skoop.netstack.netfilter import Guess
from skoop.netstack.state import Link, NextHop, Route
from skoop.netstack.tracking import Tracked

BROADCAST_MAC = "ff:ff:ff:ff:ff:ff"


class Frame(Struct, frozen=True):
    """A packet with its link-layer addresses; "" on devices that have none."""

    packet: Packet
    source: str
    destination: str


class Crossing(Struct, frozen=True):
    """A connection that a device between the nodes remembers, by the device's id. Its packets come
    as `flow` and go on as `onward`, which differs when the device translates; `node` is what it
    chose for them, "" when there was no choice."""

    place: str
    flow: FlowTuple
    onward: FlowTuple
    node: str = ""


class Heard(Struct, frozen=True):
    """Where a WireGuard device last heard a peer: the peer's address and port, and the device's own
    address and interface that it came to. `key` is the device's own."""

    key: str
    family: Family
    address: int
    port: int
    own: int
    iif: str


class Branch(Struct, frozen=True, kw_only=True):
    """One way the story goes.

    `weight` is its share of connections among branches of the same guesses. `opened` maps a
    namespace's id to the connections this conversation opened there; `chosen` the flows that met
    several next hops to the one they took, which all its packets take; `heard` a namespace's id, a
    WireGuard device's name and a peer's key to where that peer is by now. `crossings` are what
    devices between the nodes remember; `doubts` and `notes` what was suspicious there, or could not
    be looked at. `hops` are the namespaces passed; `steps` what happened so far in the present one,
    which `packet_in` entered by `iif` in a frame from `mac`; `title` and `emulated` describe one
    that is no namespace but a device of a cloud.
    """

    weight: float = 1.0
    guesses: tuple[Guess, ...] = ()
    opened: Mapping[str, tuple[Tracked, ...]] = {}
    chosen: Mapping[tuple[str, Route, FlowTuple], NextHop] = {}
    heard: Mapping[tuple[str, str, str], Heard] = {}
    crossings: tuple[Crossing, ...] = ()
    doubts: tuple[Suspicion, ...] = ()
    notes: tuple[NotChecked, ...] = ()
    hops: tuple[Hop, ...] = ()
    node: str = ""
    iif: str = ""
    mac: str = ""
    packet_in: Packet | None = None
    steps: tuple[Step, ...] = ()
    title: str = ""
    emulated: bool = False

    def noting(self, kind: StepKind, detail: str, *evidence: Evidence) -> Branch:
        """The branch with one more step."""
        return replace(self, steps=(*self.steps, Step(kind, detail, evidence)))

    def entering(self, node: str, iif: str, packet: Packet, mac: str = "") -> Branch:
        """The branch at the start of a stay in a namespace; `mac` is the frame's source."""
        return replace(self, node=node, iif=iif, mac=mac, packet_in=packet, steps=())

    def leaving(self, oif: str, packet: Packet) -> Branch:
        """The branch with the present stay closed as a hop."""
        entered = self.packet_in if self.packet_in is not None else packet
        hop = Hop(
            self.node, self.iif, oif, entered, packet, self.steps, self.title, self.emulated
        )  # fmt: skip
        return replace(
            self, hops=(*self.hops, hop), steps=(), node="", packet_in=None, title="",
            emulated=False,
        )  # fmt: skip

    def passing(self, hop: Hop) -> Branch:
        """The branch with a stay between namespaces added whole."""
        return replace(self, hops=(*self.hops, hop))

    def remembering(self, node: str, connections: tuple[Tracked, ...]) -> Branch:
        """The branch with a namespace's connections updated."""
        return replace(self, opened={**self.opened, node: connections})


class Reason(Enum):
    """Why a packet stopped, finer than a disposition: what blame starts from."""

    RULE = "a rule"
    CONNTRACK_FULL = "the connection table is full"
    NAT_FAILED = "a translation found no address"
    NO_PORT = "a translation found no port"
    FORWARDING_OFF = "forwarding is off"
    RP_FILTER = "the reverse path filter"
    MARTIAN_SOURCE = "the source is an address of this host"
    MARTIAN_DESTINATION = "the destination may not be forwarded"
    ROUTE_MISSING = "no route"
    ROUTE_TYPE = "a route that stops packets"
    POLICY_RULE = "a policy rule that stops packets"
    SOURCE_NOT_LOCAL = "the source address is not configured"
    TTL = "the hop limit ran out"
    MTU = "larger than the MTU"
    PEER_MTU = "larger than the receiving device takes"
    LINK_DOWN = "a device is down"
    PEER_MISSING = "the other end of a device is gone"
    LINK_MISSING = "a device does not exist"
    NEIGHBOUR = "a neighbour cannot be resolved"
    TABLE_FULL = "the neighbour table is full"
    CONTESTED = "several stations answer for one address"
    WRONG_MAC = "the frame is for another station"
    FDB_MISSING = "a forwarding entry is missing"
    FLOOD_OFF = "a bridge port takes no frames for unknown stations"
    PORT_STATE = "a bridge port does not forward"
    VLAN = "a bridge filters the VLAN"
    HAIRPIN = "a bridge port would send a frame back"
    ISOLATED = "bridge ports are isolated"
    TUNNEL_LOCAL = "the tunnel's own address is not local"
    TUNNEL_UNKNOWN = "no tunnel takes the packet"
    WIREGUARD_PEER = "a WireGuard device has no peer for the packet"
    WIREGUARD_ENDPOINT = "where a WireGuard peer is is not known"
    WIREGUARD_KEYS = "two WireGuard devices do not know each other"
    TUNNEL_ROUTE = "the tunnel's other end cannot be reached"
    ECHO_IGNORED = "echo requests are ignored"
    NO_LISTENER = "nothing listens"
    BACKLOG_FULL = "the accept queue is full"
    PROTOCOL = "a protocol nothing handles"
    DISABLED_IPV6 = "IPv6 is disabled"
    LOOP = "the packet goes in circles"
    TC_DROP = "traffic control"
    PROGRAM = "a program of BPF"
    NOT_MODELLED = "something skoop does not model"
    NOT_COLLECTED = "something that was not collected"
    CHECKSUM = "a checksum that a translation left wrong"
    FAR_END = "the network beyond the cluster"
    CLOUD = "the cloud under the nodes"


class Errno(Enum):
    """What the sender's own socket gets at once, when the sender's kernel refuses."""

    NONE = ""
    EINVAL = "EINVAL"
    EACCES = "EACCES"
    EPERM = "EPERM"
    EHOSTUNREACH = "EHOSTUNREACH"
    ENETUNREACH = "ENETUNREACH"
    EMSGSIZE = "EMSGSIZE"
    EADDRNOTAVAIL = "EADDRNOTAVAIL"


class Stop(Struct, frozen=True, kw_only=True):
    """Why and where a packet ended. `detail` is a clause for a reader; `device` the interface
    concerned; `address` the destination or neighbour that could not be reached;
    `rule` and `where` the rule's text and
    chain when one decided; `limit` the MTU that was exceeded; `withheld` what kept the neighbour
    from being found; `suspicion` the cause, where what stopped the packet knows it."""

    disposition: Disposition
    reason: Reason
    detail: str
    evidence: tuple[Evidence, ...] = ()
    device: str = ""
    address: int = 0
    rule: str = ""
    where: str = ""
    limit: int = 0
    withheld: Withheld | None = None
    suspicion: Suspicion | None = None


class Withheld(Struct, frozen=True):
    """A question for a neighbour, or the answer, that a hook of `node` stops; not `certain` where
    rules cannot be decided."""

    node: str
    packet: Packet
    stop: Stop
    certain: bool = True


def stop_at(
    disposition: Disposition, reason: Reason, detail: str, device: str, *evidence: Evidence
) -> Stop:
    """A stop at a device, with the evidence that there is."""
    kept = tuple(item for item in evidence if item.text)
    return Stop(disposition=disposition, reason=reason, detail=detail, device=device, evidence=kept)


class Resolve(Struct, frozen=True):
    """A routed packet is about to leave by a device; somebody must find the next hop's MAC."""

    branch: Branch
    link: Link
    packet: Packet
    tracked: Tracked
    family: Family
    nexthop: int


class Cross(Struct, frozen=True):
    """A frame leaves this namespace by a device that ends elsewhere. `nexthop` is the address the
    frame was resolved for (0 for a bridged frame)."""

    branch: Branch
    link: Link
    frame: Frame
    nexthop: int = 0


class Local(Struct, frozen=True):
    """A packet passed INPUT and reaches the socket layer."""

    branch: Branch
    packet: Packet
    iif: str
    tracked: Tracked
    tproxy_port: int = 0


class Stopped(Struct, frozen=True):
    """The packet ends here. `answer` is what this namespace sends back because of it (an ICMP
    error or a reset), None for silence; `answer_tracked` the connection the answer carries;
    `answer_port` the bridge port by which it leaves at once, "" when it is routed and filtered.
    `errno` is set when the packet was this namespace's own; `queued` when its socket had already
    been told that the route is fine, so that connect() waits instead of failing."""

    branch: Branch
    stop: Stop
    packet: Packet
    answer: Packet | None = None
    answer_tracked: Tracked | None = None
    answer_port: str = ""
    errno: Errno = Errno.NONE
    queued: bool = False


class Reenter(Struct, frozen=True):
    """A tunnel of this namespace gave out a frame on one of its devices."""

    branch: Branch
    link: Link
    frame: Frame


class Looped(Struct, frozen=True):
    """A packet of this namespace for itself went into lo; its connection stays attached."""

    branch: Branch
    packet: Packet
    tracked: Tracked


class Bridged(Struct, frozen=True):
    """A bridge must send a frame on; somebody must say behind which port the station is.

    `in_port` is None for the bridge's own traffic. `learned` is the port of the forwarding entry,
    "" when there is none; `fixed` tells that the entry is static. `filtered` frames are shown to
    FORWARD and POSTROUTING. `wanted` is set when the MAC is still to be found (a translated frame
    of br_netfilter): the address whose MAC it is.
    """

    branch: Branch
    bridge: Link
    in_port: Link | None
    frame: Frame
    tracked: Tracked
    learned: str = ""
    fixed: bool = False
    filtered: bool = False
    wanted: int = 0


Event = Resolve | Cross | Local | Stopped | Reenter | Looped | Bridged
