"""Calico's policy resources (projectcalico.org/v3, stored as crd.projectcalico.org/v1), as written.

Selectors are kept as text; `skoop.policy.selector` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from skoop.model.address import Prefix

PortSpec = tuple[int, int] | str
"""An inclusive range of ports, or the name of a container's port."""


class CalicoIcmp(Struct, frozen=True, gc=False):
    """An ICMP type and code, -1 for any."""

    type: int = -1
    code: int = -1


class CalicoEntity(Struct, frozen=True, kw_only=True, gc=False):
    """EntityRule: one side of a packet. Every field that is set must hold; () and "" are not set.

    `service` is (namespace, name) of a Service whose endpoints are meant, ("", "") for none.
    """

    selector: str = ""
    not_selector: str = ""
    namespace_selector: str = ""
    nets: tuple[Prefix, ...] = ()
    not_nets: tuple[Prefix, ...] = ()
    ports: tuple[PortSpec, ...] = ()
    not_ports: tuple[PortSpec, ...] = ()
    service_accounts: tuple[str, ...] = ()
    service_account_selector: str = ""
    service: tuple[str, str] = ("", "")
    domains: tuple[str, ...] = ()


class CalicoRule(Struct, frozen=True, kw_only=True, gc=False):
    """One rule. `action` is "Allow", "Deny", "Pass" or "Log"; a protocol is a number, 0 when not
    given; `ip_version` 0 means both. `http` tells that it also asks about HTTP requests."""

    action: str
    ip_version: int = 0
    protocol: int = 0
    not_protocol: int = 0
    icmp: CalicoIcmp | None = None
    not_icmp: CalicoIcmp | None = None
    source: CalicoEntity = CalicoEntity()
    destination: CalicoEntity = CalicoEntity()
    http: bool = False


class CalicoPolicy(Struct, frozen=True, kw_only=True, gc=False):
    """A NetworkPolicy (with a namespace) or GlobalNetworkPolicy (namespace "").

    `order` None means after all that have one. `types` holds "Ingress" and "Egress" as written.
    """

    namespace: str
    name: str
    tier: str = "default"
    order: float | None = None
    selector: str = ""
    namespace_selector: str = ""
    service_account_selector: str = ""
    types: tuple[str, ...] = ()
    ingress: tuple[CalicoRule, ...] = ()
    egress: tuple[CalicoRule, ...] = ()
    do_not_track: bool = False
    pre_dnat: bool = False
    apply_on_forward: bool = False


class CalicoTier(Struct, frozen=True, gc=False):
    """A tier. `order` None means last; `default_action` is "Deny" or "Pass"."""

    name: str
    order: float | None = None
    default_action: str = "Deny"


class CalicoNetworkSet(Struct, frozen=True, gc=False):
    """A NetworkSet, or with namespace "" a GlobalNetworkSet: networks that carry labels."""

    namespace: str
    name: str
    labels: Mapping[str, str] = {}
    nets: tuple[Prefix, ...] = ()


class HostEndpoint(Struct, frozen=True, kw_only=True, gc=False):
    """A node's interface that policies apply to. `interface` "*" is all of them; "" means the one
    with an address of `expected_ips`."""

    name: str
    node: str = ""
    interface: str = ""
    expected_ips: tuple[Prefix, ...] = ()
    labels: Mapping[str, str] = {}
    profiles: tuple[str, ...] = ()


class CalicoProfile(Struct, frozen=True, kw_only=True, gc=False):
    """A Profile: rules for endpoints that no policy has decided about."""

    name: str
    labels_to_apply: Mapping[str, str] = {}
    ingress: tuple[CalicoRule, ...] = ()
    egress: tuple[CalicoRule, ...] = ()


class CalicoPolicies(Struct, frozen=True, kw_only=True):
    """All of Calico's policy resources of a cluster. Empty without Calico."""

    policies: tuple[CalicoPolicy, ...] = ()
    tiers: tuple[CalicoTier, ...] = ()
    network_sets: tuple[CalicoNetworkSet, ...] = ()
    host_endpoints: tuple[HostEndpoint, ...] = ()
    profiles: tuple[CalicoProfile, ...] = ()

    def __bool__(self) -> bool:
        return bool(
            self.policies or self.tiers or self.network_sets or self.host_endpoints or self.profiles
        )
