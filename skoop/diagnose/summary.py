"""The diagnosis in one sentence."""

from __future__ import annotations

from skoop.cluster.resolve import Ends
from skoop.diagnose.verdict import Settled
from skoop.model.diagnosis import Suspicion
from skoop.model.disposition import Result, Verdict

_FAILURES = {
    Result.REFUSED: "is refused",
    Result.REJECTED: "is rejected",
    Result.TIMEOUT: "gets no answer",
    Result.UNREACHABLE: "is told that the destination is unreachable",
    Result.PROHIBITED: "is not permitted",
    Result.RESET: "is reset",
    Result.INVALID: "fails at once",
    Result.MSGSIZE: "is told that the message is too long",
}


def summarise(ends: Ends, port: int, settled: Settled, suspicions: tuple[Suspicion, ...]) -> str:
    """What happens, and the cause when there is one."""
    source, destination = ends.source.endpoint, ends.destination.endpoint
    at = f"{destination} port {port}" if port else str(destination)
    cause = suspicions[0].message.rstrip(".") if suspicions and suspicions[0].blocking else ""
    if settled.verdict is Verdict.REACHABLE:
        return f"{source} reaches {at}."
    if settled.verdict is Verdict.UNKNOWN:
        return f"Whether {source} reaches {at} cannot be told from what was collected."
    if settled.verdict is Verdict.PARTIAL:
        works = sum(row.weight for row in settled.rows if row.result is Result.OK)
        said = f"{source} reaches {at} on {works:.0%} of connections"
        because = "; the others fail because"
    else:
        said = f"{source} cannot reach {at}: it {_failures(settled)}"
        because = ", because"
    return f"{said}{because} {_continued(cause)}." if cause else f"{said}."


def _failures(settled: Settled) -> str:
    """What clients get, the most frequent first."""
    shares: dict[str, float] = {}
    for row in settled.rows:
        words = _FAILURES.get(row.result, "fails")
        shares[words] = shares.get(words, 0.0) + row.weight
    return " or ".join(sorted(shares, key=lambda words: -round(shares[words], 6)))


def _continued(message: str) -> str:
    """A message in the middle of a sentence; abbreviations and names keep their capitals."""
    first = message.partition(" ")[0]
    small = first[1:].islower() or first[1:] == ""
    return message[0].lower() + message[1:] if small else message
