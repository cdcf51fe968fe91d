"""Causes in the VPC's routes."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class CloudRouteNone(Finding):
    """The route table has no entry for the destination.

    What it means: No active entry of the table that serves the sender's subnet covers the
    address (none).
    Why it matters: The VPC's router drops the packet without an answer.
    How to fix: Add a route, or send the traffic by a tunnel or a NAT gateway.
        skoop cloud PROVIDER route-entry-list
    """

    code = "CLOUD019"
    name = "cloud-route-none"
    level = Level.FATAL


class CloudRoutePodCidrMissing(Finding):
    """The route to a node's pods is missing.

    What it means: The pods' network is not routed to their node: the VPC's table has no entry
    for the node's pod CIDR, and the CNI uses no tunnel (pod-cidr-missing).
    Why it matters: Packets for these pods are dropped, or leave by the default route.
    How to fix: Restart the cloud controller manager, which writes these routes, and look at its
    log.
        skoop cloud PROVIDER route-entry-list
        kubectl get node NODE -o jsonpath='{.spec.podCIDR}'
    """

    code = "CLOUD020"
    name = "cloud-route-pod-cidr-missing"
    level = Level.FATAL


class CloudRouteWrongInstance(Finding):
    """The route leads to another machine.

    What it means: The entry for these addresses has an instance or interface as its next hop
    that is not the node they belong to (wrong-instance).
    Why it matters: Packets arrive at a node that does not know the pods, or go in circles.
    How to fix: Point the entry at the right instance; a stale one is left when a node is
    replaced.
        skoop cloud PROVIDER route-entry-list
    """

    code = "CLOUD021"
    name = "cloud-route-wrong-instance"
    level = Level.FATAL


class CloudRouteBlackhole(Finding):
    """The route is a black hole.

    What it means: The entry that covers the destination drops what it covers, or its next hop
    is gone (blackhole).
    Why it matters: Packets disappear without an answer.
    How to fix: Delete the entry or give it a next hop that exists.
        skoop cloud PROVIDER route-entry-list
    """

    code = "CLOUD022"
    name = "cloud-route-blackhole"
    level = Level.FATAL


class CloudRouteInactive(Finding):
    """The route is not in force.

    What it means: There is an entry for the destination, but the cloud has not put it into
    force, or is still doing so (inactive).
    Why it matters: Packets follow a wider entry, or none.
    How to fix: Wait for it, or look at the state of its next hop and create it again.
        skoop cloud PROVIDER route-entry-list
    """

    code = "CLOUD023"
    name = "cloud-route-inactive"
    level = Level.FATAL


class CloudRouteMoreSpecific(Finding):
    """A more specific route takes the packets.

    What it means: Another entry covers a part of the network and wins, because the longest
    prefix decides (more-specific).
    Why it matters: The packets go elsewhere than the wider entry says.
    How to fix: Delete or narrow the more specific entry.
        skoop cloud PROVIDER route-entry-list
    """

    code = "CLOUD024"
    name = "cloud-route-more-specific"
    level = Level.FATAL


class CloudRouteNexthopGone(Finding):
    """The route's next hop does not exist.

    What it means: The entry's next hop is an instance, interface or gateway that is not there
    any more (nexthop-gone).
    Why it matters: What follows the entry is lost.
    How to fix: Delete the entry, or point it at something that exists.
        skoop cloud PROVIDER route-entry-list
    """

    code = "CLOUD025"
    name = "cloud-route-nexthop-gone"
    level = Level.FATAL


class CloudRouteTableNotAssociated(Finding):
    """The route is in a table that does not serve the subnet.

    What it means: Another table of the VPC has an entry for the destination, but the sender's
    subnet is served by one that has none (table-not-associated).
    Why it matters: Whoever looks at the VPC sees the route; the packets do not.
    How to fix: Associate the subnet with that table, or write the entry into the table it uses.
        skoop cloud PROVIDER route-table-list
    """

    code = "CLOUD026"
    name = "cloud-route-table-not-associated"
    level = Level.CRITICAL


class CloudRouteSomeTablesStale(Finding):
    """The route tables of the VPC do not agree.

    What it means: Some tables have an entry for a node's pods and others have none, or lead
    elsewhere (some-tables-stale).
    Why it matters: Pods are reached from nodes of some subnets and not from others.
    How to fix: Let the cloud controller write all tables of the cluster's subnets.
        skoop cloud PROVIDER route-entry-list
    """

    code = "CLOUD027"
    name = "cloud-route-some-tables-stale"
    level = Level.WARNING


class CloudRouteQuotaExceeded(Finding):
    """The route table is full.

    What it means: It holds as many custom entries as the cloud allows, and an entry for a
    node's pods is missing (quota-exceeded).
    Why it matters: Nodes that join from now on have no route to their pods.
    How to fix: Ask for a larger quota, or use a tunnel between the nodes.
        skoop cloud PROVIDER route-table-list
    """

    code = "CLOUD028"
    name = "cloud-route-quota-exceeded"
    level = Level.CRITICAL


class CloudRoutePeeringMissing(Finding):
    """Nothing joins the two VPCs.

    What it means: The destination is in another VPC, and there is no active peering or transit
    router between the two (peering-missing).
    Why it matters: Two VPCs are separate networks; packets do not pass.
    How to fix: Create or activate a peering, and routes on both sides.
        skoop cloud PROVIDER vpc-list
    """

    code = "CLOUD029"
    name = "cloud-route-peering-missing"
    level = Level.FATAL


class CloudRoutePeeringCidrMissing(Finding):
    """The peering has no route for the network.

    What it means: The VPCs are joined, but one of the two sides has no route for the other
    one's network over it (peering-cidr-missing).
    Why it matters: Packets or their answers are dropped.
    How to fix: Add the route on the side that lacks it.
        skoop cloud PROVIDER route-entry-list
    """

    code = "CLOUD030"
    name = "cloud-route-peering-cidr-missing"
    level = Level.FATAL


FINDINGS: tuple[type[Finding], ...] = (
    CloudRouteNone,
    CloudRoutePodCidrMissing,
    CloudRouteWrongInstance,
    CloudRouteBlackhole,
    CloudRouteInactive,
    CloudRouteMoreSpecific,
    CloudRouteNexthopGone,
    CloudRouteTableNotAssociated,
    CloudRouteSomeTablesStale,
    CloudRouteQuotaExceeded,
    CloudRoutePeeringMissing,
    CloudRoutePeeringCidrMissing,
)
