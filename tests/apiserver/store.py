"""Objects, their versions, and what happened to them."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

Object = dict[str, Any]
Observer = Callable[[str, str, Object], None]
Key = tuple[str, str]


class Stored:
    """One object, and its bytes in a list, where objects do not repeat what the list says."""

    def __init__(self, content: Object) -> None:
        self.content = content

    @property
    def raw(self) -> bytes:
        shown = {k: v for k, v in self.content.items() if k not in ("kind", "apiVersion")}
        return json.dumps(shown, separators=(",", ":")).encode()


class Change(NamedTuple):
    version: int
    event: str
    plural: str
    content: Object
    before: Object | None


class Store:
    """Versioned objects by plural and (namespace, name). For many threads."""

    def __init__(self) -> None:
        self.observers: list[Observer] = []
        self.version = 100
        self.compacted = 0
        self._objects: dict[str, dict[Key, Stored]] = defaultdict(dict)
        self._changes: list[Change] = []
        self._changed = threading.Condition()

    def put(self, plural: str, stored: Stored) -> None:
        """Something that was always there: no event."""
        with self._changed:
            self._objects[plural][_key(stored.content)] = stored

    def all(self, plural: str) -> list[tuple[Key, Stored]]:
        """In the order of etcd's keys."""
        with self._changed:
            return sorted(self._objects[plural].items(), key=lambda item: item[0])

    def get(self, plural: str, namespace: str, name: str) -> Object | None:
        with self._changed:
            found = self._objects[plural].get((namespace, name))
        return found.content if found else None

    def create(self, plural: str, content: Object) -> Object | None:
        """None when it is there already."""
        metadata = content.setdefault("metadata", {})
        if not metadata.get("name"):
            metadata["name"] = f"{metadata.get('generateName', 'x')}{uuid.uuid4().hex[:5]}"
        metadata.setdefault("uid", str(uuid.uuid4()))
        metadata.setdefault("creationTimestamp", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        with self._changed:
            if _key(content) in self._objects[plural]:
                return None
            self._record("ADDED", plural, content, None)
        self._tell("ADDED", plural, content)
        return content

    def update(
        self, plural: str, namespace: str, name: str, change: Callable[[Object], Object]
    ) -> Object | None:
        """Replace an object by what `change` makes of a copy of it; None when it is not there."""
        with self._changed:
            found = self._objects[plural].get((namespace, name))
            if found is None:
                return None
            before = found.content
            content = change(json.loads(json.dumps(before)))
            if content == before:
                return before
            self._record("MODIFIED", plural, content, before)
        self._tell("MODIFIED", plural, content)
        return content

    def delete(self, plural: str, namespace: str, name: str) -> Object | None:
        with self._changed:
            found = self._objects[plural].pop((namespace, name), None)
            if found is None:
                return None
            self._record("DELETED", plural, found.content, found.content)
        self._tell("DELETED", plural, found.content)
        return found.content

    def compact(self) -> None:
        """Forget every change so far: older versions and continue tokens are too old."""
        with self._changed:
            self.version += 1
            self.compacted = self.version
            self._changes.clear()
            self._changed.notify_all()

    def changes(self, plural: str, after: int, until: float) -> Iterator[Change]:
        """Every change of a resource after a version, waiting for more until a time
        (time.monotonic())."""
        while True:
            with self._changed:
                found = [
                    each for each in self._changes if each.version > after and each.plural == plural
                ]
                if not found:
                    left = until - time.monotonic()
                    if left <= 0:
                        return
                    self._changed.wait(min(left, 0.5))
                    continue
            for each in found:
                yield each
                after = each.version

    def _record(self, event: str, plural: str, content: Object, before: Object | None) -> None:
        self.version += 1
        content["metadata"]["resourceVersion"] = str(self.version)
        if event != "DELETED":
            self._objects[plural][_key(content)] = Stored(content)
        self._changes.append(Change(self.version, event, plural, content, before))
        self._changed.notify_all()

    def _tell(self, event: str, plural: str, content: Object) -> None:
        for each in tuple(self.observers):
            each(event, plural, content)


def _key(content: Object) -> Key:
    metadata = content["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def flattened(documents: Iterable[Object]) -> Iterator[Object]:
    """The objects of Lists, each with its kind where the List says it."""
    for document in documents:
        if "items" not in document:
            yield document
            continue
        kind = str(document.get("kind", "")).removesuffix("List")
        for each in document["items"] or ():
            yield {"kind": kind, **each} if kind else each
