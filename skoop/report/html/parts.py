"""The sections of the page. Every word from the cluster goes through `text`."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

from skoop.report.commands import is_command
from skoop.report.document import (
    EvidenceDoc,
    HopDoc,
    PacketDoc,
    PathNodeDoc,
    ResultDoc,
    SuspicionDoc,
    TraceDoc,
)
from skoop.report.graph import drawing
from skoop.report.lanes import Lane, address, lanes, node_names, place
from skoop.report.options import clean
from skoop.report.words import ARRIVED, ENDS, LEFT, LEGS, WAYS, endpoint_at, share


def text(raw: str) -> str:
    """Harmless in an element and in a quoted attribute; line breaks stay."""
    return html.escape("\n".join(clean(line) for line in raw.splitlines()))


def causes(result: ResultDoc) -> str:
    """A card for each suspicion, those that stop the traffic first."""
    if not result.suspicions:
        said = "Nothing wrong was found." if result.verdict == "reachable" else (
            "No cause that skoop knows by name; the steps show what stops it."
        )  # fmt: skip
        return f"<p>{said}</p>"
    return "\n".join(_cause(number, one) for number, one in enumerate(result.suspicions, 1))


def _cause(number: int, one: SuspicionDoc) -> str:
    effect = "stops this traffic" if one.blocking else "does not stop this traffic"
    opened = " open" if number == 1 else ""
    why = f"<p><b>Why it matters:</b> {text(one.why)}</p>" if one.why else ""
    fix = f"<h4>Suggested</h4>{_prose(one.fix)}" if one.fix else ""
    return (
        f'<article class="cause {text(one.level)}{" blocking" if one.blocking else ""}" '
        f'data-place="{text(one.node.kind)} {text(one.node.name)}">'
        f"<h3>{number}. {text(one.name)} <small>on "
        f'<button type="button" class="link" data-goto="{text(one.node.name)}">'
        f"{text(one.node.kind)} {text(one.node.name)}</button>, {text(WAYS[one.direction])}"
        f" ({text(one.level)}, {effect})</small></h3>"
        f"<p>{text(one.message)}</p>{why}{fix}"
        f"<details{opened}><summary>Evidence</summary>{_evidence(one.evidence)}</details>"
        f"<p><small><code>skoop explain {text(one.code)}</code></small></p></article>"
    )


def _prose(fix: str) -> str:
    parts = []
    for line in filter(str.strip, fix.splitlines()):
        said = text(line.strip())
        parts.append(
            f'<pre class="command" tabindex="0">{said}</pre>'
            if is_command(line)
            else f"<p>{said}</p>"
        )
    return "".join(parts)


def _evidence(evidence: Iterable[EvidenceDoc]) -> str:
    return "".join(
        f'<figure><figcaption>{text(one.source)}</figcaption><pre tabindex="0">{text(one.text)}'
        "</pre></figure>"
        for one in evidence
    )


def steps(result: ResultDoc) -> str:
    """Every lane, its packets, their hops and what happened at each."""
    branches: dict[int, list[TraceDoc]] = {}
    for trace in result.traces:
        branches.setdefault(trace.branch, []).append(trace)
    names = node_names(result)
    keys = {one: node.key for node in drawing(result).nodes for one in node.ids}
    return "\n".join(
        _lane(number, lane, branches[lane.branches[0]], names, keys)
        for number, lane in enumerate(lanes(result))
    )


def _lane(
    number: int,
    lane: Lane,
    traces: list[TraceDoc],
    names: Mapping[str, PathNodeDoc],
    keys: Mapping[str, str],
) -> str:
    many = len(lane.branches)
    alike = f" ({many} ways alike; the first of them)" if many > 1 else ""
    server = lane.outcome.server if lane.outcome else None
    answered = f", answered by {endpoint_at(server)}" if server else ""
    seen = lane.outcome.seen_source if lane.outcome else ""
    seen = f", client seen as {seen}" if seen else ""
    heading = f"{share(lane.weight)} {lane.result}{answered}{seen}{alike}"
    legs = "\n".join(_leg(trace, names, keys) for trace in traces)
    return f'<section class="lane" data-lane="{number}"><h3>{text(heading)}</h3>{legs}</section>'


def _leg(trace: TraceDoc, names: Mapping[str, PathNodeDoc], keys: Mapping[str, str]) -> str:
    purpose = f" ({trace.purpose})" if trace.purpose else ""
    title = f"{LEGS[trace.direction]}{purpose}: {ENDS[trace.disposition]}"
    is_good = trace.disposition in (ARRIVED, LEFT)
    state = 'class="leg"' if is_good else 'class="leg broken" open'
    hops = "".join(_hop(hop, names, keys.get(hop.node, "")) for hop in trace.hops)
    return (
        f'<details {state} data-way="{text(trace.direction)}">'
        f"<summary>{text(title)}</summary><ol>{hops}</ol></details>"
    )


def _hop(hop: HopDoc, names: Mapping[str, PathNodeDoc], key: str) -> str:
    ids = (hop.node,)
    ip = address(ids, names)
    where = place(ids, names) + (f" ({ip})" if ip else "")
    ways = [f"in {hop.iif}"] * bool(hop.iif) + [f"out {hop.oif}"] * bool(hop.oif)
    done = "".join(
        f'<li class="step {text(step.kind)}"><span class="kind">{text(step.kind)}</span> '
        + (
            f"<details><summary>{text(step.detail)}</summary>{_evidence(step.evidence)}</details>"
            if step.evidence
            else f"<span>{text(step.detail)}</span>"
        )
        + "</li>"
        for step in hop.steps
    )
    return (
        f'<li class="hop" data-node="{text(key)}"><h4>{text(where)} <small>{text(" ".join(ways))}'
        f"</small></h4><p><code>{text(hop.packet_in.text)}</code></p><ul>{done}</ul></li>"
    )


def packets(result: ResultDoc) -> str:
    """What goes along each line of the graph, hidden until the line is chosen."""
    parts = []
    for number, edge in enumerate(drawing(result).edges):
        tables = "".join(
            _packet(link.packet, f"{link.medium} {link.oif} to {link.iif}")
            + (_packet(link.outer, "outer packet of the tunnel") if link.outer else "")
            for link in edge.links[:_MAX_PACKETS]
        )
        more = len(edge.links) - _MAX_PACKETS
        rest = f"<p>and {more} more packets that differ</p>" if more > 0 else ""
        parts.append(f'<div data-edge="e{number}">{tables}{rest}</div>')
    return "\n".join(parts)


_MAX_PACKETS = 6


def _packet(packet: PacketDoc, caption: str) -> str:
    fields = {
        "from": _socket(packet.source, packet.sport),
        "to": _socket(packet.destination, packet.dport),
        "protocol": packet.protocol,
        "size": f"{packet.size} bytes",
        "mark": hex(packet.mark) if packet.mark else "",
        "VNI": "" if packet.vni is None else str(packet.vni),
    }
    rows = "".join(
        f'<tr><th scope="row">{name}</th><td>{text(value)}</td></tr>'
        for name, value in fields.items()
        if value
    )
    return f"<table><caption>{text(caption)}</caption>{rows}</table>"


def _socket(ip: str, port: int | None) -> str:
    if port == 0:
        return ip
    return f"{ip} port {'any' if port is None else port}"


def remarks(result: ResultDoc) -> str:
    """What was not checked, and what was taken for granted."""
    skipped = [f"{one.what}: {one.why}" for one in result.not_checked]
    assumed = [one.text for one in result.assumptions]
    return "".join(
        f"<h3>{heading}</h3><ul>{''.join(f'<li>{text(one)}</li>' for one in lines)}</ul>"
        for heading, lines in (("Not checked", skipped), ("Assumed", assumed))
        if lines
    )
