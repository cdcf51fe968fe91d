"""A sample of `python -m tests.felix.against_kernel`, and what it stands on."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from skoop.model.address import Family
from skoop.netstack.ipset import read_ipsets
from skoop.netstack.iptables import read_ruleset
from tests.felix.against_kernel import Count, cluster, draw, people_of, play, play_round
from tests.felix.rules import rule_lines
from tests.felix.tables import ipset_text, tables_text
from tests.felix.words import Match, Rule, chain_name, veth
from tests.lab.build import build
from tests.lab.serve import Servers
from tests.lab.test_lab import real_kernel
from tests.lab.topology import Calico


@pytest.mark.lab
@real_kernel
def test_declared_enforced_and_walked_are_one() -> None:
    count = Count()
    play(4, 20, with_broken=True, count=count)
    assert count.cases["asked"] == 20
    assert count.cases["changed by what was left out"]
    assert not count.wrong, "\n".join(count.wrong)


@pytest.mark.parametrize("seed", range(5))
def test_skoop_reads_what_is_written(seed: int) -> None:
    rng = random.Random(seed)
    found = cluster(rng)
    played = draw(rng, people_of(found, rng), "t")
    for node in played.nodes.values():
        text = tables_text(node).replace("-I ", "-A ")
        rules = read_ruleset(text, engine="iptables-nft", family=Family.V4, source="felix")
        assert rules.unmodelled == ()
        made = "\n".join(x for x in ipset_text(node).splitlines() if not x.startswith("flush"))
        assert set(read_ipsets(made, "felix")) >= {f"cali40{each.name}" for each in node.sets}


@pytest.mark.lab
@real_kernel
def test_what_is_written_for_nftables_is_walked_too() -> None:
    rng = random.Random(3)
    found = cluster(rng)
    found = replace(found, calico=Calico("", nft=True))
    people = people_of(found, rng)
    count = Count()
    with build(found) as lab, Servers(lab):
        for mark in "ab":
            play_round(rng, lab, people, draw(rng, people, mark), with_broken=True, count=count)
    assert count.cases["asked"] == 20
    assert not count.wrong, "\n".join(count.wrong)


def test_names_are_those_of_calico() -> None:
    assert veth("kube-system", "coredns-5d78c9869d-2jz8q").startswith("cali")
    assert len(veth("a", "b")) == 15
    assert chain_name("tw", "cali00021cd2b87") == "cali-tw-cali00021cd2b87"
    assert len(chain_name("pi", "knp.default." + "x" * 60)) == 28


RULES = {
    "allow": (Rule("allow"), ["-j MARK --set-xmark 0x10000/0x10000"]),
    "deny": (Rule("deny", Match(src_nets=("10.0.0.0/8",))), ["-s 10.0.0.0/8 -j DROP"]),
    "pass": (Rule("pass", Match(protocol="tcp")), ["-p tcp -j MARK --set-xmark 0x20000/0x20000"]),
    "two ranges": (
        Rule("deny", Match(src_nets=("10.0.0.0/8", "11.0.0.0/8"))),
        [
            "-j MARK --set-xmark 0x0/0xc0000",
            "-s 10.0.0.0/8 -j MARK --set-xmark 0x40000/0x40000",
            "-s 11.0.0.0/8 -j MARK --set-xmark 0x40000/0x40000",
            "-m mark --mark 0x40000/0x40000 -j DROP",
        ],
    ),
    "a range but for a part": (
        Rule("deny", Match(src_nets=("10.0.0.0/8",), not_src_nets=("10.1.0.0/16",))),
        [
            "-j MARK --set-xmark 0x40000/0xc0000",
            "-s 10.1.0.0/16 -j MARK --set-xmark 0x0/0x40000",
            "-s 10.0.0.0/8 -m mark --mark 0x40000/0x40000 -j DROP",
        ],
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_rules_as_felix_writes_them(name: str) -> None:
    rule, lines = RULES[name]
    assert rule_lines(rule)[: len(lines)] == lines
