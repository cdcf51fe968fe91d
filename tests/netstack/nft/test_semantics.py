"""What single rules do, above all where something is unknown: text form in, outcomes out."""

from __future__ import annotations

import pytest
from msgspec import structs

from skoop.model.address import parse_ip
from skoop.model.packet import ANY_PORT, EPHEMERAL, Icmp, Packet
from skoop.netstack.conntrack import Connection, CtState, CtStatus, new_connection
from skoop.netstack.netfilter import Action, Hook, NatKind, Outcome, View
from skoop.netstack.nft import read_text
from tests.netstack.nft.driver import TestHost, first_packet

HOST = TestHost(("10.0.0.1",), sockets=None)
TCP = first_packet("tcp", "10.0.0.9", "10.0.0.1", 80, sport=40000)
SETS = """
    set open {
        type inet_service
        flags interval
        elements = { 80, 443, 8000-8999 }
    }
    map verdicts {
        type ipv4_addr . inet_service : verdict
        flags interval
        elements = { 10.0.0.0/24 . 80-90 : jump dropper, * : accept }
    }
    set dyn {
        type ipv4_addr
        flags dynamic,timeout
        timeout 1m
        elements = { 10.0.0.9 timeout 1m expires 30s }
    }
    chain dropper {
        drop
    }
    chain marker {
        meta mark set 0x1
    }
    chain returner {
        return
        drop
    }
    chain empty {
    }
"""


def evaluate(
    rules: str,
    packet: Packet = TCP,
    *,
    ct: Connection | None = None,
    family: str = "inet",
    kind: str = "filter",
    hook: str = "input",
    priority: str = "0",
    policy: str = "accept",
    local: bool = False,
) -> tuple[Outcome, ...]:
    lines = "\n".join(f"\t\t{rule}" for rule in rules.strip().split("\n"))
    text = (
        f"table {family} t {{{SETS}\tchain c {{\n\t\ttype {kind} hook {hook} priority {priority}; "
        f"policy {policy};\n{lines}\n\t}}\n}}\n"
    )
    (chain,) = read_text(text, covered=frozenset(), source="test").chains
    view = View(
        hook=Hook[hook.upper()],
        host=HOST,
        ct=ct or new_connection(packet),
        iif="" if hook == "output" else "eth0",
        oif="eth0" if hook in ("output", "postrouting", "forward") else "",
        local=local,
    )
    return chain.evaluate(packet, view)


def only(outcomes: tuple[Outcome, ...]) -> Outcome:
    (outcome,) = outcomes
    assert outcome.guesses == ()
    assert outcome.weight == pytest.approx(1)
    return outcome


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("tcp dport @open drop", Action.DROP),
        ("tcp dport != @open drop", Action.ACCEPT),
        ("udp dport != 80 drop", Action.ACCEPT),
        ("ip6 saddr != ::1 drop", Action.ACCEPT),
        ("tcp dport { 79, 81-90 } drop", Action.ACCEPT),
        ("tcp flags syn / fin,syn,rst,ack drop", Action.DROP),
        ("tcp flags & (fin|syn|rst|ack) == ack drop", Action.ACCEPT),
        ("ip saddr . tcp dport vmap @verdicts", Action.DROP),
        ("ip daddr . tcp sport vmap @verdicts\ndrop", Action.ACCEPT),
        ("ip saddr @dyn drop", Action.DROP),
        ("ip daddr @dyn drop", Action.ACCEPT),
        ("update @dyn { ip daddr } ip daddr @dyn drop", Action.DROP),
        ("add @dyn { ip saddr limit rate over 5/second } drop", Action.ACCEPT),
        ("limit rate 5/second drop", Action.DROP),
        ("limit rate over 5/second drop", Action.ACCEPT),
        ("quota over 1 mbytes used 2 mbytes drop", Action.DROP),
        ("quota until 1 mbytes used 2 mbytes drop", Action.ACCEPT),
        ("jump returner\ndrop", Action.DROP),
        ("goto returner\ndrop", Action.ACCEPT),
        ("goto empty\ndrop", Action.ACCEPT),
        ("return\ndrop", Action.ACCEPT),
        ("continue\ndrop", Action.DROP),
        ("tcp dport vmap { 81 : drop }\naccept\ndrop", Action.ACCEPT),
        ("meta mark set 0x5 tcp dport 81\nmeta mark 0x5 drop", Action.DROP),
        ("meta mark set ip saddr map { 10.0.0.8 : 0x1 } drop", Action.ACCEPT),
        ("ct status ! dnat drop", Action.DROP),
        ("ct mark set 0x7\nct mark & 0x3 == 0x3 drop", Action.DROP),
        ("meta mark set 0xf0\nmeta mark >> 4 == 0xf drop", Action.DROP),
        ("meta mark set 0xf0\nmeta mark << 28 == 0x0 drop", Action.DROP),
        ('iifname "eth*" drop', Action.DROP),
        ('iifname "eth\\*" drop', Action.ACCEPT),
        ('oifname != "lo" drop', Action.DROP),
        ("meta skuid 0 drop", Action.ACCEPT),
        ("reject with tcp reset", Action.REJECT),
        ("reject with icmpv6 no-route\ndrop", Action.DROP),
        ("exthdr hbh missing drop", Action.DROP),
        ("flow add @f\ndrop", Action.DROP),
    ],
)
def test_decided_rules(rules, expected):
    assert only(evaluate(rules)).action is expected


