"""The way there and back, hop by hop, for the terminal report."""

from __future__ import annotations

from skoop.model.diagnosis import Diagnosis, PathNode
from skoop.model.disposition import Direction, Disposition
from skoop.model.trace import Hop, Step, StepKind, Trace
from skoop.report.page import Page

_TITLES = {Direction.FORWARD: "The way there", Direction.RETURN: "The way back"}
_ENDS = {
    Disposition.DELIVERED: "arrives",
    Disposition.LEFT_NETWORK: "leaves the network skoop knows",
    Disposition.REFUSED: "refused: nothing listens there",
    Disposition.REJECTED: "rejected by a rule",
    Disposition.DROPPED: "dropped without an answer",
    Disposition.NO_ROUTE: "no route",
    Disposition.BLACKHOLED: "swallowed by a route",
    Disposition.NEIGHBOUR_UNREACHABLE: "the next hop cannot be reached",
    Disposition.LINK_DOWN: "a link is down",
    Disposition.MTU_EXCEEDED: "too big for the way",
    Disposition.RPF_FAILED: "dropped by the reverse path filter",
    Disposition.LOOP: "goes in a circle",
    Disposition.NO_ENDPOINT: "the Service has no endpoint",
    Disposition.INSUFFICIENT_INFO: "cannot be told from what was collected",
}
_GOOD = (Disposition.DELIVERED, Disposition.LEFT_NETWORK)
_MARKS = {
    Disposition.DELIVERED: ("=", "green"),
    Disposition.LEFT_NETWORK: (">", ""),
    Disposition.INSUFFICIENT_INFO: ("?", "magenta"),
}
"""How the end of a trace is marked; all others are an X."""
_PROOF = (StepKind.NETFILTER, StepKind.NAT, StepKind.STOP, StepKind.CONNTRACK)
"""Steps whose evidence is shown; for the others the detail says enough."""
_REWRITES = (StepKind.NAT, StepKind.CONNTRACK, StepKind.ENCAP, StepKind.DECAP)
_STYLES = {StepKind.STOP: "bold red", StepKind.NAT: "yellow", StepKind.ENCAP: "cyan"}

_Group = tuple[Direction, str, Disposition]
_Shape = tuple[str, str, str, str, str, tuple[str, ...]]
"""What a reader sees of a hop."""


def write_traces(page: Page, diagnosis: Diagnosis) -> None:
    """A section for each packet of the conversation and each end it can come to.

    The first trace stands for the others of its section. A packet that goes well on a way that was
    shown before (data, after the handshake) gets one line.
    """
    names = {one.id: one for one in diagnosis.path.nodes}
    shown: dict[Direction, tuple[_Shape, ...]] = {}
    for (direction, purpose, disposition), traces in _groups(diagnosis.traces):
        title = _TITLES[direction] + (f" ({purpose})" if purpose else "")
        before = shown.get(direction, ())
        shapes = tuple(_shape(hop) for hop in traces[0].hops)
        if disposition in _GOOD and before and _route(shapes) == _route(before):
            page.heading(f"{title}: {_ENDS[disposition]}, as above")
            continue
        page.heading(f"{title}: {_ENDS[disposition]}")
        if len(traces) > 1:
            page.line(_count(traces, names), indent=2, style="dim")
        _write_trace(page, traces[0], names, before)
        shown[direction] = shapes


def _groups(traces: tuple[Trace, ...]) -> list[tuple[_Group, list[Trace]]]:
    """Traces by direction, purpose and end: in the order of the conversation, failures first."""
    groups: dict[_Group, list[Trace]] = {}
    purposes: dict[tuple[Direction, str], int] = {}
    for trace in traces:
        groups.setdefault((trace.direction, trace.purpose, trace.disposition), []).append(trace)
        purposes.setdefault((trace.direction, trace.purpose), len(purposes))
    return sorted(groups.items(), key=lambda one: (purposes[one[0][:2]], one[0][2] in _GOOD))


