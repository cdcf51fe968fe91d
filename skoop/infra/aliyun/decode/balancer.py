"""Classic, network and application load balancers, each into the same shape."""

from __future__ import annotations

from collections.abc import Mapping

from skoop.infra.aliyun.decode.values import (
    Item,
    address,
    addresses,
    items,
    number,
    ports,
    prefix,
    raw,
    required,
    text,
    values,
)
from skoop.infra.resources import (
    OPEN,
    Access,
    AccessMode,
    Backend,
    BackendKind,
    Health,
    HealthCheck,
    Listener,
    LoadBalancer,
    PortRange,
    ServerGroup,
)
from skoop.model.address import Prefix
from skoop.model.packet import Proto

SERVICE_RANGE = prefix("100.64.0.0/10")
"""Where classic load balancers' own packets come from: health checks, and HTTP connections."""
HealthOf = Mapping[tuple[str, int], Health]
"""What a balancer thinks of a backend, by its id or address, and port."""
_TCP_OR_UDP = {"tcp": Proto.TCP, "udp": Proto.UDP}
_KINDS = {
    "ecs": BackendKind.INSTANCE,
    "eni": BackendKind.INTERFACE,
    "eci": BackendKind.INTERFACE,
    "ip": BackendKind.ADDRESS,
}


# --- classic ------------------------------------------------------------------------------------


def clb(item: Item, listeners: tuple[Listener, ...], region: str, owner: str) -> LoadBalancer:
    """One of DescribeLoadBalancers."""
    zones = (text(item, "MasterZoneId"), text(item, "SlaveZoneId"))
    return LoadBalancer(
        id=required(item, "LoadBalancerId"),
        name=text(item, "LoadBalancerName"),
        region=text(item, "RegionId") or region,
        owner=owner,
        status=text(item, "LoadBalancerStatus"),
        raw=raw({key: one for key, one in item.items() if key != "Tags"}),
        vpc=text(item, "VpcId"),
        flavour="clb",
        internal=text(item, "AddressType") == "intranet",
        active=text(item, "LoadBalancerStatus") == "active",
        addresses=addresses((item.get("Address"),)),
        zones=tuple(filter(None, zones)),
        sources=(SERVICE_RANGE,),
        listeners=listeners,
    )


def clb_listener(item: Item, group: str, access: Access) -> Listener:
    """One of DescribeLoadBalancerListeners; `group` is the server group it leads to."""
    name = text(item, "ListenerProtocol").lower()
    config = item.get(f"{name.upper()}ListenerConfig") or {}
    port = number(item, "ListenerPort")
    return Listener(
        id=f"{name}:{port}",
        protocol=_TCP_OR_UDP.get(name, Proto.TCP),
        ports=PortRange(port, port),
        running=text(item, "Status") == "running",
        status=text(item, "Status"),
        group=group,
        access=access,
        check=HealthCheck(
            text(config, "HealthCheck") == "on",
            _TCP_OR_UDP.get(name, Proto.TCP),
            max(0, number(config, "HealthCheckConnectPort")),
        ),
        application=name in ("http", "https"),
        raw=raw({key: one for key, one in item.items() if key != "Tags"}),
    )


def clb_access(item: Item, lists: Mapping[str, tuple[Item, ...]]) -> Access:
    """A listener's access control; `lists` are the entries of its access lists."""
    ids = tuple(str(each) for each in values(item, "AclIds")) or (text(item, "AclId"),)
    ids = tuple(filter(None, ids))
    if text(item, "AclStatus") != "on" or not ids:
        return OPEN
    mode = AccessMode.ALLOW if text(item, "AclType") == "white" else AccessMode.DENY
    entries = [each for id_ in ids for each in lists.get(id_, ())]
    return Access(
        mode,
        ",".join(ids),
        tuple(prefix(required(each, "AclEntryIP")) for each in entries),
        raw({"AclType": item.get("AclType"), "AclIds": list(ids), "Entries": entries}),
    )


