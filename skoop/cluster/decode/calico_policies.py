"""Calico's policy resources, from its own API (projectcalico.org/v3) or straight from the CRDs
(crd.projectcalico.org/v1); both have the same spec."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from skoop.cluster.decode.items import decode_list
from skoop.cluster.decode.values import FieldError, Metadata, prefixes
from skoop.model.kube import (
    CalicoEntity,
    CalicoIcmp,
    CalicoNetworkSet,
    CalicoPolicy,
    CalicoProfile,
    CalicoRule,
    CalicoTier,
    HostEndpoint,
)

_ACTIONS = {each.lower(): each for each in ("Allow", "Deny", "Pass", "Log")} | {"next-tier": "Pass"}
_PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "sctp": 132, "udplite": 136}
_MAX_PORT = 65535
Byte = Annotated[int, Meta(ge=0, le=255)]


class _IcmpWire(Struct, frozen=True, gc=False):
    type: Byte | None = None
    code: Byte | None = None


class _AccountsWire(Struct, frozen=True, gc=False):
    names: list[str] | None = None
    selector: str = ""


class _ServiceWire(Struct, frozen=True, gc=False):
    name: str = ""
    namespace: str = ""


class _EntityWire(Struct, rename="camel", frozen=True, gc=False):
    nets: list[str] | None = None
    not_nets: list[str] | None = None
    selector: str = ""
    not_selector: str = ""
    namespace_selector: str = ""
    ports: list[int | str] | None = None
    not_ports: list[int | str] | None = None
    service_accounts: _AccountsWire | None = None
    services: _ServiceWire | None = None
    domains: list[str] | None = None


class _HttpWire(Struct, frozen=True, gc=False):
    pass


_RULE_NAMES = {
    "ip_version": "ipVersion",
    "not_protocol": "notProtocol",
    "not_icmp": "notICMP",
}


class _RuleWire(Struct, rename=_RULE_NAMES, frozen=True, gc=False):
    action: str
    ip_version: int | None = None
    protocol: int | str | None = None
    not_protocol: int | str | None = None
    icmp: _IcmpWire | None = None
    not_icmp: _IcmpWire | None = None
    source: _EntityWire = _EntityWire()
    destination: _EntityWire = _EntityWire()
    http: _HttpWire | None = None


_SPEC_NAMES = {
    "namespace_selector": "namespaceSelector",
    "service_account_selector": "serviceAccountSelector",
    "do_not_track": "doNotTrack",
    "pre_dnat": "preDNAT",
    "apply_on_forward": "applyOnForward",
}


class _SpecWire(Struct, rename=_SPEC_NAMES, frozen=True, gc=False):
    tier: str = ""
    order: float | None = None
    selector: str = ""
    namespace_selector: str = ""
    service_account_selector: str = ""
    types: list[str] | None = None
    ingress: list[_RuleWire] | None = None
    egress: list[_RuleWire] | None = None
    do_not_track: bool = False
    pre_dnat: bool = False
    apply_on_forward: bool = False


class _PolicyWire(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _SpecWire = _SpecWire()


def decode_calico_policies(
    document: bytes, resource: str = "networkpolicies.crd.projectcalico.org"
) -> tuple[CalicoPolicy, ...]:
    """Every namespaced policy of a list."""
    return decode_list(resource, document, _PolicyWire, lambda w: _policy(w, w.metadata.namespace))


def decode_calico_global_policies(
    document: bytes, resource: str = "globalnetworkpolicies.crd.projectcalico.org"
) -> tuple[CalicoPolicy, ...]:
    """Every global policy of a list."""
    return decode_list(resource, document, _PolicyWire, lambda wire: _policy(wire, ""))


def _policy(wire: _PolicyWire, namespace: str) -> CalicoPolicy:
    spec = wire.spec
    return CalicoPolicy(
        namespace=namespace,
        name=wire.metadata.name,
        tier=spec.tier or "default",
        order=spec.order,
        selector=spec.selector,
        namespace_selector=spec.namespace_selector,
        service_account_selector=spec.service_account_selector,
        types=tuple(each.capitalize() for each in spec.types or ()),
        ingress=_rules(spec.ingress, "spec.ingress"),
        egress=_rules(spec.egress, "spec.egress"),
        do_not_track=spec.do_not_track,
        pre_dnat=spec.pre_dnat,
        apply_on_forward=spec.apply_on_forward,
    )


def _rules(wires: list[_RuleWire] | None, where: str) -> tuple[CalicoRule, ...]:
    return tuple(_rule(each, f"{where}[{index}]") for index, each in enumerate(wires or ()))


def _rule(wire: _RuleWire, where: str) -> CalicoRule:
    action = _ACTIONS.get(wire.action.lower())
    if action is None:
        raise FieldError(f"{where}.action", f"unknown action {wire.action[:60]!r}")
    if wire.ip_version not in (None, 4, 6):
        raise FieldError(f"{where}.ipVersion", f"{wire.ip_version} is neither 4 nor 6")
    return CalicoRule(
        action=action,
        ip_version=wire.ip_version or 0,
        protocol=_protocol(wire.protocol, f"{where}.protocol"),
        not_protocol=_protocol(wire.not_protocol, f"{where}.notProtocol"),
        icmp=_icmp(wire.icmp),
        not_icmp=_icmp(wire.not_icmp),
        source=_entity(wire.source, f"{where}.source"),
        destination=_entity(wire.destination, f"{where}.destination"),
        http=wire.http is not None,
    )


def _protocol(value: int | str | None, where: str) -> int:
    """A protocol's number, 0 for none (numorstring.Protocol: a name or 1 to 255)."""
    if value is None:
        return 0
    number = _PROTOCOLS.get(value.lower(), -1) if isinstance(value, str) else value
    if number < 0 and isinstance(value, str) and value.isascii() and value.isdigit():
        number = int(value[:4])
    if not 1 <= number <= 255:
        raise FieldError(where, f"{str(value)[:60]!r} is not a protocol")
    return number


