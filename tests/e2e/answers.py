"""skoop's answer, and whether real connections agree with it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.command import skoop
from tests.e2e.site import Place, Seen, Target, settle

# REJECT's ICMP error or reset reaches the client as one of these; routers limit the rate of their
# errors, so an error foretold may stay unheard.
_TOLD = {
    "rejected": {"refused", "unreachable", "prohibited", "reset", "timeout"},
    "unreachable": {"unreachable", "timeout"},
    "prohibited": {"prohibited", "unreachable", "timeout"},
}


@dataclass(frozen=True)
class Answer:
    """What skoop said: the JSON result, the exit code, stderr and the seconds it took."""

    result: dict[str, Any]
    code: int
    stderr: str
    seconds: float = field(compare=False)

    @property
    def verdict(self) -> str:
        return str(self.result["verdict"])

    @property
    def suspicions(self) -> list[str]:
        """Names of the causes, the likeliest first."""
        return [each["name"] for each in self.result["suspicions"]]

    @property
    def outcomes(self) -> set[Seen]:
        """What a client would observe."""
        return {_seen(each) for each in self.result["outcomes"]}

    def agrees(self, observed: Iterable[Seen], *, sticky: bool = False) -> bool:
        """Whether each observation was foretold, and each outcome foretold was observed. A sticky
        client keeps the backend it drew first, so it does not see the others."""
        hits = _without_limits(set(observed), self.result)
        explained = all(any(_same(one, hit) for one in self.outcomes) for hit in hits)
        return explained and (sticky or self.is_seen(hits)) and bool(hits)

    def is_seen(self, hits: set[Seen]) -> bool:
        """Whether each outcome foretold was observed."""
        return all(any(_same(one, hit) for hit in hits) for one in self.outcomes)

    def __str__(self) -> str:
        unseen = [f"{each['what']}: {each['why']}" for each in self.result["not_checked"]]
        told = f"{self.verdict}: {sorted(map(str, self.outcomes))} because {self.suspicions[:4]}"
        return f"{told}, not checked {unseen}" if unseen else told


def diagnose(source: str, destination: str, *options: str) -> Answer:
    """Run `skoop diagnose` on the cluster of KUBECONFIG, as its users do."""
    command = ("diagnose", source, destination, *options)
    started = time.monotonic()
    done = skoop(*command, "-o", "json")
    seconds = time.monotonic() - started
    if not done.stdout.strip():
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr}")
    return Answer(json.loads(done.stdout), done.returncode, done.stderr, seconds)


def diagnose_all(questions: Iterable[dict[str, Any]]) -> dict[str, Answer]:
    """Run `skoop diagnose --batch`: the state is collected once; answers by the questions' id."""
    asked = "".join(json.dumps(each) + "\n" for each in questions)
    started = time.monotonic()
    done = skoop("diagnose", "--batch", "-", "-o", "json", text=asked, seconds=300)
    seconds = time.monotonic() - started
    results = [json.loads(line) for line in done.stdout.splitlines()]
    if failed := [each for each in results if "error" in each] or not results:
        raise AssertionError(f"exit {done.returncode}: {failed} {done.stderr}")
    return {each["id"]: Answer(each, done.returncode, done.stderr, seconds) for each in results}


def observe(source: Place, target: Target, answer: Answer) -> set[Seen]:
    """What really becomes of connections to one target."""
    return observe_all(source, {"one": target}, {"one": answer})["one"]


def observe_all(
    source: Place, targets: Mapping[str, Target], answers: Mapping[str, Answer]
) -> dict[str, set[Seen]]:
    """What really becomes of connections from one place. Targets of which something foretold was
    not seen are asked again: often, to draw each backend of a Service, then slowly, because ICMP
    errors are limited to one a second for each client."""
    hits: dict[str, set[Seen]] = {key: set() for key in targets}
    for times in (2, 8, 8, 1, 1):
        left = {key: each for key, each in targets.items() if not answers[key].is_seen(hits[key])}
        if not left:
            break
        for key, seen in source.ask(left, times).items():
            hits[key] |= seen
        settle(1 if times == 1 else 0)
    return hits


def _without_limits(hits: set[Seen], result: dict[str, Any]) -> set[Seen]:
    """Observations as far as they tell one thing from another. ICMP errors are limited to a few for
    each client and in all, so some attempts hear nothing; a neighbour that does not answer is
    reported later than a probe waits; and whether a router out of sight answers is told by nobody.
    """
    silence = Seen("timeout")
    ends = {trace["disposition"] for trace in result["traces"]}
    if ends & {"LEFT_NETWORK", "NEIGHBOUR_UNREACHABLE", "NO_ROUTE", "LOOP"}:
        hits = {silence if hit.result == "unreachable" else hit for hit in hits}
    foretold = {outcome["result"] for outcome in result["outcomes"]}
    errors = {hit.result for hit in hits} & {"refused", "unreachable", "prohibited"}
    return hits - {silence} if errors and "timeout" not in foretold else hits


def _seen(outcome: dict[str, Any]) -> Seen:
    if outcome["result"] != "ok":
        return Seen(outcome["result"])
    server = outcome.get("server") or {}
    return Seen("ok", server.get("name", ""), outcome.get("seen_source") or "")


def _same(foretold: Seen, found: Seen) -> bool:
    if "ok" in (foretold.result, found.result):
        return foretold == found
    return found.result in _TOLD.get(foretold.result, {foretold.result})
