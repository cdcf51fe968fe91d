"""Errors and resets that a kernel sends back."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.model.packet import Packet, TcpFlag
from skoop.netstack.walk.icmp import Problem, error, is_error, rejection, reset
from tests.netstack.builders import packet

SYN = packet("tcp 10.0.0.9 -> 10.0.1.9:80", sport=1000)
SYN6 = packet("tcp fd00::9 -> [fd01::9]:80", sport=1000)

REJECTS = [
    (SYN, "", (3, 3)),
    (SYN, "icmp-net-unreachable", (3, 0)),
    (SYN, "icmp-host-unreachable", (3, 1)),
    (SYN, "icmp-proto-unreachable", (3, 2)),
    (SYN, "icmp-port-unreachable", (3, 3)),
    (SYN, "icmp-net-prohibited", (3, 9)),
    (SYN, "icmp-host-prohibited", (3, 10)),
    (SYN, "icmp-admin-prohibited", (3, 13)),
    (SYN6, "", (1, 4)),
    (SYN6, "icmp6-no-route", (1, 0)),
    (SYN6, "icmp6-adm-prohibited", (1, 1)),
    (SYN6, "icmp6-addr-unreachable", (1, 3)),
    (SYN6, "icmp6-port-unreachable", (1, 4)),
]


@pytest.mark.parametrize(("sent", "name", "expected"), REJECTS)
def test_reject_types(sent: Packet, name: str, expected: tuple[int, int]) -> None:
    made, said = rejection(sent, name)
    assert made is not None
    assert (made.icmp.type, made.icmp.code) == expected
    assert (made.dst, made.quoted) == (sent.src, sent)
    assert said


def test_a_reset_comes_from_the_address_that_was_asked() -> None:
    made, _ = rejection(SYN, "tcp-reset")
    assert made is not None
    assert (made.src, made.sport, made.dst, made.dport) == (SYN.dst, 80, SYN.src, 1000)
    assert made.flags & TcpFlag.RST


SILENT = {
    "about an error": error(packet("udp 10.0.0.9 -> 10.0.1.9:53"), Problem.HOST_UNREACHABLE),
    "to multicast": packet("udp 10.0.0.9 -> 224.0.0.1:53"),
    "from nobody": packet("udp 0.0.0.0 -> 10.0.1.9:53"),
}


@pytest.mark.parametrize("sent", SILENT.values(), ids=SILENT.keys())
def test_silence(sent: Packet) -> None:
    assert error(sent, Problem.HOST_UNREACHABLE) is None


def test_no_reset_for_a_reset_or_another_protocol() -> None:
    assert reset(replace(SYN, flags=TcpFlag.RST)) is None
    assert reset(packet("udp 10.0.0.9 -> 10.0.1.9:53")) is None


def test_an_echo_is_no_error() -> None:
    assert not is_error(packet("icmp 10.0.0.9 -> 10.0.1.9"))
    assert error(packet("icmp 10.0.0.9 -> 10.0.1.9"), Problem.NET_UNREACHABLE) is not None