def _shape(hop: Hop) -> _Shape:
    details = tuple(step.detail for step in hop.steps)
    return hop.node, hop.iif, hop.oif, str(hop.packet_in), str(hop.packet_out), details


def _route(shapes: tuple[_Shape, ...]) -> tuple[_Shape, ...]:
    """The way alone: of what happened, only the addresses."""
    return tuple((*shape[:5], ()) for shape in shapes)


def _count(traces: list[Trace], names: dict[str, PathNode]) -> str:
    """How many end like this, and where."""
    ends: dict[str, int] = {}
    for trace in traces:
        place = _place(trace.hops[-1].node, names) if trace.hops else "nowhere"
        ends[place] = ends.get(place, 0) + 1
    if len(ends) == 1:
        return f"{len(traces)} ways end like this. The first of them:"
    listed = [f"{place}" + (f" ({n})" if n > 1 else "") for place, n in list(ends.items())[:4]]
    more = f" and {len(ends) - 4} more" if len(ends) > 4 else ""
    return f"{len(traces)} ways end like this, at {', '.join(listed)}{more}. The first of them:"


def _write_trace(
    page: Page, trace: Trace, names: dict[str, PathNode], shown: tuple[_Shape, ...]
) -> None:
    """The hops; those that a trace shown before has in common are only named."""
    before = ""
    shapes = tuple(_shape(hop) for hop in trace.hops)
    for number, hop in enumerate(trace.hops, 1):
        interfaces = " ".join(
            part for part in (hop.iif and f"in {hop.iif}", hop.oif and f"out {hop.oif}") if part
        )
        place = _place(hop.node, names) + (f"  [{interfaces}]" if interfaces else "")
        is_known = shapes[:number] == shown[:number]
        page.line(place, label=f"{number} ", indent=2, style="bold")
        if is_known:
            page.line("as above", indent=4, style="dim")
        else:
            if str(hop.packet_in) != before:
                page.line(str(hop.packet_in), label=_label("packet"), indent=4)
            _write_steps(page, hop)
        before = str(hop.packet_out)
    mark, style = _MARKS.get(trace.disposition, ("X", "bold red"))
    end = f"{trace.disposition.value}: {_ENDS[trace.disposition]}"
    page.line(end, label=f"{mark} ", indent=2, style=style)


def _write_steps(page: Page, hop: Hop) -> None:
    """The steps, and the packet as it is after the last one that rewrote it."""
    changes = [number for number, step in enumerate(hop.steps) if step.kind in _REWRITES]
    changed_at = changes[-1] if changes else len(hop.steps) - 1
    now = str(hop.packet_out)
    is_told = now == str(hop.packet_in) or any(now in step.detail for step in hop.steps)
    for number, step in enumerate(hop.steps):
        style = _STYLES.get(step.kind, "")
        page.line(step.detail, label=_label(step.kind.value), indent=4, style=style)
        if step.kind in _PROOF:
            _write_proof(page, step)
        if number == changed_at and not is_told:
            page.line(now, label=_label("now"), indent=4)


def _write_proof(page: Page, step: Step) -> None:
    for evidence in step.evidence:
        if evidence.text.strip() not in step.detail:
            page.quote(evidence.text, label=_label("") + "| ", indent=4, style="dim")


def _label(word: str) -> str:
    return f"{word:<10} "


def _place(node_id: str, names: dict[str, PathNode]) -> str:
    """ "pod shop/web-1 (10.244.0.5)" for a node of the graph; the id for any other."""
    node = names.get(node_id)
    if node is None:
        return node_id.replace("/", " ", 1)
    name = f"{node.namespace}/{node.name}" if node.namespace else node.name
    ip = f" ({node.ip})" if node.ip else ""
    assumed = ", assumed: its state was not collected" if node.emulated else ""
    return f"{node.kind.value} {name}{ip}{assumed}"
