"""The segment size that rules write into a SYN."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.packet import Packet, Proto, TcpFlag
from skoop.netstack.conntrack import new_connection
from skoop.netstack.mss import announced, clamped, largest_packet
from skoop.netstack.netfilter import Hook, View
from skoop.netstack.stack import Stack
from tests.netstack.builders import link, namespace

SYN = Packet(family=Family.V4, proto=Proto.TCP, src=1, dst=2, flags=TcpFlag.SYN)
SYN6 = replace(SYN, family=Family.V6)
HOST = Stack(namespace(links=(link("eth0", mtu=1500), link("vx", mtu=1450))))

SET = {
    "a first one": (SYN, 1400, 1400),
    "a lower one": (replace(SYN, mss=1400), 1300, 1300),
    "never a higher one": (replace(SYN, mss=1300), 1400, 1300),
    "not on data": (replace(SYN, flags=TcpFlag.ACK), 1400, 0),
    "not on UDP": (replace(SYN, proto=Proto.UDP), 1400, 0),
}


@pytest.mark.parametrize(("packet", "size", "expected"), SET.values(), ids=SET.keys())
def test_a_rule_only_lowers_it(packet: Packet, size: int, expected: int) -> None:
    assert announced(packet, size).mss == expected


CLAMPED = {
    "the way out is narrow": (SYN, "eth0", "vx", 1410),
    "the way back is": (SYN, "vx", "eth0", 1410),
    "no way in": (SYN, "", "eth0", 1460),
    "IPv6": (SYN6, "eth0", "vx", 1390),
    "devices that are not known": (SYN, "", "x", 0),
}


@pytest.mark.parametrize(("packet", "iif", "oif", "size"), CLAMPED.values(), ids=CLAMPED.keys())
def test_clamping_follows_both_ways(packet: Packet, iif: str, oif: str, size: int) -> None:
    view = View(hook=Hook.FORWARD, host=HOST, ct=new_connection(packet), iif=iif, oif=oif)
    assert clamped(packet, view).mss == size


@pytest.mark.parametrize(("syn", "size"), [(SYN, 0), (replace(SYN, mss=1410), 1450),
                                           (replace(SYN6, mss=1390), 1450)])  # fmt: skip
def test_the_largest_packet_that_follows(syn: Packet, size: int) -> None:
    assert largest_packet(syn) == size
