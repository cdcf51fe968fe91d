"""NetworkPolicies."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from skoop.cluster.decode.items import decode_list
from skoop.cluster.decode.values import Metadata, Port, SelectorWire, prefix, prefixes, selector
from skoop.model.kube import IpBlock, LabelSelector, NetworkPolicy, PolicyPeer, PolicyPort
from skoop.model.kube import PolicyRule as Rule


class _BlockWire(Struct, frozen=True, gc=False):
    cidr: str
    excepts: list[str] | None = field(default=None, name="except")


class _PeerWire(Struct, rename="camel", frozen=True, gc=False):
    pod_selector: SelectorWire | None = None
    namespace_selector: SelectorWire | None = None
    ip_block: _BlockWire | None = None


class _PortWire(Struct, rename="camel", frozen=True, gc=False):
    protocol: str | None = None
    port: Annotated[int, Meta(ge=0, le=65535)] | str | None = None
    end_port: Port | None = None


class _RuleWire(Struct, frozen=True, gc=False):
    ports: list[_PortWire] | None = None
    sources: list[_PeerWire] | None = field(default=None, name="from")
    destinations: list[_PeerWire] | None = field(default=None, name="to")


class _SpecWire(Struct, rename="camel", frozen=True, gc=False):
    pod_selector: SelectorWire | None = None
    policy_types: list[str] | None = None
    ingress: list[_RuleWire] | None = None
    egress: list[_RuleWire] | None = None


class _PolicyWire(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _SpecWire = _SpecWire()


def decode_network_policies(
    document: bytes, resource: str = "networkpolicies"
) -> tuple[NetworkPolicy, ...]:
    """Every NetworkPolicy of a NetworkPolicyList."""
    return decode_list(resource, document, _PolicyWire, _policy)


def _policy(wire: _PolicyWire) -> NetworkPolicy:
    spec = wire.spec
    return NetworkPolicy(
        namespace=wire.metadata.namespace,
        name=wire.metadata.name,
        pod_selector=_selector(spec.pod_selector, "spec.podSelector") or LabelSelector(),
        policy_types=tuple(spec.policy_types or ()),
        ingress=_rules(spec.ingress, "spec.ingress.from"),
        egress=_rules(spec.egress, "spec.egress.to"),
    )


def _rules(wires: list[_RuleWire] | None, where: str) -> tuple[Rule, ...]:
    return tuple(_rule(each, where) for each in wires or ())


def _rule(wire: _RuleWire, where: str) -> Rule:
    peers = wire.sources if where.endswith("from") else wire.destinations
    return Rule(
        peers=tuple(_peer(each, where) for each in peers or ()),
        ports=tuple(
            PolicyPort(each.protocol or "TCP", each.port, each.end_port or 0)
            for each in wire.ports or ()
        ),
    )


def _peer(wire: _PeerWire, where: str) -> PolicyPeer:
    block = wire.ip_block
    return PolicyPeer(
        pod_selector=_selector(wire.pod_selector, f"{where}.podSelector"),
        namespace_selector=_selector(wire.namespace_selector, f"{where}.namespaceSelector"),
        ip_block=None
        if block is None
        else IpBlock(
            prefix(block.cidr, f"{where}.ipBlock.cidr"),
            prefixes(block.excepts, f"{where}.ipBlock.except"),
        ),
    )


def _selector(wire: SelectorWire | None, where: str) -> LabelSelector | None:
    return None if wire is None else selector(wire, where)
