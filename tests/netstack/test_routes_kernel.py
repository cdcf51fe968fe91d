# ruff: noqa: E501  (one choice a line)
"""Random rules, routes and addresses, against `ip route get` of the kernel that has them."""

from __future__ import annotations

import json
import os
import random
import shlex
import subprocess

import pytest
from msgspec.structs import replace

from skoop.model.address import Family, format_ip, parse_ip
from skoop.model.packet import Packet, Proto
from skoop.netstack.dump import Output, read_namespace
from skoop.netstack.fib import FibKind, FibResult
from skoop.netstack.stack import Stack
from skoop.netstack.walk.events import Stopped
from skoop.netstack.walk.routing import choose_source, output_flow
from tests.lab import commands
from tests.lab.namespaces import Netns, create, inside
from tests.netstack.walk.rig import arrive, told

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces"),
]

SEEDS = range(12)
QUESTIONS = 40
DEVICES = ("v0", "v1", "v2")
ADDRESSES = (
    "10.0.0.1/24 dev v0", "10.0.0.2/24 dev v0", "10.0.1.1/24 dev v1", "10.0.1.9/16 dev v1",
    "10.0.2.1/24 dev v2", "10.7.0.1/24 dev v1 scope link", "192.0.2.1/32 dev v0",
)  # fmt: skip
PREFIXES = (
    "default", "10.9.0.0/16", "10.9.1.0/24", "10.9.1.5/32", "10.0.0.0/8", "10.0.2.0/24", "10.0.0.7/32",
)  # fmt: skip
TARGETS = (
    "10.9.1.5", "10.9.1.6", "10.9.2.1", "10.0.0.7", "10.0.1.1", "10.0.2.9", "172.16.0.1", "10.0.0.1",
    "10.7.0.5", "192.0.2.1",
)  # fmt: skip
GATEWAYS = {"v0": "10.0.0.254", "v1": "10.0.1.254", "v2": "10.0.2.254"}
TABLES = ("main", "main", "100", "200")
ERRORS = {
    "Network is unreachable": FibKind.NONE,
    "No route to host": FibKind.UNREACHABLE,
    "Permission denied": FibKind.PROHIBIT,
    "Invalid argument": FibKind.BLACKHOLE,
}
COMMANDS = (
    "ip -j -d link", "ip -j addr", "ip -j -4 route show table all", "ip -4 route show table all",
    "ip -j nexthop", "ip -j rule", "ip -j -6 route show table all", "ip -j -6 rule",
)  # fmt: skip


def random_route(rng: random.Random) -> str:
    prefix, table = rng.choice(PREFIXES), rng.choice(TABLES)
    metric = f"metric {rng.choice((0, 10, 20))}"
    if rng.random() < 0.3:
        kind = rng.choice(("blackhole", "unreachable", "prohibit", "throw"))
        return f"route add {kind} {prefix} table {table} {metric}"
    device = rng.choice(DEVICES)
    ways = [f"via {GATEWAYS[device]} dev {device} onlink", f"dev {device}"]
    if rng.random() < 0.15:
        hops = " ".join(f"nexthop via {GATEWAYS[d]} dev {d} weight 2 onlink" for d in ("v0", "v1"))
        return f"route add {prefix} table {table} {metric} {hops}"
    extra = rng.choice(("", "", "src 10.0.1.1", "tos 0x10"))
    return f"route add {prefix} {rng.choice(ways)} table {table} {metric} {extra}"


def random_rule(rng: random.Random) -> str:
    selectors = (
        "from 10.0.0.0/24", "from 10.0.1.1", "to 10.9.0.0/16", "fwmark 0x1", "fwmark 0x10/0xf0",
        "iif v0", "iif lo", "tos 0x10", "ipproto tcp", "ipproto udp dport 53", "ipproto tcp sport 1000-2000",
    )  # fmt: skip
    chosen = " ".join(sorted({rng.choice(selectors).strip() for _ in range(rng.choice((1, 1, 2)))}))
    inverted = rng.choice(("", "", "not "))
    action = rng.choice(
        ("lookup 100", "lookup 200", "lookup main suppress_prefixlength 0", "blackhole", "unreachable",
         "prohibit", "goto 150", "goto 777", "lookup 100 suppress_prefixlength 16")
    )  # fmt: skip
    return f"rule add {inverted}{chosen} pref {rng.randrange(100, 160)} {action}"


def build(rng: random.Random) -> Netns:
    made = create(("routes",))["routes"]
    lines = ["link set lo up"]
    for device in DEVICES:
        lines += [f"link add {device} type veth peer name p{device}", f"link set {device} up"]
        if device != "v2" or rng.random() < 0.5:  # otherwise it has no carrier
            lines.append(f"link set p{device} up")
    lines += [f"addr add {each}" for each in ADDRESSES if rng.random() < 0.7]
    lines += [random_route(rng) for _ in range(rng.randrange(3, 10))]
    lines += [random_rule(rng) for _ in range(rng.randrange(0, 5))]
    with inside(made):
        subprocess.run(
            ("ip", "-force", "-batch", "-"), input="\n".join(lines), text=True,
            capture_output=True, check=False,
        )  # fmt: skip
        if rng.random() < 0.2:
            subprocess.run(("ip", "rule", "del", "pref", "0"), check=False)
            subprocess.run(("ip", "rule", "add", "pref", "170", "lookup", "local"), check=False)
    settings = {f"ipv4/conf/{name}/rp_filter": rng.choice((0, 1, 2)) for name in ("v0", "v1", "v2")}
    settings |= {"ipv4/conf/all/rp_filter": rng.choice((0, 0, 2)), "ipv4/ip_forward": 1}
    settings["ipv4/conf/v1/accept_local"] = rng.choice((0, 1))
    commands.sysctl(made, settings)
    return made