def clb_group(
    id_: str,
    name: str,
    servers: tuple[Item, ...],
    health: HealthOf,
    *,
    port: int = 0,
    vpc: str = "",
    region: str = "",
    owner: str = "",
    emulated: bool = False,
) -> ServerGroup:
    """A vServer group, a primary/secondary one, or the instance's default servers (then `port` is
    the listener's backend port). Layer 4 listeners pass the client's address on."""
    return ServerGroup(
        id=id_,
        name=name,
        region=region,
        owner=owner,
        emulated=emulated,
        raw=raw({"Servers": list(servers)}),
        vpc=vpc,
        backends=tuple(_backend(each, health, "Type", port) for each in servers),
    )


def clb_health(rows: tuple[Item, ...], listener: Item) -> HealthOf:
    """DescribeHealthStatus, for one listener."""
    here = (number(listener, "ListenerPort"), text(listener, "ListenerProtocol").lower())
    found: dict[tuple[str, int], Health] = {}
    for each in rows:
        if (number(each, "ListenerPort"), text(each, "Protocol").lower() or here[1]) == here:
            status = _CLB_HEALTH.get(text(each, "ServerHealthStatus"), Health.UNKNOWN)
            for key in ("ServerIp", "ServerId"):
                if name := text(each, key):
                    found[name, number(each, "Port")] = status
                    break
    return found


_CLB_HEALTH = {"normal": Health.HEALTHY, "abnormal": Health.UNHEALTHY}


def _backend(item: Item, health: HealthOf, type_key: str, port: int = 0) -> Backend:
    ip, id_ = text(item, "ServerIp"), text(item, "ServerId")
    kind = _KINDS.get(text(item, type_key).lower(), BackendKind.INSTANCE)
    port = number(item, "Port", port)
    known = health.get((ip, port), health.get((id_, port), Health.UNKNOWN))
    slave = text(item, "ServerType") == "Slave"
    return Backend(
        id=id_ or ip,
        kind=kind,
        address=address(ip) if ip else None,
        port=port,
        weight=0 if slave else number(item, "Weight", 100),
        health=known,
        zone=text(item, "ZoneId"),
        raw=raw(item),
    )


# --- network and application ---------------------------------------------------------------------


def v2_balancer(
    item: Item,
    flavour: str,
    listeners: tuple[Listener, ...],
    sources: tuple[Prefix, ...],
    region: str,
    owner: str,
) -> LoadBalancer:
    """One of ListLoadBalancers. `sources` are its vSwitches: its own packets come from there."""
    mappings = items(item, "ZoneMappings")
    held = tuple(
        (address(found), text(mapping, "ZoneId"))
        for mapping in mappings
        for each in items(mapping, "LoadBalancerAddresses")
        for key in _ADDRESSES
        if (found := text(each, key))
    )
    status = text(item, "LoadBalancerStatus")
    business = text(item, "LoadBalancerBusinessStatus") or text(item, "LoadBalancerBussinessStatus")
    return LoadBalancer(
        id=required(item, "LoadBalancerId"),
        name=text(item, "LoadBalancerName"),
        region=text(item, "RegionId") or region,
        owner=owner,
        status=status,
        raw=raw({key: one for key, one in item.items() if key != "Tags"}),
        vpc=text(item, "VpcId"),
        flavour=flavour,
        internal=text(item, "AddressType") == "Intranet",
        active=status == "Active" and business in ("", "Normal"),
        addresses=tuple(each for each, _ in held),
        zone_of=held,
        dns_name=text(item, "DNSName"),
        zones=tuple(text(each, "ZoneId") for each in mappings),
        cross_zone=item.get("CrossZoneEnabled") is not False,
        sources=sources,
        groups=tuple(str(each) for each in values(item, "SecurityGroupIds")),
        listeners=listeners,
    )


_ADDRESSES = (
    "PublicIPv4Address",
    "PrivateIPv4Address",
    "Address",
    "IntranetAddress",
    "Ipv6Address",
)
"""The first two are an NLB's, the next two an ALB's."""


