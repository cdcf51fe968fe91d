"""The ways a conversation can go, folded so that a person can look at them.

A branch is one way the conversation can go: the packets that carry its number. Up to `MAX_LANES`
branches are lanes of their own; of more, those that end alike on places of the same kind share a
lane, so that a Service with 200 backends is a handful of lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from skoop.report.document import (
    HopDoc,
    OutcomeDoc,
    PacketDoc,
    PathNodeDoc,
    ResultDoc,
    StepDoc,
    TraceDoc,
)
from skoop.report.words import ARRIVED, LEFT, full_name, some

MAX_LANES = 6

_Media = Mapping[tuple[str, str, str, str, bool], str]
"""What carries a packet, by the path nodes and devices it goes between, and whether it is in a
tunnel: one cable takes both kinds."""
_TOLD = ("encap", "bridge")
"""Kinds of steps whose detail tells by itself what became of the packet."""


class Link(Struct, frozen=True):
    """How a packet goes from one station to the next. `outer` is a tunnel's packet."""

    medium: str
    oif: str
    iif: str
    packet: PacketDoc
    outer: PacketDoc | None


class Translation(Struct, frozen=True):
    """NAT: `field` ("destination" or "source") has become `socket`, "10.244.1.2:8080"."""

    field: str
    socket: str

    def __str__(self) -> str:
        return f"{self.field} becomes {self.socket}"


class Station(Struct, frozen=True):
    """One stay of a packet. `nodes` are the ids of the path nodes (one, or those of all branches of
    a lane); `translations` says which of its addresses were changed, `events` what else was done to
    it; `link` leads on, and is None at the end."""

    nodes: tuple[str, ...]
    translations: tuple[Translation, ...]
    events: tuple[str, ...]
    link: Link | None


class Leg(Struct, frozen=True):
    """One packet of the conversation. `last` is the packet as it was in the end, `end` says what
    stopped it, "" when it arrived."""

    direction: str
    purpose: str
    disposition: str
    stations: tuple[Station, ...]
    last: PacketDoc | None
    end: str

    @property
    def is_good(self) -> bool:
        """Whether nothing stopped it, as far as can be seen."""
        return self.disposition in (ARRIVED, LEFT)


class Lane(Struct, frozen=True):
    """Branches that are shown as one. `weight` is the share of connections; `legs` are those of the
    first of them; `outcome` is None when the result does not tell."""

    branches: tuple[int, ...]
    weight: float
    outcome: OutcomeDoc | None
    legs: tuple[Leg, ...]

    @property
    def result(self) -> str:
        """What clients get: "ok", "timeout", ..."""
        return self.outcome.result if self.outcome else "unknown"


def lanes(result: ResultDoc) -> tuple[Lane, ...]:
    """What fails first, then by share."""
    media = {
        (one.source, one.target, one.oif, one.iif, one.encap is not None): one.type
        for one in result.path.links
    }
    branches: dict[int, list[TraceDoc]] = {}
    for trace in result.traces:
        branches.setdefault(trace.branch, []).append(trace)
    outcomes = {number: one for one in result.outcomes for number in one.branches}
    groups: dict[object, list[int]] = {}
    for number, traces in branches.items():
        key = _alike(traces, outcomes.get(number)) if len(branches) > MAX_LANES else number
        groups.setdefault(key, []).append(number)
    found = [
        _lane(numbers, [branches[number] for number in numbers], outcomes, media)
        for numbers in groups.values()
    ]
    return tuple(sorted(found, key=lambda lane: (lane.result == "ok", -lane.weight)))


def node_names(result: ResultDoc) -> dict[str, PathNodeDoc]:
    """The path's nodes by id; a place that the path lacks is made up from its id."""
    known = {node.id: node for node in result.path.nodes}
    for trace in result.traces:
        for hop in trace.hops:
            known.setdefault(hop.node, _made_up(hop.node))
    return known


def place(ids: tuple[str, ...], names: Mapping[str, PathNodeDoc]) -> str:
    """ "pod shop/web-1", or "67 nodes: k1, k2 and 65 more"."""
    kind = names[ids[0]].kind
    listed = [full_name(names[one]) for one in ids]
    if len(ids) == 1:
        return f"{kind} {listed[0]}"
    return f"{len(ids)} {kind}s: {some(listed)}"


def address(ids: tuple[str, ...], names: Mapping[str, PathNodeDoc]) -> str:
    """A single place's address, "" for several."""
    return names[ids[0]].ip if len(ids) == 1 else ""


def _made_up(node: str) -> PathNodeDoc:
    kind, _, rest = node.partition("/")
    return PathNodeDoc(id=node, kind=kind, name=rest, namespace="", ip="", emulated=False)


def _alike(traces: list[TraceDoc], outcome: OutcomeDoc | None) -> object:
    """What branches of one lane have in common."""
    ends = tuple((one.direction, one.purpose, one.disposition) for one in traces)
    kinds = tuple(tuple(hop.node.partition("/")[0] for hop in one.hops) for one in traces)
    return outcome.result if outcome else "", ends, kinds


def _lane(
    numbers: list[int],
    branches: list[list[TraceDoc]],
    outcomes: Mapping[int, OutcomeDoc],
    media: _Media,
) -> Lane:
    shares = [traces[0].weight for traces in branches]
    alike = zip(*branches, strict=True) if len(branches) > 1 else ((one,) for one in branches[0])
    return Lane(
        branches=tuple(numbers),
        weight=min(sum(shares), 1.0),
        outcome=outcomes.get(numbers[0]),
        legs=tuple(_leg(traces, media) for traces in alike),
    )


def _leg(traces: tuple[TraceDoc, ...], media: _Media) -> Leg:
    """The first trace, at the places of all of them."""
    first = traces[0]
    stations = []
    for index, hop in enumerate(first.hops):
        following = first.hops[index + 1 : index + 2]
        link = _link(hop, following[0], media) if following else None
        nodes = dict.fromkeys(trace.hops[index].node for trace in traces)
        events = tuple(step.detail for step in hop.steps if step.kind in _TOLD)
        stations.append(Station(tuple(nodes), tuple(_translations(hop)), events, link))
    return Leg(
        direction=first.direction,
        purpose=first.purpose,
        disposition=first.disposition,
        stations=tuple(stations),
        last=first.hops[-1].packet_out if first.hops else None,
        end=_end(first),
    )


def _end(trace: TraceDoc) -> str:
    if trace.disposition == ARRIVED:
        return ""
    steps: Iterable[StepDoc] = trace.hops[-1].steps if trace.hops else ()
    return next((step.detail for step in steps if step.kind == "stop"), "")


def _translations(hop: HopDoc) -> Iterable[Translation]:
    before, after = innermost(hop.packet_in), innermost(hop.packet_out)
    if (before.destination, before.dport) != (after.destination, after.dport):
        yield Translation("destination", _socket(after.destination, after.dport))
    if (before.source, before.sport) != (after.source, after.sport):
        yield Translation("source", _socket(after.source, after.sport))


def _socket(ip: str, port: int | None) -> str:
    where = f"[{ip}]" if ":" in ip and port else ip
    return f"{where}:{port}" if port else where


def _link(here: HopDoc, there: HopDoc, media: _Media) -> Link:
    packet = there.packet_in
    outer = packet if packet.inner else None
    key = (here.node, there.node, here.oif, there.iif, outer is not None)
    medium = media.get(key, "link")
    return Link(medium, here.oif, there.iif, packet.inner or packet, outer)


def innermost(packet: PacketDoc) -> PacketDoc:
    """The packet without its tunnels."""
    while packet.inner is not None:
        packet = packet.inner
    return packet
