"""The rows of `skoop cloud aliyun ...`, one command per kind of resource."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import cast

from skoop.infra.aliyun.console import AliyunConsole
from skoop.infra.console import CloudCommand, Console, Row
from skoop.infra.resources import (
    Eip,
    Instance,
    Interface,
    LoadBalancer,
    NatGateway,
    NetworkAcl,
    Region,
    Resource,
    RouteTable,
    SecurityGroup,
    Subnet,
    Subscription,
    Vpc,
    Zone,
)
from skoop.model.address import format_ip
from skoop.model.kube import Address


def _texts(addresses: Iterable[Address]) -> list[str]:
    return [format_ip(*each) for each in addresses]


def _strings(things: Iterable[object]) -> list[str]:
    return [str(each) for each in things]


Describe = Callable[[Resource], Mapping[str, object]]


def _head(console: Console, resource: Resource) -> dict[str, object]:
    return {
        "id": resource.id,
        "global_id": console.gid(resource),
        "name": resource.name,
        "status": resource.status,
        "owner": resource.owner,
    }


def _rows(kind: type[Resource], more: Describe) -> Callable[[Console, str], list[Row]]:
    def rows(console: Console, _: str) -> list[Row]:
        return [{**_head(console, each), **more(each)} for each in console.resources(kind)]

    return rows


def _region(each: Resource) -> Mapping[str, object]:
    return {"endpoint": cast(Region, each).endpoint}


def _nothing(each: Resource) -> Mapping[str, object]:
    del each
    return {}


def _vpc(each: Resource) -> Mapping[str, object]:
    one = cast(Vpc, each)
    return {"cidrs": _strings(one.cidrs), "user_cidrs": _strings(one.user_cidrs)}


def _vswitch(each: Resource) -> Mapping[str, object]:
    one = cast(Subnet, each)
    return {
        "vpc": one.vpc,
        "zone": one.zone,
        "cidrs": _strings(one.cidrs),
        "route_table": one.route_table,
        "network_acl": one.acl,
    }


def _table(each: Resource) -> Mapping[str, object]:
    one = cast(RouteTable, each)
    return {
        "vpc": one.vpc,
        "type": "System" if one.main else "Custom",
        "vswitches": list(one.subnets),
        "entries": len(one.routes),
    }


def _group(each: Resource) -> Mapping[str, object]:
    one = cast(SecurityGroup, each)
    return {
        "vpc": one.vpc,
        "type": one.type,
        "inner_access_policy": one.intra.value,
        "rules": len(one.rules),
    }


def _acl(each: Resource) -> Mapping[str, object]:
    one = cast(NetworkAcl, each)
    return {
        "vpc": one.vpc,
        "vswitches": list(one.subnets),
        "ingress": [rule.raw for rule in one.ingress],
        "egress": [rule.raw for rule in one.egress],
    }


def _nat(each: Resource) -> Mapping[str, object]:
    one = cast(NatGateway, each)
    return {
        "vpc": one.vpc,
        "type": "internet" if one.public else "intranet",
        "addresses": _texts(one.addresses),
        "snat": len(one.snat),
        "dnat": len(one.dnat),
    }


def _eip(each: Resource) -> Mapping[str, object]:
    one = cast(Eip, each)
    return {"address": format_ip(*one.address), "bound_to": one.bound_to}


def _interface(each: Resource) -> Mapping[str, object]:
    one = cast(Interface, each)
    return {
        "instance": one.instance,
        "vswitch": one.subnet,
        "addresses": _texts(one.addresses),
        "groups": list(one.groups),
        "mac": one.mac,
    }


def _instance(each: Resource) -> Mapping[str, object]:
    one = cast(Instance, each)
    return {"vpc": one.vpc, "vswitch": one.subnet, "zone": one.zone}


def _subscription(each: Resource) -> Mapping[str, object]:
    return {"current": cast(Subscription, each).current}


def _entries(console: Console, _: str) -> list[Row]:
    return [
        {
            "id": route.id,
            "table": table.id,
            "destination": str(route.destination),
            "next_hops": _strings(route.next_hops),
            "type": route.origin.value,
            "status": route.state.value,
        }
        for table in console.resources(RouteTable)
        for route in cast(RouteTable, table).routes
    ]


def _translations(which: str) -> Callable[[Console, str], list[Row]]:
    def rows(console: Console, _: str) -> list[Row]:
        gateways = [cast(NatGateway, each) for each in console.resources(NatGateway)]
        if which == "snat":
            return [
                {
                    "id": each.id,
                    "gateway": gateway.id,
                    "source": each.subnet or each.instance or str(each.cidr),
                    "addresses": _texts(each.addresses),
                    "active": each.active,
                }
                for gateway in gateways
                for each in gateway.snat
            ]
        return [
            {
                "id": each.id,
                "gateway": gateway.id,
                "protocol": each.protocol,
                "external": f"{format_ip(*each.external)} {each.external_ports}",
                "internal": f"{format_ip(*each.internal)} {each.internal_ports}",
                "active": each.active,
            }
            for gateway in gateways
            for each in gateway.dnat
        ]

    return rows


def _rules(console: Console, id_: str) -> list[Row]:
    group = cast(AliyunConsole, console).group(id_)
    ordered = sorted(group.rules, key=lambda each: (each.way.value, each.priority))
    return [
        {
            "id": each.id,
            "direction": each.way.value,
            "priority": each.priority,
            "policy": each.action.value,
            "protocol": "any" if each.protocol < 0 else each.protocol,
            "ports": str(each.ports),
            "source_ports": str(each.source_ports),
            "peer": str(each.peer),
            "local": "" if each.local is None else str(each.local),
        }
        for each in ordered
    ]


def _balancers(*flavours: str) -> Callable[[Console, str], list[Row]]:
    def rows(console: Console, _: str) -> list[Row]:
        found = [one for f in flavours for one in cast(AliyunConsole, console).balancers(f)]
        return [{**_head(console, each), **_balancer(each)} for each in found]

    return rows


def _balancer(one: LoadBalancer) -> Mapping[str, object]:
    return {
        "flavour": one.flavour,
        "address": [*_texts(one.addresses), *filter(None, (one.dns_name,))],
        "type": "internal" if one.internal else "internet",
        "vpc": one.vpc,
        "listeners": [f"{each.id} {each.status}" for each in one.listeners],
    }


def _readable(console: Console, _: str) -> list[Row]:
    return [
        {
            "action": f"{one.product} {one.name}",
            "version": one.version,
            "permission": one.permission,
            "answer": why or "ok",
        }
        for one, why in cast(AliyunConsole, console).readable()
    ]


def _listing(
    name: str, help_: str, kind: type[Resource], more: Describe, *columns: str
) -> CloudCommand:
    shown = ("id", "name", *columns, "status")
    return CloudCommand(name=name, help=help_, columns=shown, rows=_rows(kind, more))


_BALANCED = ("id", "name", "flavour", "type", "address", "listeners", "status")
COMMANDS = (
    _listing("region-list", "The regions.", Region, _region, "endpoint"),
    _listing("zone-list", "The zones of a region.", Zone, _nothing),
    _listing("vpc-list", "VPCs.", Vpc, _vpc, "cidrs"),
    _listing("vswitch-list", "vSwitches.", Subnet, _vswitch, "vpc", "zone", "cidrs", "route_table"),
    _listing("route-table-list", "Route tables.", RouteTable, _table, "vpc", "type", "entries"),
    CloudCommand(
        name="route-entry-list",
        help="The entries of all route tables.",
        columns=("table", "destination", "next_hops", "type", "status"),
        rows=_entries,
    ),
    _listing(
        "security-group-list", "Security groups.", SecurityGroup, _group, "vpc", "type", "rules"
    ),
    CloudCommand(
        name="security-group-show",
        help="The rules of a security group.",
        columns=("direction", "priority", "policy", "protocol", "ports", "peer", "id"),
        rows=_rules,
        takes="the id of a security group",
    ),
    _listing("network-acl-list", "Network ACLs with their rules.", NetworkAcl, _acl, "vswitches"),
    _listing("nat-list", "NAT gateways.", NatGateway, _nat, "vpc", "type", "addresses"),
    CloudCommand(
        name="snat-list",
        help="SNAT entries of all NAT gateways.",
        columns=("id", "gateway", "source", "addresses", "active"),
        rows=_translations("snat"),
    ),
    CloudCommand(
        name="dnat-list",
        help="DNAT entries of all NAT gateways.",
        columns=("id", "gateway", "protocol", "external", "internal", "active"),
        rows=_translations("dnat"),
    ),
    _listing("eip-list", "EIPs.", Eip, _eip, "address", "bound_to"),
    CloudCommand(
        name="lb-list",
        help="Classic and application load balancers.",
        columns=_BALANCED,
        rows=_balancers("clb", "alb"),
    ),
    CloudCommand(
        name="nlb-list",
        help="Network load balancers.",
        columns=_BALANCED,
        rows=_balancers("nlb"),
    ),
    _listing(
        "network-interface-list",
        "Network interfaces.",
        Interface,
        _interface,
        "instance",
        "vswitch",
        "addresses",
        "groups",
    ),
    _listing("instance-list", "Instances.", Instance, _instance, "vpc", "vswitch", "zone"),
    _listing("account-list", "Accounts of the directory.", Subscription, _subscription, "current"),
    CloudCommand(
        name="test-readonly",
        help="Try every request that needs no id, and say which are refused.",
        columns=("action", "permission", "answer"),
        rows=_readable,
    ),
)
