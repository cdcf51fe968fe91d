"""Causes in a pod's link to its node."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class VethMissing(Finding):
    """The pod has no network interface.

    What it means: There is no eth0 (or any interface besides lo) in the pod's network namespace.
    Why it matters: The pod cannot send or receive anything but loopback traffic.
    How to fix: The CNI plugin must set the pod up again: delete it, its controller makes another.
        kubectl -n NS delete pod POD
    """

    code = "VETH001"
    name = "veth-missing"
    level = Level.FATAL


class VethPeerMissing(Finding):
    """The node's end of the pod's veth is not where it should be.

    What it means: The pod's eth0 names a peer that does not exist in the node's namespace: it was
    moved, or the pod belongs to another node.
    Why it matters: What the pod sends goes nowhere the node could route it from.
    How to fix: Recreate the pod.
        kubectl -n NS delete pod POD
    """

    code = "VETH002"
    name = "veth-peer-missing"
    level = Level.FATAL


class LinkDown(Finding):
    """An interface on the way is down.

    What it means: The interface is administratively down, or has no carrier because its other end
    is.
    Why it matters: The kernel sends nothing through it, and removes the routes that use it.
    How to fix: Bring it up. Routes and permanent neighbours that were removed do not come back by
    themselves: restart the agent that wrote them.
        ip link set dev DEV up
        ip route show dev DEV
    """

    code = "VETH003"
    name = "link-down"
    level = Level.FATAL


class VethPeerDown(Finding):
    """The node's end of the pod's veth is down.

    What it means: The pod's interface is up but has no carrier (LOWERLAYERDOWN): the peer in the
    node's namespace is down.
    Why it matters: Nothing enters or leaves the pod.
    How to fix: Bring the node's end up.
        ip link set dev VETH up                                # on the node
    """

    code = "VETH004"
    name = "veth-peer-down"
    level = Level.FATAL


class PodWrongNetns(Finding):
    """The pod's address is not in the namespace of its processes.

    What it means: The interface that carries the pod's address lies in a network namespace other
    than the one its containers run in (wrong-netns), for instance after a failed restart of the
    sandbox.
    Why it matters: Packets reach a namespace where the application does not listen.
    How to fix: Recreate the pod, so that sandbox and containers share one namespace again.
        lsns -t net -o NS,PID,COMMAND                          # on the node
        kubectl -n NS delete pod POD
    """

    code = "VETH005"
    name = "pod-wrong-netns"
    level = Level.FATAL


class VethWrongMaster(Finding):
    """The node's end of the pod's veth belongs to the wrong device.

    What it means: The veth is attached to another bridge than the one its pod network uses
    (wrong-master).
    Why it matters: Frames go into a segment where neither the gateway nor the other pods are.
    How to fix: Attach it to the right bridge.
        ip link set dev VETH master cni0                       # on the node
    """

    code = "VETH006"
    name = "veth-wrong-master"
    level = Level.FATAL


class IpMismatchApiVsNetns(Finding):
    """The pod's address in the API is not the one in its namespace.

    What it means: `status.podIP` and the address on the pod's interface differ.
    Why it matters: Clients and Services use the address of the API, and nobody owns it.
    How to fix: Recreate the pod. If it happens again, two plugins or a stale IPAM file are at work.
        kubectl -n NS get pod POD -o jsonpath='{.status.podIPs}'
        kubectl -n NS exec POD -- ip addr show eth0
    """

    code = "VETH007"
    name = "ip-mismatch-api-vs-netns"
    level = Level.FATAL


class WrongMask(Finding):
    """The netmask of an address is wrong.

    What it means: The prefix length on the interface makes too much, or too little, of the network
    look directly connected.
    Why it matters: With too short a prefix the pod asks its own link for the MAC address of pods
    that live on other nodes, and nobody answers; with too long a one its gateway is off the link.
    How to fix: Correct the address; compare with the subnet of the node in the CNI configuration.
        ip addr show dev eth0
        cat /etc/cni/net.d/*.conflist                          # on the node
    """

    code = "VETH008"
    name = "wrong-mask"
    level = Level.CRITICAL


class PodDefaultRouteMissing(Finding):
    """The pod has no default route.

    What it means: The pod's routing table covers its own subnet at best.
    Why it matters: The pod cannot reach, or answer, anything outside that subnet.
    How to fix: Put it back, or recreate the pod, which does the same.
        nsenter -t PID -n ip route add default via GATEWAY dev eth0
    """

    code = "VETH009"
    name = "pod-default-route-missing"
    level = Level.FATAL


class IpOutsideCidr(Finding):
    """An address lies outside the range its node or cluster uses.

    What it means: The pod's address is not in its node's podCIDR (or any pool of the CNI).
    Why it matters: Other nodes route the podCIDR to this node, so packets to an address outside it
    go elsewhere, and masquerade exceptions do not cover it.
    How to fix: Recreate pods that were started before the range changed.
        kubectl get node NODE -o jsonpath='{.spec.podCIDRs}'
    """

    code = "VETH010"
    name = "ip-outside-cidr"
    level = Level.CRITICAL


class CniAgentNotReady(Finding):
    """The CNI's agent on the node is not ready.

    What it means: The DaemonSet pod that writes this node's routes and tunnels (kube-flannel,
    calico-node, ...) is missing, crashing or not ready (agent-not-ready).
    Why it matters: What the agent wrote stays, but grows stale: new nodes and pods are unreachable
    from here.
    How to fix: Read its log.
        kubectl get pods -A -o wide --field-selector spec.nodeName=NODE
        kubectl -n NS logs POD --previous --tail=50
    """

    code = "VETH011"
    name = "cni-agent-not-ready"
    level = Level.WARNING


class MacMismatch(Finding):
    """An interface's MAC address is not the one others were told.

    What it means: The MAC of a device differs from what the node announced (flannel's
    backend-data annotation, a permanent neighbour entry), for instance because it was re-created.
    Why it matters: Frames arrive with a destination MAC that is not the device's and are ignored.
    How to fix: Restart the agent of the node whose device changed; it announces the new MAC.
        ip -d link show flannel.1
        kubectl get node NODE -o yaml | grep flannel
        kubectl -n kube-flannel delete pod POD
    """

    code = "VETH012"
    name = "mac-mismatch"
    level = Level.CRITICAL


class TcDrop(Finding):
    """Traffic control drops packets on an interface of the way.

    What it means: A qdisc or filter (netem loss, a police or drop action) on the interface
    discards packets.
    Why it matters: The loss happens below iptables, where no rule shows it.
    How to fix: Look at the counters, then remove what should not be there.
        tc -s qdisc show dev DEV
        tc -s filter show dev DEV ingress
        tc qdisc del dev DEV root
    """

    code = "VETH013"
    name = "tc-drop"
    level = Level.CRITICAL


class BpfProgramUnmodelled(Finding):
    """A BPF program sits on the way, and skoop does not simulate it.

    What it means: An XDP, tc or cgroup program is attached (by Cilium, a service mesh, a firewall)
    and may rewrite or drop any packet.
    Why it matters: What happens after it cannot be told from routes and rules, so skoop does not
    claim to.
    How to fix: Ask the program's owner, for example:
        bpftool net show dev DEV
        cilium-dbg monitor --type drop                         # in the node's cilium pod
    """

    code = "VETH014"
    name = "bpf-program-unmodelled"
    level = Level.INFO


class LoopbackDown(Finding):
    """The loopback interface is down.

    What it means: lo is down in the namespace.
    Why it matters: The namespace cannot talk to its own addresses, not even to 127.0.0.1; health
    checks and sidecars break first.
    How to fix: Bring it up.
        nsenter -t PID -n ip link set dev lo up
    """

    code = "VETH015"
    name = "loopback-down"
    level = Level.CRITICAL


class AddressMissing(Finding):
    """An interface has lost its address.

    What it means: The interface is there, and the address that the API or the CNI gave it is not.
    Why it matters: Nobody answers for the address, and the routes that came with it are gone.
    How to fix: Put the address back, or recreate the pod; then check its routes.
        ip addr add ADDRESS/LENGTH dev DEV
        ip route show dev DEV
    """

    code = "VETH016"
    name = "address-missing"
    level = Level.FATAL


FINDINGS: tuple[type[Finding], ...] = (
    VethMissing,
    VethPeerMissing,
    LinkDown,
    VethPeerDown,
    PodWrongNetns,
    VethWrongMaster,
    IpMismatchApiVsNetns,
    WrongMask,
    PodDefaultRouteMissing,
    IpOutsideCidr,
    CniAgentNotReady,
    MacMismatch,
    TcDrop,
    BpfProgramUnmodelled,
    LoopbackDown,
    AddressMissing,
)
