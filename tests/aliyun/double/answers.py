"""What each action answers, with its own filters, page names and largest page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.aliyun.double.cloud import Cloud, Item

Params = Mapping[str, str]


class Refusal(Exception):  # noqa: N818
    """An error answer: HTTP status, code, message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.message = status, code, message


def many(params: Params, name: str) -> list[str]:
    """`Name.1=a&Name.2=b`."""
    found: list[str] = []
    while (value := params.get(f"{name}.{len(found) + 1}")) is not None:
        found.append(value)
    return found


def listed(params: Params, name: str, most: int) -> list[str]:
    """A JSON list in one parameter, as ECS takes ids."""
    text = params.get(name, "")
    if not text:
        return []
    try:
        ids = json.loads(text)
    except ValueError:
        ids = None
    if not isinstance(ids, list) or len(ids) > most:
        raise Refusal(400, "InvalidParameter", f"The parameter {name} is not valid.")
    return [str(one) for one in ids]


# --- pages --------------------------------------------------------------------------------------


def numbered(
    params: Params, items: list[Item], most: int, number: str = "PageNumber"
) -> tuple[list[Item], int, int]:
    page, size = int(params.get(number, "1")), int(params.get("PageSize", "10"))
    if not 1 <= size <= most or page < 1:
        raise Refusal(400, "InvalidParameter", "The specified page is not valid.")
    return items[(page - 1) * size : page * size], page, size


def by_token(
    params: Params, items: list[Item], most: int, name: str = "MaxResults"
) -> tuple[list[Item], str]:
    size = int(params.get(name, "10"))
    if not 1 <= size <= most:
        raise Refusal(400, "InvalidParameter", f"The specified {name} is not valid.")
    start = 0
    if token := params.get("NextToken", ""):
        if not token.startswith("AAAA") or not token[4:].isdigit():
            raise Refusal(400, "InvalidParameter.NextToken", "The NextToken is not valid.")
        start = int(token[4:])
    end = start + size
    return items[start:end], f"AAAA{end}" if end < len(items) else ""


def _numbered_list(
    params: Params, items: list[Item], keys: tuple[str, str], most: int = 50
) -> Item:
    page, number, size = numbered(params, items, most)
    outer, inner = keys
    return {
        outer: {inner: page},
        "PageNumber": number,
        "PageSize": size,
        "TotalCount": len(items),
    }


def _token_list(params: Params, items: list[Item], key: str, most: int = 100) -> Item:
    page, token = by_token(params, items, most)
    answer: Item = {key: page, "TotalCount": len(items), "MaxResults": len(page)}
    return {**answer, "NextToken": token} if token else answer


def _is(item: Item, params: Params, names: Iterable[str]) -> bool:
    return all(not params.get(name) or str(item.get(name)) == params[name] for name in names)


# --- ECS ----------------------------------------------------------------------------------------


def _regions(cloud: Cloud, params: Params) -> Item:
    return {
        "Regions": {
            "Region": [
                {
                    "RegionId": one,
                    "RegionEndpoint": f"ecs.{one}.aliyuncs.com",
                    "LocalName": one,
                    "Status": "available",
                }
                for one in cloud.regions
            ]
        }
    }


def _zones(cloud: Cloud, params: Params) -> Item:
    zones = sorted({one["ZoneId"] for one in cloud.vswitches.values()})
    return {"Zones": {"Zone": [{"ZoneId": one, "LocalName": one} for one in zones]}}


def _instances(cloud: Cloud, params: Params) -> Item:
    ids = listed(params, "InstanceIds", 100)
    addresses = listed(params, "PrivateIpAddresses", 100)
    found = []
    for one in cloud.instances.values():
        own = one["VpcAttributes"]
        if ids and one["InstanceId"] not in ids:
            continue
        if params.get("VpcId") and own["VpcId"] != params["VpcId"]:
            continue
        if addresses and not set(own["PrivateIpAddress"]["IpAddress"]) & set(addresses):
            continue
        found.append(one)
    page, token = by_token(params, found, 100)
    return {"Instances": {"Instance": page}, "NextToken": token, "TotalCount": 0}


