"""Causes in a node."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class NodeNotReady(Finding):
    """The node is not Ready.

    What it means: The node's Ready condition is False or Unknown: its kubelet reports a problem, or
    does not report at all.
    Why it matters: Its pods are taken out of Services and may not run; what was collected from it
    may be old.
    How to fix: Look at the condition, then at kubelet.
        kubectl describe node NODE
        journalctl -u kubelet -n 50                            # on the node
    """

    code = "NODE001"
    name = "node-not-ready"
    level = Level.CRITICAL


class NodeNetworkUnavailable(Finding):
    """The node says that its network is not set up.

    What it means: The condition NetworkUnavailable is True: the CNI or the cloud has not configured
    its route (network-unavailable).
    Why it matters: Pods of other nodes do not reach this one.
    How to fix: Look at the CNI's agent and the cloud's route controller.
        kubectl describe node NODE | grep -A2 NetworkUnavailable
    """

    code = "NODE002"
    name = "node-network-unavailable"
    level = Level.CRITICAL


class NodeIpChanged(Finding):
    """The node's address is not the one the cluster knows.

    What it means: The InternalIP in the API, or the address the CNI announced, is not on any
    interface of the node (ip-changed).
    Why it matters: Other nodes send its pods' traffic to the old address.
    How to fix: Restart kubelet and the CNI's agent, so that both announce the new one.
        kubectl get node NODE -o wide
        kubectl get node NODE -o yaml | grep public-ip
        systemctl restart kubelet                              # on the node
    """

    code = "NODE003"
    name = "node-ip-changed"
    level = Level.FATAL


class NodeNicDown(Finding):
    """The node's network card is down.

    What it means: The interface with the node's address is down or has no carrier (nic-down).
    Why it matters: The node reaches nobody and is reached by nobody.
    How to fix: Bring it up from a console; check cable, switch port or virtual machine.
        ip link set dev eth0 up
    """

    code = "NODE004"
    name = "node-nic-down"
    level = Level.FATAL


class WrongHostInterface(Finding):
    """The CNI uses the wrong network card of the node.

    What it means: The node has several, and the tunnel or the host-gw routes are bound to one
    that other nodes do not reach.
    Why it matters: Traffic between nodes leaves by a network that leads elsewhere. Machines made
    by Vagrant, whose first card is a NAT with the same address everywhere, are the classic.
    How to fix: Name the interface (flannel: `--iface`; Calico: IP_AUTODETECTION_METHOD).
        kubectl -n kube-flannel edit daemonset kube-flannel-ds
    """

    code = "NODE005"
    name = "wrong-host-interface"
    level = Level.FATAL


class NodeAgentDown(Finding):
    """An agent that this node's network needs does not run.

    What it means: A DaemonSet that should have a running pod on the node has none (agent-down).
    Why it matters: What it writes (routes, rules, policies) is missing or old.
    How to fix: See why it does not run: taints, resources, image.
        kubectl get pods -A -o wide --field-selector spec.nodeName=NODE
    """

    code = "NODE006"
    name = "node-agent-down"
    level = Level.CRITICAL


class KernelModuleMissing(Finding):
    """The node's kernel lacks a module the network needs.

    What it means: kube-proxy is set to ipvs mode, and ip_vs is not loaded on the node; kube-proxy
    has it loaded where the kernel has it. (Other modules show by what is missing without them:
    rules, devices, settings of net.bridge.)
    Why it matters: kube-proxy ends at its start, old versions fall back to iptables mode.
    How to fix: Load it now and at every boot; some distributions keep it in an extra package.
        modprobe MODULE && echo MODULE > /etc/modules-load.d/MODULE.conf
        apt install linux-modules-extra-$(uname -r)            # Ubuntu
    """

    code = "NODE007"
    name = "kernel-module-missing"
    level = Level.CRITICAL


class GuestFirewall(Finding):
    """A firewall of the node's own system stops traffic to the node.

    What it means: ufw, firewalld or a hand-made INPUT chain drops or rejects the packet
    (guest-firewall).
    Why it matters: kubelet, the tunnel or a NodePort on this node cannot be reached.
    How to fix: Allow it there, or turn the firewall off on cluster nodes.
        ufw status verbose; firewall-cmd --list-all
        ufw allow from NODE_CIDR
    """

    code = "NODE008"
    name = "guest-firewall"
    level = Level.FATAL


FINDINGS: tuple[type[Finding], ...] = (
    NodeNotReady,
    NodeNetworkUnavailable,
    NodeIpChanged,
    NodeNicDown,
    WrongHostInterface,
    NodeAgentDown,
    KernelModuleMissing,
    GuestFirewall,
)
