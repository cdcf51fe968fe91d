"""The description: each call adds one resource, in the shape in which the API gives it.

Ids are the caller's. What is not given has the value a new resource has.
"""

from __future__ import annotations

import ipaddress
from typing import Any

Item = dict[str, Any]
ACCOUNT = "1234567890123456"
MADE = "2026-01-02T03:04:05Z"


class Cloud:
    """What one account has in one region."""

    def __init__(self, region: str = "cn-hangzhou", account: str = ACCOUNT) -> None:
        self.region, self.account = region, account
        self.regions = [region, "cn-beijing", "ap-southeast-1"]
        self.directory: list[Item] | None = None
        self.vpcs: dict[str, Item] = {}
        self.vswitches: dict[str, Item] = {}
        self.tables: dict[str, Item] = {}
        self.routes: list[Item] = []
        self._entries: dict[str, int] = {}
        self.groups: dict[str, Item] = {}
        self.rules: dict[str, list[Item]] = {}
        self.inner: dict[str, str] = {}
        self.lists: dict[str, list[str]] = {}
        self.instances: dict[str, Item] = {}
        self.enis: dict[str, Item] = {}
        self.acls: dict[str, Item] = {}
        self.nats: dict[str, Item] = {}
        self.snats: list[Item] = []
        self.dnats: list[Item] = []
        self.eips: dict[str, Item] = {}
        self.peerings: list[Item] = []
        self.clbs: dict[str, Item] = {}
        self.clb_listeners: list[Item] = []
        self.clb_groups: dict[str, Item] = {}
        self.clb_pairs: dict[str, Item] = {}
        self.clb_acls: dict[str, Item] = {}
        self.health: dict[tuple[str, int, str], str] = {}
        self.nlbs: dict[str, Item] = {}
        self.albs: dict[str, Item] = {}
        self.alb_zones: dict[str, list[Item]] = {}
        self.nlb_listeners: dict[str, Item] = {}
        self.alb_listeners: dict[str, Item] = {}
        self.server_groups: dict[str, Item] = {}
        self.servers: dict[str, list[Item]] = {}

    # --- VPC -----------------------------------------------------------------------------------

    def vpc(
        self, vpc: str, cidr: str, *, secondary: tuple[str, ...] = (), user: tuple[str, ...] = ()
    ) -> str:
        self.vpcs[vpc] = {
            "VpcId": vpc,
            "VpcName": vpc,
            "CidrBlock": cidr,
            "SecondaryCidrBlocks": {"SecondaryCidrBlock": list(secondary)},
            "UserCidrs": {"UserCidr": list(user)},
            "VRouterId": f"vrt-{vpc}",
            "VSwitchIds": {"VSwitchId": []},
            "RegionId": self.region,
            "OwnerId": int(self.account),
            "Status": "Available",
            "IsDefault": False,
            "CreationTime": MADE,
        }
        self.table(f"vtb-{vpc}", vpc, kind="System")
        return vpc

    def table(self, table: str, vpc: str, *, kind: str = "Custom") -> str:
        self.tables[table] = {
            "RouteTableId": table,
            "RouteTableName": table,
            "RouteTableType": kind,
            "RouterType": "VRouter",
            "RouterId": f"vrt-{vpc}",
            "VpcId": vpc,
            "VSwitchIds": {"VSwitchId": []},
            "Status": "Available",
            "OwnerId": int(self.account),
            "CreationTime": MADE,
        }
        self.route(table, self.vpcs[vpc]["CidrBlock"], kind="System", hop=("local", ""))
        for cidr in self.vpcs[vpc]["SecondaryCidrBlocks"]["SecondaryCidrBlock"]:
            self.route(table, cidr, kind="System", hop=("local", ""))
        self.route(table, "100.64.0.0/10", kind="System", hop=("service", ""))
        return table

    def route(
        self,
        table: str,
        destination: str,
        *,
        instance: str = "",
        nat: str = "",
        hop: tuple[str, str] | None = None,
        hops: tuple[tuple[str, str, int], ...] = (),
        kind: str = "Custom",
        status: str = "Available",
    ) -> str:
        single = hop or (("Instance", instance) if instance else ("NatGateway", nat))
        ways = hops or ((*single, 0),)
        number = self._entries[table] = self._entries.get(table, 0) + 1
        entry = f"rte-{table}-{number}"
        self.routes.append(
            {
                "RouteEntryId": entry,
                "RouteEntryName": "",
                "RouteTableId": table,
                "DestinationCidrBlock": destination,
                "IpVersion": "IPv6" if ":" in destination else "IPv4",
                "Status": status,
                "Type": kind,
                "NextHops": {
                    "NextHop": [
                        {
                            "NextHopType": type_,
                            "NextHopId": id_,
                            "NextHopRegionId": self.region if type_ != "local" else "",
                            "Weight": weight,
                            "Enabled": 1,
                        }
                        for type_, id_, weight in ways
                    ]
                },
            }
        )
        return entry

    def vswitch(
        self,
        vswitch: str,
        vpc: str,
        cidr: str,
        *,
        zone: str = "h",
        table: str = "",
        acl: str = "",
        owner: str = "",
    ) -> str:
        table = table or f"vtb-{vpc}"
        self.vswitches[vswitch] = {
            "VSwitchId": vswitch,
            "VSwitchName": vswitch,
            "VpcId": vpc,
            "ZoneId": f"{self.region}-{zone}",
            "CidrBlock": cidr,
            "RouteTable": {
                "RouteTableId": table,
                "RouteTableType": self.tables[table]["RouteTableType"],
            },
            "NetworkAclId": acl,
            "Status": "Available",
            "OwnerId": int(owner or self.account),
            "AvailableIpAddressCount": 200,
            "CreationTime": MADE,
        }
        self.vpcs[vpc]["VSwitchIds"]["VSwitchId"].append(vswitch)
        self.tables[table]["VSwitchIds"]["VSwitchId"].append(vswitch)
        if acl:
            self.acls[acl]["Resources"]["Resource"].append(
                {"ResourceId": vswitch, "ResourceType": "VSwitch", "Status": "BINDED"}
            )
        return vswitch

    def acl(
        self,
        acl: str,
        vpc: str,
        *,
        ingress: tuple[tuple[str, str, str, str], ...] = (),
        egress: tuple[tuple[str, str, str, str], ...] = (),
    ) -> str:
        """Entries are (policy, protocol, port range, cidr), in order."""
        self.acls[acl] = {
            "NetworkAclId": acl,
            "NetworkAclName": acl,
            "VpcId": vpc,
            "RegionId": self.region,
            "OwnerId": int(self.account),
            "Status": "Available",
            "Resources": {"Resource": []},
            "IngressAclEntries": {
                "IngressAclEntry": [
                    _acl_entry(f"nae-{acl}-in-{n}", "SourceCidrIp", one)
                    for n, one in enumerate(ingress)
                ]
            },
            "EgressAclEntries": {
                "EgressAclEntry": [
                    _acl_entry(f"nae-{acl}-out-{n}", "DestinationCidrIp", one)
                    for n, one in enumerate(egress)
                ]
            },
            "CreationTime": MADE,
        }
        return acl

    def peering(
        self,
        peering: str,
        vpc: str,
        other: str,
        *,
        cidrs: tuple[str, ...] = (),
        status: str = "Activated",
        owner: str = "",
        region: str = "",
    ) -> str:
        """`cidrs` are the networks of the other VPC."""
        own = [self.vpcs[vpc]["CidrBlock"]]
        self.peerings.append(
            {
                "InstanceId": peering,
                "Name": peering,
                "RegionId": self.region,
                "OwnerId": int(self.account),
                "Vpc": {"VpcId": vpc, "Ipv4Cidrs": own},
                "AcceptingRegionId": region or self.region,
                "AcceptingOwnerUid": int(owner or self.account),
                "AcceptingVpc": {"VpcId": other, "Ipv4Cidrs": list(cidrs)},
                "Status": status,
                "BizStatus": "Normal",
                "GmtCreate": MADE,
            }
        )
        return peering

    # --- ECS -----------------------------------------------------------------------------------

    def group(self, group: str, vpc: str, *, kind: str = "normal", inner: str = "Accept") -> str:
        self.groups[group] = {
            "SecurityGroupId": group,
            "SecurityGroupName": group,
            "SecurityGroupType": kind,
            "VpcId": vpc,
            "Description": "",
            "CreationTime": MADE,
            "ServiceManaged": False,
        }
        self.rules[group] = []
        self.inner[group] = inner if kind == "normal" else "Drop"
        return group

    def rule(
        self,
        group: str,
        direction: str,
        policy: str = "Accept",
        protocol: str = "ALL",
        ports: str = "-1/-1",
        *,
        peer: str = "0.0.0.0/0",
        peer_group: str = "",
        peer_list: str = "",
        owner: str = "",
        priority: int = 1,
        source_ports: str = "-1/-1",
        local: str = "",
    ) -> str:
        """`peer` is the source of an ingress rule, the destination of an egress one; `local` the
        other address of a five-tuple rule."""
        inward = direction == "ingress"
        rule = f"sgr-{group}-{len(self.rules[group])}"
        cidr = "" if peer_group or peer_list else peer
        far, near = ("Source", "Dest") if inward else ("Dest", "Source")
        item = {
            "SecurityGroupRuleId": rule,
            "Direction": direction,
            "Policy": policy,
            "Priority": str(priority),
            "IpProtocol": protocol,
            "PortRange": ports,
            "SourcePortRange": source_ports,
            "NicType": "intranet",
            "Description": "",
            "CreateTime": MADE,
            **dict.fromkeys(_RULE_FIELDS, ""),
            f"{far}GroupId": peer_group,
            f"{far}GroupOwnerAccount": owner,
            f"{far}PrefixListId": peer_list,
        }
        for side, value in ((far, cidr), (near, local)):
            item[f"Ipv6{side}CidrIp" if ":" in value else f"{side}CidrIp"] = value
        self.rules[group].append(item)
        return rule

    def prefix_list(self, name: str, *cidrs: str) -> str:
        self.lists[name] = list(cidrs)
        return name

    def instance(
        self,
        instance: str,
        vswitch: str,
        ip: str,
        groups: tuple[str, ...],
        *,
        status: str = "Running",
        public_ip: str = "",
        check: bool = False,
        ipv6: str = "",
    ) -> str:
        switch = self.vswitches[vswitch]
        eni = f"eni-{instance}"
        self.eni(
            eni, vswitch, (ip,), groups, instance=instance, primary=True, check=check, ipv6=ipv6
        )
        self.instances[instance] = {
            "InstanceId": instance,
            "InstanceName": instance,
            "HostName": instance,
            "Status": status,
            "RegionId": self.region,
            "ZoneId": switch["ZoneId"],
            "InstanceNetworkType": "vpc",
            "VpcAttributes": {
                "VpcId": switch["VpcId"],
                "VSwitchId": vswitch,
                "NatIpAddress": "",
                "PrivateIpAddress": {"IpAddress": [ip]},
            },
            "SecurityGroupIds": {"SecurityGroupId": list(groups)},
            "PublicIpAddress": {"IpAddress": [public_ip] if public_ip else []},
            "InnerIpAddress": {"IpAddress": []},
            "EipAddress": {"AllocationId": "", "IpAddress": "", "InternetChargeType": ""},
            "NetworkInterfaces": {
                "NetworkInterface": [
                    {
                        "NetworkInterfaceId": eni,
                        "PrimaryIpAddress": ip,
                        "MacAddress": self.enis[eni]["MacAddress"],
                        "Type": "Primary",
                    }
                ]
            },
            "CreationTime": MADE,
        }
        return instance

    def eni(
        self,
        eni: str,
        vswitch: str,
        ips: tuple[str, ...],
        groups: tuple[str, ...],
        *,
        instance: str = "",
        primary: bool = False,
        check: bool = False,
        status: str = "InUse",
        ipv6: str = "",
    ) -> str:
        switch = self.vswitches[vswitch]
        self.enis[eni] = {
            "NetworkInterfaceId": eni,
            "NetworkInterfaceName": eni,
            "VpcId": switch["VpcId"],
            "VSwitchId": vswitch,
            "ZoneId": switch["ZoneId"],
            "Type": "Primary" if primary else "Secondary",
            "Status": status,
            "InstanceId": instance,
            "Attachment": {"InstanceId": instance} if instance else {},
            "MacAddress": "00:16:3e:"
            + ":".join(f"{octet:02x}" for octet in ipaddress.ip_address(ips[0]).packed[-3:]),
            "PrivateIpAddress": ips[0],
            "PrivateIpSets": {
                "PrivateIpSet": [
                    {"PrivateIpAddress": ip, "Primary": n == 0} for n, ip in enumerate(ips)
                ]
            },
            "Ipv6Sets": {"Ipv6Set": [{"Ipv6Address": ipv6}] if ipv6 else []},
            "SecurityGroupIds": {"SecurityGroupId": list(groups)},
            "SourceDestCheck": check,
            "OwnerId": self.account,
            "CreationTime": MADE,
        }
        if instance and not primary and instance in self.instances:
            self.instances[instance]["NetworkInterfaces"]["NetworkInterface"].append(
                {"NetworkInterfaceId": eni, "PrimaryIpAddress": ips[0], "Type": "Secondary"}
            )
        return eni

    # --- to the internet -----------------------------------------------------------------------

    def nat(
        self,
        nat: str,
        vpc: str,
        *,
        ips: tuple[str, ...] = (),
        kind: str = "internet",
        status: str = "Available",
        vswitch: str = "",
    ) -> str:
        self.nats[nat] = {
            "NatGatewayId": nat,
            "Name": nat,
            "VpcId": vpc,
            "RegionId": self.region,
            "NetworkType": kind,
            "NatType": "Enhanced",
            "Status": status,
            "SnatTableIds": {"SnatTableId": [f"stb-{nat}"]},
            "ForwardTableIds": {"ForwardTableId": [f"ftb-{nat}"]},
            "IpLists": {
                "IpList": [
                    {"AllocationId": self.eip(f"eip-{ip}", ip, nat, "Nat"), "IpAddress": ip}
                    for ip in ips
                ]
            },
            "NatGatewayPrivateInfo": {"VswitchId": vswitch},
            "CreationTime": MADE,
        }
        return nat

    def snat(
        self, nat: str, ips: str, *, cidr: str = "", vswitch: str = "", status: str = "Available"
    ) -> str:
        entry = f"snat-{nat}-{len(self.snats)}"
        self.snats.append(
            {
                "SnatEntryId": entry,
                "SnatEntryName": "",
                "SnatTableId": f"stb-{nat}",
                "NatGatewayId": nat,
                "SourceCIDR": cidr or self.vswitches[vswitch]["CidrBlock"],
                "SourceVSwitchId": vswitch,
                "SnatIp": ips,
                "Status": status,
            }
        )
        return entry

    def dnat(
        self,
        nat: str,
        external: tuple[str, str],
        internal: tuple[str, str],
        *,
        protocol: str = "tcp",
        status: str = "Available",
    ) -> str:
        entry = f"fwd-{nat}-{len(self.dnats)}"
        self.dnats.append(
            {
                "ForwardEntryId": entry,
                "ForwardEntryName": "",
                "ForwardTableId": f"ftb-{nat}",
                "NatGatewayId": nat,
                "ExternalIp": external[0],
                "ExternalPort": external[1],
                "InternalIp": internal[0],
                "InternalPort": internal[1],
                "IpProtocol": protocol,
                "Status": status,
            }
        )
        return entry

    def eip(
        self,
        eip: str,
        ip: str,
        bound_to: str = "",
        kind: str = "EcsInstance",
        *,
        private: str = "",
    ) -> str:
        self.eips[eip] = {
            "AllocationId": eip,
            "Name": eip,
            "IpAddress": ip,
            "RegionId": self.region,
            "InstanceId": bound_to,
            "InstanceType": kind if bound_to else "",
            "PrivateIpAddress": private,
            "Status": "InUse" if bound_to else "Available",
            "AllocationTime": MADE,
        }
        if kind == "EcsInstance" and bound_to in self.instances:
            self.instances[bound_to]["EipAddress"] = {"AllocationId": eip, "IpAddress": ip}
            self._public(f"eni-{bound_to}", eip, ip, "")
        if kind == "NetworkInterface" and bound_to in self.enis:
            self._public(bound_to, eip, ip, private)
        return eip

    def _public(self, eni: str, eip: str, ip: str, private: str) -> None:
        public = {"AllocationId": eip, "PublicIpAddress": ip}
        for each in self.enis[eni]["PrivateIpSets"]["PrivateIpSet"]:
            if each["PrivateIpAddress"] == (private or self.enis[eni]["PrivateIpAddress"]):
                each["AssociatedPublicIp"] = public
        if private in ("", self.enis[eni]["PrivateIpAddress"]):
            self.enis[eni]["AssociatedPublicIp"] = public

    # --- classic load balancers ----------------------------------------------------------------

    def clb(
        self,
        clb: str,
        address: str,
        *,
        vpc: str = "",
        vswitch: str = "",
        internal: bool = False,
        status: str = "active",
    ) -> str:
        self.clbs[clb] = {
            "LoadBalancerId": clb,
            "LoadBalancerName": clb,
            "Address": address,
            "AddressType": "intranet" if internal else "internet",
            "AddressIPVersion": "ipv4",
            "LoadBalancerStatus": status,
            "NetworkType": "vpc" if internal else "classic",
            "VpcId": vpc if internal else "",
            "VSwitchId": vswitch if internal else "",
            "RegionId": self.region,
            "RegionIdAlias": self.region,
            "MasterZoneId": f"{self.region}-h",
            "SlaveZoneId": f"{self.region}-i",
            "CreateTime": MADE,
        }
        return clb

    def clb_listener(
        self,
        clb: str,
        port: int,
        protocol: str = "tcp",
        *,
        group: str = "",
        status: str = "running",
        acl: str = "",
        acl_type: str = "white",
        check: bool = True,
        backend_port: int = 0,
        pair: str = "",
    ) -> None:
        health = {
            "HealthCheck": "on" if check else "off",
            "HealthCheckConnectPort": 0,
            "MasterSlaveServerGroupId": pair,
        }
        self.clb_listeners.append(
            {
                "LoadBalancerId": clb,
                "ListenerPort": port,
                "ListenerProtocol": protocol,
                "Status": status,
                "Scheduler": "wrr",
                "Bandwidth": -1,
                "VServerGroupId": group,
                "BackendServerPort": backend_port,
                "AclStatus": "on" if acl else "off",
                "AclType": acl_type if acl else "",
                "AclId": acl,
                "AclIds": [acl] if acl else [],
                f"{protocol.upper()}ListenerConfig": health,
            }
        )

    def clb_group(self, group: str, clb: str, *servers: tuple[str, int] | Item) -> str:
        """Servers are (instance id, port), or an item with fields to change."""
        self.clb_groups[group] = {
            "VServerGroupId": group,
            "VServerGroupName": group,
            "LoadBalancerId": clb,
            "BackendServers": {"BackendServer": [_backend(one) for one in servers]},
            "CreateTime": MADE,
        }
        return group

    def clb_pair(
        self, group: str, clb: str, master: tuple[str, int], slave: tuple[str, int]
    ) -> str:
        """A primary/secondary server group."""
        servers = [
            {"ServerId": id_, "Port": port, "ServerType": type_, "Type": "ecs", "Weight": 100}
            for (id_, port), type_ in ((master, "Master"), (slave, "Slave"))
        ]
        self.clb_pairs[group] = {
            "MasterSlaveServerGroupId": group,
            "MasterSlaveServerGroupName": group,
            "LoadBalancerId": clb,
            "MasterSlaveBackendServers": {"MasterSlaveBackendServer": servers},
            "CreateTime": MADE,
        }
        return group

    def clb_acl(self, acl: str, *cidrs: str) -> str:
        self.clb_acls[acl] = {
            "AclId": acl,
            "AclName": acl,
            "AddressIPVersion": "ipv4",
            "AclEntrys": {"AclEntry": [{"AclEntryIP": one} for one in cidrs]},
        }
        return acl

    def sick(self, balancer: str, port: int, server: str, status: str = "abnormal") -> None:
        """A backend fails its check on one listener; by server id, or address for an ENI."""
        self.health[balancer, port, server] = status

    # --- network and application load balancers ------------------------------------------------

    def nlb(
        self,
        nlb: str,
        vpc: str,
        zones: tuple[tuple[str, str, str], ...],
        *,
        dns: str = "",
        internal: bool = False,
        cross_zone: bool = True,
        status: str = "Active",
        groups: tuple[str, ...] = (),
        flavour: str = "nlb",
    ) -> str:
        """`zones` are (zone letter, vSwitch, address), the address public unless internal."""
        kind = "PrivateIPv4Address" if internal else "PublicIPv4Address"
        item = {
            "LoadBalancerId": nlb,
            "LoadBalancerName": nlb,
            "LoadBalancerStatus": status,
            "LoadBalancerBusinessStatus": "Normal",
            "AddressType": "Intranet" if internal else "Internet",
            "AddressIpVersion": "ipv4",
            "DNSName": dns or f"{nlb}.{self.region}.{flavour}.aliyuncs.com",
            "VpcId": vpc,
            "RegionId": self.region,
            "CrossZoneEnabled": cross_zone,
            "SecurityGroupIds": list(groups),
            "ZoneMappings": [
                {
                    "ZoneId": f"{self.region}-{zone}",
                    "VSwitchId": vswitch,
                    "Status": "Active",
                    "LoadBalancerAddresses": [{kind: address, "EniId": f"eni-{nlb}-{zone}"}],
                }
                for zone, vswitch, address in zones
            ],
        }
        if flavour == "alb":
            del item["RegionId"], item["CrossZoneEnabled"], item["SecurityGroupIds"]
            item["LoadBalancerBussinessStatus"] = item.pop("LoadBalancerBusinessStatus")
            self.alb_zones[nlb] = item.pop("ZoneMappings")
            for mapping in self.alb_zones[nlb]:
                for each in mapping["LoadBalancerAddresses"]:
                    each.pop("EniId")
                    each["IntranetAddress" if internal else "Address"] = each.pop(kind)
        (self.nlbs if flavour == "nlb" else self.albs)[nlb] = item
        return nlb

    def nlb_listener(
        self,
        listener: str,
        nlb: str,
        port: int,
        group: str,
        *,
        protocol: str = "TCP",
        status: str = "Running",
        ports: tuple[int, int] | None = None,
    ) -> str:
        first, last = ports or (0, 0)
        self.nlb_listeners[listener] = {
            "ListenerId": listener,
            "LoadBalancerId": nlb,
            "ListenerPort": 0 if ports else port,
            "StartPort": str(first) if ports else "",
            "EndPort": str(last) if ports else "",
            "ListenerProtocol": protocol,
            "ListenerStatus": status,
            "ServerGroupId": group,
            "RegionId": self.region,
            "ProxyProtocolEnabled": False,
        }
        return listener

    def alb_listener(
        self, listener: str, alb: str, port: int, group: str, *, status: str = "Running"
    ) -> str:
        self.alb_listeners[listener] = {
            "ListenerId": listener,
            "LoadBalancerId": alb,
            "ListenerPort": port,
            "ListenerProtocol": "HTTP",
            "ListenerStatus": status,
            "DefaultActions": [
                {
                    "Type": "ForwardGroup",
                    "ForwardGroupConfig": {"ServerGroupTuples": [{"ServerGroupId": group}]},
                }
            ],
        }
        return listener

    def server_group(
        self,
        group: str,
        vpc: str,
        *servers: Item,
        flavour: str = "nlb",
        preserve: bool = True,
        check: bool = True,
        kind: str = "Instance",
        any_port: bool = False,
    ) -> str:
        self.server_groups[group] = {
            "ServerGroupId": group,
            "ServerGroupName": group,
            "ServerGroupType": kind,
            "ServerGroupStatus": "Available",
            "VpcId": vpc,
            "Protocol": "TCP" if flavour == "nlb" else "HTTP",
            "ServerCount": len(servers),
            "flavour": flavour,
            "preserve": preserve,
            "any_port": any_port,
            "check": check,
        }
        self.servers[group] = [
            {
                "ServerGroupId": group,
                "ServerType": "Ecs",
                "Status": "Available",
                "Weight": 100,
                "ServerIp": "",
                "Description": "",
                **one,
            }
            for one in servers
        ]
        return group


