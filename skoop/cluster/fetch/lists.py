"""Fetching the lists, in parallel."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec
from msgspec import Struct

from skoop.cluster.api import (
    ApiClient,
    ApiError,
    At,
    ForbiddenError,
    NotFoundError,
    UnauthorizedError,
    UnreachableError,
)
from skoop.cluster.fetch.lean import LEAN, lean_object
from skoop.cluster.fetch.table import TABLE, Listed, When
from skoop.cluster.memory import collector_paused
from skoop.cluster.parallel import in_parallel
from skoop.errors import AccessError
from skoop.model.diagnosis import NotChecked
from skoop.model.progress import ListFailed, ListFinished, ListStarted, Observer, ignore

_PARALLEL = 8
_NOTHING: Collection[str] = ()


class Lists(Struct, frozen=True):
    """List documents by file name, as a snapshot has them, and why others are not there."""

    documents: Mapping[str, bytes] = {}
    absent: tuple[NotChecked, ...] = ()

    def with_more(self, more: Lists) -> Lists:
        """Both."""
        return Lists({**self.documents, **more.documents}, (*self.absent, *more.absent))


class _Version(Struct, frozen=True, rename="camel"):
    group_version: str = ""


class _Group(Struct, frozen=True):
    versions: tuple[_Version, ...] = ()


class _Groups(Struct, frozen=True):
    groups: tuple[_Group, ...] = ()


def fetch_lists(
    client: ApiClient,
    *,
    named: Collection[str] = _NOTHING,
    table: tuple[Listed, ...] = TABLE,
    observe: Observer = ignore,
) -> Lists:
    """Everything of the table that the cluster has, `named` ones included.

    A list that is forbidden or does not come is in `absent`, with the RBAC verb that is missing.
    Raises AccessError when the API server cannot be reached or does not take the credentials.
    """
    served = _served(client)
    wanted = [each for each in table if _is_wanted(each, named, served)]
    by_file = {each.file: each for each in table}
    found = in_parallel(lambda each: _fetch(client, each, by_file, observe), wanted, _PARALLEL)
    return _together(found)


def require(lists: Lists, files: Iterable[str]) -> None:
    """Raise AccessError when one of these lists is absent."""
    for each in lists.absent:
        if each.what in files:
            raise AccessError(f"The {each.what} of the cluster cannot be listed: {each.why}.")


def _served(client: ApiClient) -> frozenset[str] | None:
    """Every "GROUP/VERSION"; None when the server does not tell them."""
    try:
        groups = msgspec.json.decode(client.ask("/apis"), type=_Groups)
    except (ForbiddenError, NotFoundError):
        return None
    return frozenset(each.group_version for group in groups.groups for each in group.versions)


def _is_wanted(listed: Listed, named: Collection[str], served: frozenset[str] | None) -> bool:
    if listed.when is When.SERVED:
        return served is None or listed.served_as in served
    return listed.when is When.ALWAYS or listed.file in named


def _fetch(
    client: ApiClient, listed: Listed, by_file: Mapping[str, Listed], observe: Observer
) -> Lists:
    observe(ListStarted(listed.file))
    try:
        document, objects = _document(client, listed)
    except NotFoundError:
        if listed.when is not When.ALWAYS:
            observe(ListFinished(listed.file, 0))
            return Lists()
        why = "the API server does not have it"
    except (UnreachableError, UnauthorizedError):
        raise
    except AccessError as error:
        why = reason(error)
    else:
        observe(ListFinished(listed.file, objects))
        return Lists({listed.file: document})
    observe(ListFailed(listed.file, why))
    absent = Lists(absent=(NotChecked(listed.file, why),))
    if listed.instead:
        return absent.with_more(_fetch(client, by_file[listed.instead], by_file, observe))
    return absent


def reason(error: AccessError) -> str:
    """Why something could not be had, as a clause."""
    if isinstance(error, ForbiddenError):
        return f"the API server forbids it: {error.missing} is missing"
    if isinstance(error, ApiError):
        return f"the API server answered {error.status}: {error.message or error.reason}"
    return str(error).rstrip(".")


def _document(client: ApiClient, listed: Listed) -> tuple[bytes, int]:
    """The list as one document, and how many objects are in it."""
    pages = list(client.pages(At(listed.resource)))
    lean = LEAN.get(listed.file, lean_object)
    items: list[bytes] = []
    with collector_paused():
        while pages:  # A page is let go once it is lean.
            items += map(lean, pages.pop(0).items)
    return list_document(listed, items), len(items)


def list_document(listed: Listed, items: Iterable[bytes]) -> bytes:
    """Objects as one List."""
    resource = listed.resource
    version = f"{resource.group}/{resource.version}" if resource.group else resource.version
    head = msgspec.json.encode({"kind": "List", "apiVersion": version})[:-1]
    return b"".join((head, b',"items":[', b",".join(items), b"]}"))


def _together(found: Iterable[Lists]) -> Lists:
    whole = Lists()
    for each in found:
        whole = whole.with_more(each)
    return whole