def _interfaces(cloud: Cloud, params: Params) -> Item:
    ids, addresses = many(params, "NetworkInterfaceId"), many(params, "PrivateIpAddress")
    if len(ids) > 100 or len(addresses) > 100:
        raise Refusal(400, "InvalidParameter", "Too many values.")
    found = []
    for one in cloud.enis.values():
        own = {each["PrivateIpAddress"] for each in one["PrivateIpSets"]["PrivateIpSet"]}
        if ids and one["NetworkInterfaceId"] not in ids:
            continue
        if addresses and not own & set(addresses):
            continue
        if _is(one, params, ("VpcId", "VSwitchId", "InstanceId", "Status", "Type")):
            found.append(one)
    page, token = by_token(params, found, 500)
    return {
        "NetworkInterfaceSets": {"NetworkInterfaceSet": page},
        "NextToken": token,
        "TotalCount": len(found),
    }


def _groups(cloud: Cloud, params: Params) -> Item:
    ids = listed(params, "SecurityGroupIds", 100)
    found = [
        one
        for one in cloud.groups.values()
        if (not ids or one["SecurityGroupId"] in ids)
        and _is(one, params, ("VpcId", "SecurityGroupId"))
    ]
    page, token = by_token(params, found, 100)
    return {
        "SecurityGroups": {"SecurityGroup": page},
        "NextToken": token,
        "TotalCount": len(found),
        "RegionId": cloud.region,
    }


def _group(cloud: Cloud, params: Params) -> Item:
    group = params.get("SecurityGroupId", "")
    if group not in cloud.groups:
        raise Refusal(
            404, "InvalidSecurityGroupId.NotFound", "The specified SecurityGroupId does not exist."
        )
    direction = params.get("Direction", "all")
    rules = [one for one in cloud.rules[group] if direction in ("all", one["Direction"])]
    page, token = by_token(params, rules, 1000)
    return {
        "SecurityGroupId": group,
        "SecurityGroupName": group,
        "VpcId": cloud.groups[group]["VpcId"],
        "RegionId": cloud.region,
        "Description": "",
        "InnerAccessPolicy": cloud.inner[group],
        "Permissions": {"Permission": page},
        "NextToken": token,
    }


def _prefix_list(cloud: Cloud, params: Params) -> Item:
    name = params.get("PrefixListId", "")
    if name not in cloud.lists:
        raise Refusal(
            404, "InvalidPrefixListId.NotFound", "The specified prefix list does not exist."
        )
    return {
        "PrefixListId": name,
        "PrefixListName": name,
        "AddressFamily": "IPv4",
        "MaxEntries": 100,
        "Entries": {"Entry": [{"Cidr": one} for one in cloud.lists[name]]},
    }


# --- VPC ----------------------------------------------------------------------------------------


def _vpcs(cloud: Cloud, params: Params) -> Item:
    wanted = [one for one in params.get("VpcId", "").split(",") if one]
    found = [one for one in cloud.vpcs.values() if not wanted or one["VpcId"] in wanted]
    return _numbered_list(params, found, ("Vpcs", "Vpc"))


def _vswitches(cloud: Cloud, params: Params) -> Item:
    found = [
        one
        for one in cloud.vswitches.values()
        if _is(one, params, ("VpcId", "VSwitchId", "ZoneId"))
    ]
    return _numbered_list(params, found, ("VSwitches", "VSwitch"))


def _tables(cloud: Cloud, params: Params) -> Item:
    found = [
        one
        for one in cloud.tables.values()
        if _is(one, params, ("VpcId", "RouteTableId", "RouterId", "RouteTableType"))
    ]
    return _numbered_list(params, found, ("RouterTableList", "RouterTableListType"))