@pytest.mark.parametrize(
    "rules",
    [
        "queue num 1",
        "meta priority 1:2 drop",
        "meta random < 5 drop",
        "socket transparent 1 drop",
        "tcp option maxseg size 500 drop",
        "ct count over 5 drop",
        "ct expiration > 30s drop",
        "ip id 5 drop",
        "rt mtu 1500 drop",
        'osf name "Linux" drop',
        "frobnicate",
        'xt match "string" drop',
        'xt target "CHECKSUM"',
        "synproxy mss 1460",
        "ip saddr @absent drop",
        "jump absent",
    ],
)
def test_undecidable_rules_go_both_ways(rules):
    outcomes = evaluate(rules)
    assert {outcome.action for outcome in outcomes} >= {Action.ACCEPT, Action.DROP}
    assert all(outcome.guesses for outcome in outcomes)
    guess = outcomes[0].guesses[0]
    assert guess.unknown.where.startswith("nft inet t ")
    assert guess.unknown.why


@pytest.mark.parametrize(
    "rules",
    [
        "meta priority 1:2 tcp dport 81 drop",
        "tcp dport 81 meta priority 1:2 drop",
        'meta priority 1:2 counter log prefix "x"',
        "meta priority 1:2 accept",
        "meta priority 1:2 jump empty",
        "meta priority 1:2 jump returner",
        "meta priority 1:2 drop\ndrop",
        "meta priority 1:2 meta mark set 0x1\nmeta mark set 0x2",
    ],
)
def test_a_doubt_that_does_not_matter_is_forgotten(rules):
    outcome = only(evaluate(rules))
    assert outcome.action is (Action.DROP if rules.endswith("\ndrop") else Action.ACCEPT)


def test_a_doubt_names_the_rule():
    drop, accept = sorted(
        evaluate('tcp dport 80 meta priority 1:2 counter drop comment "why"'),
        key=lambda outcome: outcome.action is Action.ACCEPT,
    )
    assert drop.guesses[0].matched
    assert not accept.guesses[0].matched
    unknown = drop.guesses[0].unknown
    assert unknown.rule == 'tcp dport 80 meta priority 1:2 counter drop comment "why"'
    assert drop.fired[-1].rule == unknown.rule
    assert accept.fired[-1].effect == "policy accept"


@pytest.mark.parametrize(
    ("port", "rule", "decided"),
    [
        (EPHEMERAL, "tcp sport 1024-65535 drop", True),
        (EPHEMERAL, "tcp sport < 1024 drop", True),
        (EPHEMERAL, "tcp sport 40000 drop", True),
        (EPHEMERAL, "tcp sport 40000-50000 drop", False),
        (ANY_PORT, "udp sport { 1024, 4789 } drop", True),
        (ANY_PORT, "tcp sport { 1024-4789 } drop", False),
        (EPHEMERAL, "tcp sport { 22, 80 } drop", True),
        (ANY_PORT, "tcp sport >= 32768 drop", False),
        (ANY_PORT, "tcp sport @open drop", False),
        (EPHEMERAL, "ip saddr . tcp sport { 10.0.0.8 . 40000 } drop", True),
        (EPHEMERAL, "ip saddr . tcp sport { 10.0.0.9 . 40000 } drop", True),
        (EPHEMERAL, "ip saddr . tcp sport { 10.0.0.9 . 40000-50000 } drop", False),
    ],
)
def test_a_port_that_is_drawn(port, rule, decided):
    outcomes = evaluate(rule, structs.replace(TCP, sport=port))
    assert (len(outcomes) == 1) is decided
    assert any(outcome.guesses for outcome in outcomes) is not decided


