"""skoop's evaluator against the plain one, on random clusters.

python -m tests.policy.against_oracle [CLUSTERS [FIRST_SEED [ENGINE]]]
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator

from skoop.policy import Engine, Outcome
from tests.policy.calico_oracle import CalicoOracle
from tests.policy.clusters import Asking, Object, inventory
from tests.policy.oracle import Oracle
from tests.policy.randoms import PORTS, Dice


def differences(seed: int, engine: Engine = Engine.KUBERNETES) -> Iterator[str]:
    """The pairs of one random cluster on which the two disagree."""
    dice = Dice(seed)
    if engine is Engine.CALICO:
        objects = dice.calico_objects()
        oracle: Oracle | CalicoOracle = CalicoOracle(objects)
    else:
        objects = dice.objects()
        oracle = Oracle(objects)
    asking = Asking(inventory(*objects), engine)
    pods = [each for each in objects if each["kind"] == "Pod"]
    for source, destination in itertools.product(pods, pods):
        protocol, port = dice.pick(("TCP", "UDP", "SCTP")), dice.pick((*PORTS, 381, 22))
        wanted = oracle.allowed(source, destination, protocol, port)
        found = asking.ask(_name(source), _name(destination), port, protocol)
        if found.outcome is not (Outcome.ALLOWED if wanted else Outcome.DENIED):
            yield (
                f"seed {seed}: {_name(source)} -> {_name(destination)} {protocol} {port}: "
                f"{found.outcome.value}, but {wanted}: {found.egress.reason}; "
                f"{found.ingress.reason}"
            )


def _name(each: Object) -> str:
    return f"{each['metadata']['namespace']}/{each['metadata']['name']}"


def main(clusters: int, first: int, engine: Engine) -> int:
    """Print every difference; the exit code says whether there was one."""
    found = 0
    for seed in range(first, first + clusters):
        for text in differences(seed, engine):
            found += 1
            print(text)
    print(f"{engine.value}: {clusters} clusters from seed {first}: {found} differences")
    return 1 if found else 0


if __name__ == "__main__":
    given = sys.argv[1:]
    clusters, first, name = [*given, *("2000", "0", "kubernetes")[len(given) :]]
    sys.exit(main(int(clusters), int(first), Engine(name)))
