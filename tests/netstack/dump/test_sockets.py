from __future__ import annotations

import pytest

from skoop.errors import ParseError
from skoop.model.address import Family, format_ip
from skoop.model.packet import Proto
from skoop.netstack.dump.procsockets import read_proc_sockets, with_dual
from skoop.netstack.dump.sockets import merged, read_sockets
from skoop.netstack.state import Socket


def shown(socket: Socket) -> tuple[object, ...]:
    address = format_ip(socket.family, socket.address)
    return Proto(socket.proto).name, address, socket.port, socket.dual, socket.device


# (the line, what it is) as printed by ss of iproute2 6.1, without and with -e and -p.
LINES = [
    ("udp UNCONN 0 0 0.0.0.0:8472 0.0.0.0:*", ("UDP", "0.0.0.0", 8472, False, "")),
    ("udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*", ("UDP", "127.0.0.53", 53, False, "lo")),
    ("udp UNCONN 0 0 *:91 *:*", ("UDP", "::", 91, True, "")),
    ("udp UNCONN 0 0 [::]%v0:93 [::]:*", ("UDP", "::", 93, False, "v0")),
    ("udp UNCONN 0 0 [fe80::1]%eth0:546 [::]:*", ("UDP", "fe80::1", 546, False, "eth0")),
    ("tcp LISTEN 0 7 *%v0:84 *:*", ("TCP", "::", 84, True, "v0")),
    ("tcp LISTEN 0 7 [::]:82 [::]:*", ("TCP", "::", 82, False, "")),
    ("tcp LISTEN 0 7 [::ffff:10.1.0.1]:85 *:*", ("TCP", "10.1.0.1", 85, False, "")),
    ("sctp LISTEN 0 5 10.1.0.1:99 0.0.0.0:*", ("SCTP", "10.1.0.1", 99, False, "")),
    (
        'tcp LISTEN 0 7 *:81 *:* users:(("python3",pid=9647,fd=4)) ino:32743 sk:c v6only:0 <->',
        ("TCP", "::", 81, True, ""),
    ),
]


@pytest.mark.parametrize(("line", "expected"), LINES, ids=[line[:40] for line, _ in LINES])
def test_one_line(line: str, expected: tuple[object, ...]) -> None:
    (socket,) = read_sockets(line + "\n", "test")
    assert shown(socket) == expected
    assert socket.raw == line


def test_headers_and_sockets_that_take_no_first_packet_are_left_out() -> None:
    text = (
        "Netid State  Recv-Q Send-Q     Local Address:Port Peer Address:PortProcess\n"
        "raw   UNCONN 0      0                0.0.0.0:1         0.0.0.0:*          \n"
        "tcp   ESTAB  0      0               10.1.0.1:80        10.1.0.9:4000      \n"
        "u_str LISTEN 0      7      /run/x 1 * 0\n"
        "tcp   LISTEN 3      7                0.0.0.0:80        0.0.0.0:*          \n"
    )
    (socket,) = read_sockets(text, "test")
    assert (socket.port, socket.backlog, socket.queued) == (80, 7, 3)


def test_a_connected_udp_socket_has_a_peer() -> None:
    text = (
        "ESTAB 0 0 10.1.0.1:92 10.1.0.1:90\nESTAB 0 0 [::ffff:10.1.0.1]:95 [::ffff:10.1.0.1]:90\n"
    )
    first, second = read_sockets(text, "test", netid="udp")
    assert first.peer == second.peer == (0x0A010001, 90)
    assert second.family is Family.V4


def test_old_ss_writes_wildcards_otherwise() -> None:
    text = "tcp LISTEN 0 128 *:22 *:*\ntcp LISTEN 0 128 :::80 :::*\n"
    assert [shown(socket) for socket in read_sockets(text, "test")] == [
        ("TCP", "0.0.0.0", 22, False, ""),
        ("TCP", "::", 80, True, ""),
    ]


def test_the_same_socket_from_two_commands_counts_once() -> None:
    text = "udp UNCONN 0 0 0.0.0.0:90 0.0.0.0:*\n"
    twice = read_sockets(text, "a") + read_sockets(text.replace("udp ", ""), "b", netid="udp")
    assert len(merged(twice)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "tcp LISTEN 0 7",
        "tcp LISTEN 0 7 10.0.0.300:80 *:*",
        "tcp LISTEN 0 7 10.0.0.1 *:*",
        "tcp WAITING 0 7 10.0.0.1:80 *:*",
        "LISTEN 0 7 10.0.0.1:80 0.0.0.0:*",
        "quic LISTEN 0 7 10.0.0.1:80 *:*",
        "tcp LISTEN 0 x 10.0.0.1:80 *:*",
    ],
)
def test_a_broken_line_is_named(line: str) -> None:
    with pytest.raises(ParseError) as caught:
        read_sockets("\n" + line, "ss")
    assert (caught.value.line, caught.value.text) == (2, line)


PROC_TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 32742 1
   1: 0100010A:0053 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 32745 1
   2: 0100010A:D863 0100010A:0050 01 00000000:00000000 00:00000000 00000000     0        0 32746 1
"""
PROC_TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx
   0: 00000000000000000000000000000000:0051 00000000000000000000000000000000:0000 0A 00000000:0
   1: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:0
   3: 0000000000000000FFFF00000100010A:0055 00000000000000000000000000000000:0000 0A 00000000:0
   4: 000000FD000000000000000001000000:0056 00000000000000000000000000000000:0000 0A 00000000:0
"""


def test_proc_files() -> None:
    found = read_proc_sockets(PROC_TCP, Proto.TCP, "t") + read_proc_sockets(
        PROC_TCP6, Proto.TCP, "t"
    )
    assert [shown(socket) for socket in with_dual(found)] == [
        ("TCP", "0.0.0.0", 80, False, ""),
        ("TCP", "10.1.0.1", 83, False, ""),
        ("TCP", "::", 81, True, ""),
        ("TCP", "::", 80, False, ""),
        ("TCP", "10.1.0.1", 85, False, ""),
        ("TCP", "fd00::1", 86, False, ""),
    ]
    assert found[0].queued == 3


def test_proc_udp_states() -> None:
    text = (
        " 4008: 00000000:12B6 00000000:0000 07 00000000:00000000 00:00000000\n"
        "15694: 0100010A:005C 0100010A:005A 01 00000000:00000000 00:00000000\n"
    )
    wildcard, connected = read_proc_sockets(text, Proto.UDP, "t")
    assert wildcard.peer is None
    assert connected.peer == (0x0A010001, 90)


@pytest.mark.parametrize("line", ["0: 000:0050 0:0 0A 0:0", "no socket", "0: zzzzzzzz:0050 0 0A 0"])
def test_proc_garbage(line: str) -> None:
    with pytest.raises(ParseError):
        read_proc_sockets(line, Proto.TCP, "t")
