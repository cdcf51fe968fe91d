"""One hook: the order of chains, conntrack and NAT, and what cannot be known of it."""

from __future__ import annotations

import pytest

from skoop.model.address import Family
from skoop.model.disposition import Disposition
from skoop.model.packet import Packet
from skoop.netstack.conntrack import CtStatus
from skoop.netstack.netfilter import Action, Hook, NatKind, Ruleset
from skoop.netstack.stack import Stack
from skoop.netstack.stages import State
from skoop.netstack.state import CtTable
from skoop.netstack.tracking import Tracked, untouched
from skoop.netstack.walk.events import Branch, Stopped
from skoop.netstack.walk.netfilter import Passage, Passed, run_hook
from tests.netstack.builders import ct_entry, ip, iptables, link, namespace, nft, packet

SYN = packet("tcp 10.0.0.9 -> 10.0.0.1:80", sport=1000)


def stack(*rulesets: Ruleset, **fields: object) -> Stack:
    return Stack(
        namespace(
            links=(link("e0", 2),), addresses=("10.0.0.1/24 e0",), rulesets=rulesets, **fields
        )
    )


def run(
    hook: Hook, *rulesets: Ruleset, sent: Packet = SYN, tracked: Tracked | None = None,
    oif: str = "", iif: str = "e0", **fields: object,
) -> tuple[Passed | Stopped, ...]:  # fmt: skip
    passage = Passage(iif=iif, oif=oif, local=hook is Hook.OUTPUT)
    return run_hook(
        stack(*rulesets, **fields), hook, sent, tracked or untouched(sent), Branch(), passage
    )


def fate(ends: tuple[Passed | Stopped, ...]) -> str:
    """ "pass", "stop", or "unknown" when it depends on a guess."""
    if any(end.branch.guesses for end in ends):
        return "unknown"
    (end,) = ends
    return "pass" if isinstance(end, Passed) else "stop"


ACCEPT_80 = "-A FORWARD -p tcp --dport 80 -j ACCEPT"
NFT_DROP = """
table inet fw {
  chain f {
    type filter hook forward priority %s; policy accept;
    tcp dport 80 drop
  }
}
"""
ORDER = {
    "accept in one chain does not protect from the next": (
        (iptables(ACCEPT_80), nft(NFT_DROP % "filter + 10")),
        "stop",
    ),
    "nor from the one before": ((iptables(ACCEPT_80), nft(NFT_DROP % "filter - 10")), "stop"),
    "the policy counts when no rule does": ((iptables(FORWARD="DROP"),), "stop"),
    "accept before the policy": ((iptables(ACCEPT_80, FORWARD="DROP"),), "pass"),
    "mangle before filter": (
        (iptables("-t mangle -A FORWARD -j DROP", ACCEPT_80),),
        "stop",
    ),
    "another family's rules": ((iptables("-A FORWARD -j DROP", family=Family.V6),), "pass"),
    "legacy and nft at one priority, both drop": (
        (iptables("-A FORWARD -j DROP"), nft(NFT_DROP % "filter")),
        "stop",
    ),
}


@pytest.mark.parametrize(("rulesets", "expected"), ORDER.values(), ids=ORDER.keys())
def test_chains_run_by_priority(rulesets: tuple[Ruleset, ...], expected: str) -> None:
    assert fate(run(Hook.FORWARD, *rulesets, oif="e0")) == expected


NFT_MARKED = """
table inet fw {
  chain f { type filter hook forward priority filter; policy accept; meta mark 1 drop }
}
"""
NFT_BY_MARK = NFT_MARKED.replace("; meta", ";\n meta").replace("drop }", "drop\n }")


