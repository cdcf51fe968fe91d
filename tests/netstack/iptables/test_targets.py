"""Each target: how the chain ends, and what the packet looks like then."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.model.address import Family, parse_ip
from skoop.model.packet import EPHEMERAL
from skoop.netstack.conntrack import CtState, new_connection
from skoop.netstack.netfilter import Action, ChainKind, Hook, Nat, NatKind
from tests.netstack.iptables.asking import SYN, outcomes, ruleset
from tests.netstack.iptables.hookdriver import packet

V6 = packet("fd00::5", "fd00::9", 80, sport=40000)


def ip(text: str) -> int:
    return parse_ip(text)[1]


def ended(target: str, probe=SYN, **context):
    hook = context.pop("hook", Hook.FORWARD)
    (outcome,) = outcomes(f"-A {hook.name} -j {target}", probe, hook=hook, **context)
    return outcome


@pytest.mark.parametrize(
    ("target", "before", "after"),
    [
        ("MARK --set-xmark 0x4000/0x4000", 0x1, 0x4001),
        ("MARK --set-xmark 0x4000/0x0", 0x4001, 0x1),
        ("MARK --set-mark 0x1", 0xFF, 0x1),
        ("MARK --set-mark 0x10/0xf0", 0xFF, 0x1F),
        ("MARK --or-mark 0x4000", 0x1, 0x4001),
        ("MARK --and-mark 0xffffbfff", 0x4001, 0x1),
        ("MARK --xor-mark 0x4000", 0x4001, 0x1),
    ],
)
def test_mark(target, before, after):
    outcome = ended(target, replace(SYN, mark=before), table="mangle")
    assert outcome.action is Action.ACCEPT
    assert outcome.packet.mark == after


@pytest.mark.parametrize(
    ("target", "packet_mark", "connection_mark"),
    [
        ("CONNMARK --save-mark", 0xAB, 0xAB),
        ("CONNMARK --save-mark --nfmask 0xf --ctmask 0xff", 0xAB, 0xFF0B),
        ("CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff", 0xFFCD, 0xFFCD),
        ("CONNMARK --restore-mark --nfmask 0xf --ctmask 0xf", 0xA0 ^ 0xD, 0xFFCD),
        ("CONNMARK --set-xmark 0x1/0xff", 0xAB, 0xFF01),
    ],
)
def test_connmark_copies_between_packet_and_connection(target, packet_mark, connection_mark):
    probe = replace(SYN, mark=0xAB)
    outcome = ended(target, probe, table="mangle", ct=replace(new_connection(probe), mark=0xFFCD))
    assert (outcome.packet.mark, outcome.ct.mark) == (packet_mark, connection_mark)


def test_connmark_needs_a_connection():
    probe = replace(SYN, mark=5)
    untracked = replace(new_connection(probe), state=CtState.UNTRACKED, mark=9)
    outcome = ended("CONNMARK --restore-mark", probe, table="mangle", ct=untracked)
    assert outcome.packet.mark == 5


DST, SRC = Hook.PREROUTING, Hook.POSTROUTING


@pytest.mark.parametrize(
    ("target", "hook", "nat"),
    [
        ("DNAT --to-destination 10.9.0.1:8080", DST,
         Nat(NatKind.DNAT, ip("10.9.0.1"), ip("10.9.0.1"), 8080, 8080)),
        ("DNAT --to-destination 10.9.0.1", DST, Nat(NatKind.DNAT, ip("10.9.0.1"), ip("10.9.0.1"))),
        ("DNAT --to-destination :90", DST, Nat(NatKind.DNAT, 0, 0, 90, 90)),
        ("DNAT --to-destination 10.9.0.1-10.9.0.3:80-90 --random --persistent", DST,
         Nat(NatKind.DNAT, ip("10.9.0.1"), ip("10.9.0.3"), 80, 90, random=True)),
        ("DNAT --to-destination 10.9.0.1:8000-8099/70", DST,
         Nat(NatKind.DNAT, ip("10.9.0.1"), ip("10.9.0.1"), 8010, 8010)),
        ("REDIRECT --to-ports 15001", DST, Nat(NatKind.REDIRECT, 0, 0, 15001, 15001)),
        ("REDIRECT", DST, Nat(NatKind.REDIRECT)),
        ("NETMAP --to 10.9.0.0/16", DST,
         Nat(NatKind.NETMAP_DST, ip("10.9.0.0"), ip("10.9.0.0"), prefix_length=16)),
        ("NETMAP --to 10.9.0.0/16", SRC,
         Nat(NatKind.NETMAP_SRC, ip("10.9.0.0"), ip("10.9.0.0"), prefix_length=16)),
        ("MASQUERADE --random-fully", SRC, Nat(NatKind.MASQUERADE, random=True)),
        ("MASQUERADE --to-ports 1000-2000", SRC, Nat(NatKind.MASQUERADE, 0, 0, 1000, 2000)),
        ("SNAT --to-source 10.9.0.1", SRC, Nat(NatKind.SNAT, ip("10.9.0.1"), ip("10.9.0.1"))),
    ],
)  # fmt: skip
def test_translations_end_the_chain(target, hook, nat):
    outcome = ended(target, table="nat", hook=hook)
    assert (outcome.action, outcome.nat) == (Action.NAT, nat)


def test_an_ipv6_destination_has_brackets():
    outcome = ended("DNAT --to-destination [fd00::7]:8080", V6, table="nat", hook=DST)
    assert outcome.nat == Nat(NatKind.DNAT, ip("fd00::7"), ip("fd00::7"), 8080, 8080)


@pytest.mark.parametrize(
    ("target", "probe", "expected"),
    [
        ("REJECT", SYN, "icmp-port-unreachable"),
        ("REJECT --reject-with icmp-host-prohibited", SYN, "icmp-host-prohibited"),
        ("REJECT --reject-with tcp-reset", SYN, "tcp-reset"),
        ("REJECT", V6, "icmp6-port-unreachable"),
        ("REJECT --reject-with icmp6-adm-prohibited", V6, "icmp6-adm-prohibited"),
    ],
)
def test_reject_says_how(target, probe, expected):
    outcome = ended(target, probe)
    assert (outcome.action, outcome.reject_with) == (Action.REJECT, expected)


@pytest.mark.parametrize(
    ("target", "field", "value"),
    [
        ("TTL --ttl-set 3", "ttl", 3),
        ("TTL --ttl-dec 100", "ttl", 0),
        ("TTL --ttl-inc 200", "ttl", 255),
        ("TOS --set-tos 0x10/0x3f", "tos", 0x50),
        ("TOS --or-tos 0x03", "tos", 0x43),
        ("DSCP --set-dscp 0x2e", "tos", 0xB8),
        ("DSCP --set-dscp-class CS1", "tos", 0x20),
        ("TCPMSS --clamp-mss-to-pmtu", "size", 60),
        ("TCPMSS --set-mss 1300", "mss", 1300),
    ],
)
def test_header_fields(target, field, value):
    outcome = ended(target, replace(SYN, tos=0x40), table="mangle")
    assert getattr(outcome.packet, field) == value


@pytest.mark.parametrize(
    "target",
    [
        'LOG --log-prefix "a b" --log-level 4 --log-uid',
        "NFLOG --nflog-group 1 --nflog-prefix x",
        "AUDIT --type accept",
        "TRACE",
        "CLASSIFY --set-class 0001:0002",
        "CHECKSUM --checksum-fill",
        "SET --add-set x src --exist --timeout 5",
    ],
)
def test_targets_without_an_effect_are_passed(target):
    outcome = ended(target)
    assert outcome.action is Action.ACCEPT
    assert outcome.packet == SYN
    assert outcome.fired[0].rule == f"-A FORWARD -j {target}"


def test_notrack_and_zones_act_before_conntrack():
    untracked = ended("CT --notrack", table="raw", hook=DST, iif="eth0")
    assert untracked.ct.state is CtState.UNTRACKED
    assert ended("NOTRACK", table="raw", hook=DST, iif="eth0").ct == untracked.ct
    zoned = ended("CT --zone 7", table="raw", hook=DST, iif="eth0").ct
    assert (zoned.zone, zoned.state) == (7, CtState.NEW)


def test_only_the_first_ct_rule_acts():
    rules = "-A PREROUTING -j CT --zone 7\n-A PREROUTING -j CT --notrack"
    (outcome,) = outcomes(rules, table="raw", hook=DST, iif="eth0")
    assert (outcome.ct.zone, outcome.ct.state) == (7, CtState.NEW)


def test_tproxy_marks_and_hands_over():
    outcome = ended(
        "TPROXY --on-port 15001 --on-ip 127.0.0.1 --tproxy-mark 0x200/0xfffffeff",
        replace(SYN, mark=0x101), table="mangle", hook=DST,
    )  # fmt: skip
    assert outcome.action is Action.TPROXY
    assert (outcome.tproxy.address, outcome.tproxy.port) == (ip("127.0.0.1"), 15001)
    assert outcome.packet.mark == 0x300


def test_port_offsets_of_an_unknown_port_stay_a_range():
    probe = replace(SYN, dport=EPHEMERAL)
    outcome = ended("DNAT --to-destination 10.9.0.1:80-89/70", probe, table="nat", hook=DST)
    assert (outcome.nat.port_low, outcome.nat.port_high) == (80, 89)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("raw", {("PREROUTING", -300, "filter"), ("OUTPUT", -300, "filter")}),
        ("mangle", {
            ("PREROUTING", -150, "filter"), ("INPUT", -150, "filter"), ("FORWARD", -150, "filter"),
            ("OUTPUT", -150, "route"), ("POSTROUTING", -150, "filter"),
        }),
        ("nat", {
            ("PREROUTING", -100, "nat"), ("INPUT", 100, "nat"), ("OUTPUT", -100, "nat"),
            ("POSTROUTING", 100, "nat"),
        }),
        ("filter", {("INPUT", 0, "filter"), ("FORWARD", 0, "filter"), ("OUTPUT", 0, "filter")}),
        ("security", {
            ("INPUT", 50, "filter"), ("FORWARD", 50, "filter"), ("OUTPUT", 50, "filter"),
        }),
    ],
)  # fmt: skip
def test_chains_hang_where_the_kernel_hangs_them(table, expected):
    declared = "\n".join(f":{hook.name} ACCEPT [0:0]" for hook in Hook)
    chains = ruleset(declared, table=table).chains
    assert {(c.hook.name, c.priority, c.kind.value) for c in chains} == expected
    assert all(chain.family is Family.V4 for chain in chains)
    assert ChainKind.NAT not in {c.kind for c in chains} or table == "nat"
