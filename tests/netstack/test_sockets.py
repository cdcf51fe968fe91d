"""Which socket takes a first packet."""

from __future__ import annotations

import pytest

from skoop.netstack.sockets import SocketTable, wrong_protocol
from tests.netstack.builders import ip, listen, packet

TO_V4 = packet("tcp 10.0.0.9 -> 10.0.0.1:80", sport=40000)
TO_V6 = packet("tcp fd00::9 -> [fd00::1]:80", sport=40000)

CASES = [
    ("wildcard", ["tcp 0.0.0.0:80"], TO_V4, "tcp 0.0.0.0:80"),
    ("own address", ["tcp 10.0.0.1:80"], TO_V4, "tcp 10.0.0.1:80"),
    ("loopback only", ["tcp 127.0.0.1:80"], TO_V4, ""),
    ("another address", ["tcp 10.0.0.2:80"], TO_V4, ""),
    ("another port", ["tcp 0.0.0.0:81"], TO_V4, ""),
    ("another protocol", ["udp 0.0.0.0:80"], TO_V4, ""),
    ("v6 wildcard takes v4", ["tcp *:80"], TO_V4, "tcp *:80"),
    ("v6only does not", ["tcp [::]:80"], TO_V4, ""),
    ("v6 wildcard takes v6", ["tcp [::]:80"], TO_V6, "tcp [::]:80"),
    ("dual takes v6", ["tcp *:80"], TO_V6, "tcp *:80"),
    ("v4 socket does not take v6", ["tcp 0.0.0.0:80"], TO_V6, ""),
    ("v4-mapped address", ["tcp [::ffff:10.0.0.1]:80"], TO_V4, "tcp [::ffff:10.0.0.1]:80"),
    ("other v4-mapped address", ["tcp [::ffff:10.0.0.2]:80"], TO_V4, ""),
    ("v6 loopback only", ["tcp [::1]:80"], TO_V6, ""),
    ("most specific", ["tcp 0.0.0.0:80", "tcp 10.0.0.1:80"], TO_V4, "tcp 10.0.0.1:80"),
    ("v4 before dual", ["tcp *:80", "tcp 0.0.0.0:80"], TO_V4, "tcp 0.0.0.0:80"),
    ("nobody", [], TO_V4, ""),
]


@pytest.mark.parametrize(
    ("sockets", "asked", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_find(sockets: list[str], asked: object, expected: str) -> None:
    found = SocketTable(listen(text) for text in sockets).find(asked, "eth0")
    assert (found.raw if found else "") == expected


@pytest.mark.parametrize(("device", "taken"), [("eth0", True), ("eth1", False)])
def test_a_socket_bound_to_a_device_hears_only_that_device(device: str, taken: bool) -> None:
    table = SocketTable([listen("tcp 0.0.0.0:80", device="eth0")])
    assert (table.find(TO_V4, device) is not None) is taken


@pytest.mark.parametrize(("source", "taken"), [("10.0.0.9", True), ("10.0.0.8", False)])
def test_a_connected_udp_socket_hears_only_its_peer(source: str, taken: bool) -> None:
    table = SocketTable([listen("udp 0.0.0.0:53", peer=(ip("10.0.0.9"), 40000))])
    asked = packet(f"udp {source} -> 10.0.0.1:53", sport=40000)
    assert (table.find(asked, "eth0") is not None) is taken


def test_the_connected_socket_wins_over_the_open_one() -> None:
    connected = listen("udp 0.0.0.0:53", peer=(ip("10.0.0.9"), 40000))
    table = SocketTable([listen("udp 10.0.0.1:53"), connected])
    asked = packet("udp 10.0.0.9 -> 10.0.0.1:53", sport=40000)
    assert table.find(asked, "eth0") is connected


def test_sockets_of_another_protocol_are_found_for_the_report() -> None:
    table = SocketTable([listen("udp 0.0.0.0:80")])
    assert [each.raw for each in wrong_protocol(table, TO_V4)] == ["udp 0.0.0.0:80"]
