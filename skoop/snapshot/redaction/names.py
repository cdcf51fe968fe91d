"""Names of Kubernetes objects replaced by numbered ones.

One table for all kinds, so that a label that equals a Service's name still does. Namespaces and
objects that Kubernetes brings along keep their names: they say how the cluster works, not whose it
is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

SYSTEM = frozenset(("default", "kube-system", "kube-public", "kube-node-lease", "kube-flannel"))
_KEPT = SYSTEM | {"kubernetes"}
# Where a string names an object: under these keys, or as a value of these maps.
_NAME_KEYS = frozenset(
    (
        "namespace",
        "node",
        "nodeName",
        "serviceName",
        "serviceAccountName",
        "hostname",
        "subdomain",
    )
)
_NAMED = frozenset(
    (
        "metadata",
        "targetRef",
        "ownerReferences",
        "scaleTargetRef",
        "claimRef",
        "forNodes",
        "services",
    )
)
_VALUE_MAPS = frozenset(("labels", "matchLabels", "selector", "nodeSelector", "values"))
_NAME_LISTS = frozenset(("serviceAccounts",))
# Calico's selectors are texts, with values in quotes.
_SELECTORS = frozenset(
    ("selector", "notSelector", "namespaceSelector", "serviceAccountSelector", "nodeSelector")
)
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'")
# May hold anything, and decides nothing about packets.
_DROPPED = frozenset(
    ("managedFields", "env", "envFrom", "volumes", "volumeMounts", "volumeDevices", "lifecycle")
)
_DROPPED_OUTSIDE_SYSTEM = frozenset(("args", "command", "image", "imageID", "workingDir"))
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class NameMap:
    """Old names to new ones; a name not in it stays."""

    def __init__(self, names: Mapping[str, str], chains: Mapping[str, str]) -> None:
        self.names, self.chains = names, chains
        self._compound = re.compile(
            r"(?<![A-Za-z0-9_.])([a-z0-9][a-z0-9.-]*)/([a-z0-9][a-z0-9.-]*)"
        )
        self._chain = re.compile(r"(?<=KUBE-[A-Z]{3}-)[A-Z2-7]{16}|(?<=KUBE-FW-)[A-Z2-7]{16}")

    def one(self, name: str) -> str:
        """A name's replacement."""
        return self.names.get(name, name)

    def in_rules(self, text: str) -> str:
        """ "namespace/name" in comments and names of rules, and kube-proxy's chains, which are
        named after a digest of it."""
        replaced = self._compound.sub(self._pair, text)
        return self._chain.sub(lambda match: self.chains.get(match[0], match[0]), replaced)

    def _pair(self, match: re.Match[str]) -> str:
        """nft's names put a digest before it: "service-2QRHZV4L-shop/web/tcp/http"."""
        left, right = match[1], match[2]
        return f"{self.one(left)}/{self.one(right)}"


def objects(lists: Mapping[str, object]) -> Iterable[tuple[str, dict[str, object]]]:
    """Every object of the decoded Lists, with its resource."""
    for resource, content in sorted(lists.items(), key=lambda pair: (_order(pair[0]), pair[0])):
        items = content.get("items") if isinstance(content, dict) else None
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict):
                yield resource, item


def _order(resource: str) -> int:
    """What names are made for comes before what is named after it."""
    first = ("namespaces", "nodes", "services", "deployments", "statefulsets", "daemonsets", "pods")
    return first.index(resource) if resource in first else len(first)


def new_names(lists: Mapping[str, object], others: Iterable[str]) -> dict[str, str]:
    """A table for the names of all objects outside the system namespaces, of the nodes, and of
    `others` (nodes and pods that were collected but are not in the lists)."""
    found: dict[str, str] = {}
    for resource, item in objects(lists):
        namespace, name = _identity(item)
        if resource == "namespaces":
            found.setdefault(name, "namespace")
        elif resource == "nodes":
            found.setdefault(name, "node")
        elif namespace and namespace not in SYSTEM:
            found.setdefault(name, resource.partition(".")[0].removesuffix("s"))
            for owner in _owners(item):
                found.setdefault(owner, "owner")
    for name in sorted(others):
        found.setdefault(name, "name")
    nodes = [name for name, kind in found.items() if kind == "node"]
    for _, item in objects(lists):
        # Static pods are named after their node.
        name = _identity(item)[1]
        if name not in found and any(name.endswith(f"-{node}") for node in nodes):
            found[name] = "static"
    kept = {name for name in found if name in _KEPT or not name}
    taken = sorted(set(found) - kept)
    return {name: f"{found[name]}-{number}" for number, name in enumerate(taken, 1)}


def _identity(item: Mapping[str, object]) -> tuple[str, str]:
    metadata = item.get("metadata")
    if not isinstance(metadata, dict):
        return "", ""
    namespace, name = metadata.get("namespace", ""), metadata.get("name", "")
    return str(namespace), str(name)


def _owners(item: Mapping[str, object]) -> Iterable[str]:
    """Objects named as owners need not be in the lists (ReplicaSets are not collected)."""
    metadata = item.get("metadata")
    owners = metadata.get("ownerReferences") if isinstance(metadata, dict) else None
    for owner in owners if isinstance(owners, list) else ():
        if isinstance(owner, dict) and owner.get("kind") != "Node":
            yield str(owner.get("name", ""))


def renamed(
    value: object, names: NameMap, *, system: bool, key: str = "", parent: str = ""
) -> object:
    """A decoded JSON value with its names replaced and what decides nothing left out."""
    if isinstance(value, dict):
        return {
            k: renamed(v, names, system=system, key=k, parent=key or parent)
            for k, v in value.items()
            if key in _VALUE_MAPS or not _is_dropped(k, system=system)
        }
    if isinstance(value, list):
        return [renamed(v, names, system=system, key=key, parent=parent) for v in value]
    if not isinstance(value, str):
        return value
    if key in _SELECTORS and parent not in _VALUE_MAPS:
        return _QUOTED.sub(lambda match: _requoted(match, names), value)
    if key == "names" and parent in _NAME_LISTS:
        return names.one(value)
    named = key in _NAME_KEYS or (key == "name" and parent in _NAMED)
    # A Node's address of type Hostname is its name; other addresses are no names.
    if named or parent in _VALUE_MAPS or key in ("values", "address"):
        return names.one(value)
    if key in ("generateName", "message"):
        return ""
    return value


def _is_dropped(key: str, *, system: bool) -> bool:
    """Whether a field is left out. In a map of labels these words are anybody's keys."""
    outside = not system and key in _DROPPED_OUTSIDE_SYSTEM
    return key in _DROPPED or outside or key == _LAST_APPLIED


def _requoted(match: re.Match[str], names: NameMap) -> str:
    quote = match[0][0]
    return f"{quote}{names.one(match[0][1:-1])}{quote}"