def read(made: Netns) -> Stack:
    outputs = {}
    with inside(made):
        for text in COMMANDS:
            done = subprocess.run(shlex.split(text), capture_output=True, text=True, check=False)
            outputs[text] = Output(done.stdout, done.returncode, done.stderr)
        names = [f"net.ipv4.conf.{d}.{s}" for d in ("all", "lo", *DEVICES)
                 for s in ("rp_filter", "forwarding", "accept_local")]  # fmt: skip
        done = subprocess.run(
            ("sysctl", "net.ipv4.ip_forward", *names), capture_output=True, text=True, check=True
        )
    outputs["sysctl"] = Output(done.stdout)
    namespace = read_namespace("node/k1", outputs)
    needed = ("routes", "rules", "addresses", "links")
    assert not [gap for gap in namespace.gaps if gap.part in needed]
    return Stack(replace(namespace, gaps=()))


def question(rng: random.Random) -> tuple[list[str], Packet]:
    target, mark, tos = (
        rng.choice(TARGETS),
        rng.choice((0, 0, 1, 0x15)),
        rng.choice((0, 0, 0x10, 0xB0)),
    )
    words, fields = ["ip", "-j", "route", "get", target], {"mark": mark, "tos": tos}
    if mark:
        words += ["mark", str(mark)]
    if tos:
        words += ["tos", hex(tos)]
    proto, sport, dport = 0, 0, 0
    if rng.random() < 0.5:
        proto, sport, dport = rng.choice(((6, 1500, 80), (6, 3000, 80), (17, 3000, 53)))
        words += ["ipproto", {6: "tcp", 17: "udp"}[proto], "sport", str(sport), "dport", str(dport)]
    asked = Packet(
        family=Family.V4, proto=proto or Proto.ICMP, src=0, dst=parse_ip(target)[1], sport=sport,
        dport=dport, **fields,
    )  # fmt: skip
    return words, asked


def kernel(made: Netns, words: list[str]) -> tuple[FibKind | None, str, str]:
    """(error or None, device, source)."""
    with inside(made):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.rpartition(": ")[2].strip()
        return ERRORS.get(said, FibKind.UNKNOWN), "", said
    (found,) = json.loads(done.stdout)
    return None, found["dev"], found.get("prefsrc", "")


def errno_of(found: FibResult) -> FibKind:
    """A policy rule's "unreachable" is ENETUNREACH, like no route at all."""
    by_rule = found.route is None and found.kind is FibKind.UNREACHABLE
    return FibKind.NONE if by_rule else found.kind


@pytest.mark.parametrize("seed", SEEDS)
def test_the_hosts_own_packets(seed: int) -> None:
    rng = random.Random(seed)
    made = build(rng)
    stack = read(made)
    for _ in range(QUESTIONS):
        words, asked = question(rng)
        error, device, source = kernel(made, words)
        sent = choose_source(stack, asked)
        found = stack.route(output_flow(asked))
        said = f"seed {seed}: {' '.join(words)}: kernel {error} {device} {source}; skoop {found}"
        if error is not None:
            assert errno_of(found) is error, said
            continue
        assert found.kind in (FibKind.UNICAST, FibKind.LOCAL), said
        if found.kind is FibKind.LOCAL:
            assert device == "lo", said
        else:
            assert device in {hop.device for hop in found.nexthops}, said
        if len(found.nexthops) == 1:
            assert format_ip(Family.V4, sent.src) == source, said


SOURCES = ("10.0.0.7", "10.0.1.7", "10.0.2.7", "10.9.1.5", "172.16.0.9", "10.0.1.1", "127.0.0.1")


@pytest.mark.parametrize("seed", SEEDS)
def test_packets_that_come_in(seed: int) -> None:
    rng = random.Random(seed)
    made = build(rng)
    stack = read(made)
    for _ in range(QUESTIONS):
        words, asked = question(rng)
        source, device = rng.choice(SOURCES), rng.choice(("v0", "v1"))
        asked = replace(asked, src=parse_ip(source)[1])
        error, out, why = kernel(made, [*words, "from", source, "iif", device])
        events = arrive(stack, asked, device)
        said = f"seed {seed}: {' '.join(words)} from {source} iif {device}: kernel {error} {out} {why}; skoop {[told(e) for e in events]}"
        assert any(isinstance(event, Stopped) for event in events) is (error is not None), said
        if error is None:
            ways = {"lo" if told(e) == "local" else told(e).split()[1] for e in events}
            assert out in ways, said