def _routes(cloud: Cloud, params: Params) -> Item:
    table = params.get("RouteTableId", "")
    if not table:
        raise Refusal(400, "MissingParameter", "RouteTableId is mandatory.")
    if table not in cloud.tables:
        raise Refusal(
            404, "InvalidRouteTableId.NotFound", "The specified route table does not exist."
        )
    found = [
        one
        for one in cloud.routes
        if one["RouteTableId"] == table and _is(one, params, ("DestinationCidrBlock",))
    ]
    page, token = by_token(params, found, 500, "MaxResult")
    return {"RouteEntrys": {"RouteEntry": page}, "NextToken": token}


def _acls(cloud: Cloud, params: Params) -> Item:
    found = [one for one in cloud.acls.values() if _is(one, params, ("VpcId", "NetworkAclId"))]
    answer = _numbered_list(params, found, ("NetworkAcls", "NetworkAcl"))
    return {
        key: str(one) if key.startswith(("Page", "Total")) else one for key, one in answer.items()
    }


def _acl(cloud: Cloud, params: Params) -> Item:
    if params.get("NetworkAclId", "") not in cloud.acls:
        raise Refusal(
            404, "InvalidNetworkAcl.NotFound", "The specified network ACL does not exist."
        )
    return {"NetworkAclAttribute": cloud.acls[params["NetworkAclId"]]}


def _nats(cloud: Cloud, params: Params) -> Item:
    found = [one for one in cloud.nats.values() if _is(one, params, ("VpcId", "NatGatewayId"))]
    return _numbered_list(params, found, ("NatGateways", "NatGateway"))


def _snats(cloud: Cloud, params: Params) -> Item:
    if not params.get("SnatTableId") and not params.get("NatGatewayId"):
        raise Refusal(400, "MissingParameter", "SnatTableId or NatGatewayId is mandatory.")
    found = [one for one in cloud.snats if _is(one, params, ("SnatTableId", "NatGatewayId"))]
    return _numbered_list(params, found, ("SnatTableEntries", "SnatTableEntry"))


def _dnats(cloud: Cloud, params: Params) -> Item:
    if not params.get("ForwardTableId") and not params.get("NatGatewayId"):
        raise Refusal(400, "MissingParameter", "ForwardTableId or NatGatewayId is mandatory.")
    found = [one for one in cloud.dnats if _is(one, params, ("ForwardTableId", "NatGatewayId"))]
    return _numbered_list(params, found, ("ForwardTableEntries", "ForwardTableEntry"))


def _eips(cloud: Cloud, params: Params) -> Item:
    wanted = [one for one in params.get("EipAddress", "").split(",") if one]
    found = [
        one
        for one in cloud.eips.values()
        if (not wanted or one["IpAddress"] in wanted)
        and (not params.get("AllocationId") or one["AllocationId"] == params["AllocationId"])
        and (
            not params.get("AssociatedInstanceId")
            or one["InstanceId"] == params["AssociatedInstanceId"]
        )
    ]
    return _numbered_list(params, found, ("EipAddresses", "EipAddress"), 100)


# --- SLB ----------------------------------------------------------------------------------------


def _clbs(cloud: Cloud, params: Params) -> Item:
    wanted = [one for one in params.get("LoadBalancerId", "").split(",") if one]
    found = [
        one
        for one in cloud.clbs.values()
        if (not wanted or one["LoadBalancerId"] in wanted)
        and _is(one, params, ("VpcId", "Address", "AddressType"))
    ]
    return _numbered_list(params, found, ("LoadBalancers", "LoadBalancer"), 100)


def _known_clb(cloud: Cloud, params: Params) -> str:
    clb = params.get("LoadBalancerId", "")
    if clb not in cloud.clbs:
        raise Refusal(
            404, "InvalidLoadBalancerId.NotFound", "The specified LoadBalancerId does not exist."
        )
    return clb


