"""A pod-to-Service walk, there and back, on nodes with the rules of a large cluster.

    python bench/walk_scale.py [SERVICES]

Takes the recorded real cluster of tests/data, puts the rules of 10,000 Services of 3 endpoints
(about 10^5 rules) in front of each node's own kube-proxy rules, and asks for connections from a
pod to real Services: first packet, answer, data both ways, over every backend. The peer is the same
cluster with its own few rules, in the same run. Times are of the processor.
Fails when a whole conversation takes more than 2 ms per backend, or memory grows by 400 MB.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.iptables_scale import generate
from skoop.diagnose.conversation import Conversation
from skoop.diagnose.flight import Flight
from skoop.diagnose.question import Client, Question
from skoop.diagnose.underlay import PlainUnderlay
from skoop.diagnose.world import Machine, World
from skoop.model.kube import Address
from skoop.model.packet import EPHEMERAL, Proto
from skoop.netstack.iptables import read_ruleset
from skoop.netstack.state import Namespace
from skoop.network.build import read
from skoop.snapshot import from_raw

CLUSTER = Path(__file__).parent.parent / "tests/data/corpus/iptables-clean.tar.gz"
MEMORY_MB, WALK_SECONDS = 400.0, 0.002
ROUNDS = 200


def enlarged(host: Namespace, extra: str) -> Namespace:
    """The node with more Services than it has."""
    changed = []
    for ruleset in host.rulesets:
        if "KUBE-SERVICES" not in ruleset.text or ruleset.family is None:
            changed.append(ruleset)
            continue
        text = merged(ruleset.text, extra)
        made = read_ruleset(text, engine=ruleset.engine, family=ruleset.family, source="bench")
        changed.append(replace(made, engine=ruleset.engine, family=ruleset.family, text=text))
    return replace(host, rulesets=tuple(changed))


def merged(own: str, extra: str) -> str:
    """The nat table with the chains and rules of both."""
    before, _, rest = own.partition("*nat\n")
    nat, _, after = rest.partition("COMMIT\n")
    more = extra.partition("*nat\n")[2].partition("COMMIT\n")[0].splitlines()
    wanted = ("KUBE-SVC-0", "KUBE-SEP-0")
    chains = [line for line in more if line.startswith(":") and line[1:].startswith(wanted)]
    rules = [
        line
        for line in more
        if line.startswith("-A") and (line[3:].startswith(wanted) or "-j KUBE-SVC-0" in line)
    ]
    lines = nat.splitlines()
    declared = [line for line in lines if line.startswith(":")]
    written = [line for line in lines if not line.startswith(":")]
    whole = "\n".join([*declared, *chains, *rules, *written])
    return f"{before}*nat\n{whole}\nCOMMIT\n{after}"


def flight_over(machines: list[Machine]) -> Flight:
    return Flight(World.of(machines), PlainUnderlay)


def per_backend(flight: Flight, pod: str, services: list[tuple[Address, int]]) -> float:
    """Seconds per backend of whole conversations; their rules are looked up before, once."""
    client = Client(flight.world.stacks[pod])
    questions = [
        Question(
            family=address[0], proto=Proto.TCP, dst=address[1], dport=port, sport=EPHEMERAL
        )
        for address, port in services
    ]  # fmt: skip
    rows = [len(Conversation(flight, client, each).run()) for each in questions]
    start = time.process_time()
    for number in range(ROUNDS):
        Conversation(flight, client, questions[number % len(questions)]).run()
    spent = time.process_time() - start
    asked = sum(rows[number % len(questions)] for number in range(ROUNDS))
    return spent / asked


def megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(services: int) -> int:
    collected = read(from_raw(CLUSTER))
    asked = [
        (each.cluster_ips[0], each.ports[0].port)
        for each in collected.inventory.services
        if each.name in ("web", "api", "ledger")
    ]
    machines = list(collected.machines.values())
    few = per_backend(flight_over(machines), "pod/default/cli", asked)
    extra = generate(services)
    before = megabytes()
    one = enlarged(machines[0].host, extra)
    grown = megabytes() - before
    large = [replace(machines[0], host=one), *machines[1:]]
    many = per_backend(flight_over(large), "pod/default/cli", asked)
    rules = sum(ruleset.text.count("\n-A ") for ruleset in one.rulesets)
    print(f"{services} Services, {rules} rules on the client's node")
    print(f"memory of one node                 {grown:8.0f} MB (limit {MEMORY_MB:g})")
    print(f"conversation per backend           {many * 1e3:8.3f} ms (limit {WALK_SECONDS * 1e3:g})")
    print(f"the same with the node's own rules {few * 1e3:8.3f} ms (x{many / few:.2f})")
    return 0 if many < WALK_SECONDS and grown < MEMORY_MB else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
