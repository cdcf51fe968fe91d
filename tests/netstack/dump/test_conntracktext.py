from __future__ import annotations

import pytest

from skoop.errors import ParseError
from skoop.model.address import Family, parse_ip
from skoop.netstack.conntrack import CtStatus, FlowTuple
from skoop.netstack.dump.conntracktext import read_conntrack

SEEN, ASSURED, CONFIRMED = CtStatus.SEEN_REPLY, CtStatus.ASSURED, CtStatus.CONFIRMED

# (line, status, tcp state, mark, zone)
LINES = [
    pytest.param(
        "tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=37930 dport=80"
        " src=10.0.0.2 dst=10.0.0.1 sport=80 dport=37930 [ASSURED] mark=0 use=1",
        (CONFIRMED | SEEN | ASSURED, "ESTABLISHED", 0, 0),
        id="tcp",
    ),
    pytest.param(
        "udp      17 29 src=10.1.0.1 dst=10.1.0.2 sport=50842 dport=99 [UNREPLIED]"
        " src=10.1.0.9 dst=10.1.0.1 sport=90 dport=50842 mark=5 use=1",
        (CONFIRMED | CtStatus.DNAT, "", 5, 0),
        id="udp-dnat-unreplied",
    ),
    pytest.param(
        "ipv4     2 tcp      6 59 CLOSE_WAIT src=10.1.0.1 dst=10.1.0.1 sport=55402 dport=80"
        " packets=3 bytes=200 src=10.1.0.1 dst=10.1.0.7 sport=80 dport=1025 packets=1 bytes=60"
        " [ASSURED] mark=0 zone=3 use=2",
        (CONFIRMED | SEEN | ASSURED | CtStatus.SNAT, "CLOSE_WAIT", 0, 3),
        id="proc-with-counters-and-zone",
    ),
    pytest.param(
        "unknown  2 591 src=0.0.0.0 dst=224.0.0.22 [UNREPLIED] src=224.0.0.22 dst=0.0.0.0 mark=0",
        (CONFIRMED, "", 0, 0),
        id="igmp",
    ),
    pytest.param(
        "icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=7 src=10.0.0.2 dst=10.0.0.1"
        " type=0 code=0 id=7 mark=0 use=1",
        (CONFIRMED | SEEN, "", 0, 0),
        id="icmp",
    ),
    pytest.param(
        "tcp      6 src=10.0.0.1 dst=10.0.0.2 sport=3 dport=80 src=10.0.0.2 dst=10.0.0.1"
        " sport=80 dport=3 [OFFLOAD] mark=0 use=1",
        (CONFIRMED | SEEN | ASSURED, "", 0, 0),
        id="offloaded-has-no-timeout",
    ),
]


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_one_line(line: str, expected: tuple[object, ...]) -> None:
    (entry,) = read_conntrack(line + "\n", "test")
    assert (entry.status, entry.tcp_state, entry.mark, entry.zone) == expected
    assert entry.raw == line


def test_tuples() -> None:
    text = (
        "ipv6     10 udp      17 29 src=fd00:0000:0000:0000:0000:0000:0000:0001 dst=fd00::2"
        " sport=43186 dport=91 src=fd00::2 dst=fd00::1 sport=91 dport=43186 mark=0 zone=0 use=2"
    )
    (entry,) = read_conntrack(text, "test")
    one, two = parse_ip("fd00::1")[1], parse_ip("fd00::2")[1]
    assert entry.original == FlowTuple(Family.V6, 17, one, two, 43186, 91)
    assert entry.reply == entry.original.reversed()


def test_the_summary_line_is_no_entry() -> None:
    assert read_conntrack("conntrack v1.4.7 (conntrack-tools): 0 flow entries\n", "t") == ()


@pytest.mark.parametrize(
    "line",
    [
        "tcp",
        "tcp 6",
        "tcp six 10 src=1.2.3.4",
        "tcp 6 10 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2",
        "tcp 6 10 X src=10.0.0.1 dst=fd00::1 sport=1 dport=2 src=1.1.1.1 dst=2.2.2.2 sport=2",
        "tcp 6 10 X src=10.0.0.1 dst=10.0.0.2 sport=x dport=2 src=1.1.1.1 dst=2.2.2.2 sport=2",
        "tcp 6 10 X junk src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2",
    ],
)
def test_a_broken_line_is_named(line: str) -> None:
    with pytest.raises(ParseError) as caught:
        read_conntrack("\n" + line, "conntrack -L")
    assert caught.value.line == 2
