"""Drawings: what is in them, and that names cannot become syntax."""

from __future__ import annotations

import re

import pytest

from skoop.errors import UsageError
from skoop.model.diagnosis import Diagnosis, PacketPath, PathLink, PathNode, PathNodeKind
from skoop.model.disposition import Direction, Disposition, Verdict
from skoop.model.trace import Hop, StepKind, Trace
from skoop.report import FORMATS, render
from skoop.report.convert import to_document
from skoop.report.document import ResultDoc
from skoop.report.lanes import lanes
from skoop.report.options import RenderOptions

GRAPHS = ["dot", "mermaid", "d2"]


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("example", ["partial", "hostile"])
def test_golden(name: str, example: str, examples: dict[str, ResultDoc], golden) -> None:
    text = render(name, examples[example], RenderOptions())
    golden(example + FORMATS[name][1], text)


@pytest.mark.parametrize("name", GRAPHS)
def test_hostile_names_stay_inside_quotes(name: str, examples: dict[str, ResultDoc]) -> None:
    text = render(name, examples["hostile"], RenderOptions())
    outside = re.sub(r'"(\\.|[^"\\])*"', "", text)
    assert "n9" not in outside.replace(_comment(text), "")
    assert all(one.isprintable() or one == "\n" for one in text)


def _comment(text: str) -> str:
    """Mermaid's comment line is free text, to its end."""
    return next((line for line in text.splitlines() if line.startswith("  %% ")), "")


@pytest.mark.parametrize("name", GRAPHS)
def test_the_blamed_node_is_marked(name: str, examples: dict[str, ResultDoc]) -> None:
    text = render(name, examples["partial"], RenderOptions())
    marked = [
        line
        for line in text.splitlines()
        if re.search(r"penwidth|:::blamed|stroke: .#cc0000", line)
    ]
    assert len(marked) == 1 and "fdb-missing" in marked[0] and "k1" in marked[0]


@pytest.mark.parametrize("name", ["pdf", "HTML", "", "JSON"])
def test_other_formats_are_refused(name: str, examples: dict[str, ResultDoc]) -> None:
    with pytest.raises(UsageError, match="there are text, json"):
        render(name, examples["partial"], RenderOptions())


def test_one_cable_takes_plain_packets_and_tunnels() -> None:
    """What is plain is not called a tunnel because another packet on the same link is in one."""
    from tests.report.conftest import SOURCE, TO_API1, outer, step

    wrapped = outer("192.168.7.11", "192.168.7.12", TO_API1)
    links = tuple(
        PathLink("node/k1", "node/k2", kind, "eth0", "eth0", TO_API1, Direction.FORWARD, encap)
        for kind, encap in (("underlay", None), ("vxlan", wrapped))
    )
    traces = tuple(
        Trace(
            Direction.FORWARD, "first", 0.5, Disposition.DELIVERED,
            (Hop("node/k1", "", "eth0", TO_API1, packet, (step(StepKind.SEND, "sends"),)),
             Hop("node/k2", "eth0", "", packet, TO_API1, ())),
            branch=branch,
        )
        for branch, packet in enumerate((TO_API1, wrapped))
    )  # fmt: skip
    nodes = tuple(PathNode(f"node/{name}", PathNodeKind.NODE, name) for name in ("k1", "k2"))
    made = Diagnosis(
        verdict=Verdict.REACHABLE, source=SOURCE, destination=SOURCE, protocol="tcp", summary="s",
        path=PacketPath(nodes, links), traces=traces,
    )  # fmt: skip
    media = [lane.legs[0].stations[0].link for lane in lanes(to_document(made))]
    assert [link.medium for link in media if link] == ["underlay", "vxlan"]
