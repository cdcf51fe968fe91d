"""What happened to a packet, step by step, each with its evidence."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from skoop.model.disposition import Direction, Disposition
from skoop.model.packet import Packet


class Evidence(Struct, frozen=True):
    """Where a fact comes from: `source` names the tool and place ("iptables nat on k1"), `text` is
    its own line, unchanged."""

    source: str
    text: str


class StepKind(Enum):
    """What a step is about."""

    SEND = "send"
    RECEIVE = "receive"
    ROUTE = "route"
    NETFILTER = "netfilter"
    NAT = "nat"
    CONNTRACK = "conntrack"
    NEIGHBOUR = "neighbour"
    BRIDGE = "bridge"
    ENCAP = "encap"
    DECAP = "decap"
    TRANSMIT = "transmit"
    DELIVER = "deliver"
    STOP = "stop"
    REPLY = "reply"


class Step(Struct, frozen=True):
    """One thing that happened. `detail` is a short sentence without a full stop."""

    kind: StepKind
    detail: str
    evidence: tuple[Evidence, ...] = ()


class Hop(Struct, frozen=True):
    """All steps of one stay in one namespace. `node` is the namespace's id ("node/k1",
    "pod/shop/web-1"), or a cloud device's global id, which then has a `title` for the reader;
    `emulated` when the cloud has no such object. `iif` and `oif` are "" when the packet began or
    ended here."""

    node: str
    iif: str
    oif: str
    packet_in: Packet
    packet_out: Packet
    steps: tuple[Step, ...]
    title: str = ""
    emulated: bool = False


class Trace(Struct, frozen=True):
    """One packet's way. `weight` is the share of connections that take it, 0..1; `branch` numbers
    the way its conversation goes: traces with the same number are packets of one conversation."""

    direction: Direction
    purpose: str
    weight: float
    disposition: Disposition
    hops: tuple[Hop, ...]
    branch: int = 0
