"""A running cluster's objects, and the settings of its network once they are there."""

from __future__ import annotations

from collections.abc import Sequence

from skoop.cluster.api import ApiClient
from skoop.cluster.detect import detect
from skoop.cluster.fetch import (
    DNS,
    REFERRED,
    Lists,
    fetch_list,
    fetch_lists,
    fetch_settings,
    needed,
    read_lists,
    with_ranges,
    with_settings,
)
from skoop.model.kube import Inventory
from skoop.model.progress import Observer

_RANGES = "servicecidrs"


def read_cluster(client: ApiClient, observe: Observer, *, settings: bool) -> Inventory:
    """A running cluster's objects, as far as they can be had; with `settings` its network's
    ConfigMaps too. Raises AccessError."""
    lists = fetch_lists(client, named=REFERRED, observe=observe)
    cluster = LiveObjects(client, lists, observe)
    if settings:
        cluster.settle(DNS)
    return cluster.inventory


class LiveObjects:
    """`inventory` is what is known by now; `documents` the lists it is made of, without pods."""

    def __init__(self, client: ApiClient, lists: Lists, observe: Observer) -> None:
        self._client, self._observe = client, observe
        self.inventory = read_lists(lists)
        self.documents = {k: v for k, v in lists.documents.items() if k != "pods"}
        self._settled: set[tuple[str, str]] = set()

    def settle(self, more: Sequence[tuple[str, str]] = ()) -> None:
        """Fetch what says how the network is set up: its ConfigMaps, those named, and, the first
        time, the Services' ranges where no API server's command line is to be seen."""
        if not self._settled and not detect(self.inventory, {}).service_cidrs.certain:
            ranges = fetch_list(self._client, _RANGES, observe=self._observe)
            self.inventory = with_ranges(self.inventory, ranges)
            self._keep(ranges)
        wanted = [each for each in (*needed(self.inventory), *more) if each not in self._settled]
        if not wanted:
            return
        self._settled.update(wanted)
        maps = fetch_settings(self._client, wanted, observe=self._observe)
        self.inventory = with_settings(self.inventory, maps)
        self._keep(maps)

    def _keep(self, lists: Lists) -> None:
        self.documents = dict(Lists(self.documents).with_more(lists).documents)
