"""Faults of the wire between a pod and its node, and of the bridge it ends in."""

from __future__ import annotations

from tests.lab.faults.base import Fault, at, fault, has_mate

FAULTS: tuple[Fault, ...] = (
    fault(
        "veth-host-down",
        "link-down",
        at("node", "ip link set {veth} down"),
        also=("veth-peer-down",),
    ),
    fault(
        "veth-detached",
        "bridge-port-unattached",
        at("node", "ip link set {veth} nomaster"),
        also=("veth-wrong-master",),
    ),
    fault(
        "veth-wrong-bridge",
        "wrong-bridge",
        at(
            "node",
            "ip link add docker0 type bridge",
            "ip link set docker0 up",
            "ip link set {veth} master docker0",
        ),
        also=("veth-wrong-master",),
    ),
    fault(
        "bridge-address-on-another",
        "wrong-bridge",
        at(
            "node",
            "ip link add br-old type bridge",
            "ip link set br-old up",
            "ip addr del {node.pod_gateway}/24 dev cni0",
            "ip addr add {node.pod_gateway}/24 dev br-old",
        ),
        fits=has_mate,
    ),
    fault(
        "veth-deleted",
        "veth-missing",
        at("node", "ip link del {veth}"),
        also=("veth-peer-missing",),
    ),
    fault(
        "veth-host-mtu-small",
        "mtu-node-mismatch",
        at("node", "ip link set {veth} mtu 900"),
        also=("mtu-pod-exceeds-path", "df-too-big"),
    ),
    fault(
        "veth-pod-mtu-small",
        "mtu-node-mismatch",
        at("pod", "ip link set eth0 mtu 900"),
        also=("mtu-pod-exceeds-path", "df-too-big"),
    ),
    fault(
        "veth-queue-of-none",
        "tc-drop",
        at("node", "tc qdisc add dev {veth} root pfifo limit 0"),
    ),
    fault(
        "pod-queue-of-none",
        "tc-drop",
        at("pod", "tc qdisc add dev eth0 root pfifo limit 0"),
    ),
    fault(
        "veth-bpf-drop",
        "bpf-program-unmodelled",
        at(
            "node",
            "tc qdisc add dev {veth} clsact",
            # A program that returns TC_ACT_SHOT.
            "tc filter add dev {veth} ingress bpf da bytecode '1,6 0 0 2,'",
        ),
        unmodelled=True,
    ),
    fault(
        "veth-clsact-without-filters",
        "bpf-program-unmodelled",
        at("node", "tc qdisc add dev {veth} clsact"),
        harmless="nothing hangs on it",
    ),
    fault("bridge-down", "bridge-down", at("node", "ip link set cni0 down")),
    fault("bridge-deleted", "bridge-missing", at("node", "ip link del cni0")),
    fault(
        "bridge-no-address",
        "bridge-address-missing",
        at("node", "ip addr flush dev cni0"),
        also=("route-missing", "return-route-missing"),
    ),
    fault(
        "bridge-hairpin-off",
        "hairpin-off",
        at("node", "bridge link set dev {veth} hairpin off"),
    ),
    fault(
        "bridge-port-blocking",
        "stp-blocking",
        # A port that comes up under STP listens for twice the forward delay.
        at(
            "node",
            "ip link set cni0 type bridge stp_state 1 forward_delay 3000",
            "ip link set {veth} down",
            "ip link set {veth} up",
        ),
    ),
    fault(
        "bridge-port-disabled",
        "stp-blocking",
        at("node", "bridge link set dev {veth} state 0"),
    ),
    fault(
        "bridge-ports-isolated",
        "bridge-port-isolated",
        at(
            "node",
            "bridge link set dev {veth} isolated on",
            "bridge link set dev {mate_veth} isolated on",
        ),
        fits=has_mate,
    ),
    fault(
        "bridge-nf-call-off",
        "bridge-nf-call-off",
        at("node", "sysctl bridge/bridge-nf-call-iptables=0"),
        also=("br-netfilter-absent",),
        fits=has_mate,
    ),
    fault(
        "bridge-no-learning-no-flood",
        "bridge-flood-off",
        at("node", "bridge link set dev {veth} learning off flood off"),
    ),
    fault(
        "bridge-port-without-broadcasts",
        "arp-suppressed",
        at("node", "bridge link set dev {veth} bcast_flood off"),
        fits=has_mate,
        cold=True,
        # A pod that asks first is known to its mates, so what else goes on decides.
        unmodelled=True,
        harmless="every pod is asked to talk to its mates, which learn its MAC from its questions",
    ),
    fault(
        "bridge-fdb-wrong-port",
        "fdb-stale",
        at("node", "bridge fdb replace {pod_mac} dev {mate_veth} master static sticky"),
        fits=has_mate,
    ),
    fault(
        "bridge-mtu-small",
        "mtu-pod-exceeds-path",
        at("node", "ip link set cni0 mtu 900"),
        also=("mtu-node-mismatch", "df-too-big"),
    ),
    fault(
        "bridge-wrong-address",
        "bridge-address-missing",
        at(
            "node",
            "ip addr flush dev cni0",
            "ip addr add 10.244.{node.index}.253/24 dev cni0",
        ),
        also=("neighbour-failed", "neighbour-missing", "route-wrong-nexthop", "nexthop-offlink"),
    ),
)
