"""The tree, options and records."""

from __future__ import annotations

import json

import pytest

from skoop.errors import SnapshotError
from skoop.infra.options import ConfigBinder, ConfigError, OneOf, Option, Origin
from skoop.infra.resources import (
    DuplicateError,
    Interface,
    Region,
    RouteTable,
    Subnet,
    Tree,
    Vpc,
)
from skoop.infra.store import Answers
from skoop.model.address import parse_ip, parse_prefix


def test_global_ids() -> None:
    vpc = Vpc(id="vpc-1", region="r1")
    region = Region(id="r1")
    tree = Tree("Acme", [vpc, region])
    assert (tree.gid(vpc), tree.gid(vpc, "x")) == ("Acme/r1/vpc-1", "Acme/r1/vpc-1/x")
    assert tree.gid(region) == "Acme/r1"


def test_a_duplicate_is_refused() -> None:
    with pytest.raises(DuplicateError, match="Acme/r1/vpc-1 is there twice"):
        Tree("Acme", [Vpc(id="vpc-1", region="r1"), Vpc(id="vpc-1", region="r1", name="b")])


def test_merging_refuses_them_too() -> None:
    one = Tree("Acme", [Vpc(id="vpc-1")])
    with pytest.raises(DuplicateError):
        one.merged(one)


def test_tables_of_subnets() -> None:
    """Its own, by either side's word; else the main one; a named one that is missing is none."""
    tree = Tree("Acme", [
        Vpc(id="v"), RouteTable(id="main", vpc="v", main=True),
        RouteTable(id="own", vpc="v", subnets=("b",)), RouteTable(id="said", vpc="v"),
        *(Subnet(id=each, vpc="v") for each in "ab"), Subnet(id="c", vpc="v", route_table="said"),
        Subnet(id="d", vpc="v", route_table="gone"),
    ])  # fmt: skip
    tables = {each.id: tree.table_of(each) for each in tree.all(Subnet)}
    assert {name: table.id if table else "" for name, table in tables.items()} == {
        "a": "main", "b": "own", "c": "said", "d": "",
    }  # fmt: skip


def test_interfaces_by_address_and_prefix() -> None:
    one = Interface(id="e", vpc="v", addresses=(parse_ip("10.0.0.1"),),
                    prefixes=(parse_prefix("10.1.0.0/28"),))  # fmt: skip
    tree = Tree("Acme", [one])
    assert tree.interface_at("v", parse_ip("10.0.0.1")) is one
    assert tree.interface_at("v", parse_ip("10.1.0.9")) is one
    assert tree.interface_at("v", parse_ip("10.1.0.19")) is None
    assert tree.interface_at("w", parse_ip("10.0.0.1")) is None


KEY = Option(name="key", flag="--key", environment="KEY", help="A key.", secret=True)
ZONE = Option(name="zone", flag="--zone", environment="ZONE", help="A zone.", default="a")
FILE = Option(name="file", flag="--file", environment="FILE", help="A file.")
BINDER = ConfigBinder("acme", (KEY, ZONE, FILE), (OneOf(("key", "file"), required=True),))


@pytest.mark.parametrize(
    ("flags", "environment", "text", "origin"),
    [
        ({"zone": "f"}, {"ZONE": "e"}, "f", Origin.FLAG),
        ({}, {"ZONE": "e"}, "e", Origin.ENVIRONMENT),
        ({}, {"ZONE": ""}, "a", Origin.DEFAULT),
        ({}, {}, "a", Origin.DEFAULT),
    ],
    ids=["flag", "environment", "empty environment", "default"],
)
def test_which_value_holds(flags, environment, text: str, origin: Origin) -> None:
    value = BINDER.read(flags, environment).value("zone")
    assert (value.text, value.origin) == (text, origin)


@pytest.mark.parametrize(
    ("flags", "said"),
    [({}, "One of --key (or KEY), --file (or FILE) is required"),
     ({"key": "planted", "file": "f"}, "Give only one of --key and --file")],
    ids=["none of them", "both"],
)  # fmt: skip
def test_one_of(flags, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        BINDER.bind(flags, {})
    assert said in str(caught.value) and "planted" not in str(caught.value)
    assert BINDER.problems(BINDER.read({}, {}), needed=False) == ()


def test_answers_survive_the_file() -> None:
    made = Answers().with_answer("vpc.List@1", {"b": "2", "a": "1"}, b'{"x":[1]}')
    read = Answers.decode(made.encode(), "cloud/acme.json")
    assert json.loads(read.find("vpc.List@1", {"a": "1", "b": "2"}) or b"") == {"x": [1]}
    assert read.find("vpc.List@1", {"a": "1"}) is None
    assert read.encode() == made.encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"[", "not a record"), (b'{"format": 9}', "format 9"), (b'{"answers": [1]}', "not a record"),
     (b'{"answers": [{"action": "a", "parameters": {}, "answer": 1},'
      b'{"action": "a", "parameters": {}, "answer": 2}]}', "two answers to a")],
    ids=["no JSON", "another format", "no answers", "twice"],
)  # fmt: skip
def test_a_record_that_is_none(data: bytes, said: str) -> None:
    with pytest.raises(SnapshotError, match=r"cloud/acme\.json") as caught:
        Answers.decode(data, "cloud/acme.json")
    assert said in str(caught.value)
