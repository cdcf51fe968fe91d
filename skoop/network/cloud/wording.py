"""Packets, rules and routes as a reader of a cloud's console knows them."""

from __future__ import annotations

from skoop.infra.resources import AclRule, Resource, Route, SecurityRule, Way
from skoop.model.address import format_ip
from skoop.model.packet import Packet, Proto, protocol_name
from skoop.model.trace import Evidence
from skoop.network.cloud.view import View


def wanted(packet: Packet, way: Way) -> str:
    """ "tcp port 80 from 10.0.0.1", or "... to ..." for what goes out."""
    name = protocol_name(packet.proto)
    if packet.proto in (Proto.TCP, Proto.UDP, Proto.SCTP):
        name += f" port {packet.dport}" if packet.dport > 0 else " to a port drawn at random"
    if way is Way.INGRESS:
        return f"{name} from {format_ip(packet.family, packet.src)}"
    return f"{name} to {format_ip(packet.family, packet.dst)}"


def rule_text(rule: SecurityRule) -> str:
    """A rule on one line; the API's own text where there is one."""
    if rule.raw:
        return rule.raw
    protocol = "any protocol" if rule.protocol < 0 else protocol_name(rule.protocol)
    side = "from" if rule.way is Way.INGRESS else "to"
    return (
        f"{rule.way.value} {rule.action.value} priority {rule.priority} {protocol} {rule.ports} "
        f"{side} {rule.peer}"
    )


def acl_text(rule: AclRule) -> str:
    """Likewise."""
    if rule.raw:
        return rule.raw
    protocol = "any protocol" if rule.protocol < 0 else protocol_name(rule.protocol)
    return f"{rule.action.value} {protocol} {rule.ports} {rule.peer or 'any'}"


def rule_evidence(view: View, group: Resource, rule: SecurityRule) -> Evidence:
    """A rule, under its global id."""
    return Evidence(view.gid(group, rule.id), rule_text(rule))


def acl_evidence(view: View, acl: Resource, rule: AclRule) -> Evidence:
    """A rule, under its global id."""
    return Evidence(view.gid(acl, rule.id), acl_text(rule))


def route_evidence(view: View, table: Resource, route: Route) -> Evidence:
    """A route, under its global id."""
    return Evidence(view.gid(table, route.id), route.raw or str(route))


def evidence(view: View, resource: Resource, text: str) -> Evidence:
    """A resource as the API gives it, else as a sentence."""
    return Evidence(view.gid(resource), resource.raw or text)
