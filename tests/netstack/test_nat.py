"""What a translation makes of a connection, and of each of its packets, both ways."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.packet import ANY_PORT, Packet
from skoop.netstack.conntrack import CtStatus, FlowTuple
from skoop.netstack.nat import no_free_port, rewrite, targets, translate
from skoop.netstack.netfilter import Nat, NatKind
from skoop.netstack.state import CtEntry
from skoop.netstack.tracking import Tracked, track, untouched
from skoop.netstack.walk import icmp
from tests.netstack.builders import answer_to, ip, packet

SYN = packet("tcp 10.0.0.1 -> 10.96.0.1:80", sport=1000)
BACKEND, NODE = ip("10.0.0.7"), ip("172.30.0.1")
DNAT = Nat(NatKind.DNAT, BACKEND, BACKEND, 8080, 8080)
SNAT = Nat(NatKind.SNAT, NODE, NODE)


def opened(sent: Packet, *nats: tuple[Nat, int]) -> Tracked:
    tracked = track(sent, untouched(sent), (), {}, pick_up=True)
    for nat, address in nats:
        tracked = translate(tracked, nat, address)
    return tracked


def through(sent: Packet, tracked: Tracked) -> Packet:
    """A packet through both hooks: destination, then source."""
    return rewrite(rewrite(sent, tracked, source=False), tracked, source=True)


def back(sent: Packet, tracked: Tracked) -> Packet:
    seen = track(sent, untouched(sent), (tracked,), {}, pick_up=True)
    return through(sent, seen)


NATS = {
    "dnat": ([(DNAT, BACKEND)], "10.0.0.1:1000", "10.0.0.7:8080"),
    "snat": ([(SNAT, NODE)], "172.30.0.1:1000", "10.96.0.1:80"),
    "both": ([(DNAT, BACKEND), (SNAT, NODE)], "172.30.0.1:1000", "10.0.0.7:8080"),
    "dnat of the port only": (
        [(Nat(NatKind.DNAT, 0, 0, 81, 81), SYN.dst)],
        "10.0.0.1:1000",
        "10.96.0.1:81",
    ),
    "port in the range stays": (
        [(Nat(NatKind.DNAT, BACKEND, BACKEND, 70, 90), BACKEND)],
        "10.0.0.1:1000",
        "10.0.0.7:80",
    ),
    "port outside the range": (
        [(Nat(NatKind.DNAT, BACKEND, BACKEND, 8000, 8010), BACKEND)],
        "10.0.0.1:1000",
        "10.0.0.7:8000",
    ),
    "redirect": (
        [(Nat(NatKind.REDIRECT, port_low=15001, port_high=15001), NODE)],
        "10.0.0.1:1000",
        "172.30.0.1:15001",
    ),
    "snat to a port": (
        [(Nat(NatKind.SNAT, NODE, NODE, 4000, 4000), NODE)],
        "172.30.0.1:4000",
        "10.96.0.1:80",
    ),
    "hairpin: the backend is the client": (
        [(Nat(NatKind.DNAT, SYN.src, SYN.src, 8080, 8080), SYN.src), (SNAT, NODE)],
        "172.30.0.1:1000",
        "10.0.0.1:8080",
    ),
}


def ends(seen: Packet) -> tuple[str, str]:
    return f"{seen.source}:{seen.sport}", f"{seen.destination}:{seen.dport}"


@pytest.mark.parametrize(("nats", "source", "target"), NATS.values(), ids=NATS.keys())
def test_there_and_back(nats: list[tuple[Nat, int]], source: str, target: str) -> None:
    tracked = opened(SYN, *nats)
    there = through(SYN, tracked)
    assert ends(there) == (source, target)
    assert ends(back(answer_to(there), tracked)) == ends(answer_to(SYN))


@pytest.mark.parametrize(("nats", "source", "target"), NATS.values(), ids=NATS.keys())
def test_an_icmp_error_about_the_translated_packet_finds_home(
    nats: list[tuple[Nat, int]], source: str, target: str
) -> None:
    """The client hears of the packet it sent, not of the one the server saw."""
    tracked = opened(SYN, *nats)
    error = icmp.error(through(SYN, tracked), icmp.Problem.PORT_UNREACHABLE, ip("10.0.0.7"))
    assert error is not None
    told = back(error, tracked)
    assert told.dst == SYN.src
    assert told.quoted is not None
    assert ends(told.quoted) == ends(SYN)


def test_without_a_translation_nothing_changes() -> None:
    tracked = opened(SYN)
    assert through(SYN, tracked) is SYN


def test_dnat_to_the_same_address_is_none() -> None:
    tracked = opened(SYN, (Nat(NatKind.DNAT, SYN.dst, SYN.dst), SYN.dst))
    assert not tracked.connection.status


TARGETS = {
    "range": (Nat(NatKind.DNAT, ip("10.0.0.7"), ip("10.0.0.8")), ["10.0.0.7", "10.0.0.8"]),
    "masquerade takes the primary address": (Nat(NatKind.MASQUERADE), ["192.0.2.1"]),
    "redirect too": (Nat(NatKind.REDIRECT), ["192.0.2.1"]),
    "netmap of the destination": (
        Nat(NatKind.NETMAP_DST, ip("10.50.0.0"), prefix_length=16),
        ["10.50.0.1"],
    ),
    "netmap of the source": (
        Nat(NatKind.NETMAP_SRC, ip("10.60.7.0"), prefix_length=24),
        ["10.60.7.1"],
    ),
    "no address given": (Nat(NatKind.DNAT, 0, 0, 8080, 8080), ["10.96.0.1"]),
}  # fmt: skip


@pytest.mark.parametrize(("nat", "expected"), TARGETS.values(), ids=TARGETS.keys())
def test_targets(nat: Nat, expected: list[str]) -> None:
    assert list(targets(nat, ip("192.0.2.1"), SYN)) == [ip(text) for text in expected]


PORTS = {
    "masquerade keeps the port": (Nat(NatKind.MASQUERADE), 1000),
    "random draws one": (Nat(NatKind.MASQUERADE, random=True), ANY_PORT),
    "outside the range draws one": (
        Nat(NatKind.SNAT, NODE, NODE, 5000, 6000),
        ANY_PORT,
    ),
    "inside the range stays": (Nat(NatKind.SNAT, NODE, NODE, 900, 1100), 1000),
}


@pytest.mark.parametrize(("nat", "expected"), PORTS.values(), ids=PORTS.keys())
def test_source_ports(nat: Nat, expected: int) -> None:
    assert through(SYN, opened(SYN, (nat, NODE))).sport == expected


def test_ping_has_no_port_to_draw() -> None:
    ping = packet("icmp 10.0.0.1 -> 10.96.0.1")
    seen = through(ping, opened(ping, (Nat(NatKind.MASQUERADE, random=True), NODE)))
    assert (seen.src, seen.sport) == (NODE, 0)


def test_untracked_packets_are_not_translated_back() -> None:
    tracked = opened(SYN, (DNAT, BACKEND))
    reply = answer_to(through(SYN, tracked))
    assert through(reply, untouched(reply)) is reply
    assert replace(reply) == reply


MASQUERADE = Nat(NatKind.MASQUERADE)
TWO = Nat(NatKind.MASQUERADE, port_low=40000, port_high=40001)
SERVER = ip("10.96.0.1")


def answers_to(*ports: int, state: str = "ESTABLISHED") -> dict[FlowTuple, CtEntry]:
    """Connections whose answers come to these ports of the node."""
    flows = [FlowTuple(Family.V4, 6, SERVER, NODE, 80, port) for port in ports]
    return {
        flow: CtEntry(flow.reversed(), flow, CtStatus.SEEN_REPLY, tcp_state=state) for flow in flows
    }


FREE: dict[str, tuple[Nat, dict[FlowTuple, CtEntry], str]] = {
    "both ports are used": (TWO, answers_to(40000, 40001), "all of 40000-40001"),
    "one is left": (TWO, answers_to(40000, 40002), ""),
    "they are closing": (TWO, answers_to(40000, 40001, state="TIME_WAIT"), ""),
    "the whole of a class is used": (MASQUERADE, answers_to(*range(600, 1024)), "600-1023"),
    "the client's own port is not": (
        MASQUERADE, answers_to(*(n for n in range(600, 1025) if n != 1000)), "",
    ),
    "another server": (Nat(NatKind.DNAT, BACKEND, BACKEND), answers_to(40000, 40001), ""),
}  # fmt: skip


@pytest.mark.parametrize(("nat", "in_use", "told"), FREE.values(), ids=FREE.keys())
def test_ports_that_a_translation_has_left(
    nat: Nat, in_use: dict[FlowTuple, CtEntry], told: str
) -> None:
    """A client's port 1000 is of the class 600-1023 (nf_nat_l4proto_unique_tuple)."""
    said = no_free_port(opened(SYN, (nat, NODE)), SYN, nat, in_use)
    assert (told in said) if told else not said
