"""NetworkPolicy (networking.k8s.io/v1) as written; what it means is decided in `skoop.policy`."""

from __future__ import annotations

from msgspec import Struct

from skoop.model.address import Prefix
from skoop.model.kube.meta import LabelSelector


class IpBlock(Struct, frozen=True, gc=False):
    """A prefix and the parts of it that are left out."""

    cidr: Prefix
    excepts: tuple[Prefix, ...] = ()


class PolicyPeer(Struct, frozen=True, gc=False):
    """One entry of from/to. A selector that is None was not given; an empty one selects all."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IpBlock | None = None


class PolicyPort(Struct, frozen=True, gc=False):
    """One entry of ports. `port` None means all; a text is a container port's name; `end_port` 0
    means that only `port` itself is meant."""

    protocol: str = "TCP"
    port: int | str | None = None
    end_port: int = 0


class PolicyRule(Struct, frozen=True, gc=False):
    """One ingress or egress rule. No peers means everyone, no ports means all of them."""

    peers: tuple[PolicyPeer, ...] = ()
    ports: tuple[PolicyPort, ...] = ()


class NetworkPolicy(Struct, frozen=True, kw_only=True, gc=False):
    """A policy. `policy_types` holds "Ingress" and "Egress" as written, () when left out."""

    namespace: str
    name: str
    pod_selector: LabelSelector = LabelSelector()
    policy_types: tuple[str, ...] = ()
    ingress: tuple[PolicyRule, ...] = ()
    egress: tuple[PolicyRule, ...] = ()
