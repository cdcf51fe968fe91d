"""The catalogue of faults, by layer."""

from __future__ import annotations

from tests.lab.faults import netfilter, node, overlay, pod, routing, service, veth
from tests.lab.faults.base import Fault, Scene, Target, fault, pick

__all__ = ["CATALOGUE", "Fault", "Scene", "Target", "fault", "find", "pick"]

CATALOGUE: tuple[Fault, ...] = (
    *pod.FAULTS,
    *veth.FAULTS,
    *routing.FAULTS,
    *overlay.FAULTS,
    *node.FAULTS,
    *netfilter.FAULTS,
    *service.FAULTS,
)


def find(name: str) -> Fault:
    """The fault of that name."""
    return next(f for f in CATALOGUE if f.name == name)
