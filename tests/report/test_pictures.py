"""SVG and PNG: well-formed, complete, and of a size that a person can look at."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from skoop.report import render
from skoop.report.document import ResultDoc
from skoop.report.graph import drawing
from skoop.report.layout import arrange
from skoop.report.options import RenderOptions, clean

NAMES = ["partial", "reachable", "many", "hostile"]
SVG = "{http://www.w3.org/2000/svg}"


def words(root: ElementTree.Element) -> str:
    return " ".join(one.text or "" for one in root.iter(f"{SVG}text"))


@pytest.mark.parametrize("name", ["partial", "hostile"])
def test_golden(name: str, examples: dict[str, ResultDoc], golden) -> None:
    golden(f"{name}.svg", render("svg", examples[name], RenderOptions()))


@pytest.mark.parametrize("name", NAMES)
def test_svg_is_well_formed_and_says_every_place(name: str, examples) -> None:
    root = ElementTree.fromstring(str(render("svg", examples[name], RenderOptions())))
    said = words(root).replace(" ", "")
    assert examples[name].verdict.upper() in said
    for node in drawing(examples[name]).nodes:
        for line in node.lines:
            assert clean(line).replace(" ", "") in said


def test_names_cannot_become_elements(examples: dict[str, ResultDoc]) -> None:
    root = ElementTree.fromstring(str(render("svg", examples["hostile"], RenderOptions())))
    assert {one.tag.removeprefix(SVG) for one in root.iter()} <= {
        "svg", "title", "style", "defs", "marker", "path", "rect", "text", "g",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_boxes_do_not_overlap(name: str, examples: dict[str, ResultDoc]) -> None:
    boxes = list(arrange(drawing(examples[name])).boxes.values())
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            apart_x = abs(one.x - other.x) >= (one.width + other.width) / 2
            apart_y = abs(one.y - other.y) >= (one.height + other.height) / 2
            assert apart_x or apart_y, (one.lines, other.lines)


def test_two_hundred_branches_are_a_few_boxes(examples: dict[str, ResultDoc]) -> None:
    drawn = drawing(examples["many"])
    assert len(drawn.nodes) < 8
    assert any("67 nodes: node-000, node-003 and 65 more" in node.lines for node in drawn.nodes)


def test_png_is_a_bitmap_of_the_same_picture(examples: dict[str, ResultDoc]) -> None:
    image = render("png", examples["partial"], RenderOptions())
    assert isinstance(image, bytes)
    root = ElementTree.fromstring(str(render("svg", examples["partial"], RenderOptions())))
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(image[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (2 * int(root.attrib["width"]), 2 * int(root.attrib["height"]))
