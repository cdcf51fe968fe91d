"""Devices that a cloud has no object for: left out of the path unless they are asked for."""

from __future__ import annotations

from msgspec.structs import replace

from skoop.model.diagnosis import Diagnosis, PacketPath, PathLink
from skoop.model.trace import Hop, StepKind, Trace


def without_emulated(diagnosis: Diagnosis) -> Diagnosis:
    """The diagnosis as if packets went straight past emulated devices. One in which a packet ends
    stays."""
    ends = {trace.hops[-1].node for trace in diagnosis.traces if trace.hops}
    hidden = {each.id for each in diagnosis.path.nodes if each.emulated and each.id not in ends}
    if not hidden:
        return diagnosis
    nodes = tuple(each for each in diagnosis.path.nodes if each.id not in hidden)
    path = PacketPath(nodes, _joined(diagnosis.path.links, hidden))
    return replace(
        diagnosis, path=path, traces=tuple(_trace(each, hidden) for each in diagnosis.traces)
    )


def _trace(trace: Trace, hidden: set[str]) -> Trace:
    """What a hidden device did to the packet is told where the packet came from."""
    kept: list[Hop] = []
    for hop in trace.hops:
        if hop.node not in hidden or not kept:
            kept.append(hop)
            continue
        steps = tuple(step for step in hop.steps if step.kind is StepKind.NAT)
        before = kept[-1]
        kept[-1] = replace(
            before, steps=(*before.steps, *steps), packet_out=hop.packet_out
        )  # fmt: skip
    return replace(trace, hops=tuple(kept))


def _joined(links: tuple[PathLink, ...], hidden: set[str]) -> tuple[PathLink, ...]:
    found: dict[PathLink, None] = {}
    for link in links:
        if link.source in hidden:
            continue
        for each in _ends(link, links, hidden, len(hidden)):
            found[each] = None
    return tuple(found)


def _ends(
    link: PathLink, links: tuple[PathLink, ...], hidden: set[str], depth: int
) -> tuple[PathLink, ...]:
    """A link carried on past hidden devices."""
    if link.target not in hidden or depth < 0:
        return (link,)
    onward = (
        replace(link, target=each.target, iif=each.iif, packet=each.packet, encap=each.encap)
        for each in links
        if each.source == link.target and each.direction is link.direction
    )
    return tuple(one for each in onward for one in _ends(each, links, hidden, depth - 1))
