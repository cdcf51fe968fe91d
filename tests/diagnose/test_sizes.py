"""Packets too big for the way: what is named, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from skoop.model.diagnosis import Diagnosis
from skoop.model.disposition import Direction, Verdict
from tests.diagnose.diagnosed import diagnose
from tests.diagnose.worlds import Change, change, cluster, with_link, with_rules, with_sysctls
from tests.netstack.builders import iptables, nft

BIG = 100_000
NEEDED = "-p icmp -m icmp --icmp-type 3/4 -j DROP"
CLAMP = "-t mangle -A {} -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS {}"
TO_PMTU = CLAMP.format("FORWARD", "--clamp-mss-to-pmtu")


def asked(*changes: tuple[str, Change], back: bool = False, **fields: Any) -> Diagnosis:
    spaces = cluster(pod_mtu=1500)
    for space, apply in changes:
        spaces = change(spaces, space, apply)
    ends = ("b1", "a1") if back else ("a1", "b1")
    return diagnose(spaces, *ends, **{"size": BIG, **fields})


def rule(text: str) -> Change:
    return with_rules(iptables(text))


LOST = {
    "by the node that sends it": ("node/k1", rule(f"-A OUTPUT {NEEDED}"), "k1", "forward"),
    "by the pod it is for": ("pod/t/a1", rule(f"-A INPUT {NEEDED}"), "t/a1", "forward"),
    "with all ICMP": ("pod/t/a1", rule("-t raw -A PREROUTING -p icmp -j DROP"), "t/a1", "forward"),
    "by nft": (
        "node/k1",
        with_rules(
            nft(
                "table ip f { chain o { type filter hook output priority 0; "
                "icmp type destination-unreachable drop; } }"
            )
        ),
        "k1",
        "forward",
    ),
    "on the way back to the server": (
        "node/k2",
        rule(f"-A OUTPUT {NEEDED}"),
        "k2",
        "return",
    ),
}


@pytest.mark.parametrize(("space", "apply", "place", "direction"), LOST.values(), ids=LOST.keys())
def test_a_lost_message_is_the_cause(space: str, apply: Change, place: str, direction: str) -> None:
    made = asked((space, apply))
    first = made.suspicions[0]
    assert made.verdict is Verdict.UNREACHABLE
    assert (first.name, first.where.name, first.blocking) == ("pmtud-blocked", place, True)
    assert first.direction is Direction(direction)
    told = "\n".join(each.text for each in first.evidence)
    assert "mtu 1450" in told
    assert "icmp" in told.lower()
    assert first.fix


HARMLESS = {
    "nothing is lost": (),
    "other ICMP is lost": (("node/k1", rule("-A OUTPUT -p icmp --icmp-type 8 -j DROP")),),
    "clamped to the path": (
        ("node/k1", rule(f"-A OUTPUT {NEEDED}")),
        ("node/k1", rule(TO_PMTU)),
    ),
    "clamped by nft": (
        ("node/k1", rule(f"-A OUTPUT {NEEDED}")),
        (
            "node/k1",
            with_rules(
                nft(
                    "table ip f { chain f { type filter hook forward priority 0; "
                    "tcp flags syn tcp option maxseg size set 1300; } }"
                )
            ),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("changes", HARMLESS.values(), ids=HARMLESS.keys())
def test_a_narrow_way_alone_stops_no_tcp(changes: tuple[tuple[str, Change], ...]) -> None:
    made = asked(*changes)
    assert made.verdict is Verdict.REACHABLE
    assert not {one.name for one in made.suspicions} & {"pmtud-blocked", "mss-clamp-missing"}


CLAMPS = {
    "none": ("", {"pmtud-blocked", "mss-clamp-missing"}),
    "one that is not low enough": (CLAMP.format("FORWARD", "--set-mss 1440"), {"pmtud-blocked"}),
}


@pytest.mark.parametrize(("clamp", "names"), CLAMPS.values(), ids=CLAMPS.keys())
def test_a_clamp_would_have_helped(clamp: str, names: set[str]) -> None:
    rules = [("node/k1", rule(f"-A OUTPUT {NEEDED}"))]
    rules += [("node/k1", rule(clamp))] if clamp else []
    found = {one.name: one for one in asked(*rules).suspicions}
    assert found.keys() & {"pmtud-blocked", "mss-clamp-missing"} == names
    hint = found.get("mss-clamp-missing")
    assert hint is None or (hint.blocking, hint.where.name) == (False, "k1")


def test_udp_has_no_segments_to_clamp() -> None:
    made = asked(("node/k1", rule(f"-A OUTPUT {NEEDED}")), protocol="udp", port=53, size=1460)
    assert made.suspicions[0].name == "pmtud-blocked"
    assert "mss-clamp-missing" not in {one.name for one in made.suspicions}


def test_an_mtu_that_does_no_harm_when_told_comes_after() -> None:
    """Both would do: letting the message pass, and pods that send less."""
    made = asked(("node/k1", rule(f"-A OUTPUT {NEEDED}")), ("node/k1", with_link("cni0", mtu=1400)))
    assert made.suspicions[0].name == "pmtud-blocked"


DF = {
    "narrow on the way": (1460, "k1"),
    "larger than its own MTU": (3000, "t/a1"),
}


@pytest.mark.parametrize(("size", "place"), DF.values(), ids=DF.keys())
def test_a_datagram_that_may_not_be_split(size: int, place: str) -> None:
    made = asked(protocol="udp", port=53, size=size, df=True)
    first = made.suspicions[0]
    assert made.verdict is Verdict.UNREACHABLE
    assert (first.name, first.where.name, first.blocking) == ("df-too-big", place, True)
    limit = 1450 if place == "k1" else 1500
    assert f"at most {limit - 28} bytes" in first.fix


def test_a_datagram_that_just_fits() -> None:
    assert asked(protocol="udp", port=53, size=1450 - 28, df=True).suspicions == ()


def test_what_may_be_split_is() -> None:
    assert asked(protocol="udp", port=53, size=1460).suspicions == ()


def test_what_forwarding_stops_is_no_matter_of_size() -> None:
    made = asked(("node/k1", with_sysctls(net__ipv4__ip_forward="0")))
    assert made.suspicions[0].name == "ip-forward-off"
