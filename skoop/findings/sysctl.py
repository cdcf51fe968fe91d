"""Causes in kernel settings."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class IpForwardOff(Finding):
    """The node does not forward IPv4 packets.

    What it means: `net.ipv4.ip_forward` is 0.
    Why it matters: Everything between a pod and the outside passes through the node; all of it is
    dropped silently.
    How to fix: Set it, and keep it over reboots.
        sysctl -w net.ipv4.ip_forward=1
        echo net.ipv4.ip_forward=1 > /etc/sysctl.d/99-kubernetes.conf
    """

    code = "SYS001"
    name = "ip-forward-off"
    level = Level.FATAL


class PerInterfaceForwardingOff(Finding):
    """The interface the packet came in by does not forward.

    What it means: `net.ipv4.conf.DEV.forwarding` is 0 on the input interface, although the global
    switch is on.
    Why it matters: What comes in there is only delivered locally, and otherwise dropped silently.
    How to fix: Set it.
        sysctl -w net.ipv4.conf.DEV.forwarding=1
    """

    code = "SYS002"
    name = "per-interface-forwarding-off"
    level = Level.FATAL


class RpFilterDrop(Finding):
    """The reverse path filter drops the packet.

    What it means: `rp_filter` (the larger of `all` and the interface's) is strict, and the route
    back to the source leaves by another interface; or it is loose and there is none at all.
    Why it matters: The packet is dropped silently before any rule of INPUT or FORWARD.
    How to fix: Repair the route back, or make the filter loose.
        ip route get SRC
        sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.DEV.rp_filter=2
    """

    code = "SYS003"
    name = "rp-filter-drop"
    level = Level.FATAL


class BridgeNfCallOff(Finding):
    """iptables does not see traffic between two pods on one bridge.

    What it means: `net.bridge.bridge-nf-call-iptables` (or -ip6tables) is 0.
    Why it matters: A Service's backend on the client's own node answers directly over the bridge;
    the reply keeps the backend's address and the client resets it.
    How to fix: Set it.
        sysctl -w net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1
    """

    code = "SYS004"
    name = "bridge-nf-call-off"
    level = Level.CRITICAL


class ConntrackMaxLow(Finding):
    """The connection tracking table is nearly full.

    What it means: The number of entries is close to `nf_conntrack_max`.
    Why it matters: When it is reached, new connections are dropped at random.
    How to fix: Raise it (kube-proxy: `conntrack.maxPerCore`).
        sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max
        sysctl -w net.netfilter.nf_conntrack_max=524288
    """

    code = "SYS005"
    name = "conntrack-max-low"
    level = Level.WARNING


class RouteLocalnetOff(Finding):
    """Loopback addresses may not be routed on this interface.

    What it means: `route_localnet` is 0, and the packet goes to or comes from 127.0.0.0/8 over a
    real interface (a NodePort on 127.0.0.1, a DNAT to it).
    Why it matters: The kernel drops it as martian.
    How to fix: Use the node's address instead; or set it, knowing that it opens services that
    listen on loopback (CVE-2020-8558).
        sysctl -w net.ipv4.conf.DEV.route_localnet=1
    """

    code = "SYS006"
    name = "route-localnet-off"
    level = Level.FATAL


class ArpIgnoreSet(Finding):
    """The next hop does not answer ARP for its address.

    What it means: `arp_ignore` makes it answer only for addresses of the interface the request
    came in by (1, 2), or never (8).
    Why it matters: The sender cannot resolve the MAC address.
    How to fix: Reset it, if no load balancer in direct-routing mode needs it.
        sysctl -w net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.DEV.arp_ignore=0
    """

    code = "SYS007"
    name = "arp-ignore-set"
    level = Level.CRITICAL


class DisableIpv6Set(Finding):
    """IPv6 is switched off on an interface.

    What it means: `net.ipv6.conf.DEV.disable_ipv6` is 1.
    Why it matters: The interface has no IPv6 address and takes no IPv6 packet.
    How to fix: Set it to 0, then restart the CNI's agent, since addresses and routes are gone.
        sysctl -w net.ipv6.conf.DEV.disable_ipv6=0
    """

    code = "SYS008"
    name = "disable-ipv6-set"
    level = Level.FATAL


class V6ForwardingOff(Finding):
    """The node does not forward IPv6 packets.

    What it means: `net.ipv6.conf.all.forwarding` is 0.
    Why it matters: IPv6 between pods and the outside is dropped.
    How to fix: Set it. The node then ignores router advertisements unless `accept_ra` is 2.
        sysctl -w net.ipv6.conf.all.forwarding=1
    """

    code = "SYS009"
    name = "v6-forwarding-off"
    level = Level.FATAL


class GcThreshLow(Finding):
    """The neighbour table's limit is low for the size of this cluster.

    What it means: There are more neighbours than `gc_thresh2` keeps, so that the kernel throws out
    what has failed or has not changed for five seconds.
    Why it matters: They are asked for again and again; once `gc_thresh3` are in use, new neighbours
    cannot be resolved (neighbour-table-full).
    How to fix: Raise the limits.
        sysctl -w net.ipv4.neigh.default.gc_thresh3=8192 net.ipv4.neigh.default.gc_thresh2=4096
    """

    code = "SYS010"
    name = "gc-thresh-low"
    level = Level.WARNING


class IcmpEchoIgnored(Finding):
    """The destination does not answer ping.

    What it means: `net.ipv4.icmp_echo_ignore_all` (of IPv6 `net.ipv6.icmp.echo_ignore_all`) is 1
    there.
    Why it matters: Only ping fails; TCP and UDP are not concerned.
    How to fix: Test with the real protocol, or allow ping.
        sysctl -w net.ipv4.icmp_echo_ignore_all=0
    """

    code = "SYS011"
    name = "icmp-echo-ignored"
    level = Level.WARNING


FINDINGS: tuple[type[Finding], ...] = (
    IpForwardOff,
    PerInterfaceForwardingOff,
    RpFilterDrop,
    BridgeNfCallOff,
    ConntrackMaxLow,
    RouteLocalnetOff,
    ArpIgnoreSet,
    DisableIpv6Set,
    V6ForwardingOff,
    GcThreshLow,
    IcmpEchoIgnored,
)
