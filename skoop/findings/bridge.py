"""Causes in a bridge."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class BridgeMissing(Finding):
    """The bridge of the pod network does not exist on the node.

    What it means: The CNI configuration names a bridge (such as cni0) that the node does not have,
    while pods that need it run there.
    Why it matters: These pods have no gateway and cannot reach each other.
    How to fix: The bridge plugin makes it with the next pod it sets up; recreate the pods, so that
    their veths are attached too.
        ip -br link show type bridge
        kubectl -n NS delete pod POD
    """

    code = "BR001"
    name = "bridge-missing"
    level = Level.FATAL


class BridgeDown(Finding):
    """The bridge is down.

    What it means: The bridge device is administratively down.
    Why it matters: It forwards no frame, its address does not answer, and the node's route to its
    own pods is gone.
    How to fix: Bring it up and check that the route to the node's pods is back.
        ip link set dev cni0 up
        ip route show dev cni0
    """

    code = "BR002"
    name = "bridge-down"
    level = Level.FATAL


class BridgePortUnattached(Finding):
    """The node's end of the pod's veth is attached to no bridge.

    What it means: The veth exists and is up, but has no master (port-unattached).
    Why it matters: Its frames go to the node itself instead of the bridge; the pod has neither
    gateway nor neighbours.
    How to fix: Attach it.
        ip link set dev VETH master cni0                       # on the node
    """

    code = "BR003"
    name = "bridge-port-unattached"
    level = Level.FATAL


class WrongBridge(Finding):
    """The pod's network uses a bridge other than the one its node routes to.

    What it means: Two bridges carry pods, or the CNI configuration and the running bridge differ
    in name or address.
    Why it matters: The node routes its podCIDR into one bridge while the pod hangs on the other.
    How to fix: Remove the bridge that is left over and recreate the pods on it.
        ip -br addr show type bridge
        grep -h '"bridge"' /etc/cni/net.d/*
    """

    code = "BR004"
    name = "wrong-bridge"
    level = Level.CRITICAL


class StpBlocking(Finding):
    """A bridge port does not forward.

    What it means: The port's state is blocking, listening, learning or disabled, by spanning tree
    or set by hand.
    Why it matters: Frames through this port are dropped.
    How to fix: Pod bridges need no spanning tree; switch it off, or set the port forwarding.
        bridge -d link show dev VETH
        ip link set dev cni0 type bridge stp_state 0
        bridge link set dev VETH state 3
    """

    code = "BR005"
    name = "stp-blocking"
    level = Level.FATAL


class VlanFiltered(Finding):
    """The bridge filters the packet's VLAN on a port.

    What it means: vlan_filtering is on, and the port does not carry the VLAN of the frame.
    Why it matters: The bridge drops the frame without a trace in any rule.
    How to fix: Allow the VLAN on the port.
        bridge vlan show
        bridge vlan add dev VETH vid VID pvid untagged
    """

    code = "BR006"
    name = "vlan-filtered"
    level = Level.FATAL


class HairpinOff(Finding):
    """The bridge does not send a frame back through the port it came from.

    What it means: A pod reached itself through a Service: the packet comes back to the port it
    entered by, and that port's hairpin mode is off.
    Why it matters: The bridge drops it. A pod cannot use its own Service whenever it is the chosen
    backend, which looks like a failure now and then.
    How to fix: Turn it on, and set `"hairpinMode": true` in the CNI configuration for new pods.
        bridge link set dev VETH hairpin on
    """

    code = "BR007"
    name = "hairpin-off"
    level = Level.CRITICAL


class BrNetfilterAbsent(Finding):
    """The kernel module br_netfilter is not loaded.

    What it means: `net.bridge.bridge-nf-call-iptables` does not exist on the node.
    Why it matters: Traffic between two pods on one bridge bypasses iptables, so replies from a
    Service's backend on the same node keep the backend's address and the client resets them.
    How to fix: Load it now and at every boot.
        modprobe br_netfilter
        echo br_netfilter > /etc/modules-load.d/k8s.conf
        sysctl -w net.bridge.bridge-nf-call-iptables=1
    """

    code = "BR008"
    name = "br-netfilter-absent"
    level = Level.CRITICAL


class BridgeAddressMissing(Finding):
    """The bridge lacks the gateway address of its pods.

    What it means: The pods' default route points to an address that the node's bridge does not
    have.
    Why it matters: Nobody answers for the gateway, so the pods reach nothing outside their bridge,
    and the node's route to its own pods is gone with the address.
    How to fix: Put the first address of the node's subnet back.
        ip addr add GATEWAY/24 dev cni0
        kubectl -n NS exec POD -- ip route show default
    """

    code = "BR009"
    name = "bridge-address-missing"
    level = Level.FATAL


class BridgePortIsolated(Finding):
    """Both bridge ports are isolated from each other.

    What it means: The port of the sender and the port of the receiver have the isolated flag, and a
    bridge forwards nothing between two isolated ports.
    Why it matters: Two pods of one node cannot reach each other, while both reach the node and
    everything beyond it.
    How to fix: Take the flag off one of the ports, or off all ports of the pod network.
        bridge -d link show
        bridge link set dev VETH isolated off
    """

    code = "BR010"
    name = "bridge-port-isolated"
    level = Level.FATAL


class BridgeFloodOff(Finding):
    """A bridge port takes no frames for a station that the bridge has not learned.

    What it means: The bridge has no forwarding entry for the pod's MAC, and the pod's port has
    flood off. With learning off too, there will never be an entry.
    Why it matters: Frames for the pod go to the other ports, or nowhere, and the sender gets no
    answer.
    How to fix: Let the port learn and flood, as it does when the CNI makes it.
        bridge -d link show dev VETH
        bridge link set dev VETH learning on flood on
    """

    code = "BR011"
    name = "bridge-flood-off"
    level = Level.FATAL


FINDINGS: tuple[type[Finding], ...] = (
    BridgeMissing,
    BridgeDown,
    BridgePortUnattached,
    WrongBridge,
    StpBlocking,
    VlanFiltered,
    HairpinOff,
    BrNetfilterAbsent,
    BridgeAddressMissing,
    BridgePortIsolated,
    BridgeFloodOff,
)
