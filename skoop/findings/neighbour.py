"""Causes in neighbour tables and forwarding databases."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class NeighbourFailed(Finding):
    """Nobody answered for the next hop's address.

    What it means: The neighbour entry is FAILED: requests (ARP, or neighbour discovery) for the
    MAC address went unanswered.
    Why it matters: The sender gets "no route to host" after about three seconds.
    How to fix: See whether the next hop is up and on the same segment.
        ip neigh show NEXTHOP
        arping -I DEV NEXTHOP
    """

    code = "NB001"
    name = "neighbour-failed"
    level = Level.CRITICAL


class NeighbourIncomplete(Finding):
    """The next hop's MAC address is being asked for.

    What it means: The neighbour entry was INCOMPLETE when the state was collected: a request is
    out, no answer has come.
    Why it matters: It is normal for a moment, and a failure if it stays.
    How to fix: Look again; if it does not become REACHABLE, treat it as neighbour-failed.
        ip neigh show NEXTHOP
    """

    code = "NB002"
    name = "neighbour-incomplete"
    level = Level.WARNING


class NeighbourWrongMac(Finding):
    """The neighbour entry holds the wrong MAC address.

    What it means: The entry, often a permanent one, gives a MAC that is not the next hop's.
    Why it matters: The frame is sent to a host that is not there, or that drops it because the
    packet is not addressed to its MAC.
    How to fix: Delete the entry so that it is asked for again; permanent ones are written by the
    CNI's agent, which must be restarted.
        ip neigh show NEXTHOP
        ip neigh del NEXTHOP dev DEV
    """

    code = "NB003"
    name = "neighbour-wrong-mac"
    level = Level.FATAL


class NeighbourTableFull(Finding):
    """The neighbour table is full.

    What it means: There are as many entries as `gc_thresh3` allows (in all namespaces together, the
    permanent ones apart), and none known that the kernel would throw out: failed ones, and those
    that nobody has used for a while.
    Why it matters: New next hops cannot be resolved; the log says "neighbor table overflow". What
    other namespaces of the node have is not seen, so the answer is "unknown".
    How to fix: Raise the limits.
        sysctl -w net.ipv4.neigh.default.gc_thresh3=8192 net.ipv4.neigh.default.gc_thresh2=4096
    """

    code = "NB004"
    name = "neighbour-table-full"
    level = Level.CRITICAL


class ProxyArpOff(Finding):
    """The node does not answer for the pod's gateway.

    What it means: The pod's gateway (such as Calico's 169.254.1.1) belongs to nobody; the node
    answers for it only with proxy_arp on that interface, forwarding on, and a route of its own.
    Why it matters: The pod cannot resolve its gateway and sends nothing.
    How to fix: Turn it on; the CNI's agent should have.
        sysctl -w net.ipv4.conf.CALI.proxy_arp=1
    """

    code = "NB005"
    name = "proxy-arp-off"
    level = Level.FATAL


class ArpSuppressed(Finding):
    """Neighbour requests do not get through.

    What it means: The interface is NOARP, or the bridge port before it gets no broadcasts
    (bcast_flood off). Rules of arptables that may drop them are told as not decided.
    Why it matters: Without an entry put there by hand the next hop cannot be resolved.
    How to fix: Allow them, or add permanent entries.
        ip link set dev DEV arp on
        bridge link set dev PORT bcast_flood on
        arptables-save
    """

    code = "NB006"
    name = "arp-suppressed"
    level = Level.CRITICAL


class AddressConflict(Finding):
    """Two hosts on one segment claim the same address.

    What it means: Two interfaces that share a link have one address.
    Why it matters: Who answers first gets the traffic, and that changes from minute to minute.
    How to fix: Find both by their MAC addresses and take the address from one.
        arping -D -I DEV ADDRESS
    """

    code = "NB007"
    name = "address-conflict"
    level = Level.CRITICAL


class FdbStale(Finding):
    """A forwarding entry points to where the MAC address used to be.

    What it means: A bridge or VXLAN device remembers a port or node that the MAC has left.
    Why it matters: Frames go to the old place until the entry ages out; static ones never do.
    How to fix: Delete the entry.
        bridge fdb show | grep MAC
        bridge fdb del MAC dev DEV master
    """

    code = "NB008"
    name = "fdb-stale"
    level = Level.FATAL


class NeighbourMissing(Finding):
    """A neighbour entry that must be written is not there.

    What it means: Nobody on the segment can answer for the next hop (the far end of a tunnel, a
    link without ARP), so the CNI's agent writes the entry; it is missing.
    Why it matters: The kernel asks in vain and gives up: "no route to host".
    How to fix: Restart the agent on the sending node, or write the entry.
        ip neigh replace VTEP_IP lladdr MAC dev flannel.1 nud permanent
        kubectl get node NODE -o yaml | grep backend-data
    """

    code = "NB009"
    name = "neighbour-missing"
    level = Level.FATAL


FINDINGS: tuple[type[Finding], ...] = (
    NeighbourFailed,
    NeighbourIncomplete,
    NeighbourWrongMac,
    NeighbourTableFull,
    ProxyArpOff,
    ArpSuppressed,
    AddressConflict,
    FdbStale,
    NeighbourMissing,
)
