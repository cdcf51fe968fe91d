"""What keeps neighbour discovery from its ends."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.model.address import Family
from skoop.netstack.netfilter import Ruleset
from skoop.netstack.stack import Stack
from skoop.netstack.state import Gap
from skoop.netstack.walk.solicit import asker_of, kept_from_asker, kept_from_owner
from tests.netstack.builders import ip, iptables, link, namespace, nft

TARGET, ASKER = ip("fd00::2"), ip("fd00::1")
LINKS = (link("e0", 2), link("e1", 3))
ADDRESSES = ("fd00::1/64 e0", "fe80::1/64 e0", "fd01::1/64 e1", "10.0.0.1/24 e0")


def stack(*rulesets: Ruleset) -> Stack:
    return Stack(namespace(links=LINKS, addresses=ADDRESSES, rulesets=rulesets))


def six(*rules: str, **policies: str) -> Ruleset:
    return iptables(*rules, family=Family.V6, engine="ip6tables-legacy", **policies)


@pytest.mark.parametrize(
    ("device", "source", "asker"),
    [
        ("e0", "fd00::1", "fd00::1"),
        ("e0", "fd01::1", "fe80::1"),
        ("e0", "fd00::9", "fe80::1"),
        ("e1", "fd00::1", "::"),
    ],
    ids=["its own", "of another device", "forwarded", "no link-local address"],
)
def test_who_asks(device: str, source: str, asker: str) -> None:
    assert asker_of(stack(), device, Family.V6, TARGET, ip(source)) == ip(asker)


def test_who_asks_by_arp() -> None:
    assert asker_of(stack(), "e0", Family.V4, ip("10.0.0.9"), ip("10.1.1.1")) == ip("10.0.0.1")


AT_ASKER = {
    "question": six("-A OUTPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j DROP"),
    "to a group": six("-A OUTPUT -d ff02::1:ff00:2/128 -j DROP"),
    "answer": six("-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 136 -j DROP"),
    "all that comes in": six(INPUT="DROP"),
    "raw": six("-t raw -A PREROUTING -i e0 -p ipv6-icmp -j DROP"),
    "nft": nft("table inet f { chain i { type filter hook input priority 0; policy drop; } }"),
}
AT_OWNER = {
    "question": six("-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j DROP"),
    "answer": six("-A OUTPUT -p ipv6-icmp -m icmp6 --icmpv6-type 136 -j DROP"),
    "untracked": six("-A INPUT -m conntrack --ctstate UNTRACKED -j DROP"),
}
NOWHERE = {
    "no rules": six(),
    "another device": six("-A INPUT -i e1 -j DROP"),
    "echo requests": six("-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j DROP"),
    "never invalid": six("-A INPUT -m conntrack --ctstate INVALID -j DROP"),
    "forwarded packets": six(FORWARD="DROP"),
    "of IPv4": iptables(INPUT="DROP"),
    "one in two": six("-A INPUT -m statistic --mode random --probability 0.5 -j DROP"),
}


@pytest.mark.parametrize("rules", AT_ASKER.values(), ids=AT_ASKER)
def test_kept_from_the_asker(rules: Ruleset) -> None:
    kept = kept_from_asker(stack(rules), "e0", TARGET, ASKER)
    assert kept is not None
    assert kept.certain
    assert kept.node == "node/k1"
    assert kept.packet.icmp.type in (135, 136)


@pytest.mark.parametrize("rules", AT_OWNER.values(), ids=AT_OWNER)
def test_kept_from_the_owner(rules: Ruleset) -> None:
    kept = kept_from_owner(stack(rules), "e0", TARGET, ASKER)
    assert kept is not None
    assert kept.certain
    assert kept.stop.where.endswith(("INPUT", "OUTPUT"))


@pytest.mark.parametrize("rules", NOWHERE.values(), ids=NOWHERE)
def test_not_kept(rules: Ruleset) -> None:
    assert kept_from_asker(stack(rules), "e0", TARGET, ASKER) is None
    assert kept_from_owner(stack(rules), "e0", TARGET, ASKER) is None


RPFILTERS = {
    "iptables": six("-t raw -A PREROUTING -m rpfilter --validmark --invert -j DROP"),
    "nft": nft(
        "table ip6 f { chain p { type filter hook prerouting priority raw; "
        "fib saddr . mark . iif oif 0 drop; } }"
    ),
}


@pytest.mark.parametrize("rules", RPFILTERS.values(), ids=RPFILTERS)
@pytest.mark.parametrize(
    ("asker", "passes"), [("fe80::9", True), ("fd00::9", True), ("fd01::9", False)]
)
def test_the_way_back_to_a_link_local_address(rules: Ruleset, asker: str, passes: bool) -> None:
    """Every device has a route to fe80::/64."""
    where = ("fe80::2/64 e1", "fd01::1/64 e1", "fe80::1/64 e0", "fd00::1/64 e0")
    made = Stack(namespace(links=LINKS, addresses=where, rulesets=(rules,)))
    assert (kept_from_owner(made, "e0", TARGET, ip(asker)) is None) is passes


def test_a_rule_that_cannot_be_decided() -> None:
    rules = six("-A INPUT -p ipv6-icmp -m cpu --cpu 1 -j DROP")
    kept = kept_from_owner(stack(rules), "e0", TARGET, ASKER)
    assert kept is not None
    assert not kept.certain


def test_rules_that_were_not_collected_are_left_to_the_walk() -> None:
    made = replace(stack(six(INPUT="DROP")).namespace, gaps=(Gap("rulesets", "no root"),))
    assert kept_from_owner(Stack(made), "e0", TARGET, ASKER) is None
