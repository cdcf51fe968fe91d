"""The JSON result as data. `schema.json` is generated from these types, so they cannot part.

Additions are fine; a change of meaning is a new `SCHEMA_VERSION`.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, field

SCHEMA_VERSION = 1

Share = Annotated[float, Meta(ge=0, le=1)]


class EndpointDoc(Struct, frozen=True):
    """One end of the question, or who answers. Texts are "" and ports 0 when not known."""

    kind: str
    name: str
    namespace: str
    ip: str
    node: str
    port: int


class PacketDoc(Struct, frozen=True):
    """A packet. `sport` and `dport` are null when drawn at random by the client or by NAT; `size`
    is in bytes from the IP header on; `inner` is what a tunnel packet carries."""

    text: str
    protocol: str
    source: str
    destination: str
    sport: int | None
    dport: int | None
    size: int
    mark: int
    vni: int | None = None
    inner: PacketDoc | None = None


class EvidenceDoc(Struct, frozen=True):
    """A line of a tool's output, or of an API object, and where it is from."""

    source: str
    text: str


class WhereDoc(Struct, frozen=True):
    """What a suspicion is about: kind is node, pod, service, cluster or cloud."""

    kind: str
    name: str


class SuspicionDoc(Struct, frozen=True):
    """A likely cause. `why` says what it does to this packet; `docs` is a page of the manual."""

    code: str
    name: str
    level: str
    blocking: bool
    node: WhereDoc
    direction: str
    message: str
    why: str
    evidence: tuple[EvidenceDoc, ...]
    fix: str
    docs: str


class OutcomeDoc(Struct, frozen=True):
    """What the client observes; `weight` is the share of connections, `branches` are those of the
    traces that lead here."""

    weight: Share
    result: str
    server: EndpointDoc | None
    seen_source: str
    branches: tuple[int, ...] = ()


class PathNodeDoc(Struct, frozen=True):
    """A namespace or device that a packet met. `emulated`: its state was not collected."""

    id: str
    kind: str
    name: str
    namespace: str
    ip: str
    emulated: bool


class PathLinkDoc(Struct, frozen=True):
    """A packet on its way from one path node to the next. `encap` is the outer packet of a
    tunnel."""

    source: str = field(name="from")
    target: str = field(name="to")
    type: str
    oif: str
    iif: str
    direction: str
    packet: PacketDoc
    encap: PacketDoc | None


class PathDoc(Struct, frozen=True):
    """The graph of all packets."""

    nodes: tuple[PathNodeDoc, ...]
    links: tuple[PathLinkDoc, ...]


class StepDoc(Struct, frozen=True):
    """One thing that happened to a packet."""

    kind: str
    detail: str
    evidence: tuple[EvidenceDoc, ...]


class HopDoc(Struct, frozen=True):
    """One stay in one namespace; `iif` and `oif` are "" where the packet began or ended."""

    node: str
    iif: str
    oif: str
    packet_in: PacketDoc
    packet_out: PacketDoc
    steps: tuple[StepDoc, ...]


class TraceDoc(Struct, frozen=True):
    """One packet's way, there or back. Traces of one `branch` are packets of one conversation."""

    direction: str
    purpose: str
    weight: Share
    disposition: str
    hops: tuple[HopDoc, ...]
    branch: int = 0


class NotCheckedDoc(Struct, frozen=True):
    """What was not looked at, and why."""

    what: str
    why: str


class AssumptionDoc(Struct, frozen=True):
    """What was taken for granted."""

    text: str


class ResultDoc(Struct, frozen=True, kw_only=True):
    """The answer to one question. `id` is there in batch mode: the query's own."""

    id: str | int | UnsetType | None = UNSET
    schema_version: int
    tool_version: str
    verdict: str
    source: EndpointDoc
    destination: EndpointDoc
    protocol: str
    summary: str
    outcomes: tuple[OutcomeDoc, ...]
    suspicions: tuple[SuspicionDoc, ...]
    path: PathDoc
    traces: tuple[TraceDoc, ...]
    not_checked: tuple[NotCheckedDoc, ...]
    assumptions: tuple[AssumptionDoc, ...]


class ErrorDoc(Struct, frozen=True):
    """A query of a batch that could not be answered."""

    id: str | int | None
    error: str
