"""The path as a drawing's nodes and edges, shared by the graph formats.

Branches are folded as in `lanes`, so a Service with 200 backends stays a drawing.
"""

from __future__ import annotations

from msgspec import Struct

from skoop.report.document import PathNodeDoc, ResultDoc
from skoop.report.lanes import Lane, Leg, Link, address, lanes, node_names, place
from skoop.report.options import clean
from skoop.report.words import ENDS, full_name, share

STOP = "stop"
"""The kind of the mark where packets end."""


class Node(Struct, frozen=True):
    """`key` is a name every graph language takes ("n0"); `kind` is that of a path node, or `STOP`;
    `ids` are the path nodes it stands for; `lines` are for people; `blamed` tells that a blocking
    suspicion is about it."""

    key: str
    kind: str
    ids: tuple[str, ...]
    lines: tuple[str, ...]
    blamed: bool


class Edge(Struct, frozen=True):
    """`back` tells that it belongs to the way back; `lanes` are the numbers of those that use it,
    in the order of `lanes()`; `links` are what goes along it."""

    source: str
    target: str
    lines: tuple[str, ...]
    back: bool
    lanes: tuple[int, ...]
    links: tuple[Link, ...]


class Drawing(Struct, frozen=True):
    """Nodes in the order packets met them, and edges."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def drawing(result: ResultDoc) -> Drawing:
    """The folded path; links that differ in their packet only become one edge."""
    return _Drawer(result).draw()


def title(result: ResultDoc) -> str:
    """The verdict as a caption."""
    return clean(f"{result.verdict}: {result.summary}")


def medium(link: Link) -> str:
    """ "vxlan eth0 > eth0"."""
    ends = f" {link.oif} > {link.iif}" if link.oif or link.iif else ""
    return f"{link.medium}{ends}"


_EdgeKey = tuple[str, str, str, bool]


class _Drawer:
    def __init__(self, result: ResultDoc) -> None:
        self._result = result
        self._names = node_names(result)
        self._nodes: dict[object, Node] = {}
        self._edges: dict[_EdgeKey, dict[tuple[int, Link], None]] = {}
        self._stops: list[Edge] = []

    def draw(self) -> Drawing:
        for number, lane in enumerate(lanes(self._result)):
            for leg in lane.legs:
                self._leg(number, lane, leg)
        edges = [_edge(key, list(uses)) for key, uses in self._edges.items()]
        return Drawing(tuple(self._nodes.values()), (*edges, *self._stops))

    def _leg(self, number: int, lane: Lane, leg: Leg) -> None:
        back = leg.direction == "return"
        for here, there in zip(leg.stations, leg.stations[1:], strict=False):
            link = here.link
            if link is None:
                continue
            key = (self._station(here.nodes), self._station(there.nodes), medium(link), back)
            self._edges.setdefault(key, {})[(number, link)] = None
        if leg.stations and not leg.is_good:
            last = self._station(leg.stations[-1].nodes)
            self._stop(number, lane, leg, last)
        elif leg.stations:
            self._station(leg.stations[0].nodes)

    def _station(self, ids: tuple[str, ...]) -> str:
        if ids not in self._nodes:
            causes = dict.fromkeys(
                one.name
                for one in self._result.suspicions
                if one.blocking and any(_is_about(one.node.name, self._names[each]) for each in ids)
            )
            said = [place(ids, self._names), address(ids, self._names), *causes]
            self._nodes[ids] = Node(
                key=f"n{len(self._nodes)}",
                kind=self._names[ids[0]].kind,
                ids=ids,
                lines=tuple(clean(line) for line in said if line),
                blamed=bool(causes),
            )
        return self._nodes[ids].key

    def _stop(self, number: int, lane: Lane, leg: Leg, last: str) -> None:
        result = f"{share(lane.weight)} {lane.result}"
        purpose = f"{leg.purpose}: " if leg.purpose else ""
        said = (result, f"{purpose}{leg.end or ENDS[leg.disposition]}")
        key = (last, said)
        if key in self._nodes:
            return
        node = Node(
            key=f"n{len(self._nodes)}",
            kind=STOP,
            ids=(),
            lines=tuple(clean(line) for line in said),
            blamed=False,
        )
        self._nodes[key] = node
        back = leg.direction == "return"
        self._stops.append(Edge(last, node.key, (), back, (number,), ()))


def _is_about(name: str, node: PathNodeDoc) -> bool:
    return name in (node.id, full_name(node))


def _edge(key: _EdgeKey, uses: list[tuple[int, Link]]) -> Edge:
    source, target, said, back = key
    links = tuple(dict.fromkeys(link for _, link in uses))
    first = links[0]
    others = len({link.packet.text for link in links}) - 1
    packet = first.packet.text + (f" and {others} more" if others else "")
    outer = f"inside {first.outer.text}" if first.outer else ""
    lines = tuple(clean(line) for line in (said, packet, outer) if line)
    return Edge(source, target, lines, back, tuple(dict.fromkeys(n for n, _ in uses)), links)
