"""What is wrong with policies as they are written, for the pods there are.

for suspicion in lint(inventory, Engine.KUBERNETES): ...
"""

from __future__ import annotations

from collections.abc import Iterator

from skoop.model.diagnosis import Suspicion
from skoop.model.kube import Inventory
from skoop.policy.compile import compile_policies
from skoop.policy.lint.base import Linted
from skoop.policy.lint.dns import dns_forgotten
from skoop.policy.lint.order import missing_tiers, priority_ties, unreachable
from skoop.policy.lint.ports import unknown_names
from skoop.policy.lint.selecting import (
    implied_types,
    invalid_selectors,
    peers_of_nobody,
    selects_nothing,
    service_addresses,
)
from skoop.policy.rules import Engine

__all__ = ["lint"]

_CHECKS = (
    invalid_selectors,
    missing_tiers,
    priority_ties,
    selects_nothing,
    implied_types,
    dns_forgotten,
    unknown_names,
    service_addresses,
    peers_of_nobody,
    unreachable,
)


def lint(inventory: Inventory, engine: Engine) -> tuple[Suspicion, ...]:
    """All that can be said about a cluster's policies without a packet."""
    linted = Linted.of(inventory, compile_policies(inventory, engine))
    return tuple(_all(linted))


def _all(linted: Linted) -> Iterator[Suspicion]:
    for check in _CHECKS:
        yield from check(linted)
