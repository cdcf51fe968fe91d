"""What a client sends first, as far as its size goes."""

from __future__ import annotations

import pytest

from skoop.diagnose.packets import first_packet, split
from skoop.diagnose.question import Client, Question
from skoop.model.address import Family, parse_ip
from skoop.model.packet import Proto
from tests.diagnose.worlds import B1, ask, cluster, result, world
from tests.netstack.builders import packet

FROM_OUTSIDE: dict[str, tuple[int, int, bool, tuple[bool, int]]] = {
    "fits what the node takes": (Proto.UDP, 1400, False, (True, 0)),
    "comes in fragments": (Proto.UDP, 4000, False, (False, 1500)),
    "asked not to be split": (Proto.UDP, 4000, True, (True, 0)),
    "a ping comes in fragments": (Proto.ICMP, 4000, False, (False, 1500)),
    "TCP has segments": (Proto.TCP, 4000, False, (True, 0)),
}


@pytest.mark.parametrize(
    ("proto", "size", "df", "expected"), FROM_OUTSIDE.values(), ids=FROM_OUTSIDE
)
def test_from_outside(proto: int, size: int, df: bool, expected: tuple[bool, int]) -> None:
    """Frames larger than a device's MTU do not come in by it, so a larger datagram was split on
    its way: the kernel's answer in tests/data/lab/seed-1795188996-*."""
    made = world(cluster())
    stack = made.stacks["node/k1"]
    client = Client(None, parse_ip("192.0.2.9")[1], (stack, stack.links["eth0"]))
    question = Question(
        family=Family.V4, proto=proto, dst=parse_ip(B1)[1], dport=53, sport=5, size=size, df=df
    )
    sent = first_packet(client, question)
    assert (sent.df, sent.fragment) == expected


def test_fragments_get_smaller_only() -> None:
    whole = packet(f"udp 192.0.2.9 -> {B1}:53", size=4000)
    first = split(whole, 1500)
    assert (first.df, first.fragment) == (False, 1500)
    assert split(whole, 0) == whole
    assert split(packet(f"udp 192.0.2.9 -> {B1}:53", size=1400), 1500).df


@pytest.mark.parametrize("size", [1460, 3000])
def test_a_sender_that_learns_asks_again_in_smaller_pieces(size: int) -> None:
    """Of what is drawn twice the shares still add up to one."""
    settled = ask(cluster(pod_mtu=1500), "a1", f"{B1}:53", proto="udp", size=size)
    assert result(settled) == "ok"
    assert sum(row.weight for row in settled.rows) == pytest.approx(1.0)
