"""Policies that an administrator sets for the whole cluster (policy.networking.k8s.io), as written.

AdminNetworkPolicy and BaselineAdminNetworkPolicy (v1alpha1) and their successor
ClusterNetworkPolicy (v1alpha2) say the same things in other words; here they are one type.
"""

from __future__ import annotations

from msgspec import Struct

from skoop.model.address import Prefix
from skoop.model.kube.meta import LabelSelector


class SelectedPods(Struct, frozen=True, gc=False):
    """Pods by their namespace's labels and their own."""

    namespaces: LabelSelector = LabelSelector()
    pods: LabelSelector = LabelSelector()


class ClusterPeer(Struct, frozen=True, kw_only=True, gc=False):
    """One entry of from/to, of which one field is set. None of them: a kind of peer that this
    version of skoop does not know."""

    pods: SelectedPods | None = None
    nodes: LabelSelector | None = None
    networks: tuple[Prefix, ...] = ()
    domain_names: tuple[str, ...] = ()


class ClusterPort(Struct, frozen=True, gc=False):
    """Ports `low` to `high` of a protocol ("TCP", ...), or a container port's `name`, whatever its
    protocol. With neither a protocol nor a name it is of a kind that skoop does not know."""

    protocol: str = ""
    low: int = 0
    high: int = 65535
    name: str = ""


class ClusterRule(Struct, frozen=True, gc=False):
    """One rule. `action` is "Allow" (also for Accept), "Deny" or "Pass"; no ports means all
    traffic."""

    action: str
    name: str = ""
    peers: tuple[ClusterPeer, ...] = ()
    ports: tuple[ClusterPort, ...] = ()


class ClusterPolicy(Struct, frozen=True, kw_only=True, gc=False):
    """A policy of `kind` AdminNetworkPolicy, BaselineAdminNetworkPolicy or ClusterNetworkPolicy.

    `tier` is "Admin" or "Baseline"; the lowest `priority` is asked first. `subject` is None when
    it is of a kind that skoop does not know.
    """

    kind: str
    name: str
    tier: str
    priority: int = 0
    subject: SelectedPods | None = None
    ingress: tuple[ClusterRule, ...] = ()
    egress: tuple[ClusterRule, ...] = ()
