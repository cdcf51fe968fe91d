"""What every rule engine (iptables, nft) offers: base chains that hang on hooks.

    ingress ─► PREROUTING ─► routing ─┬─► INPUT ─► socket
                                      └─► FORWARD ───┐
    socket ─► routing ─► OUTPUT ─► routing again ────┴─► POSTROUTING ─► egress

In each hook the chains run by ascending priority (raw -300, mangle -150, dnat -100, filter 0,
security 50, snat 100; include/uapi/linux/netfilter_ipv4.h). ACCEPT ends one base chain and the
next one still runs; DROP and REJECT end the packet. Chains of kind NAT only see the first packet
of a connection.

A rule that cannot be decided is never guessed silently: the chain yields an outcome for each
answer, and each carries the `Guess` that led to it. Random matches yield outcomes with weights.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Protocol

from msgspec import Struct

from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.netstack.conntrack import Connection


class Hook(IntEnum):
    """Netfilter's IP hooks, in the order of NF_INET_*."""

    PREROUTING = 0
    INPUT = 1
    FORWARD = 2
    OUTPUT = 3
    POSTROUTING = 4


class ChainKind(Enum):
    """FILTER sees every packet; NAT only the first of a connection; ROUTE (iptables' mangle OUTPUT,
    nft `type route`) makes the kernel route again when mark, source, destination or TOS changed."""

    FILTER = "filter"
    NAT = "nat"
    ROUTE = "route"


class AddressType(Enum):
    """RTN_* as `addrtype` and nft's `fib ... type` name them."""

    UNSPEC = "unspec"
    UNICAST = "unicast"
    LOCAL = "local"
    BROADCAST = "broadcast"
    ANYCAST = "anycast"
    MULTICAST = "multicast"
    BLACKHOLE = "blackhole"
    UNREACHABLE = "unreachable"
    PROHIBIT = "prohibit"


class FibAnswer(Struct, frozen=True):
    """A routing lookup as rules can ask for it: the route's type and its output interface ("" when
    there is no route)."""

    type: AddressType
    oif: str


class Membership(Protocol):
    """A set of addresses, ports, interfaces (ipset or nft set) that rules test."""

    def contains(self, packet: Packet, view: View, directions: tuple[str, ...]) -> bool | None:
        """Whether the packet's fields (picked by "src"/"dst" per dimension) are members; None if
        that cannot be told."""


class Host(Protocol):
    """What a rule may ask about the namespace it stands in."""

    def address_type(self, family: Family, address: int, device: str) -> AddressType:
        """Type of an address; `device` "" asks for any interface, a name limits LOCAL to it."""

    def fib(
        self, family: Family, source: int, destination: int, mark: int, iif: str, oif: str, tos: int
    ) -> FibAnswer:
        """The route such a packet would take (policy rules included)."""

    def ipset(self, name: str) -> Membership | None:
        """A set by name, None if the namespace has none of that name."""

    def mtu(self, device: str) -> int:
        """The MTU of a device, 0 for one that is not known."""

    def has_socket(self, packet: Packet, *, transparent_only: bool) -> bool | None:
        """Whether a local socket would receive the packet (xt_socket); None if not collected."""


class View(Struct, frozen=True):
    """Everything besides the packet that rules can see at one hook.

    `iif`/`oif` are "" where the hook has none. `physin`/`physout` name bridge ports when a bridged
    frame is shown to iptables (br_netfilter). A forwarded packet still has its `iif` in POSTROUTING
    (since Linux 5.7; user chains, nft's iif and hash:net,iface sets can ask for it). `local` is
    true for packets this namespace made. `mac` is the source address of the frame a packet came in,
    "" when there was none or it is not known.
    """

    hook: Hook
    host: Host
    ct: Connection
    iif: str = ""
    oif: str = ""
    physin: str = ""
    physout: str = ""
    local: bool = False
    mac: str = ""


class Action(Enum):
    """How a base chain ends. SENT_ON is IPVS's: the packet leaves by OUTPUT to a real server."""

    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"
    NAT = "nat"
    TPROXY = "tproxy"
    STOLEN = "stolen"
    SENT_ON = "sent on"


