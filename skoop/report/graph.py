"""The path as a drawing's nodes and edges, shared by the graph formats."""

from __future__ import annotations

from msgspec import Struct

from skoop.model.diagnosis import Diagnosis, PathLink, PathNode
from skoop.model.disposition import Direction
from skoop.report.options import clean


class Node(Struct, frozen=True):
    """`key` is a name every graph language takes ("n0"); `lines` are for people; `blamed` tells
    that a blocking suspicion is about it."""

    key: str
    lines: tuple[str, ...]
    blamed: bool


class Edge(Struct, frozen=True):
    """`back` tells that it belongs to the way back."""

    source: str
    target: str
    lines: tuple[str, ...]
    back: bool


def drawing(diagnosis: Diagnosis) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    """Nodes in path order; links that differ in their packet only become one edge."""
    keys = {one.id: f"n{index}" for index, one in enumerate(diagnosis.path.nodes)}
    nodes = tuple(_node(keys[one.id], one, diagnosis) for one in diagnosis.path.nodes)
    bundles: dict[tuple[str, ...], list[PathLink]] = {}
    for link in diagnosis.path.links:
        key = (link.source, link.target, link.type, link.oif, link.iif, link.direction.value)
        bundles.setdefault(key, []).append(link)
    edges = tuple(
        _edge(keys[links[0].source], keys[links[0].target], links)
        for links in bundles.values()
        if links[0].source in keys and links[0].target in keys
    )
    return nodes, edges


def title(diagnosis: Diagnosis) -> str:
    """The verdict as a caption."""
    return clean(f"{diagnosis.verdict.value}: {diagnosis.summary}")


def _node(key: str, node: PathNode, diagnosis: Diagnosis) -> Node:
    name = f"{node.namespace}/{node.name}" if node.namespace else node.name
    causes = [
        one.name
        for one in diagnosis.suspicions
        if one.blocking and one.where.kind == node.kind.value and one.where.name in (name, node.id)
    ]
    lines = [f"{node.kind.value} {name}", node.ip, *dict.fromkeys(causes)]
    return Node(key, tuple(clean(line) for line in lines if line), bool(causes))


def _edge(source: str, target: str, links: list[PathLink]) -> Edge:
    first = links[0]
    medium = f"{first.type} {first.oif} > {first.iif}" if first.oif or first.iif else first.type
    different = len({str(one.packet) for one in links})
    packet = str(first.packet) + (f" and {different - 1} more" if different > 1 else "")
    outer = f"inside {first.encap}" if first.encap else ""
    lines = tuple(clean(line) for line in (medium, packet, outer) if line)
    return Edge(source, target, lines, first.direction is Direction.RETURN)
