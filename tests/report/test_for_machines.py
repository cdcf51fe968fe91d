"""JUnit, SARIF, DOT and Markdown, read by parsers that others wrote."""

from __future__ import annotations

import json
import re

import junitparser
import pydot
import pytest
from sarif_pydantic import Sarif

from skoop.report import FORMATS, render
from skoop.report.document import ResultDoc
from skoop.report.graph import drawing
from skoop.report.options import RenderOptions

NAMES = ["partial", "reachable", "many", "hostile"]


def made(name: str, result: ResultDoc) -> str:
    return str(render(name, result, RenderOptions()))


@pytest.mark.parametrize("form", ["markdown", "junit", "sarif"])
@pytest.mark.parametrize("name", ["partial", "hostile"])
def test_golden(form: str, name: str, examples: dict[str, ResultDoc], golden) -> None:
    golden(name + FORMATS[form][1], made(form, examples[name]))


@pytest.mark.parametrize(
    ("name", "kind"), [("partial", "Failure"), ("reachable", ""), ("hostile", "Failure")]
)
def test_junit(name: str, kind: str, examples: dict[str, ResultDoc]) -> None:
    suite = junitparser.TestSuite.fromstring(made("junit", examples[name]))
    (case,) = suite
    assert [type(one).__name__ for one in case.result] == ([kind] if kind else [])
    assert (suite.tests, suite.failures, suite.errors) == (1, int(bool(kind)), 0)


def test_what_cannot_be_told_is_an_error_in_junit(examples: dict[str, ResultDoc]) -> None:
    from msgspec.structs import replace

    unknown = replace(examples["reachable"], verdict="unknown")
    (case,) = junitparser.TestSuite.fromstring(made("junit", unknown))
    assert [type(one) for one in case.result] == [junitparser.Error]


@pytest.mark.parametrize("name", NAMES)
def test_sarif(name: str, examples: dict[str, ResultDoc]) -> None:
    log = Sarif.model_validate_json(made("sarif", examples[name]))
    (run,) = log.runs
    assert [one.rule_id for one in run.results or []] == [
        one.code for one in examples[name].suspicions
    ]
    rules = [rule.id for rule in run.tool.driver.rules or []]
    assert all(rules[one.rule_index or 0] == one.rule_id for one in run.results or [])


def test_sarif_knows_a_problem_again(examples: dict[str, ResultDoc]) -> None:
    first, second = (json.loads(made("sarif", examples["partial"])) for _ in range(2))
    prints = [one["partialFingerprints"] for one in first["runs"][0]["results"]]
    assert prints == [one["partialFingerprints"] for one in second["runs"][0]["results"]]
    assert len({str(one) for one in prints}) == len(prints)


@pytest.mark.parametrize("name", ["partial", "reachable", "many"])
def test_dot(name: str, examples: dict[str, ResultDoc]) -> None:
    (graph,) = pydot.graph_from_dot_data(made("dot", examples[name]))
    drawn = drawing(examples[name])
    keys = {node.get_name() for node in graph.get_nodes()} - {"node"}
    assert keys == {node.key for node in drawn.nodes}
    assert len(graph.get_edges()) == len(drawn.edges)


def test_markdown_cannot_be_forged(examples: dict[str, ResultDoc]) -> None:
    text = made("markdown", examples["hostile"])
    outside = re.sub(r"(?ms)^(`{3,}).*?^\1$", "", text)
    ours = re.sub(r"</?details>|</?summary>", "", outside)
    assert "<" not in ours and "@" not in ours
    assert not re.search(r"(?<!\\)[\[\]$|~]", ours)


def test_a_fence_is_longer_than_what_it_holds(examples: dict[str, ResultDoc]) -> None:
    from msgspec.structs import replace

    from skoop.report.document import EvidenceDoc

    bad = EvidenceDoc("a rule", "```` # heading")
    cause = replace(examples["partial"].suspicions[0], evidence=(bad,))
    text = made("markdown", replace(examples["partial"], suspicions=(cause,)))
    assert "`````text\n```` # heading\n`````" in text
