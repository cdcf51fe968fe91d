"""The pods of a Deployment, StatefulSet, DaemonSet or Job."""

from __future__ import annotations

from skoop.model.kube import Inventory, LabelSelector, Owner, Pod, Workload


def pods_of(kind: str, namespace: str, name: str, inventory: Inventory) -> tuple[Pod, ...]:
    """A workload's pods, the best to ask about first: ready, not terminating, by name."""
    pods = [pod for pod in inventory.pods if pod.namespace == namespace]
    if kind == "Deployment":
        found = _of_deployment(name, pods, find_workload(kind, namespace, name, inventory))
    else:
        found = [pod for pod in pods if pod.owner == Owner(kind, name)]
    return tuple(sorted(found, key=_preference))


def find_workload(kind: str, namespace: str, name: str, inventory: Inventory) -> Workload | None:
    """The Deployment or DaemonSet object itself."""
    for each in (*inventory.deployments, *inventory.daemon_sets):
        if (each.kind, each.namespace, each.name) == (kind, namespace, name):
            return each
    return None


def _of_deployment(name: str, pods: list[Pod], deployment: Workload | None) -> list[Pod]:
    """ReplicaSets are not collected: the Deployment's are named after it and a hash, and their pods
    match its selector."""
    owned = [pod for pod in pods if pod.owner.kind == "ReplicaSet"]
    named = [pod for pod in owned if pod.owner.name.rpartition("-")[0] == name]
    if deployment is None or deployment.selector == LabelSelector():
        return named
    selected = [pod for pod in named if deployment.selector.matches(pod.labels)]
    return selected or [pod for pod in owned if deployment.selector.matches(pod.labels)]


def _preference(pod: Pod) -> tuple[bool, bool, bool, str]:
    return pod.finished, not pod.ready, pod.terminating, pod.name
