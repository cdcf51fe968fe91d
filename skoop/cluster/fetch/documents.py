"""The lists that came, and those that did not."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from skoop.model.diagnosis import NotChecked


class Lists(Struct, frozen=True):
    """List documents by file name, as a snapshot has them, and why others are not there."""

    documents: Mapping[str, bytes] = {}
    absent: tuple[NotChecked, ...] = ()

    @property
    def missing(self) -> frozenset[str]:
        """The lists that did not come."""
        return frozenset(each.what for each in self.absent)

    def with_more(self, more: Lists) -> Lists:
        """Both; the objects of a list that is in both are in one."""
        documents = dict(self.documents)
        for file, document in more.documents.items():
            documents[file] = _joined(documents[file], document) if file in documents else document
        return Lists(documents, (*self.absent, *more.absent))


class _Items(Struct, frozen=True):
    kind: str
    apiVersion: str  # noqa: N815 - as the API calls it
    items: list[Raw]


def _joined(one: bytes, other: bytes) -> bytes:
    first, second = (msgspec.json.decode(each, type=_Items) for each in (one, other))
    whole = _Items(first.kind, first.apiVersion, first.items + second.items)
    return msgspec.json.encode(whole)
