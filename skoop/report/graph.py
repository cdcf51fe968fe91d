"""The path as a drawing's nodes and edges, shared by the graph formats.

Branches are folded as in `lanes`, so a Service with 200 backends stays a drawing.
"""

from __future__ import annotations

from msgspec import Struct

from skoop.report.document import ResultDoc, WhereDoc
from skoop.report.lanes import (
    Lane,
    Leg,
    Link,
    Translation,
    address,
    lanes,
    node_names,
    place,
)
from skoop.report.options import clean
from skoop.report.words import ENDS, endpoint, full_name, share

STOP = "stop"
"""The kind of the mark where packets end."""
_NAT = {"destination": "DNAT", "source": "SNAT"}
_MAX_NAT = 2
_CONTENT = ("ok", "unknown")
"""Results that need no mark of their own."""


class Node(Struct, frozen=True):
    """`key` is a name every graph language takes ("n0"); `kind` is that of a path node, or `STOP`;
    `ids` are the path nodes it stands for; `lines` are for people; `blamed` tells that a blocking
    suspicion is about it. `names` are those by which suspicions mean it."""

    key: str
    kind: str
    ids: tuple[str, ...]
    lines: tuple[str, ...]
    blamed: bool
    names: tuple[str, ...] = ()


class Edge(Struct, frozen=True):
    """`back` tells that it belongs to the way back; `lanes` are the numbers of those that use it,
    in the order of `lanes()`; `links` are what goes along it, `translations` what its source has
    changed in that."""

    source: str
    target: str
    lanes: tuple[int, ...]
    back: bool = False
    lines: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    translations: tuple[Translation, ...] = ()


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


def nat_words(edge: Edge) -> tuple[str, ...]:
    """ "DNAT 10.244.1.2:8080", at most two."""
    return tuple(clean(f"{_NAT[one.field]} {one.socket}") for one in edge.translations[:_MAX_NAT])


_EdgeKey = tuple[str, str, str, bool]
_Use = tuple[int, Link, tuple[Translation, ...]]


class _Drawer:
    def __init__(self, result: ResultDoc) -> None:
        self._result = result
        self._names = node_names(result)
        self._nodes: dict[object, Node] = {}
        self._edges: dict[_EdgeKey, dict[_Use, None]] = {}
        self._ends: list[Edge] = []
        self._stuck = {
            node
            for lane in lanes(result)
            for leg in lane.legs
            if leg.stations and not leg.is_good
            for node in leg.stations[-1].nodes
        }

    def draw(self) -> Drawing:
        for number, lane in enumerate(lanes(self._result)):
            self._outside(number, lane)
            for leg in lane.legs:
                self._leg(number, lane, leg)
            if lane.result in _CONTENT or not all(leg.is_good for leg in lane.legs):
                continue
            # Every packet went well, and still the client is not served: it may have been answered
            # by somebody it never asked.
            last = lane.legs[-1]
            if last.stations and last.last:
                self._stop(number, lane, last, f"{last.purpose}: {last.last.text}")
        edges = [_edge(key, list(uses)) for key, uses in self._edges.items()]
        return Drawing(tuple(self._nodes.values()), (*edges, *self._ends))

    def _leg(self, number: int, lane: Lane, leg: Leg) -> None:
        back = leg.direction == "return"
        for here, there in zip(leg.stations, leg.stations[1:], strict=False):
            link = here.link
            if link is None:
                continue
            key = (self._station(here.nodes), self._station(there.nodes), medium(link), back)
            self._edges.setdefault(key, {})[(number, link, here.translations)] = None
        if leg.stations and not leg.is_good:
            purpose = f"{leg.purpose}: " if leg.purpose else ""
            self._stop(number, lane, leg, f"{purpose}{leg.end or ENDS[leg.disposition]}")
        elif leg.stations:
            self._station(leg.stations[0].nodes)

    def _outside(self, number: int, lane: Lane) -> None:
        """A client out there is no station of any packet, but people look for it."""
        source = self._result.source
        if source.kind != "external" or not lane.legs or not lane.legs[0].stations:
            return
        if source not in self._nodes:
            lines = tuple(clean(line) for line in (endpoint(source),))
            self._nodes[source] = Node("n0", source.kind, (), lines, blamed=False)
        first = self._station(lane.legs[0].stations[0].nodes)
        if all((one.source, one.target) != ("n0", first) for one in self._ends):
            self._ends.append(Edge("n0", first, (number,)))

    def _station(self, ids: tuple[str, ...]) -> str:
        if ids not in self._nodes:
            about = [
                one
                for one in self._result.suspicions
                if any(self._is_about(one.node, each) for each in ids)
            ]
            causes = dict.fromkeys(one.name for one in about if one.blocking)
            said = [place(ids, self._names), address(ids, self._names), *causes]
            self._nodes[ids] = Node(
                key=f"n{len(self._nodes)}",
                kind=self._names[ids[0]].kind,
                ids=ids,
                lines=tuple(clean(line) for line in said if line),
                blamed=bool(causes),
                names=tuple(dict.fromkeys(one.node.name for one in about)),
            )
        return self._nodes[ids].key

    def _is_about(self, where: WhereDoc, id_: str) -> bool:
        """Whether a suspicion's place is a node of the path. A part of a cloud's device is; what is
        no device (a security group) shows where it stopped a packet."""
        if where.name in (id_, full_name(self._names[id_])):
            return True
        if where.kind != "cloud" or self._names[id_].kind != "cloud":
            return False
        met = [each for each, node in self._names.items() if node.kind == "cloud"]
        holders = [each for each in met if where.name == each or where.name.startswith(f"{each}/")]
        return id_ in holders if holders else id_ in self._stuck

    def _stop(self, number: int, lane: Lane, leg: Leg, why: str) -> None:
        last = self._station(leg.stations[-1].nodes)
        said = (f"{share(lane.weight)} {lane.result}", why)
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
        self._ends.append(
            Edge(last, node.key, (number,), back=back, translations=leg.stations[-1].translations)
        )


def _edge(key: _EdgeKey, uses: list[_Use]) -> Edge:
    source, target, by, back = key
    links = tuple(dict.fromkeys(link for _, link, _ in uses))
    first = links[0]
    others = len({link.packet.text for link in links}) - 1
    packet = first.packet.text + (f" and {others} more" if others else "")
    outer = f"inside {first.outer.text}" if first.outer else ""
    lines = tuple(clean(line) for line in (by, packet, outer) if line)
    return Edge(
        source=source,
        target=target,
        lines=lines,
        back=back,
        lanes=tuple(dict.fromkeys(number for number, _, _ in uses)),
        links=links,
        translations=tuple(dict.fromkeys(each for _, _, said in uses for each in said)),
    )
