"""The catalogue of faults, by layer."""

from __future__ import annotations

from tests.lab.calico import faults as calico
from tests.lab.faults import (
    guest,
    netfilter,
    node,
    overlay,
    pod,
    routing,
    service,
    veth,
    wireguard,
)
from tests.lab.faults.base import Fault, Scene, Target, fault, pick
from tests.lab.topology import Cluster

__all__ = ["CATALOGUE", "Fault", "Scene", "Target", "catalogue_of", "fault", "find", "pick"]

CATALOGUE: tuple[Fault, ...] = (
    *pod.FAULTS,
    *veth.FAULTS,
    *routing.FAULTS,
    *overlay.FAULTS,
    *node.FAULTS,
    *netfilter.FAULTS,
    *service.FAULTS,
)


def catalogue_of(cluster: Cluster) -> tuple[Fault, ...]:
    """The faults that a cluster can have."""
    return calico.CATALOGUE if cluster.calico else CATALOGUE


def find(name: str) -> Fault:
    """The fault of that name."""
    return next(
        f for f in (*CATALOGUE, *calico.OWN, *guest.FAULTS, *wireguard.FAULTS) if f.name == name
    )
