"""physdev against the kernel: frames bridged, routed out of a bridge, into it, and to its host."""

from __future__ import annotations

import os
import re
import socket
import time
from collections import Counter
from typing import NamedTuple

import pytest

from skoop.model.address import Family
from skoop.netstack.conntrack import new_connection
from skoop.netstack.iptables import read_ruleset
from skoop.netstack.netfilter import Hook, View
from tests.lab import commands
from tests.lab.namespaces import create, inside
from tests.netstack.iptables.asking import NODE
from tests.netstack.iptables.hookdriver import packet
from tests.netstack.iptables.kernelrig import hits
from tests.netstack.iptables.wire import to_bytes

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root and network namespaces"),
]

IPV4 = 0x0800
PATIENCE = 2.0
"""Seconds."""
NEIGHBOUR = "02:00:00:00:00:0b"
SINGLE = ("physdev-in va", "physdev-in v+", "physdev-in zz", "physdev-out vb", "physdev-out zz",
          "physdev-is-in", "physdev-is-out", "physdev-is-bridged")  # fmt: skip
OPTIONS = [
    *(f"{no}--{one}" for one in SINGLE for no in ("", "! ")),
    "--physdev-in va --physdev-out vb",
    "! --physdev-in zz ! --physdev-out zz",
    "--physdev-in va ! --physdev-is-out",
]
RULES = [
    (hook, f"-A {hook.name} -p udp -m physdev {options}")
    for hook in Hook
    for options in OPTIONS
    if hook is not Hook.OUTPUT or "-out" not in options
]


class Case(NamedTuple):
    """Who sends what, and (hook, iif, oif, physin, physout) of each hook it meets."""

    sender: str
    to: str
    source: str
    destination: str
    hooks: tuple[tuple[Hook, str, str, str, str], ...]


CASES = {
    "bridged": Case("a", NEIGHBOUR, "10.5.0.2", "10.5.0.3", (
        (Hook.PREROUTING, "br0", "", "va", ""), (Hook.FORWARD, "br0", "br0", "va", "vb"),
        (Hook.POSTROUTING, "", "br0", "va", "vb"))),
    "routed out of the bridge": Case("a", "br0", "10.5.0.2", "10.6.0.2", (
        (Hook.PREROUTING, "br0", "", "va", ""), (Hook.FORWARD, "br0", "vc", "va", ""),
        (Hook.POSTROUTING, "br0", "vc", "va", ""))),
    "to the host": Case("a", "br0", "10.5.0.2", "10.5.0.1", (
        (Hook.PREROUTING, "br0", "", "va", ""), (Hook.INPUT, "br0", "", "va", ""))),
    "routed into the bridge": Case("c", "vc", "10.6.0.2", "10.5.0.3", (
        (Hook.PREROUTING, "vc", "", "", ""), (Hook.FORWARD, "vc", "br0", "", ""),
        (Hook.POSTROUTING, "vc", "br0", "", ""))),
}  # fmt: skip


class Bridge:
    """A router with a bridge of two ports and one port beside it."""

    def __init__(self) -> None:
        self.ns = create(("router", "a", "b", "c"))
        self.router = self.ns["router"]
        for one in self.ns.values():
            commands.sysctl(one, {"ipv6/conf/all/disable_ipv6": 1})
        ports = [f"add v{n} type veth peer name e{n} netns {self.ns[n].path}" for n in "abc"]
        commands.ip(
            self.router,
            "link add br0 type bridge mcast_snooping 0",
            *(f"link {one}" for one in ports),
            *(f"link set {one} up" for one in ("br0", "va", "vb", "vc")),
            *(f"link set {one} master br0" for one in ("va", "vb")),
            "addr add 10.5.0.1/24 dev br0",
            "addr add 10.6.0.1/24 dev vc",
            f"neigh add 10.5.0.3 lladdr {NEIGHBOUR} dev br0",
            f"neigh add 10.6.0.2 lladdr {NEIGHBOUR} dev vc",
        )
        for name in "abc":
            commands.ip(self.ns[name], f"link set e{name} up")
        commands.run(
            self.router, ("bridge", "fdb", "add", NEIGHBOUR, "dev", "vb", "master", "static")
        )
        commands.sysctl(self.router, {"ipv4/ip_forward": 1, "bridge/bridge-nf-call-iptables": 1})
        with inside(self.router):
            self.server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.server.bind(("0.0.0.0", 53))

    def mac(self, device: str) -> bytes:
        if ":" not in device:
            shown = commands.run(self.router, ("ip", "-o", "link", "show", device))
            device = re.search(r"ether (\S+)", shown)[1]
        return bytes.fromhex(device.replace(":", ""))

    def send(self, case: Case) -> None:
        with inside(self.ns[case.sender]):
            one = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        probe = packet(case.source, case.destination, 53, "udp", sport=999)
        with one:
            one.sendto(to_bytes(probe), (f"e{case.sender}", IPV4, 0, 0, self.mac(case.to)))

    def close(self) -> None:
        self.server.close()
        for one in self.ns.values():
            one.close()


@pytest.fixture(scope="module")
def bridge():
    made = Bridge()
    yield made
    made.close()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("backend", ["legacy", "nft"])
def test_the_same_rules_match(bridge, backend, case):
    lines = [f"{rule} -m comment --comment r{n}" for n, (_, rule) in enumerate(RULES)]
    text = "\n".join(["*mangle", *lines, "COMMIT", ""])
    commands.run(bridge.router, (f"iptables-{backend}-restore",), text=text)
    bridge.send(case)
    save = (f"iptables-{backend}-save", "-c", "-t", "mangle")
    ruleset = read_ruleset(
        commands.run(bridge.router, save), engine="iptables-nft", family=Family.V4, source="mangle"
    )
    probe = packet(case.source, case.destination, 53, "udp", sport=999)
    expected: Counter[str] = Counter()
    for hook, iif, oif, physin, physout in case.hooks:
        (chain,) = [one for one in ruleset.chains if one.hook is hook]
        view = View(hook, NODE, new_connection(probe), iif, oif, physin, physout)
        (outcome,) = chain.evaluate(probe, view)
        expected += hits("\n".join(f"[1:1] {fired.rule}" for fired in outcome.fired))
    until = time.monotonic() + PATIENCE
    seen = +hits(commands.run(bridge.router, save))
    while seen != expected and time.monotonic() < until:  # a busy kernel counts a little later
        seen = +hits(commands.run(bridge.router, save))
    commands.run(bridge.router, (f"iptables-{backend}-restore",), text="*mangle\nCOMMIT\n")
    assert seen == expected