def _icmp(wire: _IcmpWire | None) -> CalicoIcmp | None:
    if wire is None:
        return None
    return CalicoIcmp(
        -1 if wire.type is None else wire.type, -1 if wire.code is None else wire.code
    )


def _entity(wire: _EntityWire, where: str) -> CalicoEntity:
    accounts = wire.service_accounts or _AccountsWire()
    service = wire.services or _ServiceWire()
    return CalicoEntity(
        selector=wire.selector,
        not_selector=wire.not_selector,
        namespace_selector=wire.namespace_selector,
        nets=prefixes(wire.nets, f"{where}.nets"),
        not_nets=prefixes(wire.not_nets, f"{where}.notNets"),
        ports=_ports(wire.ports, f"{where}.ports"),
        not_ports=_ports(wire.not_ports, f"{where}.notPorts"),
        service_accounts=tuple(accounts.names or ()),
        service_account_selector=accounts.selector,
        service=(service.namespace, service.name),
        domains=tuple(wire.domains or ()),
    )


def _ports(values: list[int | str] | None, where: str) -> tuple[tuple[int, int] | str, ...]:
    return tuple(_port(value, where) for value in values or ())


def _port(value: int | str, where: str) -> tuple[int, int] | str:
    """A number, "80:90", or a name (numorstring.Port)."""
    text = str(value)
    low, colon, high = text.partition(":")
    if not colon and not (text.isascii() and text.isdigit()):
        return text
    numbers = [part for part in (low, high) if part.isascii() and part.isdigit()]
    if len(numbers) != (2 if colon else 1):
        raise FieldError(where, f"{text[:60]!r} is not a port")
    first, last = int(numbers[0][:6]), int(numbers[-1][:6])
    if not 0 <= first <= last <= _MAX_PORT:
        raise FieldError(where, f"{text[:60]!r} is not a range of ports")
    return first, last


