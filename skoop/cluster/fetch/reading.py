"""A running cluster's lists as an inventory."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from skoop.cluster import decode
from skoop.cluster.fetch.documents import Lists
from skoop.cluster.fetch.settings import FILE
from skoop.cluster.inventory import from_documents
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import Inventory

_NOT_ASKED = "not collected"


def read_lists(lists: Lists) -> Inventory:
    """The inventory. Its `absent` are the lists that the cluster did not give, with the reason; not
    those that nobody asked for."""
    inventory = from_documents(lists.documents)
    return structs.replace(inventory, absent=tuple(_absent(inventory, lists)))


def _absent(inventory: Inventory, lists: Lists) -> Iterator[NotChecked]:
    reasons = {each.what: each.why for each in lists.absent}
    for each in inventory.absent:
        reason = reasons.pop(each.what, "")
        if reason:
            yield NotChecked(each.what, each.why.replace(_NOT_ASKED, reason))
        elif each.why != _NOT_ASKED:
            yield each
    for what, why in reasons.items():
        yield NotChecked(what, why)


def with_settings(inventory: Inventory, maps: Lists) -> Inventory:
    """The same inventory with ConfigMaps, which come later."""
    document = maps.documents.get(FILE)
    found = decode.decode_config_maps(document, FILE) if document else ()
    by_name = {(each.namespace, each.name): each for each in (*inventory.config_maps, *found)}
    return structs.replace(
        inventory,
        config_maps=tuple(by_name.values()),
        index=structs.replace(inventory.index, config_maps=by_name),
        absent=(*inventory.absent, *maps.absent),
    )


def with_ranges(inventory: Inventory, ranges: Lists) -> Inventory:
    """The same inventory with the ServiceCIDRs."""
    document = ranges.documents.get("servicecidrs")
    found = decode.decode_service_cidrs(document) if document else ()
    return structs.replace(
        inventory, service_cidrs=found, absent=(*inventory.absent, *ranges.absent)
    )