@pytest.mark.parametrize("engine", ["iptables-legacy", "iptables-nft"])
def test_at_one_priority_the_order_of_tables_is_unknown(engine: str) -> None:
    marking = iptables("-t filter -A FORWARD -j MARK --set-mark 1", engine=engine)
    ends = run(Hook.FORWARD, marking, nft(NFT_BY_MARK), oif="e0")
    (unknown,) = {guess.unknown for end in ends for guess in end.branch.guesses}
    assert "registration" in unknown.why
    assert engine in unknown.rule
    assert "nft inet fw f" in unknown.rule


MARKS = "type filter hook forward priority filter; policy accept;\n meta mark set 1"
DROPS = "type filter hook forward priority filter; policy accept;\n meta mark 1 drop"


@pytest.mark.parametrize(("first", "second", "expected"), [(MARKS, DROPS, "pass"),
                                                           (DROPS, MARKS, "stop")])  # fmt: skip
def test_in_one_table_the_youngest_chain_runs_first(first: str, second: str, expected: str) -> None:
    """Measured on the kernel: a hook is put before those of its priority."""
    text = f"table ip t {{\n chain a {{\n {first}\n }}\n chain b {{\n {second}\n }}\n}}\n"
    assert fate(run(Hook.FORWARD, nft(text), oif="e0")) == expected


def test_iptables_nft_runs_in_the_order_of_nft() -> None:
    """Both are nftables' own chains; priority decides, and a mark in mangle is seen in filter."""
    marking = iptables("-t mangle -A FORWARD -j MARK --set-mark 1", engine="iptables-nft")
    assert fate(run(Hook.FORWARD, marking, nft(NFT_BY_MARK), oif="e0")) == "stop"


NFT_DNAT = """
table ip t {
  chain pre {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr 10.0.0.1 dnat to 10.0.0.8
  }
}
"""


def test_legacy_and_nft_nat_of_one_hook_compete_in_an_unknown_order() -> None:
    """Seen on Linux 6.18: the chain registered last translates."""
    legacy = iptables("-t nat -A PREROUTING -d 10.0.0.1 -j DNAT --to-destination 10.0.0.7")
    ends = run(Hook.PREROUTING, legacy, nft(NFT_DNAT))
    found = {end.packet.dst for end in ends if isinstance(end, Passed)}
    assert found == {ip("10.0.0.7"), ip("10.0.0.8")}
    assert fate(ends) == "unknown"


def test_nat_in_both_engines_for_different_packets_is_no_matter() -> None:
    legacy = iptables("-t nat -A PREROUTING -d 10.0.0.2 -j DNAT --to-destination 10.0.0.7")
    (end,) = run(Hook.PREROUTING, legacy, nft(NFT_DNAT))
    assert (end.packet.dst, end.branch.guesses) == (ip("10.0.0.8"), ())


def test_raw_runs_before_conntrack_and_notrack_prevents_nat() -> None:
    rules = iptables(
        "-t raw -A PREROUTING -j CT --notrack",
        "-t nat -A PREROUTING -j DNAT --to-destination 10.0.0.7",
        "-t mangle -A PREROUTING -m conntrack --ctstate UNTRACKED -j MARK --set-mark 5",
    )
    (end,) = run(Hook.PREROUTING, rules)
    assert isinstance(end, Passed)
    assert (end.packet.dst, end.packet.mark) == (SYN.dst, 5)


def test_mangle_prerouting_sees_the_state_and_the_old_destination() -> None:
    rules = iptables(
        "-t mangle -A PREROUTING -d 10.0.0.1 -m conntrack --ctstate NEW -j MARK --set-mark 5",
        "-t nat -A PREROUTING -m mark --mark 5 -j DNAT --to-destination 10.0.0.7",
    )
    (end,) = run(Hook.PREROUTING, rules)
    assert end.packet.dst == ip("10.0.0.7")


