"""The terminal report: what it says first, how wide it is, and that nothing can forge it."""

from __future__ import annotations

import re

import msgspec
import pytest

from skoop.model.diagnosis import Diagnosis
from skoop.model.disposition import Direction, Disposition
from skoop.report import render
from skoop.report.options import RenderOptions, clean
from skoop.report.text import is_command, share

NAMES = ["partial", "reachable", "many", "hostile"]


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str, examples: dict[str, Diagnosis], golden) -> None:
    golden(f"{name}.txt", render("text", examples[name], RenderOptions()))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_fits(name: str, width: int, examples: dict[str, Diagnosis]) -> None:
    text = render("text", examples[name], RenderOptions(width=width))
    wide = [line for line in text.splitlines() if len(line) > width and not is_command(line)]
    assert wide == []


@pytest.mark.parametrize("name", NAMES)
def test_colour_only_adds(name: str, examples: dict[str, Diagnosis]) -> None:
    plain = render("text", examples[name], RenderOptions())
    colored = render("text", examples[name], RenderOptions(color=True))
    assert "\x1b" in colored and "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain


def test_the_verdict_is_the_first_line(examples: dict[str, Diagnosis]) -> None:
    lines = render("text", examples["partial"], RenderOptions()).splitlines()
    assert lines[0].startswith("PARTIAL: pod shop/web-7c9f8-x2x4p -> service shop/api port 80/tcp")
    assert lines[1] == examples["partial"].summary


def test_the_cause_comes_before_the_path(examples: dict[str, Diagnosis]) -> None:
    text = render("text", examples["partial"], RenderOptions())
    order = [text.index(word) for word in ("fdb-missing", "cni-not-enforcing", "The way there")]
    assert order == sorted(order)


def test_two_hundred_branches_are_grouped(examples: dict[str, Diagnosis]) -> None:
    text = render("text", examples["many"], RenderOptions())
    assert len(text.splitlines()) < 80
    assert re.search(r"33\.5% +67 +timeout", text)
    assert re.search(r"66\.5% +133 +ok", text)


def test_text_from_the_cluster_is_inert(examples: dict[str, Diagnosis]) -> None:
    text = render("text", examples["hostile"], RenderOptions())
    assert all(one.isprintable() for one in text.replace("\n", ""))
    assert r"\x1b[31m[bold]" in text
    # A line that begins with the second half of the name would be a forged one.
    assert not re.search(r'^"\]', text, re.MULTILINE)


def with_purposes(diagnosis: Diagnosis) -> Diagnosis:
    """The same branches as a whole TCP conversation: data follows on the same way."""
    purposes = {Direction.FORWARD: "first", Direction.RETURN: "answer"}
    named = [
        msgspec.structs.replace(one, purpose=purposes[one.direction]) for one in diagnosis.traces
    ]
    data = [
        msgspec.structs.replace(one, purpose=f"{one.purpose} data")
        for one in named
        if one.disposition is Disposition.DELIVERED
    ]
    return msgspec.structs.replace(diagnosis, traces=(*named[1:], *data, named[0]))


def test_the_order_of_a_conversation(examples: dict[str, Diagnosis]) -> None:
    text = render("text", with_purposes(examples["partial"]), RenderOptions())
    assert [line for line in text.splitlines() if line.startswith("The way")] == [
        "The way there (first): dropped without an answer",
        "The way there (first): arrives",
        "The way back (answer): arrives",
        "The way there (first data): arrives, as above",
        "The way back (answer data): arrives, as above",
    ]


def test_common_hops_are_shown_once(examples: dict[str, Diagnosis]) -> None:
    text = render("text", examples["partial"], RenderOptions())
    assert text.count("connects from 10.244.0.5") == 1
    assert text.count("as above") == 1


def test_no_known_cause_is_said(examples: dict[str, Diagnosis]) -> None:
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
