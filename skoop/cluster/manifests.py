"""Kubernetes objects as people keep them in files, to the List documents an inventory is read from.

Any `kubectl`-style YAML or JSON: single objects, Lists, several documents in a file, anything else
among them. A workload without pods becomes one pod of its template, so that policies can be judged
before anything runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from skoop.errors import InputError, ParseError

_MAX_BYTES = 256 * 2**20
_ENDINGS = (".yaml", ".yml", ".json")
_CALICO = "projectcalico.org"
_RESOURCES = {
    "Pod": "pods",
    "Node": "nodes",
    "Service": "services",
    "Endpoints": "endpoints",
    "EndpointSlice": "endpointslices",
    "Namespace": "namespaces",
    "NetworkPolicy": "networkpolicies",
    "ConfigMap": "configmaps",
    "DaemonSet": "daemonsets",
    "Deployment": "deployments",
    "ServiceCIDR": "servicecidrs",
    "ServiceAccount": "serviceaccounts",
    "AdminNetworkPolicy": "adminnetworkpolicies",
    "BaselineAdminNetworkPolicy": "baselineadminnetworkpolicies",
    "ClusterNetworkPolicy": "clusternetworkpolicies",
}
_CALICO_RESOURCES = {
    "NetworkPolicy": "networkpolicies",
    "GlobalNetworkPolicy": "globalnetworkpolicies",
    "NetworkSet": "networksets",
    "GlobalNetworkSet": "globalnetworksets",
    "HostEndpoint": "hostendpoints",
    "Tier": "tiers",
    "Profile": "profiles",
}
_MAX_REPLICAS = 10
"""Pods that are made of one StatefulSet at most; all of them have the same labels."""
_TEMPLATES = (
    "Deployment",
    "DaemonSet",
    "StatefulSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
)

_CRON_JOB = ("spec", "jobTemplate", "spec", "template")

Object = Mapping[str, Any]


def read_objects(path: Path) -> tuple[Object, ...]:
    """Every object of a file, or of all files of a folder and below it. Raises InputError, or
    ParseError with file and line."""
    try:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        wanted = [each for each in files if each == path or _is_manifest(each)]
        texts = [(each, _text(each)) for each in wanted]
    except OSError as error:
        raise InputError(f"Cannot read {error.filename or path}: {error.strerror}.") from error
    return tuple(each for file, text in texts for each in parse_objects(text, str(file)))


def _is_manifest(file: Path) -> bool:
    return file.suffix in _ENDINGS and file.is_file()


def _text(file: Path) -> str:
    if file.stat().st_size > _MAX_BYTES:
        raise InputError(f"{file} is larger than {_MAX_BYTES >> 20} MiB.")
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ParseError(str(file), 0, "not UTF-8 text") from error


def parse_objects(text: str, source: str) -> tuple[Object, ...]:
    """The Kubernetes objects of a text, Lists taken apart. Raises ParseError."""
    return tuple(each for document in _documents(text, source) for each in _flat(document, source))


def _documents(text: str, source: str) -> Iterator[Any]:
    if text.lstrip()[:1] in ("{", "["):
        try:
            yield msgspec.json.decode(text)
        except msgspec.MsgspecError:
            pass  # YAML may begin like JSON; its parser says what is wrong with it.
        else:
            return
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        yield from yaml.load_all(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = str(getattr(error, "problem", None) or error).splitlines()[0]
        raise ParseError(source, mark.line + 1 if mark else 0, f"not YAML: {problem}") from error
    except (ValueError, RecursionError) as error:
        raise ParseError(source, 0, f"not YAML: {error}") from error


def _flat(document: object, source: str) -> Iterator[Object]:
    if document is None:
        return
    if isinstance(document, list):
        for each in document:
            yield from _flat(each, source)
        return
    if not isinstance(document, dict):
        raise ParseError(source, 0, "a document is not an object", str(document))
    items = document.get("items")
    kind = document.get("kind")
    if isinstance(items, list) and (kind is None or str(kind).endswith("List")):
        inherited = {"kind": str(kind)[:-4], "apiVersion": document.get("apiVersion", "")}
        for each in items:
            if isinstance(each, dict):
                bare = "kind" not in each and kind not in (None, "List")
                yield {**inherited, **each} if bare else each
        return
    yield document


def list_documents(objects: Iterable[Object]) -> dict[str, bytes]:
    """List documents by resource, as `skoop.cluster.inventory.from_documents` takes them.

    Lists of which there is no object are empty rather than missing: a folder of manifests is taken
    for all there is. Nodes and endpoints are the exception, since nobody writes these down.
    """
    lists: dict[str, list[Object]] = {
        each: [] for each in _RESOURCES.values() if each not in ("endpoints", "endpointslices")
    }
    several = tuple(objects)
    for each in several:
        resource = resource_of(each)
        if resource:
            lists.setdefault(resource, []).append(each)
    lists["pods"] += _template_pods(several, lists["pods"])
    return {
        resource: msgspec.json.encode({"kind": "List", "items": _last_of_each(items)}, enc_hook=str)
        for resource, items in lists.items()
    }


def resource_of(each: Object) -> str:
    """The list an object belongs to, "" for a kind that skoop does not read."""
    kind, group = str(each.get("kind", "")), str(each.get("apiVersion", "")).partition("/")[0]
    if group.endswith(_CALICO):
        plural = _CALICO_RESOURCES.get(kind, "")
        return f"{plural}.crd.{_CALICO}" if plural else ""
    return _RESOURCES.get(kind, "")


def _last_of_each(items: Iterable[Object]) -> list[Object]:
    """Each object once, as the last text about it says."""
    return list({_name(each): each for each in items}.values())


def _name(each: Object) -> tuple[str, str]:
    metadata = _part(each, "metadata")
    return str(metadata.get("namespace") or "default"), str(metadata.get("name"))


def _part(each: object, *path: str) -> Mapping[str, Any]:
    for key in path:
        each = each.get(key) if isinstance(each, dict) else None
    return each if isinstance(each, dict) else {}


def _template_pods(objects: Iterable[Object], pods: Iterable[Object]) -> list[Object]:
    """A pod for each workload, where no pod of its namespace carries its template's labels."""
    existing = [(_name(pod)[0], _part(pod, "metadata", "labels")) for pod in pods]
    found: list[Object] = []
    for each in objects:
        kind = each.get("kind")
        if kind not in _TEMPLATES:
            continue
        path = _CRON_JOB if kind == "CronJob" else ("spec", "template")
        template = _part(each, *path)
        namespace, name = _name(each)
        labels = _part(template, "metadata", "labels")
        running = any(
            space == namespace and labels.items() <= theirs.items() for space, theirs in existing
        )
        if template and labels and not running:
            owner = {"kind": kind, "name": name, "controller": True}
            if kind == "Deployment":
                owner |= {"kind": "ReplicaSet", "name": f"{name}-0"}
            metadata = {"namespace": namespace, "labels": labels, "ownerReferences": [owner]}
            found += [
                {"metadata": {"name": pod, **metadata}, "spec": _part(template, "spec")}
                for pod in _pod_names(each, name)
            ]
    return found


def _pod_names(workload: Object, name: str) -> list[str]:
    """The workload's own name for a pod whose name nobody can know; a StatefulSet numbers its."""
    if workload.get("kind") != "StatefulSet":
        return [name]
    replicas = _part(workload, "spec").get("replicas")
    count = replicas if isinstance(replicas, int) else 1
    return [f"{name}-{index}" for index in range(max(0, min(count, _MAX_REPLICAS)))]
