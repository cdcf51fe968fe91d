"""`ipset test` as the oracle: random members, random questions, the kernel's answer."""

from __future__ import annotations

import os
import random
import subprocess

import pytest

from skoop.model.address import Family, parse_ip
from skoop.model.packet import Icmp, Packet, Proto
from skoop.netstack.conntrack import new_connection
from skoop.netstack.ipset import read_ipsets
from skoop.netstack.netfilter import Hook, View
from tests.lab import commands
from tests.lab.namespaces import Netns, create, inside
from tests.netstack.iptables.asking import NODE

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root and network namespaces"),
]

TYPES = ["hash:ip", "hash:net", "hash:ip,port", "hash:net,port", "hash:ip,port,ip",
         "hash:ip,port,net", "hash:net,iface", "bitmap:port", "bitmap:ip"]  # fmt: skip
CREATE = {"bitmap:port": "range 0-65535", "bitmap:ip": "range 10.0.0.0-10.0.255.255"}
ROUNDS = 6
ASKED = 12


@pytest.fixture
def namespace():
    made = create(("ipset",))["ipset"]
    yield made
    made.close()


class Draw:
    """Members and questions out of a small world, so that they meet."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def address(self) -> str:
        return f"10.0.{self.random.choice((0, 1))}.{self.random.randrange(1, 5)}"

    def network(self) -> str:
        return f"{self.address()}/{self.random.choice((8, 16, 24, 30, 31, 32))}"

    def port(self) -> str:
        return self.random.choice(("tcp:80", "tcp:81", "udp:53", "icmp:8/0", "icmp:3/4", "gre:0"))

    def part(self, kind: str, name: str, *, asking: bool) -> str:
        if kind == "bitmap:port":
            return str(self.random.choice((80, 81, 53)))
        if name == "net":
            return self.address() if asking else self.network()
        if name == "ip":
            return self.address()
        return self.port() if name == "port" else self.random.choice(("eth0", "eth1"))

    def element(self, kind: str, *, asking: bool) -> str:
        names = kind.partition(":")[2].split(",")
        return ",".join(self.part(kind, name, asking=asking) for name in names)

    def flag(self, kind: str) -> str:
        return " nomatch" if "net" in kind and self.random.random() < 0.3 else ""


def packet_of(kind: str, element: str) -> tuple[Packet, View, tuple[str, ...]]:
    """A packet whose fields are the element's: source address, port and interface, second address
    as destination."""
    names = kind.partition(":")[2].split(",")
    found = dict(zip(("dst" if i and n in ("ip", "net") else n for i, n in enumerate(names)),
                     element.split(","), strict=True))  # fmt: skip
    source = found.get("ip") or found.get("net") or "10.9.9.9"
    proto, _, port = found.get("port", "tcp:1").rpartition(":")
    number = Proto[(proto or "tcp").upper()]
    kind_code = [int(one) for one in port.split("/")] if number is Proto.ICMP else [-1, -1]
    packet = Packet(
        family=Family.V4,
        proto=number,
        src=parse_ip(source)[1],
        dst=parse_ip(found.get("dst", "10.9.9.9"))[1],
        sport=int(port) if number in (Proto.TCP, Proto.UDP) else 0,
        icmp=Icmp(*kind_code),
    )
    view = View(Hook.FORWARD, NODE, new_connection(packet), iif=found.get("iface", "eth9"))
    directions = tuple("dst" if i and n in ("ip", "net") else "src" for i, n in enumerate(names))
    return packet, view, directions


def kernel_says(namespace: Netns, element: str) -> bool:
    with inside(namespace):
        done = subprocess.run(["ipset", "test", "s", element], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("kind", TYPES)
def test_the_kernel_agrees(namespace, kind):
    for seed in range(ROUNDS):
        draw = Draw(seed)
        members = {draw.element(kind, asking=False) for _ in range(8)}
        text = f"create s {kind} {CREATE.get(kind, '')}\n"
        text += "".join(f"add s {one}{draw.flag(kind)}\n" for one in sorted(members))
        commands.run(namespace, ("ipset", "destroy"))
        commands.run(namespace, ("ipset", "-exist", "restore"), text=text)
        saved = commands.run(namespace, ("ipset", "save"))
        (made,) = read_ipsets(saved, "ipset save").values()
        for _ in range(ASKED):
            element = draw.element(kind, asking=True)
            packet, view, directions = packet_of(kind, element)
            expected = kernel_says(namespace, element)
            assert made.contains(packet, view, directions) is expected, f"{element}\n{saved}"
