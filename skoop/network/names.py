"""A question about a name: first the name, over the same walk to port 53, then the connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from skoop.cluster.resolve import Target
from skoop.diagnose.cluster import Cluster
from skoop.diagnose.naming import Naming, blocked_lookup, naming_causes
from skoop.model.address import format_ip
from skoop.model.diagnosis import (
    BranchOutcome,
    Diagnosis,
    Endpoint,
    EndpointKind,
    NotChecked,
    Suspicion,
)
from skoop.model.disposition import Result, Verdict
from skoop.model.kube import Address, Inventory, Pod
from skoop.model.packet import Proto
from skoop.service.dns import Answer, AnswerKind, answer, cluster_dns, resolver_of
from skoop.service.dns.resolver import Source

_MOST_ALIASES = 8

Walk = Callable[[Address, int], Diagnosis]
"""A name server's address and a protocol -> whether the source reaches its port 53."""


class Connect(Protocol):
    """The connection to what the name resolves to."""

    def __call__(self, target: str) -> Diagnosis:
        """`target` is an endpoint's text without a port."""


def naming_of(cluster: Cluster, pod: Pod, name: str) -> Naming:
    """What a pod's resolver makes of a name."""
    domain = cluster.facts.cluster_domain.value
    known = cluster_dns(cluster.inventory)
    resolver = resolver_of(pod, known, domain)
    answers = []
    for each in resolver.tried(name):
        answers.append(_followed(cluster.inventory, each, domain))
        if answers[-1].exists:
            break
    return Naming(
        name=name, pod=pod, resolver=resolver, cluster=known, domain=domain, answers=tuple(answers)
    )


def _followed(inventory: Inventory, name: str, domain: str) -> Answer:
    """The answer behind aliases."""
    found = answer(inventory, name, domain)
    for _ in range(_MOST_ALIASES):
        if found.kind is not AnswerKind.ALIAS:
            return found
        behind = answer(inventory, found.alias, domain)
        if behind.kind is AnswerKind.OUTSIDE:
            return found
        found = behind
    return found


def diagnose_name(
    cluster: Cluster, source: Target, name: str, protocol: str, walk: Walk, connect: Connect
) -> Diagnosis:
    """The name, the way to its server by UDP and TCP, and the connection; the first that fails
    decides."""
    if source.pod is None:
        return _unasked(connect(name), f"which servers {source.endpoint} asks is not collected")
    naming = naming_of(cluster, source.pod, name)
    causes = naming_causes(cluster, naming)
    lookups, notes = _lookups(naming, walk)
    causes = (*_of_lookups(naming, lookups), *causes)
    failed = _why_failed(naming, lookups, causes)
    if failed:
        answer = _unresolved(source, naming, protocol, failed, causes)
        return replace(_with_way(answer, lookups), not_checked=notes)
    found = naming.found
    if found is None:
        about_outside = connect(name)
        return _merged(about_outside, causes, notes, (), lookups)
    if found.alias:
        text = f"{naming.name} is an alias of {found.alias}"
        return _merged(connect(found.alias), causes, notes, (text,), lookups)
    text = f"{naming.name} resolves to {', '.join(format_ip(*ip) for ip in found.ips)}"
    return _merged(connect(_endpoint_of(found)), causes, notes, (text,), lookups)


def _endpoint_of(found: Answer) -> str:
    """What to connect to: the Service where the name is one, else the first address."""
    service = found.service
    if found.kind in (AnswerKind.SERVICE, AnswerKind.HEADLESS) and service is not None:
        return f"svc/{service.namespace}/{service.name}"
    return format_ip(*found.ips[0])


def _lookups(naming: Naming, walk: Walk) -> tuple[tuple[Diagnosis, ...], tuple[NotChecked, ...]]:
    """The way to each name server, until one is reached by UDP; then by TCP too."""
    if naming.resolver.source is Source.NODE:
        why = f"/etc/resolv.conf of node {naming.pod.node} is not collected"
        return (), (NotChecked("name resolution", why),)
    if not naming.resolver.nameservers:
        why = "the cluster's DNS Service was not found among its objects"
        return (), (NotChecked("name resolution", why),)
    done: list[Diagnosis] = []
    for server in naming.resolver.nameservers:
        by_udp = walk(server, Proto.UDP)
        done.append(by_udp)
        if by_udp.verdict is not Verdict.UNREACHABLE:
            done.append(walk(server, Proto.TCP))
            break
    return tuple(done), ()


