"""Every request skoop may send to Aliyun: the exact list, and how each is read to its end.

A request that is not in `ALLOWED` is refused before it is signed, and the RAM policy that
`skoop provider policy aliyun` prints is made from the same list.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from msgspec import Struct

from skoop.infra.aliyun.client.errors import NotAllowed


class Paging(Enum):
    """How an action is asked for its next page. The value names the parameter for the size."""

    NONE = ""
    NUMBERED = "PageSize"
    """PageNumber and PageSize; TotalCount says how many there are."""
    ACL_PAGES = "AclPageSize"
    """The same with other names: Page and TotalAclEntry."""
    TOKEN = "MaxResults"
    """NextToken until it is empty."""
    ROUTE_TOKEN = "MaxResult"
    """The same with another name for the size."""


class Action(Struct, frozen=True):
    """One read-only request.

    `items` leads to the list in an answer (two keys deep in the older products), empty for an
    answer that is one object; `size` is the largest page the action grants; `regional` says whether
    it is asked at a region's endpoint and takes RegionId; `permission` is what a RAM policy calls
    it, "" when everybody may ask.
    """

    product: str
    version: str
    name: str
    items: tuple[str, ...] = ()
    paging: Paging = Paging.NONE
    size: int = 0
    regional: bool = True
    permission: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What the allow-list knows it by."""
        return self.product, self.version, self.name


_N, _T = Paging.NUMBERED, Paging.TOKEN
_ECS, _VPC, _SLB = ("ecs", "2014-05-26"), ("vpc", "2016-04-28"), ("slb", "2014-05-15")
_NLB, _ALB, _STS = ("nlb", "2022-04-30"), ("alb", "2020-06-16"), ("sts", "2015-04-01")
_PEER = ("vpcpeer", "2022-01-01")
_DIRECTORY = ("resourcedirectorymaster", "2022-04-19")
_PERMISSION_PREFIX = {"resourcedirectorymaster": "resourcemanager", "vpcpeer": "vpc"}


def _action(
    product: tuple[str, str],
    name: str,
    items: tuple[str, ...] = (),
    paging: Paging = Paging.NONE,
    size: int = 0,
) -> Action:
    prefix = _PERMISSION_PREFIX.get(product[0], product[0])
    permission = "" if product is _STS else f"{prefix}:{name}"
    regional = product not in (_STS, _DIRECTORY)
    return Action(*product, name, items, paging, size, regional, permission)


CALLER_IDENTITY = _action(_STS, "GetCallerIdentity")
ASSUME_ROLE = _action(_STS, "AssumeRole")
ASSUME_ROLE_WITH_OIDC = _action(_STS, "AssumeRoleWithOIDC")
ACCOUNTS = _action(_DIRECTORY, "ListAccounts", ("Accounts", "Account"), _N, 100)

REGIONS = _action(_ECS, "DescribeRegions", ("Regions", "Region"))
ZONES = _action(_ECS, "DescribeZones", ("Zones", "Zone"))
INSTANCES = _action(_ECS, "DescribeInstances", ("Instances", "Instance"), _T, 100)
INTERFACES = _action(
    _ECS,
    "DescribeNetworkInterfaces",
    ("NetworkInterfaceSets", "NetworkInterfaceSet"),
    _T,
    500,
)
GROUPS = _action(_ECS, "DescribeSecurityGroups", ("SecurityGroups", "SecurityGroup"), _T, 100)
GROUP = _action(_ECS, "DescribeSecurityGroupAttribute", ("Permissions", "Permission"), _T, 1000)
PREFIX_LIST = _action(_ECS, "DescribePrefixListAttributes", ("Entries", "Entry"))

VPCS = _action(_VPC, "DescribeVpcs", ("Vpcs", "Vpc"), _N, 50)
VSWITCHES = _action(_VPC, "DescribeVSwitches", ("VSwitches", "VSwitch"), _N, 50)
ROUTE_TABLES = _action(
    _VPC, "DescribeRouteTableList", ("RouterTableList", "RouterTableListType"), _N, 50
)
ROUTES = _action(
    _VPC, "DescribeRouteEntryList", ("RouteEntrys", "RouteEntry"), Paging.ROUTE_TOKEN, 500
)
NETWORK_ACLS = _action(_VPC, "DescribeNetworkAcls", ("NetworkAcls", "NetworkAcl"), _N, 50)
NATS = _action(_VPC, "DescribeNatGateways", ("NatGateways", "NatGateway"), _N, 50)
SNATS = _action(_VPC, "DescribeSnatTableEntries", ("SnatTableEntries", "SnatTableEntry"), _N, 50)
DNATS = _action(
    _VPC, "DescribeForwardTableEntries", ("ForwardTableEntries", "ForwardTableEntry"), _N, 50
)
EIPS = _action(_VPC, "DescribeEipAddresses", ("EipAddresses", "EipAddress"), _N, 100)
PEERINGS = _action(_PEER, "ListVpcPeerConnections", ("VpcPeerConnects",), _T, 100)

CLBS = _action(_SLB, "DescribeLoadBalancers", ("LoadBalancers", "LoadBalancer"), _N, 100)
CLB = _action(_SLB, "DescribeLoadBalancerAttribute")
CLB_LISTENERS = _action(_SLB, "DescribeLoadBalancerListeners", ("Listeners",), _T, 100)
CLB_GROUP = _action(_SLB, "DescribeVServerGroupAttribute")
CLB_MASTER_SLAVE_GROUP = _action(_SLB, "DescribeMasterSlaveServerGroupAttribute")
CLB_HEALTH = _action(_SLB, "DescribeHealthStatus", ("BackendServers", "BackendServer"))
CLB_ACL = _action(
    _SLB,
    "DescribeAccessControlListAttribute",
    ("AclEntrys", "AclEntry"),
    Paging.ACL_PAGES,
    50,
)

NLBS = _action(_NLB, "ListLoadBalancers", ("LoadBalancers",), _T, 100)
NLB_LISTENERS = _action(_NLB, "ListListeners", ("Listeners",), _T, 100)
NLB_GROUPS = _action(_NLB, "ListServerGroups", ("ServerGroups",), _T, 100)
NLB_SERVERS = _action(_NLB, "ListServerGroupServers", ("Servers",), _T, 500)
NLB_HEALTH = _action(_NLB, "GetListenerHealthStatus", ("ListenerHealthStatus",))

ALBS = _action(_ALB, "ListLoadBalancers", ("LoadBalancers",), _T, 100)
ALB = _action(_ALB, "GetLoadBalancerAttribute")
ALB_LISTENERS = _action(_ALB, "ListListeners", ("Listeners",), _T, 100)
ALB_GROUPS = _action(_ALB, "ListServerGroups", ("ServerGroups",), _T, 100)
ALB_SERVERS = _action(_ALB, "ListServerGroupServers", ("Servers",), _T, 100)
ALB_HEALTH = _action(_ALB, "GetListenerHealthStatus", ("ListenerHealthStatus",), _T, 20)

_ALL = tuple(value for value in globals().copy().values() if isinstance(value, Action))
ALLOWED: Mapping[tuple[str, str, str], Action] = MappingProxyType({one.key: one for one in _ALL})
"""By product, version and name: all that is ever sent."""


def check(action: Action) -> None:
    """Raise NotAllowed unless exactly this action is on the list."""
    if ALLOWED.get(action.key) != action:
        product, version, name = action.key
        raise NotAllowed(
            f"skoop does not send {product} {name} ({version}): only read-only requests on its "
            "list are sent."
        )
