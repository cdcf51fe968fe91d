"""What a provider can look at in its cloud. What is not listed is said, never taken as a pass."""

from __future__ import annotations

from enum import Enum


class Capability(Enum):
    """An area of checks. All of them are read-only."""

    INSTANCES = "instances"
    SOURCE_CHECK = "source/destination check"
    ROUTES = "routes"
    PEERINGS = "peerings"
    SECURITY_GROUPS = "security groups"
    PREFIX_LISTS = "prefix lists"
    NETWORK_ACLS = "network ACLs"
    NAT = "NAT gateways"
    PUBLIC_ADDRESSES = "public addresses"
    LOAD_BALANCERS = "load balancers"
    SUBSCRIPTIONS = "subscriptions"


ESSENTIAL = (Capability.INSTANCES,)
"""Without these nothing can be placed in the cloud."""
