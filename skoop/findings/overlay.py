"""Causes in an overlay tunnel."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class VtepMissing(Finding):
    """The tunnel device does not exist on the node.

    What it means: The CNI uses VXLAN or IPIP, and the node has no such device (flannel.1,
    vxlan.calico, tunl0).
    Why it matters: The node can neither send into the tunnel nor take packets out of it.
    How to fix: The CNI's agent makes it when it starts; restart it and read its log.
        ip -d link show type vxlan
        kubectl -n kube-flannel delete pod POD
    """

    code = "OVL001"
    name = "vtep-missing"
    level = Level.FATAL


class VniMismatch(Finding):
    """The two ends of the tunnel use different VXLAN network identifiers.

    What it means: The VNI of the sender's device is not the one of the receiver's.
    Why it matters: The receiver finds no device for the packet and drops it.
    How to fix: Set one VNI in the CNI's configuration and restart its agents.
        ip -d link show flannel.1 | grep -o 'vxlan id [0-9]*'
        kubectl -n kube-flannel get configmap kube-flannel-cfg -o yaml
    """

    code = "OVL002"
    name = "vni-mismatch"
    level = Level.FATAL


class VxlanPortMismatch(Finding):
    """The two ends of the tunnel use different UDP ports.

    What it means: The sender's VXLAN packets go to a port on which the receiver's device does not
    listen (8472 is Linux's old default, 4789 the standard's): port-mismatch.
    Why it matters: The receiver answers with ICMP port unreachable or drops them.
    How to fix: Set one port in the CNI's configuration and restart its agents.
        ip -d link show type vxlan | grep -o 'dstport [0-9]*'
    """

    code = "OVL003"
    name = "vxlan-port-mismatch"
    level = Level.FATAL


class UnderlayPortBlocked(Finding):
    """A firewall between the nodes stops the tunnel's packets.

    What it means: The outer UDP packet (VXLAN's port 8472 or 4789, WireGuard's 51820) is dropped
    or rejected, by a rule on one of the two nodes or by what lies between.
    Why it matters: No pod reaches a pod of the other node, while the nodes reach each other.
    How to fix: Allow the port between all nodes.
        iptables -I INPUT -p udp --dport 8472 -s NODE_CIDR -j ACCEPT
        tcpdump -ni eth0 udp port 8472                         # on the receiving node
    """

    code = "OVL004"
    name = "underlay-port-blocked"
    level = Level.FATAL


class TunnelLocalIpWrong(Finding):
    """The tunnel sends from the wrong address of the node.

    What it means: The device's local address is not one the node has, or not the one other nodes
    know it by (local-ip-wrong).
    Why it matters: Its packets are dropped by the receiver, or the answers go elsewhere.
    How to fix: Tell the CNI which interface to use (flannel: `--iface`), and restart its agent.
        ip -d link show flannel.1 | grep -o 'local [0-9.]*'
        kubectl get node NODE -o wide
    """

    code = "OVL005"
    name = "tunnel-local-ip-wrong"
    level = Level.FATAL


class TunnelRemoteWrong(Finding):
    """The tunnel sends to the wrong node.

    What it means: The FDB entry, or the tunnel's remote address, names a host that does not own
    the destination's podCIDR (remote-wrong).
    Why it matters: The packet arrives at a node that does not have the inner MAC address and drops
    it, or at none.
    How to fix: Replace the entry, or restart the CNI's agent on the sending node.
        bridge fdb show dev flannel.1
        bridge fdb replace MAC dev flannel.1 dst NODE_IP self permanent
    """

    code = "OVL006"
    name = "tunnel-remote-wrong"
    level = Level.FATAL


class FdbMissing(Finding):
    """The tunnel does not know which node owns the next MAC address.

    What it means: The VXLAN device's forwarding database has no entry for the MAC of the remote
    tunnel device.
    Why it matters: The packet is dropped in the tunnel device, without an answer to the sender.
    How to fix: Add the entry, or restart the CNI's agent on the sending node, which writes it.
        bridge fdb append MAC dev flannel.1 dst NODE_IP self permanent
        kubectl get node NODE -o yaml | grep -E 'backend-data|public-ip'
    """

    code = "OVL007"
    name = "fdb-missing"
    level = Level.FATAL


class EncapModeMismatch(Finding):
    """The two nodes disagree on how to carry pod traffic.

    What it means: One side encapsulates (VXLAN, IPIP) and the other one routes directly or uses
    another tunnel.
    Why it matters: The receiver does not unpack what arrives, or takes it for spoofed and drops it
    by its reverse path filter.
    How to fix: Make the configuration the same on all nodes and restart the agents. A change of
    mode must reach every node.
        ip route show | grep -E 'flannel|tunl0|vxlan'
    """

    code = "OVL008"
    name = "encap-mode-mismatch"
    level = Level.FATAL


class TunnelDown(Finding):
    """The tunnel device is down.

    What it means: flannel.1, vxlan.calico or tunl0 is administratively down. When it goes down the
    kernel also removes its routes and permanent neighbours.
    Why it matters: No pod of this node reaches, or is reached from, another node.
    How to fix: Bring it up, then restart the CNI's agent: setting the device up does not bring
    routes and neighbours back.
        ip link set dev flannel.1 up
        kubectl -n kube-flannel delete pod POD
    """

    code = "OVL009"
    name = "tunnel-down"
    level = Level.FATAL


class IpipProtoBlocked(Finding):
    """A firewall between the nodes stops IP-in-IP.

    What it means: The outer packet of IP protocol 4 is dropped by a rule of a node, or by a
    network that lets only TCP, UDP and ICMP pass.
    Why it matters: No pod reaches a pod of the other node, while the nodes reach each other.
    How to fix: Allow protocol 4 between the nodes, or use VXLAN.
        iptables -I INPUT -p 4 -s NODE_CIDR -j ACCEPT
    """

    code = "OVL010"
    name = "ipip-proto-blocked"
    level = Level.FATAL


class WireguardPeerMissing(Finding):
    """The WireGuard device has no peer for the destination.

    What it means: No peer's allowed-ips contain the address, or not those of the peer that a packet
    from there comes from.
    Why it matters: The kernel refuses to send (ENOKEY) and tells the sender that the host is
    unreachable; what arrives from there it drops without a word.
    How to fix: Restart the CNI's agent on both nodes, so that keys are announced again.
        wg show all allowed-ips
    """

    code = "OVL011"
    name = "wireguard-peer-missing"
    level = Level.FATAL


class WireguardKeyMismatch(Finding):
    """Two WireGuard devices do not know each other's public key.

    What it means: What the sender has as its peer's key is not the key of the device that gets its
    packets, or that device has no peer with the sender's key.
    Why it matters: The handshake is never completed, and the sender's packets wait for it and are
    lost without a word.
    How to fix: Restart the CNI's agent on both nodes, so that keys are announced again.
        wg show all public-key; wg show all allowed-ips
        kubectl get node NODE -o yaml | grep backend-data
    """

    code = "OVL012"
    name = "wireguard-key-mismatch"
    level = Level.FATAL


class WireguardEndpointWrong(Finding):
    """A WireGuard peer is looked for where it is not.

    What it means: The device has no endpoint for its peer, or one that is not the address and port
    at which the peer listens.
    Why it matters: Without one the kernel refuses to send and tells the sender that the host is
    unreachable; with a wrong one the packets get to nobody. Either lasts until the peer calls.
    How to fix: Set it, or restart the CNI's agent on the sending node.
        wg show all endpoints; wg show all listen-port
        wg set flannel-wg peer KEY endpoint NODE_IP:51820
    """

    code = "OVL013"
    name = "wireguard-endpoint-wrong"
    level = Level.FATAL


FINDINGS: tuple[type[Finding], ...] = (
    VtepMissing,
    VniMismatch,
    VxlanPortMismatch,
    UnderlayPortBlocked,
    TunnelLocalIpWrong,
    TunnelRemoteWrong,
    FdbMissing,
    EncapModeMismatch,
    TunnelDown,
    IpipProtoBlocked,
    WireguardPeerMissing,
    WireguardKeyMismatch,
    WireguardEndpointWrong,
)
