"""The simulator's answers against the kernel's.

A prediction is a line of `skoop diagnose --batch` (contract: the JSON result). Two outcomes agree
when the client sees the same: the result, and for an answer who gave it and which source address
it saw. The few places where more than one thing may be seen are written down here, each with its
reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any

from msgspec import Struct

from tests.lab.probe import Hit
from tests.lab.queries import Query, behind, node_addresses
from tests.lab.topology import Cluster

Answer = dict[str, Any]
Key = tuple[str, str, str]


class Opinion(Enum):
    """What the judge says about one case."""

    AGREE = "agree"
    DISAGREE = "disagree"
    UNKNOWN = "unknown"
    BEYOND = "rightly unknown: beyond the cluster"
    ERROR = "error"


class Case(Struct, frozen=True, kw_only=True):
    """One question with both answers."""

    query: Query
    hits: tuple[Hit, ...]
    answer: Answer
    opinion: Opinion

    def real(self) -> str:
        """The kernel's answer for people."""
        return _spoken(h.key for h in self.hits)

    def predicted(self) -> str:
        """The simulator's answer for people."""
        if "error" in self.answer:
            return f"error: {self.answer['error']}"
        names = [s.get("name", "?") for s in self.answer.get("suspicions", ())[:3]]
        blamed = f" because {', '.join(names)}" if names else ""
        return f"{self.answer.get('verdict')}: {_spoken(keys(self.answer))}{blamed}"


def _spoken(found: Iterable[Key]) -> str:
    words = []
    for result, server, seen in sorted(set(found)):
        who = f" from {server}" if server else ""
        words.append(result + who + (f" seeing {seen}" if seen else ""))
    return ", ".join(words) or "nothing"


def judge(cluster: Cluster, query: Query, hits: tuple[Hit, ...], answer: Answer) -> Case:
    """Compare one answer with what was seen."""
    return Case(
        query=query, hits=hits, answer=answer, opinion=_opinion(cluster, query, hits, answer)
    )


def _opinion(cluster: Cluster, query: Query, hits: tuple[Hit, ...], answer: Answer) -> Opinion:
    if "error" in answer:
        return Opinion.ERROR
    expected = {_told(query, _on_node(cluster, key)) for key in keys(answer)}
    if answer.get("verdict") == "unknown" or any(k[0] == "unknown" for k in expected):
        return Opinion.UNKNOWN if inside(cluster, query, answer) else Opinion.BEYOND
    seen = met = {_on_node(cluster, h.key) for h in hits}
    if _is_told_first(answer):
        met = {each for each in seen if each[0] not in ("msgsize", "timeout")} or seen
    tolerated = dispositions(answer)
    service = behind(cluster, query)
    # Such a client is given one backend and keeps it: any that could be drawn is right.
    sticky = bool(query.sport) or (service is not None and service.affinity)
    explained = all(any(same(e, s, tolerated) for e in expected) for s in met)
    complete = sticky or all(any(same(e, s, tolerated) for s in seen) for e in expected)
    if not seen or not expected:
        return Opinion.DISAGREE
    return Opinion.AGREE if explained and complete else Opinion.DISAGREE


def _is_told_first(answer: Answer) -> bool:
    """Whether the first datagram is foretold to be lost, and its sender to be told of it."""
    return any("which it remembers" in each["text"] for each in answer.get("assumptions", ()))


def inside(cluster: Cluster, query: Query, answer: Answer) -> bool:
    """Whether a question is about an address the cluster has: what becomes of other packets once
    they have left the last node, no snapshot can tell. An address of a Service for the outside is
    none where no rule is about it, as for a node's own packets to one without endpoints."""
    service = behind(cluster, query)
    if service is not None:
        outer = query.dst in (*service.external_ips, *service.load_balancer_ips)
        if outer and "LEFT_NETWORK" in dispositions(answer):
            return False
        return all(backend.pod for backend in service.backends)
    if "/" in query.dst or query.dst.startswith("127.") or query.dst == "::1":
        return True
    owned = {a for p in cluster.pods for a in (p.ip, p.ip6)}
    owned |= {a for s in cluster.services for a in (s.cluster_ip, s.cluster_ip6)}
    return query.dst in owned | node_addresses(cluster)