def _clb(cloud: Cloud, params: Params) -> Item:
    clb = _known_clb(cloud, params)
    ports = [one for one in cloud.clb_listeners if one["LoadBalancerId"] == clb]
    return {
        **cloud.clbs[clb],
        "ListenerPorts": {"ListenerPort": [one["ListenerPort"] for one in ports]},
        "ListenerPortsAndProtocol": {
            "ListenerPortAndProtocol": [
                {
                    "ListenerPort": one["ListenerPort"],
                    "ListenerProtocol": one["ListenerProtocol"],
                }
                for one in ports
            ]
        },
        "BackendServers": {"BackendServer": []},
    }


def _clb_listeners(cloud: Cloud, params: Params) -> Item:
    wanted = many(params, "LoadBalancerId")
    if len(wanted) > 10:
        raise Refusal(400, "InvalidParameter", "At most 10 load balancers.")
    found = [one for one in cloud.clb_listeners if not wanted or one["LoadBalancerId"] in wanted]
    return _token_list(params, found, "Listeners")


def _clb_group(cloud: Cloud, params: Params) -> Item:
    group = params.get("VServerGroupId", "")
    if group not in cloud.clb_groups:
        raise Refusal(
            404, "InvalidVServerGroupId.NotFound", "The specified VServerGroupId does not exist."
        )
    return cloud.clb_groups[group]


def _clb_pair(cloud: Cloud, params: Params) -> Item:
    group = params.get("MasterSlaveServerGroupId", "")
    if group not in cloud.clb_pairs:
        raise Refusal(404, "InvalidMasterSlaveServerGroupId.NotFound", "It does not exist.")
    return cloud.clb_pairs[group]


def _clb_health(cloud: Cloud, params: Params) -> Item:
    clb = _known_clb(cloud, params)
    rows = []
    for one in cloud.clb_listeners:
        if one["LoadBalancerId"] != clb or (
            params.get("ListenerPort") and str(one["ListenerPort"]) != params["ListenerPort"]
        ):
            continue
        config = one.get(f"{one['ListenerProtocol'].upper()}ListenerConfig", {})
        if one["VServerGroupId"] not in cloud.clb_groups or config.get("HealthCheck") == "off":
            continue
        group = cloud.clb_groups[one["VServerGroupId"]]
        for server in group["BackendServers"]["BackendServer"]:
            name = server["ServerIp"] or server["ServerId"]
            status = cloud.health.get((clb, one["ListenerPort"], name), "normal")
            rows.append(
                {
                    "ServerId": server["ServerId"],
                    "ServerIp": server["ServerIp"],
                    "Port": server["Port"],
                    "ListenerPort": one["ListenerPort"],
                    "Protocol": one["ListenerProtocol"],
                    "ServerHealthStatus": status,
                }
            )
    return {"BackendServers": {"BackendServer": rows}}


def _clb_acl(cloud: Cloud, params: Params) -> Item:
    acl = params.get("AclId", "")
    if acl not in cloud.clb_acls:
        raise Refusal(404, "Acl.NotExist", "The specified ACL does not exist.")
    entries = cloud.clb_acls[acl]["AclEntrys"]["AclEntry"]
    page, _, _ = numbered(params, entries, 50, "Page")
    return {
        **cloud.clb_acls[acl],
        "AclEntrys": {"AclEntry": page},
        "TotalAclEntry": len(entries),
    }


# --- NLB and ALB --------------------------------------------------------------------------------


def _v2_balancers(flavour: str) -> Callable[[Cloud, Params], Item]:
    def answer(cloud: Cloud, params: Params) -> Item:
        ids = many(params, "LoadBalancerIds")
        dns, vpcs = params.get("DNSName", ""), many(params, "VpcIds")
        held = cloud.nlbs if flavour == "nlb" else cloud.albs
        found = [
            one
            for one in held.values()
            if (not ids or one["LoadBalancerId"] in ids)
            and (not dns or one["DNSName"] == dns)
            and (not vpcs or one["VpcId"] in vpcs)
        ]
        return _token_list(params, found, "LoadBalancers")

    return answer