class _TierSpecWire(Struct, rename="camel", frozen=True, gc=False):
    order: float | None = None
    default_action: str | None = None


class _TierWire(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _TierSpecWire = _TierSpecWire()


def decode_calico_tiers(
    document: bytes, resource: str = "tiers.crd.projectcalico.org"
) -> tuple[CalicoTier, ...]:
    """Every Tier of a list."""
    return decode_list(resource, document, _TierWire, _tier)


def _tier(wire: _TierWire) -> CalicoTier:
    action = wire.spec.default_action or "Deny"
    if action not in ("Deny", "Pass"):
        raise FieldError("spec.defaultAction", f"{action[:60]!r} is neither Deny nor Pass")
    return CalicoTier(wire.metadata.name, wire.spec.order, action)


class _SetSpecWire(Struct, frozen=True, gc=False):
    nets: list[str] | None = None


class _SetWire(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _SetSpecWire = _SetSpecWire()


def decode_calico_network_sets(
    document: bytes, resource: str = "networksets.crd.projectcalico.org"
) -> tuple[CalicoNetworkSet, ...]:
    """Every NetworkSet of a list."""
    return decode_list(resource, document, _SetWire, lambda w: _set(w, w.metadata.namespace))


def decode_calico_global_network_sets(
    document: bytes, resource: str = "globalnetworksets.crd.projectcalico.org"
) -> tuple[CalicoNetworkSet, ...]:
    """Every GlobalNetworkSet of a list."""
    return decode_list(resource, document, _SetWire, lambda wire: _set(wire, ""))


def _set(wire: _SetWire, namespace: str) -> CalicoNetworkSet:
    return CalicoNetworkSet(
        namespace,
        wire.metadata.name,
        wire.metadata.labels or {},
        prefixes(wire.spec.nets, "spec.nets"),
    )


_HOST_NAMES = {"interface_name": "interfaceName", "expected_ips": "expectedIPs"}


class _HostSpecWire(Struct, rename=_HOST_NAMES, frozen=True, gc=False):
    node: str = ""
    interface_name: str = ""
    expected_ips: list[str] | None = None
    profiles: list[str] | None = None


class _HostWire(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _HostSpecWire = _HostSpecWire()


def decode_calico_host_endpoints(
    document: bytes, resource: str = "hostendpoints.crd.projectcalico.org"
) -> tuple[HostEndpoint, ...]:
    """Every HostEndpoint of a list."""
    return decode_list(resource, document, _HostWire, _host)


def _host(wire: _HostWire) -> HostEndpoint:
    spec = wire.spec
    return HostEndpoint(
        name=wire.metadata.name,
        node=spec.node,
        interface=spec.interface_name,
        expected_ips=prefixes(spec.expected_ips, "spec.expectedIPs"),
        labels=wire.metadata.labels or {},
        profiles=tuple(spec.profiles or ()),
    )


class _ProfileSpecWire(Struct, rename="camel", frozen=True, gc=False):
    ingress: list[_RuleWire] | None = None
    egress: list[_RuleWire] | None = None
    labels_to_apply: dict[str, str] | None = None


class _ProfileWire(Struct, frozen=True, gc=False):
    metadata: Metadata
    spec: _ProfileSpecWire = _ProfileSpecWire()


def decode_calico_profiles(
    document: bytes, resource: str = "profiles.crd.projectcalico.org"
) -> tuple[CalicoProfile, ...]:
    """Every Profile of a list."""
    return decode_list(resource, document, _ProfileWire, _profile)


def _profile(wire: _ProfileWire) -> CalicoProfile:
    spec = wire.spec
    return CalicoProfile(
        name=wire.metadata.name,
        labels_to_apply=spec.labels_to_apply or {},
        ingress=_rules(spec.ingress, "spec.ingress"),
        egress=_rules(spec.egress, "spec.egress"),
    )
