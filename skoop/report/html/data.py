"""What the script of the page draws, as JSON."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from skoop.report.document import ResultDoc
from skoop.report.graph import Edge, drawing, nat_words
from skoop.report.lanes import lanes
from skoop.report.layout import Box, arrange
from skoop.report.words import share


class NodeData(Struct, frozen=True):
    """A box; places and sizes in px. `title` is for lists, `names` are its suspicions' places."""

    key: str
    kind: str
    label: str
    title: str
    names: tuple[str, ...]
    blamed: bool
    x: float
    y: float
    width: float
    height: float
    column: int


class EdgeData(Struct, frozen=True):
    """A line between two boxes; `lanes` are those that use it; `nat` stands at its end."""

    key: str
    source: str
    target: str
    back: bool
    tunnel: bool
    label: str
    nat: str
    lanes: tuple[int, ...]


class LaneData(Struct, frozen=True):
    """A way the conversation can go."""

    label: str


class GraphData(Struct, frozen=True):
    """All that is drawn."""

    nodes: tuple[NodeData, ...]
    edges: tuple[EdgeData, ...]
    lanes: tuple[LaneData, ...]


def graph_data(result: ResultDoc) -> str:
    """JSON that may stand in a script element: nothing in it can end that."""
    drawn = arrange(drawing(result))
    data = GraphData(
        nodes=tuple(_node(box) for box in drawn.boxes.values()),
        edges=tuple(_edge(number, edge) for number, edge in enumerate(drawn.edges)),
        lanes=tuple(
            LaneData(f"{share(lane.weight)} {lane.result}") for lane in lanes(result) if lane.legs
        ),
    )
    encoded = msgspec.json.encode(data).decode()
    return encoded.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _node(box: Box) -> NodeData:
    return NodeData(
        key=box.node.key,
        kind=box.node.kind,
        label="\n".join(box.lines),
        title=" ".join(box.node.lines[:2]),
        names=box.node.names,
        blamed=box.node.blamed,
        x=round(box.x, 1),
        y=round(box.y, 1),
        width=round(box.width, 1),
        height=round(box.height, 1),
        column=box.column,
    )


def _edge(number: int, edge: Edge) -> EdgeData:
    first = edge.links[0] if edge.links else None
    outer = first.outer if first else None
    medium = first.medium if first else ""
    return EdgeData(
        key=f"e{number}",
        source=edge.source,
        target=edge.target,
        back=edge.back,
        tunnel=outer is not None,
        label=medium + (f" to {outer.destination}" if outer else ""),
        nat="" if edge.back else "\n".join(nat_words(edge)),
        lanes=edge.lanes,
    )