def _alb(cloud: Cloud, params: Params) -> Item:
    alb = params.get("LoadBalancerId", "")
    if alb not in cloud.albs:
        raise Refusal(404, "ResourceNotFound.LoadBalancer", "It was not found.")
    return {**cloud.albs[alb], "RegionId": cloud.region, "ZoneMappings": cloud.alb_zones[alb]}


def _v2_listeners(flavour: str) -> Callable[[Cloud, Params], Item]:
    def answer(cloud: Cloud, params: Params) -> Item:
        ids = many(params, "LoadBalancerIds")
        held = cloud.nlb_listeners if flavour == "nlb" else cloud.alb_listeners
        found = [one for one in held.values() if not ids or one["LoadBalancerId"] in ids]
        return _token_list(params, found, "Listeners")

    return answer


def _v2_groups(flavour: str) -> Callable[[Cloud, Params], Item]:
    def answer(cloud: Cloud, params: Params) -> Item:
        ids = many(params, "ServerGroupIds")
        found = [
            _server_group(one)
            for one in cloud.server_groups.values()
            if one["flavour"] == flavour and (not ids or one["ServerGroupId"] in ids)
        ]
        return _token_list(params, found, "ServerGroups")

    return answer


def _server_group(item: Item) -> Item:
    shown = {key: one for key, one in item.items() if key[0].isupper()}
    check: Item = {"HealthCheckEnabled": item["check"], "HealthCheckConnectPort": 0}
    if item["flavour"] == "nlb":
        check["HealthCheckType"] = "TCP"
        return {
            **shown,
            "PreserveClientIpEnabled": item["preserve"],
            "AnyPortEnabled": item["any_port"],
            "HealthCheck": check,
        }
    return {**shown, "HealthCheckConfig": check}


def _v2_servers(cloud: Cloud, params: Params) -> Item:
    group = params.get("ServerGroupId", "")
    if group not in cloud.server_groups:
        raise Refusal(
            404, "ResourceNotFound.serverGroup", "The specified server group was not found."
        )
    return _token_list(params, cloud.servers[group], "Servers", 1000)


def _v2_health(flavour: str) -> Callable[[Cloud, Params], Item]:
    def answer(cloud: Cloud, params: Params) -> Item:
        held = cloud.nlb_listeners if flavour == "nlb" else cloud.alb_listeners
        listener = held.get(params.get("ListenerId", ""))
        if listener is None:
            raise Refusal(404, "ResourceNotFound.listener", "The specified listener was not found.")
        group = (
            listener.get("ServerGroupId")
            or (
                listener["DefaultActions"][0]["ForwardGroupConfig"]["ServerGroupTuples"][0][
                    "ServerGroupId"
                ]
            )
        )
        sick = [
            {
                "ServerId": server["ServerId"],
                "ServerIp": server["ServerIp"],
                "Port": server["Port"],
                "Status": cloud.health[key],
                "Reason": {"ReasonCode": "CONNECT_TIMEOUT"},
            }
            for server in cloud.servers.get(group, [])
            if (
                key := (
                    listener["LoadBalancerId"],
                    listener["ListenerPort"],
                    server["ServerIp"] or server["ServerId"],
                )
            )
            in cloud.health
        ]
        checked = group not in cloud.server_groups or cloud.server_groups[group]["check"]
        info = {"ServerGroupId": group, "NonNormalServers": sick}
        if flavour == "nlb":
            info["HeathCheckEnabled"] = checked
        else:
            info["HealthCheckEnabled"] = "on" if checked else "off"
        row = {
            "ListenerId": listener["ListenerId"],
            "ListenerPort": listener["ListenerPort"],
            "ListenerProtocol": listener["ListenerProtocol"],
            "ServerGroupInfos": [info],
        }
        return {"ListenerHealthStatus": [row]}

    return answer


# --- accounts -----------------------------------------------------------------------------------