_RULE_FIELDS = tuple(
    f"{prefix}{side}{field}"
    for prefix, side, field in (
        ("", "Source", "CidrIp"),
        ("", "Dest", "CidrIp"),
        ("Ipv6", "Source", "CidrIp"),
        ("Ipv6", "Dest", "CidrIp"),
        ("", "Source", "GroupId"),
        ("", "Dest", "GroupId"),
        ("", "Source", "PrefixListId"),
        ("", "Dest", "PrefixListId"),
        ("", "Source", "GroupOwnerAccount"),
        ("", "Dest", "GroupOwnerAccount"),
    )
)


def _acl_entry(entry: str, side: str, given: tuple[str, str, str, str]) -> Item:
    policy, protocol, port, cidr = given
    return {
        "NetworkAclEntryId": entry,
        "NetworkAclEntryName": "",
        "Policy": policy,
        "Protocol": protocol,
        "Port": port,
        side: cidr,
        "EntryType": "custom",
        "IpVersion": "IPV6" if ":" in cidr else "IPV4",
    }


def _backend(given: tuple[str, int] | Item) -> Item:
    change = given if isinstance(given, dict) else {"ServerId": given[0], "Port": given[1]}
    return {"Type": "ecs", "Weight": 100, "ServerIp": "", "Description": "", **change}
