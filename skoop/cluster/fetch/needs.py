"""What the first lists tell of whether a further one is worth asking for: it is not when nothing
refers to its objects. A list that did not come may have referred to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from skoop.cluster.decode import calico_policies as policies
from skoop.cluster.decode.calico import decode_pools
from skoop.cluster.decode.items import RefusedError
from skoop.cluster.fetch.documents import Lists
from skoop.errors import InputError
from skoop.model.kube import CalicoEntity, CalicoPolicy
from skoop.model.kube.calico import Tunnelling

Need = Callable[[Lists], bool]

_GROUP = "crd.projectcalico.org"
_POOLS = f"ippools.{_GROUP}"
_POLICIES = {
    f"networkpolicies.{_GROUP}": policies.decode_calico_policies,
    f"globalnetworkpolicies.{_GROUP}": policies.decode_calico_global_policies,
}
_DEFAULT_TIER = "default"
"""Its order and what it does to the rest are fixed (docs.tigera.io, "Tiered policy")."""


def bgp(lists: Lists) -> bool:
    """BGP carries routes to every pool but those of VXLAN, whose routes Felix writes itself."""
    if _POOLS not in lists.documents:
        return True
    try:
        pools = decode_pools(lists.documents[_POOLS])
    except (InputError, RefusedError):
        return True
    return not pools or any(pool.vxlan is Tunnelling.NEVER for pool in pools)


def tiers(lists: Lists) -> bool:
    """A policy is in another tier than the default one."""
    return _any_policy(lists, lambda policy: policy.tier != _DEFAULT_TIER)


def network_sets(lists: Lists) -> bool:
    """A rule selects by labels, which sets of networks have too."""
    return _any_policy(lists, lambda policy: any(map(_selects, _entities(policy))))


def service_accounts(lists: Lists) -> bool:
    """A policy or a rule selects by labels of service accounts. By their names it needs no list."""
    return _any_policy(
        lists,
        lambda policy: (
            bool(policy.service_account_selector)
            or any(each.service_account_selector for each in _entities(policy))
        ),
    )


def _any_policy(lists: Lists, asks: Callable[[CalicoPolicy], bool]) -> bool:
    for file, decode in _POLICIES.items():
        if file in lists.missing:
            return True
        if file not in lists.documents:
            continue
        try:
            found = decode(lists.documents[file], file)
        except (InputError, RefusedError):
            return True
        if any(map(asks, found)):
            return True
    return False


def _selects(entity: CalicoEntity) -> bool:
    return bool(entity.selector or entity.not_selector or entity.namespace_selector)


def _entities(policy: CalicoPolicy) -> Iterator[CalicoEntity]:
    for rule in (*policy.ingress, *policy.egress):
        yield rule.source
        yield rule.destination
