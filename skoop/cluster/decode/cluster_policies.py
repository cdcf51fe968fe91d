"""AdminNetworkPolicies, BaselineAdminNetworkPolicies and ClusterNetworkPolicies.

v1alpha1 and v1alpha2 of policy.networking.k8s.io. A peer, port or subject without any field that
is known here is kept as one of an unknown kind, as the API's own text asks for.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from skoop.cluster.decode.items import decode_list
from skoop.cluster.decode.values import (
    FieldError,
    Metadata,
    Port,
    SelectorWire,
    prefixes,
    selector,
)
from skoop.model.kube import (
    ClusterPeer,
    ClusterPolicy,
    ClusterPort,
    ClusterRule,
    LabelSelector,
    SelectedPods,
)

_ACTIONS = {"Allow": "Allow", "Accept": "Allow", "Deny": "Deny", "Pass": "Pass"}
_TIERS = ("Admin", "Baseline")


class _PodsWire(Struct, rename="camel", frozen=True, gc=False):
    namespace_selector: SelectorWire | None = None
    pod_selector: SelectorWire | None = None


class _PeerWire(Struct, rename="camel", frozen=True, gc=False):
    namespaces: SelectorWire | None = None
    pods: _PodsWire | None = None
    nodes: SelectorWire | None = None
    networks: list[str] | None = None
    domain_names: list[str] | None = None


class _NumberWire(Struct, frozen=True, gc=False):
    port: Port
    protocol: str = "TCP"


class _RangeWire(Struct, frozen=True, gc=False):
    start: Port
    end: Port
    protocol: str = "TCP"


class _PortWire(Struct, rename="camel", frozen=True, gc=False):
    port_number: _NumberWire | None = None
    port_range: _RangeWire | None = None
    named_port: str | None = None


class _DestinationWire(Struct, frozen=True, gc=False):
    number: Port | None = None
    range: _RangeWire | None = None


class _LayerWire(Struct, rename="camel", frozen=True, gc=False):
    destination_port: _DestinationWire | None = None


class _ProtocolWire(Struct, rename="camel", frozen=True, gc=False):
    tcp: _LayerWire | None = None
    udp: _LayerWire | None = None
    sctp: _LayerWire | None = None
    destination_named_port: str = ""


class _RuleWire(Struct, rename={"sources": "from", "destinations": "to"}, frozen=True, gc=False):
    action: str
    name: str = ""
    sources: list[_PeerWire] | None = None
    destinations: list[_PeerWire] | None = None
    ports: list[_PortWire] | None = None
    protocols: list[_ProtocolWire] | None = None


class _SpecWire(Struct, frozen=True, gc=False):
    subject: _PeerWire = _PeerWire()
    priority: int = 0
    tier: str = ""
    ingress: list[_RuleWire] | None = None
    egress: list[_RuleWire] | None = None


class _PolicyWire(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _SpecWire = _SpecWire()


def decode_admin_policies(
    document: bytes, resource: str = "adminnetworkpolicies"
) -> tuple[ClusterPolicy, ...]:
    """Every AdminNetworkPolicy of a list."""
    return decode_list(resource, document, _PolicyWire, _as("AdminNetworkPolicy", "Admin"))


def decode_baseline_policies(
    document: bytes, resource: str = "baselineadminnetworkpolicies"
) -> tuple[ClusterPolicy, ...]:
    """Every BaselineAdminNetworkPolicy of a list."""
    kind = "BaselineAdminNetworkPolicy"
    return decode_list(resource, document, _PolicyWire, _as(kind, "Baseline"))


def decode_cluster_policies(
    document: bytes, resource: str = "clusternetworkpolicies"
) -> tuple[ClusterPolicy, ...]:
    """Every ClusterNetworkPolicy of a list."""
    return decode_list(resource, document, _PolicyWire, _as("ClusterNetworkPolicy", ""))


def _as(kind: str, tier: str) -> Callable[[_PolicyWire], ClusterPolicy]:
    """Make a policy of a kind; `tier` is "" when the object names it."""

    def convert(wire: _PolicyWire) -> ClusterPolicy:
        spec = wire.spec
        if not tier and spec.tier not in _TIERS:
            raise FieldError("spec.tier", f"{spec.tier[:60]!r} is neither Admin nor Baseline")
        return ClusterPolicy(
            kind=kind,
            name=wire.metadata.name,
            tier=tier or spec.tier,
            priority=spec.priority,
            subject=_selected(spec.subject, "spec.subject"),
            ingress=_rules(spec.ingress, "spec.ingress"),
            egress=_rules(spec.egress, "spec.egress"),
        )

    return convert


def _rules(wires: list[_RuleWire] | None, where: str) -> tuple[ClusterRule, ...]:
    return tuple(_rule(each, f"{where}[{index}]") for index, each in enumerate(wires or ()))


def _rule(wire: _RuleWire, where: str) -> ClusterRule:
    action = _ACTIONS.get(wire.action)
    if action is None:
        raise FieldError(f"{where}.action", f"unknown action {wire.action[:60]!r}")
    peers = (wire.sources or []) + (wire.destinations or [])
    return ClusterRule(
        action=action,
        name=wire.name,
        peers=tuple(_peer(each, where) for each in peers),
        ports=(
            *(_port(each) for each in wire.ports or ()),
            *(_protocol(each) for each in wire.protocols or ()),
        ),
    )


def _peer(wire: _PeerWire, where: str) -> ClusterPeer:
    return ClusterPeer(
        pods=_selected(wire, where),
        nodes=selector(wire.nodes, f"{where}.nodes") if wire.nodes is not None else None,
        networks=prefixes(wire.networks, f"{where}.networks"),
        domain_names=tuple(wire.domain_names or ()),
    )


def _selected(wire: _PeerWire, where: str) -> SelectedPods | None:
    """Pods of some namespaces; None when neither field is there."""
    if wire.namespaces is not None:
        return SelectedPods(selector(wire.namespaces, f"{where}.namespaces"))
    if wire.pods is None:
        return None
    return SelectedPods(
        _or_all(wire.pods.namespace_selector, f"{where}.pods.namespaceSelector"),
        _or_all(wire.pods.pod_selector, f"{where}.pods.podSelector"),
    )


def _or_all(wire: SelectorWire | None, where: str) -> LabelSelector:
    return LabelSelector() if wire is None else selector(wire, where)


def _port(wire: _PortWire) -> ClusterPort:
    if wire.port_number is not None:
        number = wire.port_number
        return ClusterPort(number.protocol, number.port, number.port)
    if wire.port_range is not None:
        ports = wire.port_range
        return ClusterPort(ports.protocol, ports.start, ports.end)
    return ClusterPort(name=wire.named_port or "")


def _protocol(wire: _ProtocolWire) -> ClusterPort:
    for name, layer in (("TCP", wire.tcp), ("UDP", wire.udp), ("SCTP", wire.sctp)):
        if layer is not None:
            return _layer(name, layer)
    return ClusterPort(name=wire.destination_named_port)


def _layer(name: str, layer: _LayerWire) -> ClusterPort:
    port = layer.destination_port
    if port is None:
        return ClusterPort(name)
    if port.number is not None:
        return ClusterPort(name, port.number, port.number)
    if port.range is not None:
        return ClusterPort(name, port.range.start, port.range.end)
    return ClusterPort()
