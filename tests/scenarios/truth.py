"""Holding an answer against what was measured. Each allowance is here, with its reason."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from skoop.model.diagnosis import Diagnosis, EndpointKind
from skoop.model.disposition import Disposition, Result, Verdict
from skoop.snapshot import Snapshot
from tests.scenarios.corpus import Asked, Probe, Scenario

CHANCE = 1e-4
"""What never happened may be chance if that is more likely than this."""

_SILENT_OR_NOT = frozenset(
    (
        # A neighbour that does not answer is reported after its retries, which an attempt may
        # not wait for.
        Disposition.NEIGHBOUR_UNREACHABLE,
        # A router's errors about its routes are limited per peer (net.ipv4.route.error_cost).
        Disposition.NO_ROUTE,
        Disposition.LOOP,
        # Whether a router out of sight answers or stays silent is in no snapshot.
        Disposition.LEFT_NETWORK,
    )
)
_LOST = {"timeout", "unreachable"}
_ADDRESS = re.compile(r"\b\d+\.\d+\.\d+\.\d+\b")


def predicted(diagnosis: Diagnosis) -> frozenset[str]:
    """The results foretold."""
    return frozenset(outcome.result.value for outcome in diagnosis.outcomes)


def is_unknown(diagnosis: Diagnosis) -> bool:
    """Whether skoop said of any branch that it cannot tell."""
    return Result.UNKNOWN.value in predicted(diagnosis) or diagnosis.verdict is Verdict.UNKNOWN


def same_results(one: Asked, scenario: Scenario) -> bool:
    """Whether the client was told what skoop foretold."""
    foretold, found = predicted(one.diagnosis), one.probe.results
    if foretold == found:
        return True
    if {trace.disposition for trace in one.diagnosis.traces} & _SILENT_OR_NOT:
        foretold, found = _without_silence(foretold), _without_silence(found)
    if scenario.icmp_limited and any(attempt.icmp for attempt in one.probe.attempts):
        found = found - {"timeout"} | (foretold & {"timeout"})
    return foretold == found


def _without_silence(results: frozenset[str]) -> frozenset[str]:
    return frozenset("lost" if result in _LOST else result for result in results)


def strangers(one: Asked) -> list[str]:
    """Servers that answered, or saw a client's address, that were not foretold."""
    foretold = set(_foretold(one.diagnosis))
    # A DNS server says who it is, but not whom it saw.
    foretold |= {(name, "") for name, _ in foretold}
    return [f"{name} answered {source}" for name, source in _seen(one.probe) - foretold]


def never_seen(answers: Iterable[Asked]) -> list[str]:
    """Backends foretold that should have answered by now, over all probes of one destination: a
    single probe is too few draws to tell."""
    missed: dict[tuple[str, str], float] = defaultdict(lambda: 1.0)
    met: set[tuple[str, str]] = set()
    for one in answers:
        # A fixed source port keeps the backend that conntrack remembers.
        if one.probe.sport or not (seen := _seen(one.probe)):
            continue
        where = f"{one.probe.dst.ip}:{one.probe.dst.port}/{one.probe.proto}"
        met |= {(where, name) for name, _ in seen}
        draws = 1 if _sticks(one.probe) else len(one.probe.attempts)
        for (name, _), weight in _foretold(one.diagnosis).items():
            missed[where, name] *= (1 - weight) ** draws
    return [
        f"{where}: {name} never answered"
        for (where, name), chance in missed.items()
        if chance < CHANCE and (where, name) not in met
    ]


def _sticks(probe: Probe) -> bool:
    """Whether all attempts went to one server, as with session affinity."""
    return len({attempt.server for attempt in probe.attempts}) == 1


def _foretold(diagnosis: Diagnosis) -> dict[tuple[str, str], float]:
    """Server and client address -> share. A node answers as the pod on its network that the corpus
    runs there."""
    found: dict[tuple[str, str], float] = {}
    for outcome in diagnosis.outcomes:
        if outcome.result is Result.OK and outcome.server is not None:
            server = outcome.server
            name = "hostnet" if server.kind is EndpointKind.NODE else server.name
            key = (name, outcome.seen_source)
            found[key] = found.get(key, 0.0) + outcome.weight
    return found


def _seen(probe: Probe) -> set[tuple[str, str]]:
    # Otherwise the server's own line was not read.
    if probe.how not in (None, "dns"):
        return set()
    return {
        (attempt.server, attempt.seen_source_ip or "")
        for attempt in probe.attempts
        if attempt.result == "ok" and attempt.server
    }


def owned_addresses(snapshot: Snapshot) -> frozenset[str]:
    """The addresses of nodes and pods, from the API objects."""
    found: set[str] = set()
    for node in msgspec.json.decode(snapshot.cluster["nodes"])["items"]:
        found |= {each["address"] for each in node["status"]["addresses"]}
    for pod in msgspec.json.decode(snapshot.cluster["pods"])["items"]:
        found |= {each["ip"] for each in pod["status"].get("podIPs", ())}
    return frozenset(found)


def why_unknown(one: Asked, nodes: frozenset[str], owned: frozenset[str]) -> str:
    """The class of a rightful "cannot tell", "" when there is none: "entry" (which node gets a
    packet from outside for an address that no node has) or "outside" (what becomes of a packet that
    has left the cluster)."""
    said = [each.why for each in one.diagnosis.not_checked]
    asked = one.probe.dst.ip
    if one.probe.src.kind == "external" and asked not in nodes:
        return "entry" if any("by which node" in why and asked in why for why in said) else ""
    beyond = {each for why in said if "leaves by" in why for each in _ADDRESS.findall(why)}
    return "outside" if beyond and not beyond & owned else ""
