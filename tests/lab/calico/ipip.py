"""IPIP needs another kernel: `python -m tests.guest -- -m tests.lab.calico.ipip`.

Clean clusters with all their questions, and every fault that fits one, each with questions around
its target. Prints a line for each; the exit code is 1 when something disagreed.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.lab.calico.faults import CATALOGUE
from tests.lab.differential import Tally, blame_round
from tests.lab.faults import Fault, find
from tests.lab.generate import standard
from tests.lab.judge import Case, Opinion
from tests.lab.predict import by_command
from tests.lab.queries import Asker, Query
from tests.lab.recorded import record
from tests.lab.round import Round, aim, reshaped
from tests.lab.topology import Calico, Cluster

CLUSTERS = {
    "always": standard(subnets=(0, 0, 1), calico=Calico("ipip")),
    "between subnets": standard(subnets=(0, 0, 1), calico=Calico("ipip", cross=True)),
    "strict": standard(subnets=(0, 0, 1), calico=Calico("ipip"), rp_filter=1),
}


def main() -> int:
    """Play, compare, count."""
    parser = argparse.ArgumentParser(prog="tests.lab.calico.ipip", description=__doc__)
    parser.add_argument("--queries", type=int, default=12, help="questions a round")
    parser.add_argument("--faults", type=int, default=1000, help="so many faults at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--record", type=Path, help="write KubeSkoop's cases into this folder")
    given = parser.parse_args()
    rng = random.Random(given.seed)
    if given.record:
        return _record(given.record, rng)
    tally = Tally()
    for name, cluster in CLUSTERS.items():
        _play(
            f"clean, {name}", Round(seed=0, cluster=cluster, queries=_draw(cluster, rng, 30)), tally
        )
    for fault in rng.sample(CATALOGUE, min(given.faults, len(CATALOGUE))):
        played = _broken(fault, rng, given.queries)
        if played is not None:
            _play(fault.name, played, tally)
    print("\n".join(tally.lines()))
    return 1 if tally.disagreements else 0


RECORDED = ("", "calico-remote-pod-by-card", "calico-ipip-blocked")
"""Faults of the rounds that are kept for machines without root; "" for none."""


def _record(folder: Path, rng: random.Random) -> int:
    """Rounds as `python -m tests.lab record` keeps them."""
    for number, name in enumerate(RECORDED):
        cluster = CLUSTERS["always"]
        drawn = aim(find(name), cluster, rng) if name else None
        injections = (drawn,) if drawn else ()
        played = Round(
            seed=900 + number, cluster=cluster, injections=injections, queries=_between(cluster)
        )
        print(record(played, folder), flush=True)
    return 0


def _between(cluster: Cluster) -> tuple[Query, ...]:
    """From a pod of each node to all of the others, and from each node."""
    sources = [cluster.pods_on(node.name)[0].id for node in cluster.nodes]
    sources += [node.id for node in cluster.nodes]
    pairs = [(src, pod) for src in sources for pod in cluster.pods[:6] if src != pod.id]
    return tuple(
        Query(id=f"q{n}", src=src, dst=pod.id, port=8080) for n, (src, pod) in enumerate(pairs, 1)
    )


def _draw(cluster: Cluster, rng: random.Random, count: int) -> tuple[Query, ...]:
    return Asker(cluster, rng, ()).draw(count)


def _broken(fault: Fault, rng: random.Random, count: int) -> Round | None:
    for cluster in rng.sample(list(CLUSTERS.values()), len(CLUSTERS)):
        injection = aim(fault, cluster, rng)
        if injection is not None:
            shaped = reshaped(cluster, (injection,))
            queries = Asker(shaped, rng, (injection.target,)).draw(count)
            return Round(seed=0, cluster=cluster, injections=(injection,), queries=queries)
    return None


def _play(name: str, played: Round, tally: Tally) -> None:
    with TemporaryDirectory(prefix="skoop-ipip-") as folder:
        cases = blame_round(played, by_command, Path(folder) / "snapshot", tally)
    print(f"{name}: {len(cases)} questions", flush=True)
    for case in cases:
        if case.opinion not in (Opinion.AGREE, Opinion.BEYOND):
            print(f"  {case.opinion.value}: {_said(case)}", flush=True)


def _said(case: Case) -> str:
    return f"{case.query}: real {case.real()}, predicted {case.predicted()}"


if __name__ == "__main__":
    sys.exit(main())
