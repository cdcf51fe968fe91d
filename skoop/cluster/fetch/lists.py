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
from skoop.cluster.fetch.documents import Lists
from skoop.cluster.fetch.lean import LEAN, lean_object
from skoop.cluster.fetch.table import TABLE, Listed, When
from skoop.cluster.memory import collector_paused
from skoop.cluster.parallel import in_parallel
from skoop.errors import AccessError
from skoop.model.diagnosis import NotChecked
from skoop.model.progress import ListFailed, ListFinished, ListStarted, Observer, ignore

_PARALLEL = 8
_NOTHING: Collection[str] = ()


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
    within: Collection[str] = _NOTHING,
    table: tuple[Listed, ...] = TABLE,
    observe: Observer = ignore,
) -> Lists:
    """Everything of the table that the cluster has, `named` ones included.

    A list that is forbidden or does not come is in `absent`, with the RBAC verb that is missing.
    Of a forbidden one the namespaces in `within` are listed, as far as that is allowed. Raises
    AccessError when the API server cannot be reached or does not take the credentials.
    """
    served = _served(client)
    wanted = [each for each in table if _is_wanted(each, named, served)]
    fetcher = _Fetcher(client, {each.file: each for each in table}, tuple(within), observe)
    first = [each for each in wanted if each.needed is None or each.file in named]
    whole = fetcher.fetch_all(first)
    second = [each for each in wanted if each not in first and each.needed and each.needed(whole)]
    return whole.with_more(fetcher.fetch_all(second))


def fetch_list(client: ApiClient, file: str, *, observe: Observer = ignore) -> Lists:
    """One list of the table. Raises AccessError as `fetch_lists`."""
    by_file = {each.file: each for each in TABLE}
    return _Fetcher(client, by_file, (), observe).fetch(by_file[file])


def require(absent: Iterable[NotChecked], files: Collection[str]) -> None:
    """Raise AccessError when one of these lists is absent."""
    for each in absent:
        if each.what in files:
            raise AccessError(f"The {each.what} of the cluster cannot be listed: {each.why}.")


def _served(client: ApiClient) -> frozenset[str] | None:
    """Every "GROUP/VERSION"; None when the server does not tell them."""
    try:
        groups = msgspec.json.decode(client.ask("/apis"), type=_Groups)
    except (UnreachableError, UnauthorizedError):
        raise
    except AccessError:
        return None
    return frozenset(each.group_version for group in groups.groups for each in group.versions)


def _is_wanted(listed: Listed, named: Collection[str], served: frozenset[str] | None) -> bool:
    if listed.when is When.SERVED:
        return served is None or listed.served_as in served
    return listed.when is When.ALWAYS or listed.file in named


class _Fetcher(Struct, frozen=True):
    """Fetches lists of the table one by one."""

    client: ApiClient
    by_file: Mapping[str, Listed]
    within: tuple[str, ...]
    observe: Observer

    def fetch_all(self, wanted: Iterable[Listed]) -> Lists:
        """Lists, in parallel. Raises AccessError as `fetch`."""
        whole = Lists()
        for each in in_parallel(self.fetch, wanted, _PARALLEL):
            whole = whole.with_more(each)
        return whole

    def fetch(self, listed: Listed) -> Lists:
        """One list, or why it is not there. Raises AccessError when none can be had."""
        self.observe(ListStarted(listed.file))
        try:
            return self._came(listed, [At(listed.resource)])
        except NotFoundError:
            if listed.when is not When.ALWAYS:
                self.observe(ListFinished(listed.file, 0))
                return Lists()
            return self._failed(listed, "the API server does not have it")
        except (UnreachableError, UnauthorizedError):
            raise
        except ForbiddenError as error:
            return self._some(listed, reason(error))
        except AccessError as error:
            return self._failed(listed, reason(error))

    def _came(self, listed: Listed, places: Iterable[At]) -> Lists:
        document, objects = _document(self.client, listed, places)
        self.observe(ListFinished(listed.file, objects))
        return Lists({listed.file: document})

    def _some(self, listed: Listed, why: str) -> Lists:
        """What of a forbidden list the namespaces asked for give."""
        if not listed.namespaced or not self.within:
            return self._failed(listed, why)
        try:
            some = self._came(listed, [At(listed.resource, each) for each in self.within])
        except (ForbiddenError, NotFoundError):
            return self._failed(listed, why)
        only = f"only namespace {' and '.join(self.within)} could be listed; {why}"
        return some.with_more(Lists(absent=(NotChecked(listed.file, only),)))

    def _failed(self, listed: Listed, why: str) -> Lists:
        self.observe(ListFailed(listed.file, why))
        absent = Lists(absent=(NotChecked(listed.file, why),))
        if listed.instead:
            return absent.with_more(self.fetch(self.by_file[listed.instead]))
        return absent


def reason(error: AccessError) -> str:
    """Why something could not be had, as a clause."""
    if isinstance(error, ForbiddenError):
        return f"the API server forbids it: {error.missing} is missing"
    if isinstance(error, ApiError):
        return f"the API server answered {error.status}: {error.message or error.reason}"
    return str(error).rstrip(".")


def _document(client: ApiClient, listed: Listed, places: Iterable[At]) -> tuple[bytes, int]:
    """The objects of some places as one document, and how many they are."""
    lean = LEAN.get(listed.file, lean_object)
    items: list[bytes] = []
    for place in places:
        pages = list(client.pages(place))
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
