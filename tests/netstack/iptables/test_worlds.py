"""What happens when a rule cannot be decided, and when it is decided by chance."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from bench.linear import Linear, parts
from skoop.model.address import Family, parse_ip
from skoop.model.packet import EPHEMERAL
from skoop.netstack.conntrack import new_connection
from skoop.netstack.ipset import read_ipsets
from skoop.netstack.iptables import parse, read_ruleset
from skoop.netstack.netfilter import Action, Hook, View
from tests.netstack.iptables.asking import SYN, outcomes
from tests.netstack.iptables.hookdriver import packet
from tests.netstack.iptables.rulegen import SETS, Generator
from tests.netstack.iptables.simulated import Router


def seen(found):
    return [(one.action.value, one.weight, [g.matched for g in one.guesses]) for one in found]


def test_a_definite_no_wins_over_an_unknown():
    assert seen(outcomes("-A FORWARD -p udp -m u32 --u32 x -j DROP")) == [("accept", 1.0, [])]


def test_a_guess_that_makes_no_difference_is_forgotten():
    assert seen(outcomes("-A FORWARD -m time --weekdays Mon -j ACCEPT")) == [("accept", 1.0, [])]
    assert seen(outcomes("-A FORWARD -m u32 --u32 x -j LOG")) == [("accept", 1.0, [])]


def test_each_guess_multiplies_what_differs():
    rules = """-A FORWARD -m u32 --u32 x -j MARK --set-mark 1
-A FORWARD -m mark --mark 1 -m time --weekdays Mon -j DROP"""
    assert seen(outcomes(rules)) == [
        ("drop", 1.0, [True, True]),
        ("accept", 1.0, [True, False]),
        ("accept", 1.0, [False]),
    ]


def test_the_same_question_has_one_answer_in_a_world():
    rules = """-A OUTPUT -m owner --uid-owner 1337 -j RETURN
-A OUTPUT -m owner ! --uid-owner 1337 -j ACCEPT
-A OUTPUT -j DROP"""
    found = outcomes(rules, hook=Hook.OUTPUT, local=True)
    assert [one.action for one in found] == [Action.ACCEPT]


def test_chance_within_a_guess():
    rules = "-A FORWARD -m u32 --u32 x -m statistic --mode random --probability 0.25 -j DROP"
    assert seen(outcomes(rules)) == [
        ("drop", 0.25, [True]),
        ("accept", 0.75, [True]),
        ("accept", 1.0, [False]),
    ]


def test_equal_outcomes_are_merged():
    rules = """-A FORWARD -m statistic --mode random --probability 0.5 -j ACCEPT
-A FORWARD -m statistic --mode nth --every 2 --packet 0 -j DROP"""
    assert seen(outcomes(rules)) == [("accept", 0.75, []), ("drop", 0.25, [])]


def test_an_unknown_target_may_do_anything():
    assert seen(outcomes(":FORWARD DROP [0:0]\n-A FORWARD -j MYSTERY")) == [
        ("accept", 0.5, [True]),
        ("drop", 0.5, [True]),
        ("drop", 1.0, [False]),
    ]


def test_a_queue_accepts_or_drops():
    rules = "-A FORWARD -j NFQUEUE --queue-num 1 --queue-bypass\n-A FORWARD -j REJECT"
    assert seen(outcomes(rules)) == [("drop", 1.0, [True]), ("accept", 1.0, [False])]


def test_many_unknowns_end_in_an_unknown_not_in_a_long_wait():
    rules = "\n".join(
        f"-A FORWARD -m u32 --u32 {n} -j MARK --set-xmark {1 << n}/{1 << n}" for n in range(30)
    )
    found = outcomes(rules)
    assert len(found) < 5000
    assert any("too many" in one.guesses[-1].unknown.why for one in found)


def test_a_thousand_endpoints():
    lines = [
        f"-A PREROUTING -m statistic --mode random --probability {1 / (1000 - n):.11f}"
        f" -j DNAT --to-destination 10.9.{n // 250}.{n % 250 + 1}"
        for n in range(999)
    ]
    lines.append("-A PREROUTING -j DNAT --to-destination 10.10.0.1")
    found = outcomes("\n".join(lines), table="nat", hook=Hook.PREROUTING)
    assert len(found) == 1000
    assert all(one.weight == pytest.approx(0.001, rel=1e-3) for one in found)


def test_session_affinity_leaves_every_endpoint_possible():
    rules = """-A PREROUTING -j SVC
