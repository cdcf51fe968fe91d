"""The way there and back, hop by hop, for the terminal report."""

from __future__ import annotations

from skoop.report.document import HopDoc, PathNodeDoc, ResultDoc, StepDoc, TraceDoc
from skoop.report.lanes import node_names
from skoop.report.page import Page
from skoop.report.words import ARRIVED, ENDS, LEFT, LEGS, UNTOLD, full_name

_GOOD = (ARRIVED, LEFT)
_MARKS = {ARRIVED: ("=", "green"), LEFT: (">", ""), UNTOLD: ("?", "magenta")}
"""How the end of a trace is marked; all others are an X."""
_PROOF = ("netfilter", "nat", "stop", "conntrack")
"""Steps whose evidence is shown; for the others the detail says enough."""
_REWRITES = ("nat", "conntrack", "encap", "decap")
_STYLES = {"stop": "bold red", "nat": "yellow", "encap": "cyan"}

_Group = tuple[str, str, str]
_Shape = tuple[str, str, str, str, str, tuple[str, ...]]
"""What a reader sees of a hop."""


def write_traces(page: Page, result: ResultDoc) -> None:
    """A section for each packet of the conversation and each end it can come to.

    The first trace stands for the others of its section. A packet that goes well on a way that was
    shown before (data, after the handshake) gets one line.
    """
    names = node_names(result)
    shown: dict[str, tuple[_Shape, ...]] = {}
    for (direction, purpose, disposition), traces in _groups(result.traces):
        title = LEGS[direction] + (f" ({purpose})" if purpose else "")
        before = shown.get(direction, ())
        shapes = tuple(_shape(hop) for hop in traces[0].hops)
        if disposition in _GOOD and before and _route(shapes) == _route(before):
            page.heading(f"{title}: {ENDS[disposition]}, as above")
            continue
        page.heading(f"{title}: {ENDS[disposition]}")
        if len(traces) > 1:
            page.line(_count(traces, names), indent=2, style="dim")
        _write_trace(page, traces[0], names, before)
        shown[direction] = shapes


def _groups(traces: tuple[TraceDoc, ...]) -> list[tuple[_Group, list[TraceDoc]]]:
    """Traces by direction, purpose and end: in the order of the conversation, failures first."""
    groups: dict[_Group, list[TraceDoc]] = {}
    purposes: dict[tuple[str, str], int] = {}
    for trace in traces:
        groups.setdefault((trace.direction, trace.purpose, trace.disposition), []).append(trace)
        purposes.setdefault((trace.direction, trace.purpose), len(purposes))
    return sorted(groups.items(), key=lambda one: (purposes[one[0][:2]], one[0][2] in _GOOD))


def _shape(hop: HopDoc) -> _Shape:
    details = tuple(step.detail for step in hop.steps)
    return hop.node, hop.iif, hop.oif, hop.packet_in.text, hop.packet_out.text, details


def _route(shapes: tuple[_Shape, ...]) -> tuple[_Shape, ...]:
    """The way alone: of what happened, only the addresses."""
    return tuple((*shape[:5], ()) for shape in shapes)


def _count(traces: list[TraceDoc], names: dict[str, PathNodeDoc]) -> str:
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
    page: Page, trace: TraceDoc, names: dict[str, PathNodeDoc], shown: tuple[_Shape, ...]
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
            if hop.packet_in.text != before:
                page.line(hop.packet_in.text, label=_label("packet"), indent=4)
            _write_steps(page, hop)
        before = hop.packet_out.text
    mark, style = _MARKS.get(trace.disposition, ("X", "bold red"))
    end = f"{trace.disposition}: {ENDS[trace.disposition]}"
    page.line(end, label=f"{mark} ", indent=2, style=style)


def _write_steps(page: Page, hop: HopDoc) -> None:
    """The steps, and the packet as it is after the last one that rewrote it."""
    changes = [number for number, step in enumerate(hop.steps) if step.kind in _REWRITES]
    changed_at = changes[-1] if changes else len(hop.steps) - 1
    now = hop.packet_out.text
    is_told = now == hop.packet_in.text or any(now in step.detail for step in hop.steps)
    for number, step in enumerate(hop.steps):
        style = _STYLES.get(step.kind, "")
        page.line(step.detail, label=_label(step.kind), indent=4, style=style)
        if step.kind in _PROOF:
            _write_proof(page, step)
        if number == changed_at and not is_told:
            page.line(now, label=_label("now"), indent=4)


def _write_proof(page: Page, step: StepDoc) -> None:
    for evidence in step.evidence:
        if evidence.text.strip() not in step.detail:
            page.quote(evidence.text, label=_label("") + "| ", indent=4, style="dim")


def _label(word: str) -> str:
    return f"{word:<10} "


def _place(node_id: str, names: dict[str, PathNodeDoc]) -> str:
    """ "pod shop/web-1 (10.244.0.5)"."""
    node = names[node_id]
    ip = f" ({node.ip})" if node.ip else ""
    assumed = ", assumed: its state was not collected" if node.emulated else ""
    return f"{node.kind} {full_name(node)}{ip}{assumed}"
