"""How an iptables ruleset of a large cluster is read and asked.

    python bench/iptables_scale.py [SERVICES]

Generates kube-proxy rules (10,000 services of 3 endpoints are about 10^5 rules), reads them, and
asks for first packets to random services. The peer is the straightforward evaluator in
`linear.py`, which tests one rule after the other on the same decoded rules: both must agree.
Times are of the processor, so that a busy machine does not change them.
Fails when reading takes 2 s, the memory 400 MB, or a packet's chains 2 ms.
"""

from __future__ import annotations

import random
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.linear import Linear, parts
from skoop.model.address import Family, parse_ip
from skoop.model.packet import Packet, Proto, TcpFlag
from skoop.netstack.conntrack import new_connection
from skoop.netstack.iptables import parse, read_ruleset
from skoop.netstack.netfilter import AddressType, FibAnswer, Hook, View

READ_SECONDS, MEMORY_MB, PACKET_SECONDS = 2.0, 400.0, 0.002
PEER_SHARE = 1 / 50
ENDPOINTS = 3

HEAD = """*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SERVICES - [0:0]
"""
BASE = """-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -m comment --comment "kubernetes service" -j MASQUERADE --random-fully
"""


class Nowhere:
    """A host without addresses or sets."""

    def address_type(self, family, address, device):  # noqa: ARG002
        return AddressType.UNICAST

    def fib(self, family, source, destination, mark, iif, oif, tos):  # noqa: ARG002
        return FibAnswer(AddressType.UNICAST, "eth0")

    def ipset(self, name):  # noqa: ARG002
        return None

    def has_socket(self, packet, *, transparent_only):  # noqa: ARG002
        return None


def service_ip(number: int) -> str:
    return f"10.{96 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def endpoint_ip(number: int, endpoint: int) -> str:
    return f"10.{128 + endpoint}.{number >> 8 & 255}.{number & 255}"


def service_rules(number: int, comment: str) -> tuple[list[str], list[str], str]:
    """Chains and rules of one service, and its line in KUBE-SERVICES."""
    svc = f"KUBE-SVC-{number:016X}"
    chains, rules = [svc], []
    rules.append(
        f"-A {svc} ! -s 10.244.0.0/16 -d {service_ip(number)}/32 -p tcp {comment} -m tcp --dport 80"
        " -j KUBE-MARK-MASQ"
    )
    for endpoint in range(ENDPOINTS):
        sep = f"KUBE-SEP-{number * ENDPOINTS + endpoint:016X}"
        chains.append(sep)
        left = ENDPOINTS - endpoint
        share = f" -m statistic --mode random --probability {1 / left:.11f}" if left > 1 else ""
        to = endpoint_ip(number, endpoint)
        rules.append(f"-A {svc} {comment}{share} -j {sep}")
        rules.append(f"-A {sep} -s {to}/32 {comment} -j KUBE-MARK-MASQ")
        rules.append(f"-A {sep} -p tcp {comment} -m tcp -j DNAT --to-destination {to}:8080")
    portal = f"-A KUBE-SERVICES -d {service_ip(number)}/32 -p tcp {comment} -m tcp --dport 80"
    return chains, rules, f"{portal} -j {svc}"


def generate(services: int) -> str:
    chains: list[str] = []
    rules: list[str] = []
    portals: list[str] = []
    for number in range(services):
        comment = f'-m comment --comment "team-{number % 50}/service-{number}:http cluster IP"'
        some_chains, some_rules, portal = service_rules(number, comment)
        chains += some_chains
        rules += some_rules
        portals.append(portal)
    nodeports = "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS"
    declared = "".join(f":{name} - [0:0]\n" for name in chains)
    return f"{HEAD}{declared}{BASE}" + "\n".join([*rules, *portals, nodeports, "COMMIT", ""])


def first_packet(number: int) -> Packet:
    return Packet(
        family=Family.V4,
        proto=Proto.TCP,
        src=parse_ip("10.244.1.5")[1],
        dst=parse_ip(service_ip(number))[1],
        sport=40000,
        dport=80,
        flags=TcpFlag.SYN,
    )


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ask(evaluate, views, numbers) -> float:
    """Seconds per packet."""
    start = time.process_time()
    for number in numbers:
        packet = first_packet(number)
        evaluate(packet, views(packet))
    return (time.process_time() - start) / len(numbers)


def report(what: str, value: float, unit: str, limit: float) -> bool:
    print(f"{what:44} {value:10.3f} {unit:3} (limit {limit:g})")
    return value < limit


def main(services: int) -> int:
    text = generate(services)
    before = megabytes()
    start = time.process_time()
    ruleset = read_ruleset(text, engine="iptables-legacy", family=Family.V4, source="bench")
    seconds = time.process_time() - start
    memory = megabytes() - before
    print(f"{services} services, {text.count('-A ')} rules, {len(text) / 1e6:.1f} MB of text")
    (chain,) = [c for c in ruleset.chains if c.hook is Hook.PREROUTING]
    host = Nowhere()

    def view(packet: Packet) -> View:
        return View(Hook.PREROUTING, host, new_connection(packet), iif="cni0")

    draw = random.Random(1)
    numbers = [draw.randrange(services) for _ in range(2000)]
    first = ask(chain.evaluate, view, numbers[:1])
    cold = ask(chain.evaluate, view, numbers)
    warm = ask(chain.evaluate, view, numbers)
    linear = Linear(parts(parse(text, "bench"), "nat"), "PREROUTING", "ACCEPT")
    few = numbers[:20]
    for number in few:
        packet = first_packet(number)
        mine = {(o.nat.low, round(o.weight, 6)) for o in chain.evaluate(packet, view(packet))}
        assert mine == {
            (end.nat.low, round(end.weight, 6)) for end in linear.run(packet, view(packet))
        }
    peer = ask(linear.run, view, few)
    good = [
        report("parse and compile", seconds, "s", READ_SECONDS),
        report("memory of it", memory, "MB", MEMORY_MB),
        report("first packet (builds the index)", first * 1e3, "ms", 1000),
        report("packet to a service not asked before", cold * 1e6, "us", PACKET_SECONDS * 1e6),
        report("packet to a service asked before", warm * 1e6, "us", PACKET_SECONDS * 1e6),
    ]
    print(f"{'the same, one rule after the other':44} {peer * 1e6:10.0f} us")
    good.append(report("share of the linear evaluator's time", warm / peer, "", PEER_SHARE))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