@pytest.mark.parametrize(
    ("rules", "share"),
    [
        ("numgen random mod 4 == 0 drop", 0.25),
        ("numgen inc mod 10 < 3 drop", 0.3),
        ("jhash ip saddr mod 2 == 1 drop", 0.5),
        ("symhash mod 5 offset 10 { 10, 12-13 } drop", 0.6),
        ("numgen random mod 3 vmap { 0 : drop, 1 : jump dropper }", 2 / 3),
        ("numgen random mod 2 == 0 numgen random mod 2 == 0 drop", 0.25),
        ("meta mark set numgen random mod 3\nmeta mark != 2 drop", 2 / 3),
        (
            "numgen random mod 2 == 0 meta mark set 0x1\nmeta mark 0x1 numgen inc mod 2 == 1 drop",
            0.25,
        ),
    ],
)
def test_random_choices_have_weights(rules, share):
    outcomes = evaluate(rules)
    assert not any(outcome.guesses for outcome in outcomes)
    weights = {Action.ACCEPT: 0.0, Action.DROP: 0.0}
    for outcome in outcomes:
        weights[outcome.action] += outcome.weight
    assert weights[Action.DROP] == pytest.approx(share)
    assert weights[Action.ACCEPT] == pytest.approx(1 - share)


def address(text: str) -> int:
    return parse_ip(text)[1]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("dnat ip to 10.1.1.1", ("DNAT", "10.1.1.1", "10.1.1.1", 0, 0, False)),
        ("dnat ip to 10.1.1.1:80-90", ("DNAT", "10.1.1.1", "10.1.1.1", 80, 90, False)),
        ("dnat ip to 10.1.1.1-10.1.1.9 random", ("DNAT", "10.1.1.1", "10.1.1.9", 0, 0, True)),
        ("dnat ip to 10.1.1.0/24", ("DNAT", "10.1.1.0", "10.1.1.255", 0, 0, False)),
        (
            "dnat ip to ip saddr map { 10.0.0.9 : 10.1.1.2 . 99 }",
            ("DNAT", "10.1.1.2", "10.1.1.2", 99, 99, False),
        ),
        (
            "redirect to :tcp dport map { 80 : 8080 }",
            ("REDIRECT", "0.0.0.0", "0.0.0.0", 8080, 8080, False),
        ),
    ],
)
def test_destination_nat(rule, expected):
    outcome = only(evaluate(rule, kind="nat", hook="prerouting", priority="dstnat"))
    assert outcome.action is Action.NAT
    kind, low, high, port_low, port_high, random = expected
    nat = outcome.nat
    assert nat.kind is NatKind[kind]
    assert (nat.low, nat.high) == (address(low), address(high))
    assert (nat.port_low, nat.port_high, nat.random) == (port_low, port_high, random)


def test_netmap_and_snat():
    rule = "dnat ip prefix to 192.168.4.0/24"
    nat = only(evaluate(rule, kind="nat", hook="prerouting")).nat
    assert (nat.kind, nat.prefix_length) == (NatKind.NETMAP_DST, 24)
    nat = only(evaluate("masquerade fully-random", kind="nat", hook="postrouting")).nat
    assert (nat.kind, nat.random) == (NatKind.MASQUERADE, True)


def test_nat_of_the_other_family_lets_the_rule_go_on():
    outcome = only(evaluate("dnat ip6 to fd00::1 meta mark set 0x3", kind="nat", hook="prerouting"))
    assert (outcome.action, outcome.packet.mark) == (Action.ACCEPT, 3)


@pytest.mark.parametrize(
    ("reject", "packet", "expected"),
    [
        ("reject", TCP, "icmp-port-unreachable"),
        ("reject with icmpx admin-prohibited", TCP, "icmp-admin-prohibited"),
        (
            "reject with icmpx host-unreachable",
            first_packet("udp", "fd00::9", "fd00::1", 53),
            "icmp6-addr-unreachable",
        ),
        (
            "reject with icmpv6 policy-fail",
            first_packet("udp", "fd00::9", "fd00::1", 53),
            "icmp6-policy-fail",
        ),
        ("reject with tcp reset", TCP, "tcp-reset"),
    ],
)
def test_what_a_reject_answers(reject, packet, expected):
    assert only(evaluate(reject, packet)).reject_with == expected


