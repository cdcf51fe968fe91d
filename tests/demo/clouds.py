"""The shop's nodes as instances of an account on Aliyun, and the account's answers in a snapshot.

All three are in one vSwitch, and in the basic group sg-shop, which admits the VPC and its pods.
"""

from __future__ import annotations

import json

from msgspec.structs import replace

from skoop.cli.add_cloud import whole
from skoop.infra.aliyun.record import Memory
from skoop.network.aliyun import network_over
from skoop.network.base import Context
from skoop.network.build import read
from skoop.snapshot import Snapshot
from tests.aliyun.asking import direct
from tests.aliyun.double import Cloud, Server
from tests.lab.topology import CLUSTER_CIDR, Cluster

VPC, VSWITCH, GROUP, TABLE = "vpc-shop", "vsw-shop", "sg-shop", "vtb-vpc-shop"


def account(cluster: Cluster) -> Cloud:
    """A healthy account."""
    cloud = Cloud()
    cloud.vpc(VPC, "172.30.0.0/16")
    cloud.vswitch(VSWITCH, VPC, "172.30.1.0/24")
    cloud.group(GROUP, VPC)
    for network in ("172.30.0.0/16", CLUSTER_CIDR):
        cloud.rule(GROUP, "ingress", peer=network)
    for node in cluster.nodes:
        cloud.instance(f"i-{node.name}", VSWITCH, node.ip, (GROUP,))
    return cloud


def without_udp(cluster: Cluster) -> Cloud:
    """k3 came later, into a group of its own that admits TCP and pings of the VPC, and no UDP."""
    cloud = account(cluster)
    cloud.group("sg-new", VPC)
    for protocol, ports in (("TCP", "1/65535"), ("ICMP", "-1/-1")):
        cloud.rule("sg-new", "ingress", protocol=protocol, ports=ports, peer="172.30.0.0/16")
    held = {"SecurityGroupId": ["sg-new"]}
    cloud.instances["i-k3"]["SecurityGroupIds"] = held
    cloud.enis["eni-i-k3"]["SecurityGroupIds"] = held
    return cloud


def with_wrong_route(cluster: Cluster) -> Cloud:
    """The VPC routes pods' networks to their nodes, and k3's to k2."""
    cloud = account(cluster)
    for node in cluster.nodes:
        target = "k2" if node.name == "k3" else node.name
        cloud.route(TABLE, node.pod_cidr, instance=f"i-{target}")
    return cloud


def on_aliyun(snapshot: Snapshot, cloud: Cloud) -> Snapshot:
    """The snapshot with instances as nodes, and with the account's answers, as `skoop snapshot
    add-cloud` keeps them."""
    nodes = json.loads(snapshot.cluster["nodes"])
    for item in nodes["items"]:
        item["spec"]["providerID"] = f"alicloud://{cloud.region}.i-{item['metadata']['name']}"
    data = json.dumps(nodes, separators=(",", ":"), sort_keys=True).encode()
    placed = replace(snapshot, cluster={**snapshot.cluster, "nodes": data})
    network = network_over(Context(collected=read(placed)), Memory(direct(Server(cloud))))
    network.infra.prepare(whole(network.cluster.inventory))
    return replace(placed, cloud=dict(network.infra.recorded()))
