"""Answering a narrow question from the answer to a wide one.

A snapshot holds some lists of a region whole, so that it answers questions that were not asked when
it was made: about another address, or fewer load balancers. Each filter here is one that the API
has too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from skoop.infra.aliyun.client import actions as a

Item = dict[str, Any]
Filter = Callable[[Item, tuple[str, ...]], bool]


def _one_of(key: str) -> Filter:
    return lambda item, wanted: str(item.get(key, "")) in wanted


def _has_address(item: Item, wanted: tuple[str, ...]) -> bool:
    sets = (item.get("PrivateIpSets") or {}).get("PrivateIpSet") or []
    return any(each.get("PrivateIpAddress") in wanted for each in sets)


_BALANCER, _GROUP = _one_of("LoadBalancerId"), _one_of("ServerGroupId")
_V2 = {"LoadBalancerIds": _BALANCER, "DNSName": _one_of("DNSName"), "VpcIds": _one_of("VpcId")}
_FILTERS: Mapping[a.Action, Mapping[str, Filter]] = {
    a.EIPS: {"EipAddress": _one_of("IpAddress"), "AllocationId": _one_of("AllocationId")},
    a.INTERFACES: {
        "NetworkInterfaceId": _one_of("NetworkInterfaceId"),
        "PrivateIpAddress": _has_address,
        "VpcId": _one_of("VpcId"),
    },
    a.GROUPS: {"SecurityGroupIds": _one_of("SecurityGroupId"), "VpcId": _one_of("VpcId")},
    a.CLBS: {"LoadBalancerId": _BALANCER, "Address": _one_of("Address")},
    a.CLB_LISTENERS: {"LoadBalancerId": _BALANCER},
    a.NLBS: _V2,
    a.NLB_LISTENERS: {"LoadBalancerIds": _BALANCER},
    a.NLB_GROUPS: {"ServerGroupIds": _GROUP},
    a.ALBS: _V2,
    a.ALB_LISTENERS: {"LoadBalancerIds": _BALANCER},
    a.ALB_GROUPS: {"ServerGroupIds": _GROUP},
}
WHOLE = tuple(_FILTERS)
"""The lists that a record should hold whole, for each region."""


def narrowed(
    action: a.Action, parameters: Mapping[str, str], whole: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The answer to a question with these parameters, from the list of everything. None when a
    parameter is none that can be told from the items."""
    filters = _FILTERS.get(action, {})
    wanted = _wanted(parameters)
    if not set(wanted) <= set(filters):
        return None
    items: Any = whole
    for key in action.items:
        items = items.get(key) or {}
    kept: Any = [
        each
        for each in items or []
        if all(filters[name](each, values) for name, values in wanted.items())
    ]
    for key in reversed(action.items):
        kept = {key: kept}
    return dict(kept)


def _wanted(parameters: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """`Name.1`, `Name.2`, a JSON list, or values with commas, as tuples by name."""
    found: dict[str, tuple[str, ...]] = {}
    for name, value in parameters.items():
        bare, _, number = name.partition(".")
        values = (value,) if number else _listed(value)
        found[bare] = (*found.get(bare, ()), *values)
    return found


def _listed(value: str) -> tuple[str, ...]:
    if value.startswith("["):
        return tuple(str(each) for each in msgspec.json.decode(value))
    return tuple(value.split(","))
