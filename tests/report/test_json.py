"""The JSON result keeps its contract."""

from __future__ import annotations

import json

import jsonschema
import pytest

import skoop
from skoop.findings import find
from skoop.report import render, schema
from skoop.report.document import ResultDoc
from skoop.report.json import batch_error, batch_line
from skoop.report.options import RenderOptions

NAMES = ["partial", "reachable", "many", "hostile"]
CONTRACT = {
    "schema_version", "tool_version", "verdict", "source", "destination", "protocol", "summary",
    "outcomes", "suspicions", "path", "traces", "not_checked", "assumptions",
}  # fmt: skip


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(schema.published())
    return jsonschema.Draft202012Validator(schema.published())


def result(examples: dict[str, ResultDoc], name: str) -> dict:
    return json.loads(render("json", examples[name], RenderOptions()))


def test_published_schema_is_up_to_date() -> None:
    assert schema.published() == schema.build(), "python -m skoop.report.schema"


@pytest.mark.parametrize("name", NAMES)
def test_valid(name: str, examples, validator) -> None:
    validator.validate(result(examples, name))


def test_golden(examples, golden) -> None:
    golden("partial.json", render("json", examples["partial"], RenderOptions()))


def test_keys(examples) -> None:
    document = result(examples, "partial")
    assert set(document) == CONTRACT
    assert document["schema_version"] == 1
    assert document["tool_version"] == skoop.__version__
    assert set(document["path"]["links"][0]) >= {"from", "to", "type", "oif", "iif", "packet"}


def test_tunnel_keeps_the_outer_and_the_inner_packet(examples) -> None:
    link = result(examples, "partial")["path"]["links"][1]
    assert link["encap"]["destination"] == "192.168.7.12"
    assert link["encap"]["inner"]["destination"] == link["packet"]["destination"] == "10.244.1.7"
    assert link["packet"]["sport"] is None


def test_docs_lead_to_a_finding(examples) -> None:
    for one in result(examples, "partial")["suspicions"]:
        assert find(one["docs"].partition("#")[2]).code == one["code"]


def test_batch_line(examples, validator) -> None:
    line = batch_line("q1", examples["partial"])
    assert "\n" not in line
    document = json.loads(line)
    assert document.pop("id") == "q1"
    assert document == result(examples, "partial")
    validator.validate(json.loads(line))


def test_batch_error(validator) -> None:
    line = json.loads(batch_error(7, "No pod is called x."))
    assert line == {"id": 7, "error": "No pod is called x."}
    validator.validate(line)


@pytest.mark.parametrize(
    "change",
    [{"verdict": "maybe"}, {"outcomes": [{"weight": 2}]}, {"path": None}, {"schema_version": "1"}],
    ids=lambda one: next(iter(one)),
)
def test_the_schema_refuses(change: dict, examples, validator) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(result(examples, "partial") | change)
