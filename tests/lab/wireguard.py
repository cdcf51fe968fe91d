"""flannel's wireguard backend in its usual mode: a device for each IP version.

The keys follow from the nodes' names, so that a recorded round's objects name them.
"""

from __future__ import annotations

import hashlib
import subprocess
from base64 import b64encode
from functools import cache

from tests.lab import commands
from tests.lab.namespaces import Netns
from tests.lab.topology import CLUSTER_CIDR, CLUSTER_CIDR6, Cluster, Node

DEVICE = {4: "flannel-wg", 6: "flannel-wg-v6"}
PORT = {4: 51820, 6: 51821}
MTU = 1420


def private_key(name: str) -> str:
    """A key that stays the same from run to run, and keeps nothing secret."""
    return b64encode(hashlib.sha256(f"skoop-lab/{name}".encode()).digest()).decode()


@cache
def _public(private: str) -> str:
    done = subprocess.run(
        ("wg", "pubkey"), input=private, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def public_key(node: Node) -> str:
    """What a node announces; flannel gives both its devices one key."""
    return _public(private_key(node.name))


def lines(node: Node, families: tuple[int, ...]) -> list[str]:
    """Lines of `ip` that make the devices; one route covers the whole pod network."""
    found = []
    for family in families:
        v4, device = family == 4, DEVICE[family]
        found += [
            f"link add {device} mtu {MTU} type wireguard",
            f"addr add {node.vtep}/32 dev {device}"
            if v4
            else f"addr add {node.vtep6}/128 dev {device}",
            f"link set {device} up",
            f"route add {CLUSTER_CIDR if v4 else CLUSTER_CIDR6} dev {device}",
        ]
    return found


def configure(namespace: Netns, cluster: Cluster, node: Node) -> None:
    """The devices' keys, ports and peers."""
    for family in cluster.families:
        words = ("wg", "setconf", DEVICE[family], "/dev/stdin")
        commands.run(namespace, words, text=_conf(cluster, node, family))


def _conf(cluster: Cluster, node: Node, family: int) -> str:
    parts = [f"[Interface]\nPrivateKey = {private_key(node.name)}\nListenPort = {PORT[family]}\n"]
    for other in cluster.nodes:
        if other is not node:
            end = other.announced or other.ip if family == 4 else f"[{other.ip6}]"
            cidr = other.pod_cidr if family == 4 else other.pod_cidr6
            parts.append(
                f"[Peer]\nPublicKey = {public_key(other)}\n"
                f"Endpoint = {end}:{PORT[family]}\nAllowedIPs = {cidr}\n"
            )
    return "\n".join(parts)
