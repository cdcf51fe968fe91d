"""The lab's commands: `python -m tests.lab COMMAND`."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tests.lab import recorded
from tests.lab.calico.faults import OWN as CALICO
from tests.lab.differential import Tally, blame_round, keep, rounds, shrink
from tests.lab.effect import Effect, effect_of
from tests.lab.faults import CATALOGUE, find
from tests.lab.faults.guest import FAULTS as GUEST
from tests.lab.faults.wireguard import FAULTS as WIREGUARD
from tests.lab.generate import random_cluster, standard
from tests.lab.judge import Case, Opinion
from tests.lab.lab import Lab
from tests.lab.namespaces import forget_kept
from tests.lab.namespaces import keep as keep_namespaces
from tests.lab.predict import by_command
from tests.lab.queries import pinged
from tests.lab.round import (
    Play,
    Round,
    calico_round,
    fault_round,
    in_mode,
    random_round,
    service_round,
)
from tests.lab.written import differences

RESULTS = Path("lab-results")


def main() -> int:
    """Parse the command line and run one command; the exit code is 1 when something disagreed."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(required=True)
    fresh = commands.add_parser("fresh", help="random rounds until a limit is reached")
    fresh.add_argument("--minutes", type=float, default=0.0)
    fresh.add_argument("--cases", type=int, default=0)
    fresh.add_argument("--seed", type=int, default=None, help="default: from the clock")
    fresh.add_argument("--queries", type=int, default=20, help="questions a round")
    fresh.add_argument("--services", action="store_true", help="only Services, without faults")
    fresh.add_argument("--sctp", action="store_true", help="Services, asked by SCTP only")
    fresh.add_argument("--calico", action="store_true", help="Calico clusters")
    names = sorted(f.name for f in (*CATALOGUE, *CALICO))
    everything = sorted((*names, *(f.name for f in (*GUEST, *WIREGUARD))))
    fresh.add_argument(
        "--fault", default="", choices=everything, metavar="NAME", help="only this fault"
    )
    fresh.add_argument("--proxy", default="", help="only this mode of kube-proxy")
    fresh.add_argument("--ping", action="store_true", help="only echoes are asked for")
    fresh.add_argument("--no-shrink", action="store_true", help="only report")
    fresh.add_argument("--results", type=Path, default=RESULTS)
    fresh.set_defaults(run=_fresh)
    replay = commands.add_parser("replay", help="one round again, with every answer")
    replay.add_argument("round", help="a seed, or a round.json or shrunk.json that was kept")
    replay.add_argument("--queries", type=int, default=20)
    replay.add_argument("--calico", action="store_true", help="the seed is of a Calico cluster")
    replay.add_argument("--results", type=Path, default=RESULTS)
    replay.set_defaults(run=_replay)
    record = commands.add_parser("record", help="write cases that need no root")
    record.add_argument("round", nargs="+", help="seeds, or round.json files that were kept")
    record.add_argument("--folder", type=Path, default=recorded.FOLDER)
    record.add_argument("--patience", type=float, default=0, help="seconds, on a slow machine")
    record.set_defaults(run=_record)
    play = commands.add_parser("build", help="build a cluster to play with")
    play.add_argument("--seed", type=int, default=None, help="default: the standard cluster")
    play.add_argument("--fault", action="append", default=[], choices=names, metavar="NAME")
    play.add_argument("--keep", action="store_true", help="leave it standing under ip netns names")
    play.set_defaults(run=_build)
    faults = commands.add_parser("faults", help="what each fault changes on the kernel")
    faults.add_argument("name", nargs="*")
    faults.set_defaults(run=_faults)
    commands.add_parser("destroy", help="remove what --keep left").set_defaults(run=_destroy)
    arguments = parser.parse_args()
    code: int = arguments.run(arguments)
    return code


def _fresh(arguments: argparse.Namespace) -> int:
    first = int(time.time()) if arguments.seed is None else arguments.seed
    limit = time.monotonic() + 60 * arguments.minutes if arguments.minutes else None
    wanted = arguments.cases or (200 if limit is None else sys.maxsize)
    tally, spoken, wrong = Tally(), 0.0, 0
    print(f"rounds from seed {first}", file=sys.stderr)
    arguments.services |= arguments.sctp
    protocol = "sctp" if arguments.sctp else ""
    services = partial(service_round, protocol=protocol)
    draw = services if arguments.services else _draw(arguments)
    for drawn in rounds(first, queries=arguments.queries, draw=draw):
        played = in_mode(drawn, arguments.proxy) if arguments.proxy else drawn
        if arguments.ping:
            played = msgspec.structs.replace(played, queries=pinged(played.queries))
        if tally.cases >= wanted or (limit is not None and time.monotonic() > limit):
            break
        with TemporaryDirectory(prefix="skoop-round-") as folder:
            snapshot = Path(folder) / "snapshot"
            for case in blame_round(played, by_command, snapshot, tally):
                if case.opinion in (Opinion.DISAGREE, Opinion.ERROR):
                    _report(played, case, snapshot, arguments)
            for line in differences(snapshot) if arguments.services else ():
                wrong += 1
                print(f"rules: {played.described()}\n  {line}")
        if time.monotonic() - spoken > 20:
            spoken = time.monotonic()
            print(tally.lines()[0], file=sys.stderr)
    print("\n".join(tally.lines()))
    if arguments.services:
        print(f"rules: {wrong} differences from what was expected")
    return 1 if tally.disagreements or wrong else 0