def telling(hits: tuple[Hit, ...]) -> tuple[Hit, ...]:
    """Without the timeouts, where there are unreachables too: errors of unreachable routes are
    limited to a few for each client (net.ipv4.route.error_cost, which no namespace has of its
    own), so some attempts hear nothing."""
    if any(h.result == "unreachable" for h in hits):
        return tuple(h for h in hits if h.result != "timeout")
    return hits


def keys(answer: Answer) -> set[Key]:
    """The different outcomes of a prediction, as the probes name them."""
    found = set()
    for outcome in answer.get("outcomes", ()):
        if outcome.get("weight", 1) <= 0:
            continue
        result = outcome["result"]
        if result == "ok":
            seen = outcome.get("seen_source") or ""
            found.add((result, _server(outcome.get("server") or {}), seen))
        else:
            found.add((result, "", ""))
    return found


def _server(server: Answer) -> str:
    kind, name, port = server.get("kind", ""), server.get("name", ""), server.get("port", 0)
    if kind == "external":
        return f"outside:{port}"
    namespace = server.get("namespace") or ""
    middle = f"{namespace}/{name}" if namespace else name
    return f"{kind}/{middle}:{port}"


def _told(query: Query, key: Key) -> Key:
    """An answer to a ping says neither who gave it nor whom it saw."""
    return (key[0], "", "") if query.protocol == "icmp" else key


def _on_node(cluster: Cluster, key: Key) -> Key:
    """A pod on the host network and its node are one server: both are one namespace's sockets."""
    result, server, seen = key
    for pod in cluster.pods:
        if pod.host_network and server.startswith(pod.id + ":"):
            return (result, f"node/{pod.node}:{server.rpartition(':')[2]}", seen)
    return key


def dispositions(answer: Answer) -> frozenset[str]:
    """Where the traces of a prediction end."""
    return frozenset(t.get("disposition", "") for t in answer.get("traces", ()))


# REJECT's ICMP or RST reaches the client as one of these (icmp_err_convert); which one is the
# choice of --reject-with, and `rejected` stands for all.
_REJECTED = ("refused", "unreachable", "prohibited", "reset")


def same(expected: Key, seen: Key, ends: frozenset[str]) -> bool:
    """Whether an outcome foretold is one that was seen."""
    foretold, found = expected[0], seen[0]
    if foretold == "ok" or found == "ok":
        return expected == seen
    if foretold == found or (foretold == "rejected" and found in _REJECTED):
        return True
    if "LEFT_NETWORK" in ends and {foretold, found} <= {"unreachable", "timeout"}:
        # Whether a router out of sight answers or stays silent is not in any snapshot.
        return True
    if ends & {"NO_ROUTE", "LOOP"} and {foretold, found} <= {"unreachable", "timeout"}:
        # A router's errors about its routes are limited per peer (net.ipv4.route.error_cost).
        return True
    if "NEIGHBOUR_UNREACHABLE" in ends:
        # An unanswered neighbour is reported after its retries, which a probe may not wait for.
        return {foretold, found} <= {"unreachable", "timeout"}
    if "MTU_EXCEEDED" in ends:
        # EMSGSIZE when the kernel knows the path's MTU in time, else silence.
        return found in ("msgsize", "timeout") and foretold in ("timeout", "unreachable", "invalid")
    return False


def differs(query: Query, before: frozenset[Key], after: frozenset[Key]) -> bool:
    """Whether a fault changed an outcome. Of a Service's backends some may not have been drawn, so
    fewer answers of the same kind are no change; a fixed source port or session affinity draws
    only one."""
    if {k[0] for k in before | after} == {"ok"}:
        drawn = len(before) == len(after) == 1
        return not (query.sport or drawn or before <= after or after <= before)
    if {k[0] for k in after} == {"ok"}:
        return False  # it works now: nothing to blame
    return before != after


def blamed(answer: Answer) -> str:
    """The name of the first suspicion, "" for none."""
    suspicions = answer.get("suspicions") or ()
    return str(suspicions[0].get("name", "")) if suspicions else ""
