"""The differential test: rounds on the kernel, the same questions to the simulator, and what to do
about a disagreement."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from msgspec import Struct

from tests.lab.faults import find
from tests.lab.judge import Answer, Case, Key, Opinion, blamed, differs, judge, telling
from tests.lab.predict import Predict
from tests.lab.probe import TIMEOUT, Hit
from tests.lab.queries import Query
from tests.lab.round import Play, Round, Truth, attempts, random_round, reshaped, to_json
from tests.lab.topology import Cluster, without_node, without_pod, without_service

PATIENT = 1.3
"""Seconds. Longer than the first retransmission of a SYN, so that a lost packet is no verdict."""
_WRONG = (Opinion.DISAGREE, Opinion.ERROR)


class Tally(Struct):
    """What was counted so far. A case is a cluster, its faults and one question."""

    opinions: Counter[Opinion] = msgspec.field(default_factory=Counter)
    blame: Counter[str] = msgspec.field(default_factory=Counter)
    misblamed: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    remarked: int = 0
    """Answers that name the finding of a fault that does no harm."""
    disagreements: list[tuple[Round, Case]] = msgspec.field(default_factory=list)

    @property
    def cases(self) -> int:
        """How many questions were compared."""
        return sum(self.opinions.values())

    def lines(self) -> list[str]:
        """A summary for people."""
        parts = [f"{self.opinions[o]} {o.value}" for o in Opinion if self.opinions[o]]
        said = [f"{self.cases} cases: {', '.join(parts)}"]
        if self.remarked:
            said.append(f"named though harmless: {self.remarked}")
        asked = self.blame["right"] + self.blame["wrong"]
        if asked:
            share = 100 * self.blame["right"] / asked
            said.append(f"blame: {self.blame['right']} of {asked} right ({share:.1f}%)")
            for (fault, name), count in self.misblamed.most_common(15):
                said.append(f"  {count} x {fault}: blamed {name or 'nothing'}")
        return said


def run_round(played: Round, predict: Predict, folder: Path, tally: Tally) -> list[Case]:
    """Play a round, compare every question, and count. `folder` gets the snapshot."""
    cases = compare(played, predict, folder)
    for case in cases:
        tally.opinions[case.opinion] += 1
        if case.opinion in _WRONG:
            tally.disagreements.append((played, case))
    return cases


def blame_round(played: Round, predict: Predict, folder: Path, tally: Tally) -> list[Case]:
    """The same, and play it once more without its fault, to count whether skoop blames the fault
    for what it changed."""
    cases = run_round(played, predict, folder, tally)
    tally.remarked += sum(_names_the_harmless(played, case) for case in cases)
    clean = _clean_truths(played, cases)
    for case in cases:
        query = case.query
        if case.opinion in _WRONG or query.id not in clean:
            continue
        if differs(query, clean[query.id], _outcome(case.hits)):
            _count_blame(played, case, tally)
    return cases


def compare(played: Round, predict: Predict, folder: Path) -> list[Case]:
    """Both answers to every question of a round."""
    with Play(played) as play, ThreadPoolExecutor(1) as beside:
        play.capture(folder)
        predicted = beside.submit(predict, folder, played.queries)
        truths = play.ask()
        answers = predicted.result()
        cluster = play.lab.cluster
        cases = []
        for truth, answer in zip(truths, answers, strict=True):
            case = judge(cluster, truth.query, truth.hits, answer)
            if case.opinion is Opinion.DISAGREE:
                case = _confirm(play, cluster, truth, answer)
            cases.append(case)
    return cases


def _confirm(play: Play, cluster: Cluster, truth: Truth, answer: Answer) -> Case:
    """Ask again, alone and with patience, before a disagreement is believed."""
    tries = 1 if truth.query.sport else 8 * attempts(cluster, truth.query)
    again = play.ask_again(truth.query, tries=tries, timeout=PATIENT)
    every = tuple(sorted({*truth.hits, *again}))
    for hits in (again, telling(again), telling(every)):
        case = judge(cluster, truth.query, hits, answer)
        if case.opinion is Opinion.AGREE:
            return case
    return judge(cluster, truth.query, every, answer)


def _names_the_harmless(played: Round, case: Case) -> bool:
    faults = [find(injection.fault) for injection in played.injections]
    names = {name for fault in faults if fault.harmless for name in fault.expected}
    return any(each.get("name") in names for each in case.answer.get("suspicions") or ())


def _clean_truths(played: Round, cases: list[Case]) -> dict[str, frozenset[Key]]:
    """What the questions come to without the fault, for rounds with exactly one that harms."""
    if len(played.injections) != 1 or not cases or find(played.injections[0].fault).harmless:
        return {}
    healthy = msgspec.structs.replace(played, injections=(), warm=False)
    with Play(healthy) as play:
        return {t.query.id: _outcome(_thorough(play, t)) for t in play.ask()}


def _thorough(play: Play, truth: Truth) -> tuple[Hit, ...]:
    """Enough attempts that a backend not seen is no backend. An error that comes while connect()
    still holds its socket is kept for after the next SYN (tcp_v6_err())."""
    tries = attempts(play.lab.cluster, truth.query)
    if tries == 1:
        slow = any(hit.result == "timeout" for hit in truth.hits)
        return play.ask_again(truth.query, tries=1, timeout=PATIENT) if slow else truth.hits
    again = play.ask_again(truth.query, tries=3 * tries, timeout=TIMEOUT)
    return (*truth.hits, *again)


def _outcome(hits: tuple[Hit, ...]) -> frozenset[Key]:
    return frozenset(h.key for h in hits)


def _count_blame(played: Round, case: Case, tally: Tally) -> None:
    fault = find(played.injections[0].fault)
    name = blamed(case.answer)
    if name in fault.expected:
        tally.blame["right"] += 1
    else:
        tally.blame["wrong"] += 1
        tally.misblamed[fault.name, name] += 1


def rounds(
    seed: int, *, queries: int, draw: Callable[..., Round] = random_round
) -> Iterator[Round]:
    """Rounds of seed, seed + 1, ..."""
    while True:
        yield draw(seed, queries=queries)
        seed += 1


def shrink(played: Round, query: Query, predict: Predict) -> Round:
    """The smallest round found in which the question still disagrees: without some faults,
    Services, pods and nodes."""
    small = msgspec.structs.replace(played, queries=(query,))
    progress = True
    while progress:
        progress = False
        for candidate in _smaller(small):
            if _still(candidate, predict):
                small, progress = candidate, True
                break
    return small


def _still(played: Round, predict: Predict) -> bool:
    with TemporaryDirectory(prefix="skoop-shrink-") as folder:
        try:
            cases = compare(played, predict, Path(folder) / "snapshot")
        except (KeyError, StopIteration, RuntimeError, IndexError):
            return False
        return any(c.opinion in _WRONG for c in cases)


def _smaller(played: Round) -> Iterator[Round]:
    replace = msgspec.structs.replace
    if played.warm:
        yield replace(played, warm=False)
    for position in range(len(played.injections)):
        rest = played.injections[:position] + played.injections[position + 1 :]
        yield replace(played, injections=rest)
    cluster, needed = played.cluster, _needed(played)
    for node in cluster.nodes:
        if node.name not in needed:
            yield replace(played, cluster=without_node(cluster, node.name))
    for service in cluster.services:
        if service.name not in needed:
            yield replace(played, cluster=without_service(cluster, service.name))
    for pod in cluster.pods:
        if pod.name not in needed:
            yield replace(played, cluster=without_pod(cluster, pod.name))


def _needed(played: Round) -> set[str]:
    """Names that faults and the question speak of."""
    names = set()
    for injection in played.injections:
        t = injection.target
        names |= {t.node, t.pod, t.mate, t.peer, t.other, t.third, t.service}
    for query in played.queries:
        for endpoint in (query.src, query.dst):
            name = endpoint.rpartition("/")[2]
            names.add(name)
            names |= {p.node for p in played.cluster.pods if p.name == name}
    return names


def keep(played: Round, case: Case, snapshot: Path, results: Path) -> Path:
    """Store a disagreement for later: the round, the snapshot, and both answers."""
    home = results / f"seed-{played.seed}-{case.query.id}"
    if home.exists():
        shutil.rmtree(home)
    home.mkdir(parents=True)
    (home / "round.json").write_bytes(to_json(played))
    (home / "case.json").write_bytes(msgspec.json.encode(case))
    if snapshot.exists():
        shutil.copytree(snapshot, home / "snapshot")
    return home


def seen_cluster(played: Round) -> Cluster:
    """The cluster as its API objects tell it."""
    return reshaped(played.cluster, played.injections)