class NatKind(Enum):
    """Which end of the connection is rewritten, and by what."""

    DNAT = "DNAT"
    REDIRECT = "REDIRECT"
    SNAT = "SNAT"
    MASQUERADE = "MASQUERADE"
    NETMAP_DST = "NETMAP(destination)"
    NETMAP_SRC = "NETMAP(source)"

    @property
    def changes_source(self) -> bool:
        """True for the translations of POSTROUTING and INPUT."""
        return self in (NatKind.SNAT, NatKind.MASQUERADE, NatKind.NETMAP_SRC)


class Nat(Struct, frozen=True):
    """A translation asked for. Ranges are inclusive; port range (0, 0) leaves the port alone;
    MASQUERADE and REDIRECT leave the addresses 0 (the kernel picks them). `prefix_length` is set
    for NETMAP. `random` means the port is drawn anew (--random, --random-fully)."""

    kind: NatKind
    low: int = 0
    high: int = 0
    port_low: int = 0
    port_high: int = 0
    random: bool = False
    prefix_length: int = 0


class Tproxy(Struct, frozen=True):
    """TPROXY's target: address 0 means the primary address of the input interface, port 0 the
    packet's own."""

    address: int = 0
    port: int = 0


NO_NAT = Nat(NatKind.DNAT)
NO_TPROXY = Tproxy()


class Unknown(Struct, frozen=True):
    """Something in a rule that skoop does not model, or a fact that was not collected.

    `where` is "iptables-legacy filter FORWARD", `rule` the rule's own text, `why` one clause.
    """

    where: str
    rule: str
    why: str


class Guess(Struct, frozen=True):
    """An undecidable rule, and the answer assumed in this world."""

    unknown: Unknown
    matched: bool


class Fired(Struct, frozen=True):
    """A rule that did something to the packet. `effect` is a short phrase: "drop",
    "mark 0x4000", "dnat to 10.0.0.2:80", "jump KUBE-SVC-X", "policy accept". `idle` when it left
    everything as it was, as a mark that was set before."""

    where: str
    rule: str
    effect: str
    idle: bool = False


class Outcome(Struct, frozen=True, kw_only=True):
    """One way a base chain can end for a packet.

    `packet` and `ct` carry the changes made on the way (mark, TOS, TTL, connmark, NOTRACK).
    `weight` is this outcome's share among those of the same guesses, 0..1. `reject_with` is the
    iptables name ("icmp-port-unreachable", "tcp-reset", "icmp6-adm-prohibited"). `fired` lists the
    rules that acted, in order, ending with the one that decided.
    """

    action: Action
    packet: Packet
    ct: Connection
    weight: float = 1.0
    nat: Nat = NO_NAT
    tproxy: Tproxy = NO_TPROXY
    reject_with: str = ""
    guesses: tuple[Guess, ...] = ()
    fired: tuple[Fired, ...] = ()


class BaseChain(Protocol):
    """A chain attached to a hook."""

    @property
    def engine(self) -> str:
        """ "iptables-legacy", "iptables-nft" or "nft"."""

    @property
    def name(self) -> str:
        """ "filter FORWARD", "inet firewalld filter_FORWARD"."""

    @property
    def family(self) -> Family | None:
        """None for nft's inet family, which sees both."""

    @property
    def hook(self) -> Hook:
        """The hook it hangs on."""

    @property
    def priority(self) -> int:
        """Its place among the hook's chains, lowest first."""

    @property
    def kind(self) -> ChainKind:
        """Which packets it sees."""

    def evaluate(self, packet: Packet, view: View) -> tuple[Outcome, ...]:
        """Every way the chain can end for this packet; at least one. Equal outcomes are merged."""


class Ruleset(Struct, frozen=True):
    """What an engine makes of one namespace's rules: the chains, and each rule that it does not
    model (these become guesses when a packet meets them).

    `text` is the dump it was made from, `engine` as in `BaseChain`, `family` None for nft.
    """

    chains: tuple[BaseChain, ...] = ()
    unmodelled: tuple[Unknown, ...] = ()
    engine: str = ""
    family: Family | None = None
    text: str = ""
