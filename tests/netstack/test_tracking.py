"""What conntrack makes of each packet."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.model.packet import Icmp, Packet, TcpFlag
from skoop.netstack.conntrack import Connection, CtState, CtStatus, tuple_of
from skoop.netstack.stack import Stack
from skoop.netstack.state import CtEntry, CtTable
from skoop.netstack.tracking import Tracked, attach_reply, remember, track, untouched
from skoop.netstack.walk import icmp
from tests.netstack.builders import answer_to, ct_entry, ip, namespace, packet

SYN = packet("tcp 10.0.0.1 -> 10.0.0.2:80", sport=1000)
SYNACK = answer_to(SYN)
ACK = replace(SYN, flags=TcpFlag.ACK)
DATA_BACK = replace(SYNACK, flags=TcpFlag.ACK | TcpFlag.PSH)
RST = replace(SYN, flags=TcpFlag.RST)
ASK = packet("udp 10.0.0.1 -> 10.0.0.2:53", sport=1000)
REPLY = answer_to(ASK)
PING = packet("icmp 10.0.0.1 -> 10.0.0.2")
PONG = replace(answer_to(PING), icmp=replace(PING.icmp, type=0))


def see(*packets: Packet, pick_up: bool = True) -> list[Tracked]:
    """Each packet as conntrack saw it, in one namespace, in order."""
    opened: tuple[Tracked, ...] = ()
    seen = []
    for each in packets:
        seen.append(track(each, untouched(each), opened, {}, pick_up=pick_up))
        opened = remember(opened, seen[-1])
    return seen


NEW, ESTABLISHED, INVALID = CtState.NEW, CtState.ESTABLISHED, CtState.INVALID
SEQUENCES = {
    "handshake and data": ((SYN, SYNACK, ACK, DATA_BACK), (NEW, *[ESTABLISHED] * 3)),
    "SYN again": ((SYN, SYN), (NEW, NEW)),
    "SYN-ACK without SYN": ((SYNACK,), (INVALID,)),
    "RST without SYN": ((RST,), (INVALID,)),
    "picked up in the middle": ((ACK, DATA_BACK), (NEW, ESTABLISHED)),
    "refused": ((SYN, replace(SYNACK, flags=TcpFlag.RST | TcpFlag.ACK)), (NEW, ESTABLISHED)),
    "half seen: data after SYN, the answer went elsewhere": ((SYN, ACK), (NEW, INVALID)),
    "half seen: only the answers": ((SYNACK, DATA_BACK), (INVALID, NEW)),
    "udp": ((ASK, ASK, REPLY, ASK), (NEW, NEW, ESTABLISHED, ESTABLISHED)),
    "udp answer only": ((REPLY,), (NEW,)),
    "ping": ((PING, PONG), (NEW, ESTABLISHED)),
}


@pytest.mark.parametrize(("packets", "states"), SEQUENCES.values(), ids=SEQUENCES.keys())
def test_states(packets: tuple[Packet, ...], states: tuple[CtState, ...]) -> None:
    assert tuple(each.connection.state for each in see(*packets)) == states


@pytest.mark.parametrize(("kind", "state"), [(135, CtState.UNTRACKED), (128, NEW)])
def test_neighbour_discovery_is_never_tracked(kind: int, state: CtState) -> None:
    asked = replace(packet("icmpv6 fd00::1 -> fd00::2"), icmp=Icmp(kind, 0))
    (seen,) = see(asked)
    assert (seen.connection.state, seen.exists) == (state, state is NEW)


def test_without_loose_nothing_is_picked_up() -> None:
    (seen,) = see(ACK, pick_up=False)
    assert (seen.connection.state, seen.exists) == (INVALID, False)


def test_an_invalid_packet_leaves_no_connection() -> None:
    (seen,) = see(SYNACK)
    assert remember((), seen) == ()


def test_untracked_stays_untracked() -> None:
    before = untouched(SYN)
    before = replace(before, connection=replace(before.connection, state=CtState.UNTRACKED))
    assert track(SYN, before, (), {}, pick_up=True) is before


def test_an_icmp_error_is_related_in_the_direction_of_the_answer() -> None:
    seen = see(ASK, icmp.error(ASK, icmp.Problem.PORT_UNREACHABLE, ip("10.0.0.2")))
    assert (seen[1].connection.state, seen[1].connection.is_reply) == (CtState.RELATED, True)


def test_an_icmp_error_about_nothing_known_is_invalid() -> None:
    (seen,) = see(icmp.error(ASK, icmp.Problem.PORT_UNREACHABLE, ip("10.0.0.2")))
    assert seen.connection.state is INVALID


def test_another_zone_is_another_connection() -> None:
    first = see(ASK)[0]
    other = untouched(REPLY)
    other = replace(other, connection=replace(other.connection, zone=7))
    seen = track(REPLY, other, (first,), {}, pick_up=True)
    assert (seen.connection.state, seen.connection.zone) == (NEW, 7)


def test_the_answer_to_a_translated_connection_is_known_by_the_backend() -> None:
    first = see(SYN)[0]
    backend = answer_to(replace(SYN, dst=ip("10.0.0.7")))
    made = replace(first.connection, reply=tuple_of(backend), status=CtStatus.DNAT)
    seen = track(backend, untouched(backend), (replace(first, connection=made),), {}, pick_up=True)
    assert (seen.connection.state, seen.connection.is_reply) == (ESTABLISHED, True)


def test_what_reject_sends_is_related_and_the_other_way_round() -> None:
    attached = attach_reply(see(SYN)[0])
    assert attached is not None
    assert (attached.connection.state, attached.connection.is_reply) == (CtState.RELATED, True)
    assert attach_reply(untouched(SYN)) is None


def table(*entries: CtEntry) -> dict[object, CtEntry]:
    return Stack(namespace(conntrack=CtTable(entries, len(entries)))).connections


DNAT = "udp 10.0.0.1:1000 10.0.0.2:53", "udp 10.0.0.7:53 10.0.0.1:1000"


def test_a_collected_entry_keeps_its_translation() -> None:
    known = table(ct_entry(*DNAT, status=CtStatus.DNAT | CtStatus.SEEN_REPLY))
    seen = track(ASK, untouched(ASK), (), known, pick_up=True)
    assert seen.connection.state is ESTABLISHED
    assert seen.connection.reply.src == ip("10.0.0.7")


def test_a_drawn_port_meets_no_collected_entry() -> None:
    known = table(ct_entry(*DNAT, status=CtStatus.DNAT))
    drawn = packet("udp 10.0.0.1 -> 10.0.0.2:53")
    seen = track(drawn, untouched(drawn), (), known, pick_up=True)
    assert seen.connection.state is NEW
    assert seen.connection.reply.src == ip("10.0.0.2")


REOPENED = {
    "TIME_WAIT": True,
    "CLOSE": True,
    "ESTABLISHED": False,
    "FIN_WAIT": False,
    "LAST_ACK": False,
}


@pytest.mark.parametrize(("state", "fresh"), REOPENED.items())
def test_a_syn_reopens_what_was_closed(state: str, fresh: bool) -> None:
    """tcp_conntracks: sTW and sCL go to sSS, and the old entry with its translation is dropped."""
    known = table(
        ct_entry(
            "tcp 10.0.0.1:1000 10.0.0.2:80",
            "tcp 10.0.0.7:80 10.0.0.1:1000",
            status=CtStatus.DNAT | CtStatus.SEEN_REPLY,
            tcp_state=state,
        )
    )
    seen = track(SYN, untouched(SYN), (), known, pick_up=True)
    assert (seen.connection.reply.src == ip("10.0.0.2")) is fresh
    assert (seen.connection.state is NEW) is fresh


def test_untouched_is_invalid_for_rules() -> None:
    seen = untouched(SYN)
    assert seen.connection == Connection(INVALID, tuple_of(SYN), tuple_of(SYN).reversed())
