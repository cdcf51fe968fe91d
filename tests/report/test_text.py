"""The terminal report: what it says first, how wide it is, and that nothing can forge it."""

from __future__ import annotations

import re

import msgspec
import pytest

from skoop.report import render
from skoop.report.commands import is_command
from skoop.report.document import ResultDoc
from skoop.report.options import Detail, RenderOptions, clean
from skoop.report.words import share

NAMES = ["partial", "reachable", "many", "hostile"]
VERBOSE = RenderOptions(detail=Detail.VERBOSE)


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str, examples: dict[str, ResultDoc], golden) -> None:
    golden(f"{name}.txt", render("text", examples[name], VERBOSE))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_fits(name: str, width: int, examples: dict[str, ResultDoc]) -> None:
    text = render("text", examples[name], RenderOptions(width=width, detail=Detail.VERBOSE))
    wide = [line for line in text.splitlines() if len(line) > width and not is_command(line)]
    assert wide == []


@pytest.mark.parametrize("name", NAMES)
def test_colour_only_adds(name: str, examples: dict[str, ResultDoc]) -> None:
    plain = render("text", examples[name], RenderOptions())
    colored = render("text", examples[name], RenderOptions(color=True))
    assert "\x1b" in colored and "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain


def test_the_verdict_is_the_first_line(examples: dict[str, ResultDoc]) -> None:
    lines = render("text", examples["partial"], RenderOptions()).splitlines()
    assert lines[0].startswith("PARTIAL: pod shop/web-7c9f8-x2x4p -> service shop/api port 80/tcp")
    assert lines[1] == examples["partial"].summary


def test_the_order_of_a_report(examples: dict[str, ResultDoc]) -> None:
    text = render("text", examples["partial"], VERBOSE)
    words = ("PARTIAL", "Path", "fdb-missing", "cni-not-enforcing", "What clients", "The way there")
    order = [text.index(word) for word in words]
    assert order == sorted(order)


def test_steps_are_shown_when_asked_for(examples: dict[str, ResultDoc]) -> None:
    assert "The way there" not in render("text", examples["partial"], RenderOptions())


def test_quiet_is_one_line(examples: dict[str, ResultDoc]) -> None:
    text = render("text", examples["partial"], RenderOptions(detail=Detail.QUIET, width=40))
    assert text == f"PARTIAL: {examples['partial'].summary}\n"


@pytest.mark.parametrize("name", ["partial", "reachable", "many"])
def test_without_line_drawing(name: str, examples: dict[str, ResultDoc]) -> None:
    drawn = render("text", examples[name], RenderOptions())
    plain = render("text", examples[name], RenderOptions(ascii=True))
    assert plain.isascii() and not drawn.isascii()
    assert len(plain.splitlines()) == len(drawn.splitlines())


def test_the_path_shows_where_packets_stop(examples: dict[str, ResultDoc]) -> None:
    text = render("text", examples["partial"], RenderOptions())
    path = text.partition("Path\n")[2].partition("\n\n")[0]
    assert path.count("✘") == path.count("✔") == 1
    assert path.index("node k1") < path.index("✘ no FDB entry") < path.index("pod shop/api-1")


def test_two_hundred_branches_are_grouped(examples: dict[str, ResultDoc]) -> None:
    text = render("text", examples["many"], VERBOSE)
    assert len(text.splitlines()) < 80
    assert "67 nodes: node-000, node-003 and 65 more" in text
    assert re.search(r"33\.5% +67 +timeout", text)
    assert re.search(r"66\.5% +133 +ok", text)


def test_text_from_the_cluster_is_inert(examples: dict[str, ResultDoc]) -> None:
    text = render("text", examples["hostile"], RenderOptions())
    assert all(one.isprintable() for one in text.replace("\n", ""))
    assert r"\x1b[31m[bold]" in text
    # A line that begins with the second half of the name would be a forged one.
    assert not re.search(r'^"\]', text, re.MULTILINE)


def with_purposes(result: ResultDoc) -> ResultDoc:
    """The same branches as a whole TCP conversation: data follows on the same way."""
    purposes = {"forward": "first", "return": "answer"}
    named = [msgspec.structs.replace(one, purpose=purposes[one.direction]) for one in result.traces]
    data = [
        msgspec.structs.replace(one, purpose=f"{one.purpose} data")
        for one in named
        if one.disposition == "DELIVERED"
    ]
    return msgspec.structs.replace(result, traces=(*named[1:], *data, named[0]))


def test_the_order_of_a_conversation(examples: dict[str, ResultDoc]) -> None:
    text = render("text", with_purposes(examples["partial"]), VERBOSE)
    assert [line for line in text.splitlines() if line.startswith("The way")] == [
        "The way there (first): dropped without an answer",
        "The way there (first): arrives",
        "The way back (answer): arrives",
        "The way there (first data): arrives, as above",
        "The way back (answer data): arrives, as above",
    ]


def test_common_hops_are_shown_once(examples: dict[str, ResultDoc]) -> None:
    text = render("text", examples["partial"], VERBOSE)
    assert text.count("connects from 10.244.0.5") == 1
    assert text.count("as above") == 1


def test_no_known_cause_is_said(examples: dict[str, ResultDoc]) -> None:
    bare = msgspec.structs.replace(examples["partial"], suspicions=())
    assert "None that skoop knows by name" in render("text", bare, RenderOptions())


@pytest.mark.parametrize(
    ("weight", "text"),
    [(0, "0%"), (1, "100%"), (0.5, "50%"), (1 / 3, "33.3%"), (0.0001, "<0.1%"), (0.9996, ">99.9%")],
)
def test_share(weight: float, text: str) -> None:
    assert share(weight) == text


@pytest.mark.parametrize(
    ("line", "yes"),
    [
        ("ip route add 10.0.0.0/8 via 10.1.1.1", True),
        ("iptables-legacy -D INPUT 1", True),
        ("    anything indented", True),
        ("Restart flannel on k1.", False),
        ("", False),
    ],
)
def test_is_command(line: str, yes: bool) -> None:
    assert is_command(line) is yes


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain é", "plain é"),
        ("a\tb", "a b"),
        ("\x1b]0;t\x07", r"\x1b]0;t\x07"),
        ("\u202eabc", r"\u202eabc"),
        ("a\r\nb", r"a\r\nb"),
        ("\udcff", r"\udcff"),
    ],
)
def test_clean(text: str, safe: str) -> None:
    assert clean(text) == safe