-A SVC -m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-A --rsource -j KUBE-SEP-A
-A SVC -m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-B --rsource -j KUBE-SEP-B
-A SVC -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-A
-A SVC -j KUBE-SEP-B
-A KUBE-SEP-A -p tcp -m recent --set --name KUBE-SEP-A --rsource -j DNAT --to-destination 10.3.0.1
-A KUBE-SEP-B -p tcp -m recent --set --name KUBE-SEP-B --rsource -j DNAT --to-destination 10.3.0.2
"""
    found = outcomes(rules, table="nat", hook=Hook.PREROUTING)
    assert {(one.nat.low & 255, one.weight, one.guesses) for one in found} == {
        (1, 0.5, ()),
        (2, 0.5, ()),
    }


@pytest.mark.parametrize("rules", [11, 13, 60])
def test_long_chains_find_what_short_ones_find(rules):
    """The index must not lose a rule, whatever it is filed under."""
    filler = [f"-A FORWARD -d 10.50.{n}.1/32 -j DROP" for n in range(rules)]
    for condition in ("-d 10.2.0.9/32", "-d 10.2.0.0/16", "-s 10.1.0.5", "-i eth0", "-o eth1",
                      "-p tcp -m tcp --dport 80", "! -d 10.50.0.1", "-i eth+", ""):  # fmt: skip
        lines = [*filler, f"-A FORWARD {condition} -j REJECT", "-A FORWARD -j DROP"]
        (outcome,) = outcomes("\n".join(lines), iif="eth0", oif="eth1")
        assert outcome.action is Action.REJECT, condition


def test_a_drawn_destination_port_is_looked_up_among_all_port_rules():
    lines = [f"-A FORWARD -p tcp -m tcp --dport {n} -j DROP" for n in range(100, 120)]
    lines.append("-A FORWARD -p tcp -m tcp --dport 1024:65535 -j REJECT")
    (outcome,) = outcomes("\n".join(lines), replace(SYN, dport=EPHEMERAL))
    assert outcome.action is Action.REJECT


def _pairs(found) -> dict:
    """Share of each ending."""
    shares: dict = {}
    for one in found:
        action = one.action if isinstance(one.action, str) else one.action.value
        key = (action, one.packet, one.nat, one.reject_with)
        shares[key] = round(shares.get(key, 0.0) + one.weight, 9)
    return shares


@pytest.mark.parametrize("seed", range(60))
def test_agrees_with_the_linear_evaluator(seed):
    generator = Generator(seed)
    draw = random.Random(seed)
    text = generator.ruleset().replace("--probability 1", "--probability 0.25")
    ruleset = read_ruleset(text, engine="iptables-legacy", family=Family.V4, source="x")
    tables = parse(text, "x")
    host = Router(read_ipsets(SETS, "sets"))
    for chain in ruleset.chains:
        table, _, base = chain.name.partition(" ")
        if table == "raw":
            continue
        linear = Linear(parts(tables, table), base, "ACCEPT")
        for _ in range(3):
            probe, local = generator.packet()
            probe = replace(probe, mark=draw.randrange(4))
            view = View(chain.hook, host, new_connection(probe), "rc", "rs", local=local)
            found = chain.evaluate(probe, view)
            assert not any(one.guesses for one in found)
            assert _pairs(found) == _pairs(linear.run(probe, view)), f"{chain.name}\n{text}"


def test_addresses_of_the_other_family_never_meet():
    found = outcomes("-A FORWARD -d fd00::/8 -j DROP", packet("fd00::5", "fd00::9", 80))
    assert found[0].action is Action.DROP
    assert parse_ip("fd00::9")[0] is Family.V6
