"""The HTML page as text: complete without its script, and closed to what names might smuggle in."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from skoop.report import render
from skoop.report.document import ResultDoc
from skoop.report.options import RenderOptions

NAMES = ["partial", "reachable", "many", "hostile"]
OURS = {"data", None}


class Page(HTMLParser):
    """Elements with their attributes, and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in_script = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts.append(data)


def page_of(result: ResultDoc) -> tuple[str, Page]:
    text = str(render("html", result, RenderOptions()))
    return text, Page(text)


@pytest.mark.parametrize("name", NAMES)
def test_one_file_of_a_bearable_size(name: str, examples: dict[str, ResultDoc]) -> None:
    text, page = page_of(examples[name])
    assert len(text) < 3_000_000
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "base", "form")
        source = attributes.get("src") or attributes.get("href") or "#"
        assert source.startswith(("#", "data:image/svg+xml;base64,"))


@pytest.mark.parametrize("name", NAMES)
def test_only_our_scripts_may_run(name: str, examples: dict[str, ResultDoc]) -> None:
    _, page = page_of(examples[name])
    data, library, script = page.scripts
    (policy,) = [
        str(attributes["content"])
        for tag, attributes in page.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    json.loads(data)
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'"
        for one in (library, script)
    ]
    assert f"script-src {' '.join(hashes)};" in policy
    assert policy.startswith("default-src 'none'")
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)


def test_names_do_not_become_elements(examples: dict[str, ResultDoc]) -> None:
    _, hostile = page_of(examples["hostile"])
    _, plain = page_of(examples["partial"])
    assert {tag for tag, _ in hostile.elements} <= {tag for tag, _ in plain.elements} | {"p"}
    assert sum(tag == "script" for tag, _ in hostile.elements) == 3


def test_it_reads_without_its_script(examples: dict[str, ResultDoc]) -> None:
    text, _ = page_of(examples["partial"])
    body = re.sub(r"(?s)<script.*?</script>", "", text)
    for said in ("fdb-missing", "no FDB entry", "bridge fdb append", "no cloud credentials"):
        assert said in body


def test_two_hundred_branches_stay_a_small_page(examples: dict[str, ResultDoc]) -> None:
    text, page = page_of(examples["many"])
    assert len(json.loads(page.scripts[0])["nodes"]) < 8
    assert len(text) < 600_000