def _report(played: Round, case: Case, snapshot: Path, arguments: argparse.Namespace) -> None:
    home = keep(played, case, snapshot, arguments.results)
    print(f"{case.opinion.value}: {played.described()}\n  {case.query}")
    print(f"  real:      {case.real()}\n  predicted: {case.predicted()}\n  kept in {home}")
    if not arguments.no_shrink:
        small = shrink(played, case.query, by_command)
        (home / "shrunk.json").write_bytes(recorded.to_json(small))
        names = [
            f"{n.name}: {len(small.cluster.pods_on(n.name))} pods" for n in small.cluster.nodes
        ]
        print(f"  shrunk to {small.described()} ({', '.join(names)})")


def _replay(arguments: argparse.Namespace) -> int:
    text, draw = arguments.round, _draw(arguments)
    seeded = text.isdigit()
    played = draw(int(text), queries=arguments.queries) if seeded else _round(text)
    tally = Tally()
    print(played.described())
    home = arguments.results / f"replay-{played.seed}"
    with TemporaryDirectory(prefix="skoop-round-") as folder:
        snapshot = Path(folder) / "snapshot"
        for case in blame_round(played, by_command, snapshot, tally):
            print(f"{case.opinion.value:9} {case.query.id}: {case.query}")
            print(f"          real:      {case.real()}\n          predicted: {case.predicted()}")
            if case.opinion in (Opinion.DISAGREE, Opinion.ERROR):
                home = keep(played, case, snapshot, arguments.results)
                print(f"          kept in {home}")
    print("\n".join(tally.lines()))
    return 1 if tally.disagreements else 0


def _draw(arguments: argparse.Namespace) -> Callable[..., Round]:
    if getattr(arguments, "fault", ""):
        return partial(fault_round, fault=arguments.fault)
    return calico_round if arguments.calico else random_round


def _round(text: str) -> Round:
    if text.isdigit():
        return random_round(int(text))
    return recorded.from_json(Path(text).read_bytes())


def _record(arguments: argparse.Namespace) -> int:
    for text in arguments.round:
        path = recorded.record(_round(text), arguments.folder, patience=arguments.patience)
        print(f"{path} {path.stat().st_size} bytes")
    return 0


def _build(arguments: argparse.Namespace) -> int:
    rng = random.Random(arguments.seed or 0)
    cluster = standard() if arguments.seed is None else random_cluster(rng)
    drawn = [recorded.aim(find(name), cluster, rng) for name in arguments.fault]
    injections = tuple(i for i in drawn if i is not None)
    with Play(Round(seed=arguments.seed or 0, cluster=cluster, injections=injections)) as play:
        print(play.round.described())
        _show(play.lab)
        names = keep_namespaces(tuple(play.lab.namespaces.values()))
        print("\n".join(f"ip netns exec {name} ..." for name in names))
        if not arguments.keep:
            input("Enter removes it: ")
            forget_kept()
    return 0


def _show(lab: Lab) -> None:
    for node in lab.cluster.nodes:
        print(f"{node.id} {node.ip} pods {node.pod_cidr}")
    for pod in lab.cluster.pods:
        ports = " ".join(f"{x.protocol}/{x.port}" for x in pod.listeners)
        print(f"{pod.id} {pod.ip} on {pod.node} {ports}")
    for service in lab.cluster.services:
        ends = " ".join(b.pod for b in service.backends)
        print(f"{service.id} {service.cluster_ip} {service.kind} -> {ends or 'nothing'}")


def _faults(arguments: argparse.Namespace) -> int:
    wrong = 0
    chosen = [find(n) for n in arguments.name] or (*CATALOGUE, *CALICO)
    for candidate in chosen:
        effect: Effect = effect_of(candidate)
        wrong += not effect.as_documented
        print(effect, flush=True)
    return 1 if wrong else 0


def _destroy(_: argparse.Namespace) -> int:
    for name in forget_kept():
        print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
