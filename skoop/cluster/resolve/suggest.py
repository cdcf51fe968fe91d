"""Did you mean ...?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from itertools import islice

from skoop.cluster.resolve.syntax import KINDS
from skoop.errors import EndpointError
from skoop.model.kube import Inventory, Owner

_SHOWN = 5
# Comparing is 20 us a name: beyond this many a typo would cost seconds.
_COMPARED = 5000

_LISTS = {
    "pod": "pods",
    "service": "services",
    "node": "nodes",
    "Deployment": "deployments",
    "DaemonSet": "daemonsets",
}


def unknown(kind: str, namespace: str, name: str, inventory: Inventory) -> EndpointError:
    """The error for a name that is not there, with what may have been meant."""
    candidates = _candidates(kind, namespace, name, inventory)
    where = f" in namespace {namespace}" if namespace else ""
    message = f"there is no {kind.lower()} {name[:100]!r}{where}"
    if namespace and inventory.namespaces and inventory.namespace(namespace) is None:
        message = f"there is no namespace {namespace[:100]!r}"
    missing = _LISTS.get(kind, "pods")
    if inventory.is_absent(missing):
        message += f" (the list of {missing} was not collected)"
    return with_candidates(message, candidates)


def with_candidates(message: str, candidates: tuple[str, ...]) -> EndpointError:
    """An EndpointError that also says its candidates."""
    if candidates:
        message += "; did you mean " + " or ".join(candidates) + "?"
    return EndpointError(message, candidates)


def _candidates(
    kind: str, namespace: str, name: str, inventory: Inventory
) -> tuple[str, ...]:  # fmt: skip
    """Same name as another kind, then longer names, then similar ones; those of the namespace
    first."""
    near = [each for each in _known(inventory) if each[1] == namespace or not namespace]
    everywhere = list(_known(inventory))
    same = (each for each in everywhere if each[2] == name)
    longer = (each for each in near if each[0] == kind and name and name in each[2])
    similar = _similar(name, [each for each in near if each[0] == kind])
    far = _similar(name, [each for each in everywhere if each[0] == kind])
    texts = (_text(*each) for group in (same, longer, similar, far) for each in group)
    found = tuple(islice(dict.fromkeys(texts), _SHOWN))
    rest = [_text(*each) for each in near if each[0] == kind]
    return found or (tuple(rest) if len(rest) <= _SHOWN else ())


def _similar(
    name: str, known: list[tuple[str, str, str]]
) -> Iterator[tuple[str, str, str]]:  # fmt: skip
    names = list(dict.fromkeys(each[2] for each in known[:_COMPARED]))
    for match in get_close_matches(name, names, n=_SHOWN):
        yield next(each for each in known if each[2] == match)


def _known(inventory: Inventory) -> Iterator[tuple[str, str, str]]:
    """(kind, namespace, name) of everything that can be an endpoint."""
    for node in inventory.nodes:
        yield "node", "", node.name
    for service in inventory.services:
        yield "service", service.namespace, service.name
    for each in (*inventory.deployments, *inventory.daemon_sets):
        yield each.kind, each.namespace, each.name
    yield from _owners((pod.namespace, pod.owner) for pod in inventory.pods)
    for pod in inventory.pods:
        yield "pod", pod.namespace, pod.name


def _owners(owners: Iterable[tuple[str, Owner]]) -> Iterator[tuple[str, str, str]]:
    seen = {
        (owner.kind, namespace, owner.name)
        for namespace, owner in owners
        if owner.kind in ("StatefulSet", "Job")
    }
    yield from sorted(seen)


def _text(kind: str, namespace: str, name: str) -> str:
    return "/".join(part for part in (KINDS[kind][0], namespace, name) if part)
