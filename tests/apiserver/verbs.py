"""What each verb does."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tests.apiserver.selectors import fields_match, labels_match
from tests.apiserver.store import Change, Key, Object

if TYPE_CHECKING:
    from tests.apiserver.server import Request

_WATCH = 30.0
"""Seconds, where the client does not say."""
_TOO_OLD = "The provided continue parameter is too old to display a consistent list result."


def get(request: Request) -> None:
    assert request.kind
    found = request.server.store.get(request.kind.plural, request.namespace, request.name)
    if found is None:
        _not_found(request)
    else:
        request.send_json(_typed(request, found))


def list_(request: Request) -> None:
    kind, store = request.kind, request.server.store
    assert kind
    cached = request.get("resourceVersion") == "0" and request.server.watch_cache
    limit = 0 if cached else int(request.get("limit") or 0)
    version, after = store.version, None
    if request.get("continue"):
        try:
            version, after = _unpacked(request.get("continue"))
        except ValueError:
            request.refuse(400, "invalid continue token: continue key is not valid")
            return
        if version < store.compacted:
            request.refuse(410, _TOO_OLD)
            return
    found = [
        (key, stored)
        for key, stored in store.all(kind.plural)
        if (after is None or key > after) and _selected(request, stored.content)
    ]
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if limit and len(found) > limit:
        metadata["continue"] = _packed(version, found[limit - 1][0])
        if not request.get("labelSelector") and not request.get("fieldSelector"):
            metadata["remainingItemCount"] = len(found) - limit
        found = found[:limit]
    head = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": metadata}
    opening = json.dumps(head, separators=(",", ":"))[:-1].encode()
    request.send(opening + b',"items":[' + b",".join(each.raw for _, each in found) + b"]}\n")


def watch(request: Request) -> None:
    kind, store = request.kind, request.server.store
    assert kind
    version = int(request.get("resourceVersion") or 0)
    until = time.monotonic() + float(request.get("timeoutSeconds") or _WATCH)
    request.stream(_lines(request, kind.plural, version or store.version, until, whole=not version))


def _lines(
    request: Request, plural: str, version: int, until: float, *, whole: bool
) -> Iterator[bytes]:
    store = request.server.store
    sent = 0
    limit = request.fault.events if request.fault and request.fault.kind == "close" else None
    if whole:
        for _, stored in store.all(plural):
            if _selected(request, stored.content):
                yield _line("ADDED", _typed(request, stored.content))
    if version < store.compacted:
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "reason": "Expired",
            "code": 410,
        }
        yield _line("ERROR", {**status, "message": f"too old resource version: {version}"})
        return
    while time.monotonic() < until and not request.server.stopping:
        # In slices, so that a stopping server is noticed.
        for change in store.changes(plural, version, min(until, time.monotonic() + 0.5)):
            if sent == limit:
                return
            version = change.version
            event = _as_seen(request, change)
            if event:
                sent += 1
                yield _line(event, _typed(request, change.content))
        if sent == limit:
            return
    if request.get("allowWatchBookmarks"):
        yield _line("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})


def _as_seen(request: Request, change: Change) -> str:
    """What the change is to someone who sees only what is selected."""
    now = change.event != "DELETED" and _selected(request, change.content)
    then = change.before is not None and _selected(request, change.before)
    if now:
        return "MODIFIED" if then else "ADDED"
    return "DELETED" if then else ""


def create(request: Request) -> None:
    kind = request.kind
    assert kind
    content: Object = json.loads(request.body)
    if kind.namespaced:
        content.setdefault("metadata", {})["namespace"] = request.namespace
    made = request.server.store.create(kind.plural, content)
    if made is None:
        name = content["metadata"]["name"]
        request.refuse(409, f'{kind.plural} "{name}" already exists')
    else:
        request.send_json(_typed(request, made), status=201)


def update(request: Request) -> None:
    _change(request, lambda _: json.loads(request.body))


def patch(request: Request) -> None:
    """Merge patch; apply creates what is not there."""
    content: Object = json.loads(request.body)
    kind, store = request.kind, request.server.store
    assert kind
    applies = "apply-patch" in request.headers.get("Content-Type", "")
    if applies and store.get(kind.plural, request.namespace, request.name) is None:
        request.send_json(store.create(kind.plural, content), status=201)
        return
    _change(request, lambda before: _merged(before, content))


def delete(request: Request) -> None:
    kind = request.kind
    assert kind
    gone = request.server.store.delete(kind.plural, request.namespace, request.name)
    if gone is None:
        _not_found(request)
    else:
        request.send_json(_typed(request, gone))


def delete_collection(request: Request) -> None:
    kind, store = request.kind, request.server.store
    assert kind
    for (namespace, name), stored in store.all(kind.plural):
        if _selected(request, stored.content):
            store.delete(kind.plural, namespace, name)
    request.send_json({"kind": "Status", "status": "Success"})


def log(request: Request) -> None:
    """pods/log, from `ApiServer.logs`."""
    text = request.server.logs.get((request.namespace, request.name))
    if text is None:
        _not_found(request)
    else:
        request.send(text, content_type="text/plain")


VERBS: dict[str, Callable[[Request], None]] = {
    "get": get,
    "list": list_,
    "watch": watch,
    "create": create,
    "update": update,
    "patch": patch,
    "delete": delete,
    "deletecollection": delete_collection,
}


def _typed(request: Request, content: Object) -> Object:
    assert request.kind
    return {**content, "kind": request.kind.kind, "apiVersion": request.kind.api_version}


def _change(request: Request, change: Callable[[Object], Object]) -> None:
    kind = request.kind
    assert kind
    made = request.server.store.update(kind.plural, request.namespace, request.name, change)
    if made is None:
        _not_found(request)
    else:
        request.send_json(_typed(request, made))


def _selected(request: Request, content: Object) -> bool:
    metadata = content["metadata"]
    if request.namespace and metadata.get("namespace", "") != request.namespace:
        return False
    labels, fields = request.get("labelSelector"), request.get("fieldSelector")
    if labels and not labels_match(labels, metadata.get("labels") or {}):
        return False
    return not fields or fields_match(fields, content)


def _merged(before: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(before) if isinstance(before, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged


def _not_found(request: Request) -> None:
    assert request.kind
    request.refuse(404, f'{request.kind.plural} "{request.name}" not found')


def _packed(version: int, key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps([version, *key]).encode()).decode()


def _unpacked(token: str) -> tuple[int, Key]:
    version, namespace, name = json.loads(base64.urlsafe_b64decode(token))
    return version, (namespace, name)


def _line(event: str, content: Object) -> bytes:
    return json.dumps({"type": event, "object": content}, separators=(",", ":")).encode() + b"\n"
