"""skoop's answer, and whether real connections agree with it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.site import Place, Seen

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
        hits = set(observed)
        foretold = self.outcomes
        if any(trace["disposition"] == "LEFT_NETWORK" for trace in self.result["traces"]):
            # Whether a router out of sight answers or stays silent is told by nobody.
            hits = {Seen("timeout") if hit.result == "unreachable" else hit for hit in hits}
        explained = all(any(_same(one, hit) for one in foretold) for hit in hits)
        complete = sticky or all(any(_same(one, hit) for hit in hits) for one in foretold)
        return explained and complete and bool(hits)

    def __str__(self) -> str:
        return f"{self.verdict}: {sorted(map(str, self.outcomes))} because {self.suspicions[:4]}"


def diagnose(source: str, destination: str, *options: str) -> Answer:
    """Run `skoop diagnose` on the cluster of KUBECONFIG, as its users do."""
    command = (sys.executable, "-m", "skoop", "diagnose", source, destination, *options)
    started = time.monotonic()
    done = subprocess.run(
        [*command, "-o", "json"], text=True, capture_output=True, timeout=120, check=False
    )
    seconds = time.monotonic() - started
    if not done.stdout.strip():
        raise AssertionError(f"{' '.join(command[3:])}: exit {done.returncode}: {done.stderr}")
    return Answer(json.loads(done.stdout), done.returncode, done.stderr, seconds)


def diagnose_all(questions: Iterable[dict[str, Any]]) -> dict[str, Answer]:
    """Run `skoop diagnose --batch`: the state is collected once; answers by the questions' id."""
    asked = "".join(json.dumps(each) + "\n" for each in questions)
    command = (sys.executable, "-m", "skoop", "diagnose", "--batch", "-", "-o", "json")
    started = time.monotonic()
    done = subprocess.run(
        command, input=asked, text=True, capture_output=True, timeout=300, check=False
    )
    seconds = time.monotonic() - started
    results = [json.loads(line) for line in done.stdout.splitlines()]
    if failed := [each for each in results if "error" in each] or not results:
        raise AssertionError(f"exit {done.returncode}: {failed} {done.stderr}")
    return {each["id"]: Answer(each, done.returncode, done.stderr, seconds) for each in results}


def observe(
    source: Place, address: str, port: int, protocol: str, wanted: Iterable[Seen], most: int = 4
) -> set[Seen]:
    """Connect eight times at once, and again until everything wanted was seen: each backend of a
    Service is to be drawn, but after `most` rounds it counts as not there."""
    wanted = set(wanted)
    hits: set[Seen] = set()
    for _ in range(most):
        hits.update(source.ask(address, port, protocol, 8))
        if all(any(_same(one, hit) for hit in hits) for one in wanted):
            break
    return hits


def _seen(outcome: dict[str, Any]) -> Seen:
    if outcome["result"] != "ok":
        return Seen(outcome["result"])
    server = outcome.get("server") or {}
    return Seen("ok", server.get("name", ""), outcome.get("seen_source") or "")


def _same(foretold: Seen, found: Seen) -> bool:
    if "ok" in (foretold.result, found.result):
        return foretold == found
    return found.result in _TOLD.get(foretold.result, {foretold.result})
