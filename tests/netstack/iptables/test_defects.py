"""What KubeSkoop's netfilter simulator gets wrong (its defects 19 to 23), and skoop must not."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.model.address import Family
from skoop.netstack.ipset import read_ipsets
from skoop.netstack.iptables import read_ruleset
from skoop.netstack.netfilter import Action, Hook, NatKind
from tests.netstack.iptables.asking import SYN, matches, outcomes
from tests.netstack.iptables.hookdriver import Driver, OneNode


@pytest.mark.parametrize(
    "conditions",
    [
        "! -s 10.1.0.0/16",
        "! -d 10.2.0.0/16",
        "! -i eth0",
        "! -p tcp",
        "-p tcp -m tcp ! --dport 80",
        "-m mark ! --mark 0x0",
        "-m addrtype ! --dst-type UNICAST",
        "-m conntrack ! --ctstate NEW",
    ],
)
def test_19_negation_is_heard(conditions):
    assert matches(conditions, iif="eth0") is False
    assert matches(conditions.replace("! ", ""), iif="eth0") is True


def test_19_goto_does_not_come_back_to_its_caller():
    rules = """-A FORWARD -j A
-A FORWARD -j ACCEPT
-A A -g B
-A A -j DROP
-A B -m mark --mark 0x99 -j DROP"""
    (outcome,) = outcomes(rules)
    assert outcome.action is Action.ACCEPT
    assert "-A FORWARD -j ACCEPT" in [fired.rule for fired in outcome.fired]


def test_19_goto_from_a_builtin_chain_ends_in_its_policy():
    (outcome,) = outcomes(":FORWARD DROP [0:0]\n-A FORWARD -g B\n-A FORWARD -j ACCEPT\n-A B")
    assert (outcome.action, outcome.fired[-1].effect) == (Action.DROP, "policy drop")


def test_19_nested_return_goes_one_level_up():
    rules = """-A FORWARD -j A
-A FORWARD -j DROP
-A A -j B
-A A -j ACCEPT
-A B -j RETURN
-A B -j DROP"""
    (outcome,) = outcomes(rules)
    assert (outcome.action, outcome.fired[-1].rule) == (Action.ACCEPT, "-A A -j ACCEPT")


def test_19_a_loop_ends():
    (one, *more) = outcomes("-A FORWARD -j A\n-A A -j B\n-A B -j A")
    assert more
    assert "back into a chain" in one.guesses[0].unknown.why


def test_20_marks_do_not_end_the_chain_and_change_the_packet():
    rules = "-A FORWARD -j MARK --set-xmark 0x4000/0x4000\n-A FORWARD -m mark --mark 0x4000 -j DROP"
    (outcome,) = outcomes(rules)
    assert (outcome.action, outcome.packet.mark) == (Action.DROP, 0x4000)


def test_20_marks_survive_hooks_and_translations_are_told():
    text = """*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -d 10.2.0.9/32 -j MARK --set-xmark 0x1/0x1
-A PREROUTING -d 10.2.0.9/32 -p tcp -j DNAT --to-destination 10.3.0.3:8080
-A POSTROUTING -m mark --mark 0x1/0x1 -d 10.3.0.3/32 -j MASQUERADE
COMMIT
"""
    ruleset = read_ruleset(text, engine="iptables-legacy", family=Family.V4, source="x")
    (end,) = Driver(ruleset, OneNode([])).send(SYN, local=False)
    assert (end.result, end.dnat, end.masq, end.packet.dport) == ("forwarded", True, True, 8080)


def test_21_conntrack_does_not_always_match():
    assert matches("-m conntrack --ctstate ESTABLISHED") is False


def test_21_statistic_makes_branches():
    rules = """-A PREROUTING -m statistic --mode random --probability 0.33333333349 -j ONE
-A PREROUTING -m statistic --mode random --probability 0.50000000000 -j TWO
-A PREROUTING -j DNAT --to-destination 10.3.0.3
-A ONE -p tcp -j DNAT --to-destination 10.3.0.1
-A TWO -p tcp -j DNAT --to-destination 10.3.0.2"""
    found = outcomes(rules, table="nat", hook=Hook.PREROUTING)
    assert [one.nat.low & 255 for one in found] == [1, 2, 3]
    assert [one.weight for one in found] == pytest.approx([1 / 3] * 3, abs=1e-6)


def test_21_reject_and_masquerade_are_followed():
    assert outcomes("-A FORWARD -j REJECT")[0].action is Action.REJECT
    (outcome,) = outcomes("-A POSTROUTING -j MASQUERADE", table="nat", hook=Hook.POSTROUTING)
    assert outcome.nat.kind is NatKind.MASQUERADE


def test_22_one_unknown_rule_leaves_the_others_alone():
    rules = """-A FORWARD -m mystery --deep -j DROP
-A FORWARD -p tcp -m tcp --dport 70:90 -j REJECT
-A FORWARD -p udp -j DROP"""
    found = outcomes(rules)
    assert {(one.guesses[0].matched, one.action) for one in found} == {
        (True, Action.DROP),
        (False, Action.REJECT),
    }
    assert found[0].guesses[0].unknown.rule == "-A FORWARD -m mystery --deep -j DROP"


def test_23_backends_are_told_apart():
    text = "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n"
    for engine in ("iptables-legacy", "iptables-nft"):
        (chain,) = read_ruleset(text, engine=engine, family=Family.V4, source="x").chains
        assert chain.engine == engine
        assert chain.name == "filter FORWARD"


@pytest.mark.parametrize("kind", ["hash:ip", "hash:net"])
def test_23_host_members_of_sets_match(kind):
    member = "10.1.0.5" if kind == "hash:ip" else "10.1.0.5/32"
    sets = read_ipsets(f"create s {kind} family inet\nadd s {member}\n", "ipset save")
    assert matches("-m set --match-set s src", host=OneNode([], sets)) is True
    other = replace(SYN, src=SYN.src + 1)
    assert matches("-m set --match-set s src", other, host=OneNode([], sets)) is False