def _of_lookups(naming: Naming, lookups: tuple[Diagnosis, ...]) -> tuple[Suspicion, ...]:
    """What stops lookups. Where a server is reached all the same, that is a remark."""
    reached = any(each.verdict is not Verdict.UNREACHABLE for each in lookups)
    found: list[Suspicion] = []
    for each in lookups:
        if each.verdict in (Verdict.REACHABLE, Verdict.UNKNOWN):
            continue
        named = blocked_lookup(naming, each)
        blocking = [one for one in each.suspicions if one.blocking]
        told = [named, *blocking[1:]] if named else blocking
        found += [replace(one, blocking=one.blocking and not reached) for one in told]
    return tuple({(one.code, one.where): one for one in reversed(found)}.values())[::-1]


def _why_failed(
    naming: Naming, lookups: tuple[Diagnosis, ...], causes: tuple[Suspicion, ...]
) -> str:
    """Why the name gives no address, "" when it does or when that cannot be told."""
    if lookups and all(each.verdict is Verdict.UNREACHABLE for each in lookups):
        servers = ", ".join(dict.fromkeys(each.destination.ip for each in lookups))
        return f"its name server {servers} is not reached"
    found = naming.found
    if found is not None and found.kind is AnswerKind.NO_DATA:
        return f"{found.name} has no address: no endpoint of it is ready"
    certain = [one for one in causes if one.blocking and one.code.startswith("DNS")]
    if certain and (found is None or not lookups or certain[0].name != "dns-nxdomain"):
        return certain[0].message
    return ""


def _unresolved(
    source: Target, naming: Naming, protocol: str, why: str, causes: tuple[Suspicion, ...]
) -> Diagnosis:
    return Diagnosis(
        verdict=Verdict.UNREACHABLE,
        source=source.endpoint,
        destination=_meant(naming),
        protocol=protocol,
        summary=f"{source.endpoint} cannot resolve {naming.name}: {why}.",
        outcomes=(BranchOutcome(weight=1.0, result=Result.UNREACHABLE),),
        suspicions=tuple(sorted(causes, key=lambda one: not one.blocking)),
    )


def _meant(naming: Naming) -> Endpoint:
    """What would be connected to: the Service that has the name, else the bare name."""
    service = naming.found.service if naming.found else None
    if service is None:
        return Endpoint(kind=EndpointKind.EXTERNAL, name=naming.name)
    ip = format_ip(*service.cluster_ips[0]) if service.cluster_ips else ""
    return Endpoint(
        kind=EndpointKind.SERVICE, name=service.name, namespace=service.namespace, ip=ip
    )


def _with_way(answer: Diagnosis, lookups: tuple[Diagnosis, ...]) -> Diagnosis:
    """With the way of the lookup that got furthest down the list of servers, where none arrives:
    it is all that happens of this connection."""
    if not lookups or any(each.verdict is not Verdict.UNREACHABLE for each in lookups):
        return answer
    last = lookups[-1]
    asked = f"the lookup at {last.destination.ip} ({last.protocol} port 53)"
    return replace(
        answer,
        summary=f"{answer.summary} The path is that of {asked}.",
        path=last.path,
        traces=last.traces,
        outcomes=last.outcomes,
        assumptions=last.assumptions,
    )


def _merged(
    connection: Diagnosis,
    causes: tuple[Suspicion, ...],
    notes: tuple[NotChecked, ...],
    assumptions: tuple[str, ...],
    lookups: tuple[Diagnosis, ...],
) -> Diagnosis:
    """The connection's answer, with what is worth knowing about its name behind it."""
    remarks = tuple(replace(one, blocking=False) for one in causes)
    known = {(one.code, one.where) for one in connection.suspicions}
    unsure = tuple(
        NotChecked(f"{each.protocol} lookups at {each.destination.ip}", each.summary)
        for each in lookups
        if each.verdict is Verdict.UNKNOWN
    )
    return replace(
        connection,
        suspicions=(
            *connection.suspicions,
            *(one for one in remarks if (one.code, one.where) not in known),
        ),
        assumptions=(*assumptions, *connection.assumptions),
        not_checked=(*connection.not_checked, *notes, *unsure),
    )


def _unasked(connection: Diagnosis, why: str) -> Diagnosis:
    note = NotChecked("name resolution", why)
    return replace(connection, not_checked=(*connection.not_checked, note))