def vswitches_of(item: Item) -> tuple[str, ...]:
    """The vSwitches a network or application load balancer is in."""
    return tuple(text(each, "VSwitchId") for each in items(item, "ZoneMappings"))


def v2_listener(item: Item, group: str, check: HealthCheck) -> Listener:
    """One of ListListeners. An NLB listener may be for a range of ports (then ListenerPort is 0).
    TLS and everything of an ALB is spoken by the balancer itself."""
    name = text(item, "ListenerProtocol").lower()
    first, last = text(item, "StartPort"), text(item, "EndPort")
    port = number(item, "ListenerPort")
    covers = ports(f"{first}/{last}") if not port and first else PortRange(port, port)
    return Listener(
        id=required(item, "ListenerId"),
        protocol=_TCP_OR_UDP.get(name, Proto.TCP),
        ports=covers,
        running=text(item, "ListenerStatus") == "Running",
        status=text(item, "ListenerStatus"),
        group=group,
        check=check,
        application=name not in _TCP_OR_UDP,
        raw=raw({key: one for key, one in item.items() if key != "Tags"}),
    )


def v2_group_of(item: Item) -> str:
    """The server group a listener leads to: NLB names it, ALB has it in its default action."""
    if group := text(item, "ServerGroupId"):
        return group
    for action in items(item, "DefaultActions"):
        config = action.get("ForwardGroupConfig") or {}
        for each in items(config, "ServerGroupTuples"):
            return text(each, "ServerGroupId")
    return ""


def v2_check(group: Item) -> HealthCheck:
    """How a server group's servers are checked."""
    config = group.get("HealthCheck") or group.get("HealthCheckConfig") or {}
    if isinstance(config, list):
        config = config[0] if config else {}
    kind = text(config, "HealthCheckType").lower()
    return HealthCheck(
        config.get("HealthCheckEnabled") is not False,
        Proto.UDP if kind == "udp" else Proto.TCP,
        number(config, "HealthCheckConnectPort"),
    )


def v2_group(
    item: Item,
    servers: tuple[Item, ...],
    health: HealthOf,
    *,
    flavour: str,
    region: str,
    owner: str,
) -> ServerGroup:
    """One of ListServerGroups with its ListServerGroupServers. With AnyPortEnabled a server gets
    the port that the client asked for."""
    any_port = item.get("AnyPortEnabled") is True
    given = tuple({**each, "Port": 0} if any_port else each for each in servers)
    return ServerGroup(
        id=required(item, "ServerGroupId"),
        name=text(item, "ServerGroupName"),
        region=text(item, "RegionId") or region,
        owner=owner,
        status=text(item, "ServerGroupStatus"),
        raw=raw({key: one for key, one in item.items() if key != "Tags"}),
        vpc=text(item, "VpcId"),
        backends=tuple(_backend(each, health, "ServerType") for each in given),
        preserves_client=flavour == "nlb" and item.get("PreserveClientIpEnabled") is not False,
    )


def v2_health(rows: tuple[Item, ...], servers: tuple[Item, ...]) -> HealthOf:
    """GetListenerHealthStatus lists only those that are not normal; with checks on, everybody else
    is healthy."""
    found: dict[tuple[str, int], Health] = {}
    for row in rows:
        for info in items(row, "ServerGroupInfos"):
            enabled = info.get("HeathCheckEnabled", info.get("HealthCheckEnabled"))
            if enabled in (False, "off"):
                continue
            for each in servers:
                found[_name(each), number(each, "Port")] = Health.HEALTHY
            for each in items(info, "NonNormalServers"):
                status = _V2_HEALTH.get(text(each, "Status"), Health.UNKNOWN)
                found[_name(each), number(each, "Port")] = status
    return found


_V2_HEALTH = {"Unhealthy": Health.UNHEALTHY, "Unavailable": Health.UNKNOWN}


def _name(server: Item) -> str:
    return text(server, "ServerIp") or text(server, "ServerId")