@pytest.mark.parametrize(
    ("state", "match", "hit"),
    [
        (CtState.NEW, "ct state new", True),
        (CtState.INVALID, "ct state invalid", True),
        (CtState.INVALID, "ct mark 0", False),
        (CtState.UNTRACKED, "ct state untracked", True),
        (CtState.UNTRACKED, "ct status ! dnat", False),
        (CtState.ESTABLISHED, "ct state established,related", True),
        (CtState.RELATED, "ct state vmap { established : accept, related : drop }", True),
    ],
)
def test_connection_states(state, match, hit):
    ct = structs.replace(new_connection(TCP), state=state)
    rule = match if "vmap" in match else f"{match} drop"
    assert (only(evaluate(rule, ct=ct)).action is Action.DROP) is hit


def test_ct_status_is_never_compared_as_a_whole():
    ct = structs.replace(new_connection(TCP), status=CtStatus.DNAT)
    assert only(evaluate("ct status dnat drop", ct=ct)).action is Action.DROP
    assert len(evaluate("ct status == dnat drop", ct=ct)) == 2


def test_before_conntrack():
    early = {"hook": "prerouting", "priority": "raw"}
    assert only(evaluate("ct state invalid drop", **early)).action is Action.DROP
    untracked = only(evaluate("notrack\nct state != untracked drop", **early))
    assert untracked.ct.state is CtState.UNTRACKED
    assert only(evaluate("ct zone set 5", **early)).ct.zone == 5
    assert only(evaluate("notrack", hook="prerouting")).ct.state is CtState.NEW


def test_the_sender_of_a_local_packet_is_unknown():
    assert len(evaluate("meta skuid 0 drop", hook="output", local=True)) == 2
    assert only(evaluate("meta skuid 0 drop", hook="forward")).action is Action.ACCEPT


def test_headers_are_changed():
    outcome = only(evaluate("ip ttl set 9 ip dscp set cs1 ip daddr set 10.9.9.9 tcp dport set 81"))
    packet = outcome.packet
    assert (packet.ttl, packet.tos, packet.dport) == (9, 0x20, 81)
    assert packet.destination == "10.9.9.9"


def test_icmp():
    ping = Packet(family=TCP.family, proto=1, src=TCP.src, dst=TCP.dst, icmp=Icmp(8, 0))
    assert only(evaluate("icmp type echo-request drop", ping)).action is Action.DROP
    assert only(evaluate("icmp type { echo-reply, redirect } drop", ping)).action is Action.ACCEPT
    assert only(evaluate("th dport 53 ip protocol tcp drop", ping)).action is Action.ACCEPT


def test_a_chain_that_calls_itself_ends():
    text = (
        "table ip t {\n\tchain c {\n\t\ttype filter hook input priority filter; policy accept;\n"
        "\t\tmeta priority 1:2 jump d\n\t\tmeta cpu 1 jump d\n\t}\n"
        "\tchain d {\n\t\tmeta cpu 1 jump d\n\t\tmeta cgroup 1 goto d\n\t}\n}\n"
    )
    (chain,) = read_text(text, covered=frozenset(), source="x").chains
    view = View(hook=Hook.INPUT, host=HOST, ct=new_connection(TCP), iif="eth0")
    assert all(outcome.guesses for outcome in chain.evaluate(TCP, view))


def test_many_doubts_stay_few_outcomes():
    rules = "\n".join(f"ip id {n} meta mark set {n}" for n in range(1, 30)) + "\ndrop"
    outcomes = evaluate(rules)
    assert 1 < len(outcomes) <= 2000
    assert all(outcome.guesses for outcome in outcomes)


@pytest.mark.parametrize(("sockets", "action"), [(True, Action.TPROXY), (False, Action.DROP)])
def test_tproxy_needs_its_socket(monkeypatch, sockets, action):
    monkeypatch.setattr(HOST, "_sockets", sockets)
    rules = "meta l4proto tcp tproxy to :8080 meta mark set 0x1 accept\ndrop"
    outcome = only(evaluate(rules, hook="prerouting", priority="mangle"))
    assert outcome.action is action
    assert outcome.tproxy.port == (8080 if sockets else 0)
