"""Causes in routes and policy rules."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class RouteMissing(Finding):
    """No route covers the destination.

    What it means: No table that the policy rules lead to has a route for the address.
    Why it matters: The kernel answers ENETUNREACH to a local sender, and ICMP net unreachable to
    one it routes for.
    How to fix: See what the kernel would do, then restart the agent that owns the route or add it.
        ip route get DST from SRC iif DEV
        ip route add PODCIDR via NODE_IP dev eth0              # host-gw
    """

    code = "RT001"
    name = "route-missing"
    level = Level.FATAL


class RouteUnreachable(Finding):
    """A route of type unreachable catches the packet.

    What it means: The most specific route for the destination says "unreachable".
    Why it matters: The sender gets EHOSTUNREACH, or ICMP host unreachable.
    How to fix: Remove the route, or add a more specific one. Some CNIs keep such a route for the
    part of their range that no pod uses; then the pod's own route is what is missing.
        ip route show type unreachable
        ip route del unreachable PREFIX
    """

    code = "RT002"
    name = "route-unreachable"
    level = Level.FATAL


class RouteProhibit(Finding):
    """A route of type prohibit catches the packet.

    What it means: The most specific route for the destination says "prohibit".
    Why it matters: The sender gets EACCES, or ICMP administratively filtered.
    How to fix: Find who put it there; a route of this type is always somebody's intention.
        ip route show type prohibit
        ip route del prohibit PREFIX
    """

    code = "RT003"
    name = "route-prohibit"
    level = Level.FATAL


class RouteBlackhole(Finding):
    """A route of type blackhole swallows the packet.

    What it means: The most specific route for the destination says "blackhole". Calico writes one
    for each block it owns; the /32 of a pod must be more specific.
    Why it matters: Forwarded packets vanish without an answer; a local sender gets EINVAL.
    How to fix: Remove it, or restore the specific route that should have won.
        ip route show type blackhole
        ip route del blackhole PREFIX
    """

    code = "RT004"
    name = "route-blackhole"
    level = Level.FATAL


class RouteWrongNexthop(Finding):
    """The route leads to the wrong node.

    What it means: The gateway of the route is not the node that owns the destination's podCIDR.
    Why it matters: Another node gets the packet; it forwards it once more, drops it, or sends it
    back.
    How to fix: Replace the route.
        kubectl get node -o custom-columns=N:.metadata.name,CIDR:.spec.podCIDR,A:.status.addresses
        ip route replace PODCIDR via NODE_IP dev eth0
    """

    code = "RT005"
    name = "route-wrong-nexthop"
    level = Level.FATAL


class RouteWrongDevice(Finding):
    """The route leads out of the wrong interface.

    What it means: The destination is routed through a device other than the one the pod network
    uses, for instance the NIC instead of the tunnel.
    Why it matters: The packet leaves without its tunnel header, and the network between the nodes
    does not know pod addresses.
    How to fix: Replace the route.
        ip route get DST
        ip route replace PODCIDR via VTEP_IP dev flannel.1 onlink
    """

    code = "RT006"
    name = "route-wrong-device"
    level = Level.FATAL


class RouteShadowedByMoreSpecific(Finding):
    """A more specific route takes the packet away from the one meant for it.

    What it means: The route the CNI wrote is there, but a longer prefix (a VPN's, Docker's,
    one added by hand) covers the destination too.
    Why it matters: The longest prefix wins, whatever its metric.
    How to fix: Remove the more specific route, or move one of the two networks to other addresses.
        ip route show match DST
        ip route del PREFIX dev DEV
    """

    code = "RT007"
    name = "route-shadowed-by-more-specific"
    level = Level.FATAL


class PolicyRuleCaptures(Finding):
    """An `ip rule` sends the packet to another table, or drops it.

    What it means: A policy rule of a smaller preference than main's matches, and its table (or its
    action: unreachable, blackhole, prohibit) decides instead of the main table.
    Why it matters: The right route in the main table is never looked at, although `ip route` shows
    it.
    How to fix: Remove the rule, or make its selector narrower.
        ip rule show
        ip route show table TABLE
        ip rule del pref PREF
    """

    code = "RT008"
    name = "policy-rule-captures"
    level = Level.FATAL


class PolicyRuleMissing(Finding):
    """A policy rule that the routing relies on is missing.

    What it means: A table with the right routes exists, but no `ip rule` leads there; or the rule
    for the main or local table was deleted.
    Why it matters: Without the rule the table is never consulted.
    How to fix: Put it back.
        ip rule add pref 32766 lookup main
        ip rule show
    """

    code = "RT009"
    name = "policy-rule-missing"
    level = Level.FATAL


class RouteViaDownLink(Finding):
    """The route uses an interface that is down.

    What it means: The best route's device is down or has no carrier.
    Why it matters: The kernel skips the route (dead) or sends into nothing (linkdown).
    How to fix: Bring the device up.
        ip route show | grep -E 'dead|linkdown'
        ip link set dev DEV up
    """

    code = "RT010"
    name = "route-via-down-link"
    level = Level.FATAL


class NexthopOfflink(Finding):
    """The gateway is not reachable on the route's link.

    What it means: No connected network contains the gateway's address (and the route is not
    marked onlink), or nobody on the link answers for it.
    Why it matters: The neighbour of the gateway cannot be resolved, so the packet is dropped.
    How to fix: Nodes in different subnets need a tunnel, not host-gw routes; otherwise correct
    the gateway.
        ip route get GATEWAY
        ip neigh show GATEWAY
    """

    code = "RT011"
    name = "nexthop-offlink"
    level = Level.FATAL


class ReturnRouteMissing(Finding):
    """The reply has no route back.

    What it means: The packet arrives, and the side that answers has no route to the address it
    came from (return-missing).
    Why it matters: The client sees a time-out although the server got its request.
    How to fix: Add the route on the answering side, where this is reported.
        ip route get CLIENT_IP
        ip route add CLIENT_CIDR via GATEWAY dev DEV
    """

    code = "RT012"
    name = "return-route-missing"
    level = Level.FATAL


class RouteAsymmetric(Finding):
    """The reply takes another way than the request.

    What it means: Request and reply pass different nodes or interfaces.
    Why it matters: A stateful firewall, NAT or strict reverse path filter on one of the two ways
    sees half of the connection, and drops or rewrites it.
    How to fix: Make both directions use the same way, by routes or by masquerading where the
    request leaves.
        ip route get DST from SRC                              # on both sides
    """

    code = "RT013"
    name = "route-asymmetric"
    level = Level.WARNING


class RouteLoop(Finding):
    """The packet goes in a circle.

    What it means: It comes back to a node in the same state as before: two nodes each believe that
    the other one owns the destination.
    Why it matters: It is passed on until its time to live runs out.
    How to fix: Correct the route on the node that does not own the address.
        ip route get DST                                       # on each node of the circle
    """

    code = "RT014"
    name = "route-loop"
    level = Level.FATAL


class WrongSourceSelection(Finding):
    """The sender uses the wrong one of its addresses as the source.

    What it means: The route's `src`, or the order of addresses on the interface, makes the kernel
    choose an address that the other side cannot answer, or does not expect.
    Why it matters: Replies go to another host, or a policy or filter rejects them.
    How to fix: Set the source on the route.
        ip route get DST
        ip route change PREFIX via GATEWAY dev DEV src ADDRESS
    """

    code = "RT015"
    name = "wrong-source-selection"
    level = Level.CRITICAL


class CidrOverlap(Finding):
    """Two networks use the same addresses.

    What it means: The pod, Service or node range overlaps with another network the node knows
    (Docker's 172.17.0.0/16, a VPN, the VPC).
    Why it matters: An address can be meant for either, and the longest prefix decides for all.
    How to fix: Move one of them. Pod and Service ranges of a running cluster are hard to change,
    so move the other one if you can.
        ip route show
        kubectl cluster-info dump | grep -m2 -E 'cluster-cidr|service-cluster-ip-range'
    """

    code = "RT016"
    name = "cidr-overlap"
    level = Level.CRITICAL


class BgpRouteNotPresent(Finding):
    """A route that BGP should have brought is not there.

    What it means: The CNI distributes pod ranges by BGP, and the block of the destination's node
    is not in this node's table.
    Why it matters: Packets follow a less specific route, usually the default one, out of the
    cluster.
    How to fix: See whether the sessions are established and TCP port 179 is open.
        calicoctl node status
        ip route show proto bird
    """

    code = "RT017"
    name = "bgp-route-not-present"
    level = Level.FATAL


class LocalTableCapture(Finding):
    """A node on the way takes the destination's address for its own.

    What it means: The address is assigned to an interface here (a leftover VIP on lo, a duplicate)
    so the local table, which is asked first, delivers the packet on this node.
    Why it matters: The packet never leaves; it is refused, or answered by the wrong process.
    How to fix: Remove the address.
        ip route get DST
        ip addr del DST/32 dev lo
    """

    code = "RT018"
    name = "local-table-capture"
    level = Level.FATAL


class V6RouteMissing(Finding):
    """There is a route for IPv4, but none for IPv6.

    What it means: The node or pod reaches the peer by IPv4 only; no IPv6 route covers it.
    Why it matters: Clients that prefer IPv6 fail, or wait before they fall back.
    How to fix: Check that the node has an IPv6 podCIDR, the CNI is configured for dual stack, and
    add the route.
        ip -6 route get DST
        kubectl get node NODE -o jsonpath='{.spec.podCIDRs}'
    """

    code = "RT019"
    name = "v6-route-missing"
    level = Level.FATAL


class MartianSource(Finding):
    """The packet's source address cannot come from where it came.

    What it means: The source is one of the receiver's own addresses, a loopback address or a
    multicast one; the kernel calls it martian.
    Why it matters: It is dropped silently, whatever rp_filter says.
    How to fix: Find the host that shares the address, or the SNAT rule that writes it.
        sysctl -w net.ipv4.conf.all.log_martians=1; dmesg | grep martian
    """

    code = "RT020"
    name = "martian-source"
    level = Level.FATAL


FINDINGS: tuple[type[Finding], ...] = (
    RouteMissing,
    RouteUnreachable,
    RouteProhibit,
    RouteBlackhole,
    RouteWrongNexthop,
    RouteWrongDevice,
    RouteShadowedByMoreSpecific,
    PolicyRuleCaptures,
    PolicyRuleMissing,
    RouteViaDownLink,
    NexthopOfflink,
    ReturnRouteMissing,
    RouteAsymmetric,
    RouteLoop,
    WrongSourceSelection,
    CidrOverlap,
    BgpRouteNotPresent,
    LocalTableCapture,
    V6RouteMissing,
    MartianSource,
)