def _accounts(cloud: Cloud, params: Params) -> Item:
    if cloud.directory is None:
        raise Refusal(
            404,
            "EntityNotExists.ResourceDirectory",
            "The resource directory for the account is not enabled.",
        )
    return _numbered_list(params, cloud.directory, ("Accounts", "Account"), 100)


def _peerings(cloud: Cloud, params: Params) -> Item:
    return _token_list(params, cloud.peerings, "VpcPeerConnects")


_ECS, _VPC, _SLB, _NLB, _ALB = (
    "2014-05-26",
    "2016-04-28",
    "2014-05-15",
    "2022-04-30",
    "2020-06-16",
)
ANSWERS: dict[tuple[str, str], Callable[[Cloud, Params], Item]] = {
    ("2022-04-19", "ListAccounts"): _accounts,
    ("2022-01-01", "ListVpcPeerConnections"): _peerings,
    (_ECS, "DescribeRegions"): _regions,
    (_ECS, "DescribeZones"): _zones,
    (_ECS, "DescribeInstances"): _instances,
    (_ECS, "DescribeNetworkInterfaces"): _interfaces,
    (_ECS, "DescribeSecurityGroups"): _groups,
    (_ECS, "DescribeSecurityGroupAttribute"): _group,
    (_ECS, "DescribePrefixListAttributes"): _prefix_list,
    (_VPC, "DescribeVpcs"): _vpcs,
    (_VPC, "DescribeVSwitches"): _vswitches,
    (_VPC, "DescribeRouteTableList"): _tables,
    (_VPC, "DescribeRouteEntryList"): _routes,
    (_VPC, "DescribeNetworkAcls"): _acls,
    (_VPC, "DescribeNetworkAclAttributes"): _acl,
    (_VPC, "DescribeNatGateways"): _nats,
    (_VPC, "DescribeSnatTableEntries"): _snats,
    (_VPC, "DescribeForwardTableEntries"): _dnats,
    (_VPC, "DescribeEipAddresses"): _eips,
    (_SLB, "DescribeLoadBalancers"): _clbs,
    (_SLB, "DescribeLoadBalancerAttribute"): _clb,
    (_SLB, "DescribeLoadBalancerListeners"): _clb_listeners,
    (_SLB, "DescribeVServerGroupAttribute"): _clb_group,
    (_SLB, "DescribeMasterSlaveServerGroupAttribute"): _clb_pair,
    (_SLB, "DescribeHealthStatus"): _clb_health,
    (_SLB, "DescribeAccessControlListAttribute"): _clb_acl,
    (_NLB, "ListLoadBalancers"): _v2_balancers("nlb"),
    (_NLB, "ListListeners"): _v2_listeners("nlb"),
    (_NLB, "ListServerGroups"): _v2_groups("nlb"),
    (_NLB, "ListServerGroupServers"): _v2_servers,
    (_NLB, "GetListenerHealthStatus"): _v2_health("nlb"),
    (_ALB, "ListLoadBalancers"): _v2_balancers("alb"),
    (_ALB, "GetLoadBalancerAttribute"): _alb,
    (_ALB, "ListListeners"): _v2_listeners("alb"),
    (_ALB, "ListServerGroups"): _v2_groups("alb"),
    (_ALB, "ListServerGroupServers"): _v2_servers,
    (_ALB, "GetListenerHealthStatus"): _v2_health("alb"),
}
"""By version and action. STS is answered by the server, which knows the keys."""


def answer(cloud: Cloud, version: str, action: str, params: Params) -> dict[str, Any]:
    """One answer. Raises Refusal."""
    found = ANSWERS.get((version, action))
    if found is None:
        raise Refusal(404, "InvalidAction.NotFound", "Specified api is not found.")
    if params.get("RegionId", cloud.region) not in cloud.regions:
        raise Refusal(404, "InvalidRegionId.NotFound", "The specified RegionId does not exist.")
    return found(cloud, params)