def test_only_the_first_packet_of_a_connection_meets_nat_chains() -> None:
    rules = iptables("-t nat -A PREROUTING -j DNAT --to-destination 10.0.0.7-10.0.0.8")
    ends = run(Hook.PREROUTING, rules)
    assert [end.branch.weight for end in ends] == [0.5, 0.5]
    first = ends[1]
    assert isinstance(first, Passed)
    (again,) = run(Hook.PREROUTING, rules, tracked=first.tracked)
    assert again.packet.dst == first.packet.dst == ip("10.0.0.8")


def test_statistic_weights_add_up() -> None:
    rules = iptables(
        "-t nat -A PREROUTING -m statistic --mode random --probability 0.25 -j DNAT "
        "--to-destination 10.0.0.7",
        "-t nat -A PREROUTING -j DNAT --to-destination 10.0.0.8",
    )
    shares = {end.packet.dst: end.branch.weight for end in run(Hook.PREROUTING, rules)}
    assert shares == pytest.approx({ip("10.0.0.7"): 0.25, ip("10.0.0.8"): 0.75})


def test_a_full_table_drops_new_connections_only() -> None:
    rules = iptables("-A INPUT -j ACCEPT")
    one = ct_entry(
        "tcp 10.0.0.8:1 10.0.0.1:80", "tcp 10.0.0.1:80 10.0.0.8:1", status=CtStatus.ASSURED
    )
    full = CtTable((one,) * 100, count=100, limit=100)
    (end,) = run(Hook.PREROUTING, rules, conntrack=full)
    assert isinstance(end, Stopped)
    assert "full" in end.stop.detail
    assert end.stop.disposition is Disposition.DROPPED
    assert end.stop.evidence
    known = run(Hook.PREROUTING, rules)[0]
    assert isinstance(known, Passed)
    from msgspec.structs import replace

    going_on = replace(known.tracked, confirmed=True)
    (passed,) = run(Hook.PREROUTING, rules, conntrack=full, tracked=going_on)
    assert isinstance(passed, Passed)


YIELDING = {"one is not assured": CtStatus.SEEN_REPLY, "one was not listed": None}


@pytest.mark.parametrize("other", YIELDING.values(), ids=YIELDING.keys())
def test_a_full_table_may_make_room(other: CtStatus | None) -> None:
    ends = ("tcp 10.0.0.8:1 10.0.0.1:80", "tcp 10.0.0.1:80 10.0.0.8:1")
    entries = (ct_entry(*ends, status=CtStatus.ASSURED),) * 99
    if other is not None:
        entries += (ct_entry(*ends, status=other),)
    full = CtTable(entries, count=100, limit=100)
    (end,) = run(Hook.PREROUTING, iptables("-A INPUT -j ACCEPT"), conntrack=full)
    assert isinstance(end, Stopped)
    assert end.stop.disposition is Disposition.INSUFFICIENT_INFO
    assert "1 of them not known to be ASSURED" in end.stop.evidence[0].text


def test_masquerade_without_an_address_drops() -> None:
    made = Stack(
        namespace(
            links=(link("e0", 2),),
            rulesets=(iptables("-t nat -A POSTROUTING -j MASQUERADE"),),
        )
    )
    sent = packet("udp 10.9.0.9 -> 10.0.0.5:53")
    first = run_hook(made, Hook.PREROUTING, sent, untouched(sent), Branch(), Passage(iif="e0"))[0]
    assert isinstance(first, Passed)
    (end,) = run_hook(
        made, Hook.POSTROUTING, sent, first.tracked, Branch(), Passage(iif="e0", oif="e0")
    )
    assert isinstance(end, Stopped)
    assert NatKind.MASQUERADE.value in end.stop.detail


def test_a_mark_in_mangle_output_routes_again() -> None:
    rules = iptables("-t mangle -A OUTPUT -j MARK --set-mark 7")
    (end,) = run(Hook.OUTPUT, rules, oif="e0")
    assert isinstance(end, Passed)
    assert end.rerouted


def test_a_state_is_plain_data() -> None:
    state = State(SYN, untouched(SYN))
    assert state.action is Action.ACCEPT
