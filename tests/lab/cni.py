"""Giving a pod its network: by hand, as the bridge plugin does it, or by the real plugins."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.lab import commands
from tests.lab.lab import Lab, host_veth
from tests.lab.topology import CLUSTER_CIDR, CLUSTER_CIDR6, Cluster, Node, Pod

PLUGIN_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
PLUGINS = ("bridge", "host-local", "portmap")


def plugin_folder() -> Path | None:
    """Where the CNI plugins are, None when they are not installed."""
    for folder in PLUGIN_FOLDERS:
        if all((folder / name).exists() for name in PLUGINS):
            return folder
    return None


def add_pods(lab: Lab, node: Node) -> None:
    """Connect all pods of a node."""
    pods = lab.cluster.pods_on(node.name)
    if lab.cluster.cni == "plugin":
        for pod in pods:
            _add_by_plugin(lab, node, pod)
    elif pods:
        _add_by_hand(lab, node, pods)


def add_bridge(cluster: Cluster, node: Node) -> tuple[str, ...]:
    """Lines of `ip` that make cni0."""
    lines = [
        f"link add cni0 mtu {cluster.mtu} type bridge",
        f"addr add {node.pod_gateway}/24 brd + dev cni0",
        "link set cni0 up",
    ]
    if cluster.dual_stack:
        lines.append(f"addr add {node.pod_gateway6}/64 dev cni0 nodad")
    return tuple(lines)


def _add_by_hand(lab: Lab, node: Node, pods: tuple[Pod, ...]) -> None:
    cluster = lab.cluster
    lines = []
    for pod in pods:
        host, mtu = host_veth(pod), pod.mtu or cluster.mtu
        peer = f"peer name eth0 mtu {mtu} netns {lab.pod(pod.name).path}"
        hairpin = "on" if cluster.hairpin else "off"
        lines += [
            f"link add {host} mtu {mtu} type veth {peer}",
            f"link set {host} master cni0 up",
            f"link set {host} type bridge_slave hairpin {hairpin}",
        ]
    commands.ip(lab.node(node.name), *lines)
    for pod in pods:
        commands.ip(lab.pod(pod.name), *_pod_lines(cluster, node, pod))


def _pod_lines(cluster: Cluster, node: Node, pod: Pod) -> list[str]:
    lines = [
        "link set lo up",
        f"addr add {pod.ip}/24 brd + dev eth0",
        "link set eth0 up",
        f"route add default via {node.pod_gateway}",
        f"route add {CLUSTER_CIDR} via {node.pod_gateway}",
    ]
    if cluster.dual_stack:
        lines += [
            f"addr add {pod.ip6}/64 dev eth0 nodad",
            f"route add default via {node.pod_gateway6}",
            f"route add {CLUSTER_CIDR6} via {node.pod_gateway6}",
        ]
    return lines


def _add_by_plugin(lab: Lab, node: Node, pod: Pod) -> None:
    result = _call(lab, node, pod, _bridge_config(lab, node, pod))
    if pod.host_ports:
        mappings = [
            {"hostPort": h.host_port, "containerPort": h.port, "protocol": h.protocol}
            for h in pod.host_ports
        ]
        _call(
            lab,
            node,
            pod,
            {
                "type": "portmap",
                "snat": True,
                "capabilities": {"portMappings": True},
                "runtimeConfig": {"portMappings": mappings},
                "prevResult": result,
            },
        )
    commands.ip(lab.pod(pod.name), "link set lo up")


def _bridge_config(lab: Lab, node: Node, pod: Pod) -> dict[str, object]:
    cluster = lab.cluster
    ranges, routes, wanted = [[{"subnet": node.pod_cidr}]], [{"dst": CLUSTER_CIDR}], [pod.ip]
    if cluster.dual_stack:
        ranges.append([{"subnet": node.pod_cidr6}])
        routes.append({"dst": CLUSTER_CIDR6})
        wanted.append(pod.ip6)
    return {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "isDefaultGateway": True,
        "hairpinMode": cluster.hairpin,
        "ipMasq": False,
        "mtu": pod.mtu or cluster.mtu,
        "args": {"cni": {"ips": wanted}},
        "ipam": {
            "type": "host-local",
            "ranges": ranges,
            "routes": routes,
            "dataDir": str(lab.folder / f"ipam-{node.name}"),
        },
    }


def _call(lab: Lab, node: Node, pod: Pod, config: dict[str, object]) -> dict[str, object]:
    folder = plugin_folder()
    if folder is None:
        raise commands.CommandError(f"CNI plugins not found in {PLUGIN_FOLDERS}")
    env = {
        "PATH": f"{_iptables_on_path(lab)}:/usr/sbin:/usr/bin:/sbin:/bin",
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": f"{pod.name}-{os.getpid()}",
        "CNI_NETNS": lab.pod(pod.name).path,
        "CNI_IFNAME": "eth0",
        "CNI_PATH": str(folder),
        "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE={pod.namespace};K8S_POD_NAME={pod.name}",
    }
    text = json.dumps({"cniVersion": "0.4.0", "name": "cbr0", **config})
    said = commands.run(
        lab.node(node.name), (str(folder / str(config["type"])),), text=text, env=env
    )
    answer: dict[str, object] = json.loads(said)
    return answer


def _iptables_on_path(lab: Lab) -> Path:
    """A folder where `iptables` is the cluster's backend, because portmap calls it by that name."""
    folder = lab.folder / "bin"
    if not folder.exists():
        folder.mkdir()
        multi = Path(f"/usr/sbin/xtables-{lab.cluster.iptables}-multi")
        for family in ("iptables", "ip6tables"):
            for ending in ("", "-save", "-restore"):
                (folder / (family + ending)).symlink_to(multi)
    return folder
