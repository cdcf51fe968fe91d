"""What the API says of the two ends themselves: a pod that does not run, a node out of sight."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from skoop.cluster.resolve import Ends, Target
from skoop.diagnose.cluster import Cluster
from skoop.findings.base import Finding
from skoop.findings.node import NodeNotReady
from skoop.findings.pod import (
    ContainerNotReady,
    PodCrashLooping,
    PodNoIp,
    PodNotRunning,
    PodTerminating,
    ReadinessGateFalse,
)
from skoop.model.diagnosis import Suspicion, Where
from skoop.model.disposition import Direction
from skoop.model.kube import Condition, Node, Pod
from skoop.model.trace import Evidence

_CRASHING = "CrashLoopBackOff"


def of_ends(cluster: Cluster, ends: Ends) -> tuple[Suspicion, ...]:
    """What is wrong with the pods asked about, and with their nodes where nothing was collected;
    the worst of each pod first."""
    found: list[Suspicion] = []
    for target in (ends.source, ends.destination):
        if target.pod is not None:
            found += _pod(target.pod)
    return (*found, *unseen_nodes(cluster, _nodes(ends)))


def unseen_nodes(cluster: Cluster, names: Iterable[str]) -> tuple[Suspicion, ...]:
    """What the API says is wrong with nodes that were not collected: nothing else is known."""
    found: list[Suspicion] = []
    for name in dict.fromkeys(names):
        node = cluster.inventory.node(name)
        if node is not None and name not in cluster.machines:
            found += _not_ready(node)
            expected = (each.suspicion for each in cluster.expected.on(name))
            found += (each for each in expected if each.name != NodeNotReady.name)
    return tuple(found)


def _nodes(ends: Ends) -> Iterator[str]:
    for target in (ends.source, ends.destination):
        yield from _node_of(target)


def _node_of(target: Target) -> Iterator[str]:
    if target.pod is not None:
        yield target.pod.node
    if target.node is not None:
        yield target.node.name


def _not_ready(node: Node) -> Iterator[Suspicion]:
    for each in node.conditions:
        if each.type == "Ready" and each.status != "True":
            where = Where("node", node.name)
            message = f"node {node.name} is not Ready, and nothing could be collected there"
            yield _suspect(NodeNotReady, where, message, _condition("node", node.name, each))


def _pod(pod: Pod) -> Iterator[Suspicion]:
    name = f"{pod.namespace}/{pod.name}"
    where = Where("pod", name)
    state = Evidence(f"status of pod {name}", f"phase {pod.phase or '?'} {pod.reason}".rstrip())
    if pod.phase not in ("Running", ""):
        yield _suspect(PodNotRunning, where, f"pod {name} is in phase {pod.phase}", state)
    elif not pod.ips:
        yield _suspect(PodNoIp, where, f"pod {name} has no address", state)
    else:
        yield from _containers(pod, name, where)
    if pod.terminating:
        since = Evidence(f"metadata of pod {name}", f"deletionTimestamp {pod.deletion_timestamp}")
        yield _suspect(PodTerminating, where, f"pod {name} is being deleted", since)


def _containers(pod: Pod, name: str, where: Where) -> Iterator[Suspicion]:
    crashing = [each for each in pod.containers if each.waiting == _CRASHING]
    for container in crashing:
        text = f"{container.name}: {container.waiting}, {container.restarts} restarts"
        evidence = Evidence(f"containers of pod {name}", text)
        message = f"container {container.name} of pod {name} keeps crashing"
        yield _suspect(PodCrashLooping, where, message, evidence)
    false = [each for each in pod.conditions if each.status != "True"]
    unready = [each for each in false if each.type == "ContainersReady"]
    if unready and not crashing:
        names = ", ".join(each.name for each in pod.containers if not each.ready)
        message = f"pod {name} is not ready (container {names})"
        yield _suspect(ContainerNotReady, where, message, _condition("pod", name, unready[0]))
    for each in () if unready else false:
        if each.type in pod.readiness_gates:
            message = f"readiness gate {each.type} of pod {name} is not passed"
            yield _suspect(ReadinessGateFalse, where, message, _condition("pod", name, each))


def _condition(kind: str, name: str, condition: Condition) -> Evidence:
    text = f"{condition.type}={condition.status} {condition.reason} {condition.message}"
    return Evidence(f"condition of {kind} {name}", text.rstrip())


def _suspect(finding: type[Finding], where: Where, message: str, evidence: Evidence) -> Suspicion:
    return finding.suspect(
        where=where, direction=Direction.FORWARD, message=message, evidence=(evidence,)
    )
