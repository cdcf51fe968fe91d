"""What the shell offers after a Tab: contexts, demos, and what the cluster or snapshot asked has of
namespaces and endpoints.

Quick, remembered for half a minute, and silent: whatever goes wrong, nothing is offered.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

_FRESH = 30.0
"""Seconds for which names are remembered."""
_MOST = 500
_KINDS = {"pod": "pods", "svc": "services", "node": "nodes", "deploy": "deployments"}

Names = list[tuple[str, str]]


def complete_context(ctx: typer.Context, incomplete: str) -> list[str]:
    """The contexts of the kubeconfig."""

    def offer() -> Iterable[str]:
        from skoop.cluster.api.connect import contexts

        return contexts(_given(ctx, "kubeconfig"))

    return _offered(offer, incomplete)


def complete_demo(incomplete: str) -> list[str]:
    """The demos."""

    def offer() -> Iterable[str]:
        from skoop.demo import demos

        return (each.name for each in demos())

    return _offered(offer, incomplete)


def complete_namespace(ctx: typer.Context, incomplete: str) -> list[str]:
    """The cluster's namespaces."""
    return _offered(lambda: _namespaces(ctx), incomplete)


def complete_endpoint(ctx: typer.Context, incomplete: str) -> list[str]:
    """pod/NS/NAME, NS/NAME, svc/NS/NAME, deploy/NS/NAME, node/NAME, part by part."""
    return _offered(lambda: _endpoints(ctx, incomplete), incomplete)


def _offered(offer: Callable[[], Iterable[str]], incomplete: str) -> list[str]:
    try:
        return [each for each in offer() if each.startswith(incomplete)][:_MOST]
    except Exception:  # noqa: BLE001 - a shell that completes is no place for errors
        return []


def _endpoints(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    kind, slash, rest = incomplete.partition("/")
    if not slash:
        yield from (f"{each}/" for each in _KINDS)
        yield "internet"
        yield from (f"{each}/" for each in _namespaces(ctx))
    elif kind == "node":
        yield from (f"node/{name}" for _, name in _names(ctx, "nodes", ""))
    elif kind in _KINDS and "/" not in rest:
        yield from (f"{kind}/{each}/" for each in _namespaces(ctx))
    else:
        beginning = f"{kind}/" if kind in _KINDS else ""
        namespace = rest.partition("/")[0] if kind in _KINDS else kind
        for _, name in _names(ctx, _KINDS.get(kind, "pods"), namespace):
            yield f"{beginning}{namespace}/{name}"


def _namespaces(ctx: typer.Context) -> list[str]:
    return [name for _, name in _names(ctx, "namespaces", "")]


def _names(ctx: typer.Context, plural: str, namespace: str) -> Names:
    """Names of a list: recorded ones, or the cluster's."""
    if snapshot := _given(ctx, "snapshot"):
        return _recorded(Path(snapshot), plural, namespace)
    if demo := _given(ctx, "demo"):
        from skoop.demo import find_demo

        with find_demo(demo).path() as path:
            return _recorded(path, plural, namespace)
    return _asked(ctx, plural, namespace)


def _recorded(path: Path, plural: str, namespace: str) -> Names:
    from skoop.snapshot import load

    cluster = load(path).cluster
    if plural == "namespaces" and plural not in cluster:
        return [("", each) for each in sorted({space for space, _ in _recorded(path, "pods", "")})]
    known = [each["metadata"] for each in json.loads(cluster[plural])["items"]]
    found = [(each.get("namespace", ""), each["name"]) for each in known]
    return [each for each in found if not namespace or each[0] == namespace]


def _asked(ctx: typer.Context, plural: str, namespace: str) -> Names:
    """Names of a running cluster, remembered or asked for with little patience."""
    kubeconfig, context = _given(ctx, "kubeconfig"), _given(ctx, "context")
    file = _cache(kubeconfig, context, plural, namespace)
    if file.exists() and time.time() - file.stat().st_mtime < _FRESH:
        return [(each[0], each[1]) for each in json.loads(file.read_text(encoding="utf-8"))]
    from skoop.cluster.api import At, Patience, Resource, connect

    patience = Patience(connect=1.0, read=2.0, attempts=1)
    client = connect(kubeconfig, context, patience)
    group = "apps" if plural == "deployments" else ""
    found = list(client.names(At(Resource(plural, group), namespace)))
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = file.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(found), encoding="utf-8")
    partial.replace(file)
    return found


def _cache(*key: str) -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    source = json.dumps([*key, os.environ.get("KUBECONFIG", ""), os.environ.get("HOME", "")])
    return Path(home) / "skoop" / "names" / hashlib.sha256(source.encode()).hexdigest()[:24]


def _given(ctx: typer.Context, name: str) -> str:
    value: Any = ctx.params.get(name)
    return value if isinstance(value, str) else ""
