"""Snapshots shipped in the package, so that skoop answers on a machine with no cluster.

A demo is a file in this folder and a line in `DEMOS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from importlib import resources
from pathlib import Path

from msgspec import Struct

from skoop.errors import UsageError
from skoop.model.request import Request


class Family(Enum):
    """What demos are about, as the list groups them."""

    NODES = "From node to node"
    PODS = "Pods and their links"
    SERVICES = "Services"
    DNS = "Names (DNS)"
    POLICIES = "Firewalls and policies"
    CALICO = "Calico"
    CLOUD = "Clouds"


class Demo(Struct, frozen=True, kw_only=True):
    """A snapshot and the question it is shown with. `shows` is one line for the list; `file` lies
    in this folder; `size` is the payload in bytes (0: a first packet)."""

    name: str
    family: Family
    shows: str
    file: str
    src: str
    dst: str
    port: int | str | None = None
    protocol: str = "tcp"
    size: int = 0

    def request(self) -> Request:
        """The question it is shown with."""
        return Request(
            src=self.src, dst=self.dst, port=self.port, protocol=self.protocol, size=self.size
        )

    @contextmanager
    def path(self) -> Iterator[Path]:
        """The snapshot as a file, for as long as the context lasts."""
        with resources.as_file(resources.files("skoop.demo").joinpath(self.file)) as path:
            yield path


DEMOS = (
    Demo(
        name="fdb-missing",
        family=Family.NODES,
        shows="Every third connection to a Service hangs: flannel's tunnel lacks an entry.",
        file="fdb-missing.tar.gz",
        src="pod/default/cli",
        dst="svc/shop/web",
        port=80,
    ),
    Demo(
        name="policy-rule",
        family=Family.NODES,
        shows="The routes are right, and a policy rule comes before them.",
        file="policy-rule.tar.gz",
        src="pod/default/cli3",
        dst="svc/shop/web",
        port=80,
    ),
    Demo(
        name="rp-filter",
        family=Family.NODES,
        shows="Packets arrive by the tunnel, replies would leave by the NIC: rp_filter drops.",
        file="rp-filter.tar.gz",
        src="pod/default/cli",
        dst="svc/shop/web",
        port=80,
    ),
    Demo(
        name="mtu",
        family=Family.NODES,
        shows="Connections open and then hang: large packets vanish without a word.",
        file="mtu.tar.gz",
        src="pod/default/cli",
        dst="svc/shop/web",
        port=80,
        size=20000,
    ),
    Demo(
        name="wrong-mac",
        family=Family.NODES,
        shows="A node holds a permanent neighbour entry that leads to nobody.",
        file="wrong-mac.tar.gz",
        src="pod/default/cli",
        dst="svc/shop/web",
        port=80,
    ),
    Demo(
        name="veth-detached",
        family=Family.PODS,
        shows="A pod runs and is ready, and its link is no longer a port of the bridge.",
        file="veth-detached.tar.gz",
        src="172.30.0.250",
        dst="172.30.0.11",
        port=30080,
    ),
    Demo(
        name="pod-routes",
        family=Family.PODS,
        shows="A pod has lost its routes: it reaches nothing, not even its DNS server.",
        file="pod-routes.tar.gz",
        src="pod/default/cli3",
        dst="svc/kube-system/kube-dns",
        port=53,
        protocol="udp",
    ),
    Demo(
        name="masquerade-missing",
        family=Family.SERVICES,
        shows="A NodePort answers only when the pod is on the node that was asked.",
        file="masquerade-missing.tar.gz",
        src="172.30.0.250",
        dst="node/k3",
        port=30080,
    ),
    Demo(
        name="dead-endpoint",
        family=Family.SERVICES,
        shows="kube-proxy still sends some connections to a pod that is gone.",
        file="dead-endpoint.tar.gz",
        src="pod/default/cli",
        dst="svc/shop/web",
        port=80,
    ),
    Demo(
        name="nft-map",
        family=Family.SERVICES,
        shows="kube-proxy in nftables mode: the Service is missing from a verdict map.",
        file="nft-map.tar.gz",
        src="pod/default/cli",
        dst="svc/shop/web",
        port=80,
    ),
    Demo(
        name="ipvs-empty",
        family=Family.SERVICES,
        shows="kube-proxy in ipvs mode: on one node a Service has lost all of its servers.",
        file="ipvs-empty.tar.gz",
        src="pod/default/cli",
        dst="svc/shop/web",
        port=80,
    ),
    Demo(
        name="bridge-bypass",
        family=Family.SERVICES,
        shows="A Service works from other nodes, and not from a pod beside the backend.",
        file="bridge-bypass.tar.gz",
        src="pod/default/cli",
        dst="svc/shop/web",
        port=80,
    ),
    Demo(
        name="dns-udp",
        family=Family.DNS,
        shows="A firewall on one node rejects lookups: the Service's name does not resolve there.",
        file="dns-udp.tar.gz",
        src="pod/default/cli",
        dst="dns:web.shop",
        port=80,
    ),
    Demo(
        name="foreign-firewall",
        family=Family.POLICIES,
        shows="iptables lets a packet pass, and a table of somebody else's drops it.",
        file="foreign-firewall.tar.gz",
        src="node/k1",
        dst="svc/shop/web",
        port=80,
    ),
    Demo(
        name="policy-denies",
        family=Family.POLICIES,
        shows="A NetworkPolicy names the client's labels, and forgets the client's namespace.",
        file="policy-denies.tar.gz",
        src="pod/default/cli",
        dst="svc/shop/web",
        port=80,
    ),
    Demo(
        name="policy-stale",
        family=Family.POLICIES,
        shows="The policies allow it, and one node still enforces the one of yesterday.",
        file="policy-stale.tar.gz",
        src="pod/default/cli",
        dst="svc/shop/web",
        port=80,
    ),
    Demo(
        name="calico-bgp",
        family=Family.CALICO,
        shows="Two nodes no longer speak BGP: neither knows the way to the other's pods.",
        file="calico-bgp.tar.gz",
        src="pod/default/cli",
        dst="svc/shop/web",
        port=80,
    ),
    Demo(
        name="aliyun-group",
        family=Family.CLOUD,
        shows="Aliyun: a new node's security group admits TCP alone, and VXLAN is UDP.",
        file="aliyun-group.tar.gz",
        src="pod/default/cli",
        dst="svc/shop/web",
        port=80,
    ),
    Demo(
        name="aliyun-route",
        family=Family.CLOUD,
        shows="Aliyun: the VPC's route table leads a node's pods to another instance.",
        file="aliyun-route.tar.gz",
        src="pod/default/cli",
        dst="svc/shop/web",
        port=80,
    ),
)


def demos() -> tuple[Demo, ...]:
    """Every demo, family by family, in the order of the list."""
    return DEMOS


def find_demo(name: str) -> Demo:
    """The demo of this name. Raises UsageError with the names there are."""
    for one in demos():
        if one.name == name:
            return one
    names = ", ".join(one.name for one in demos()) or "none in this build"
    raise UsageError(f"There is no demo {name!r}; there are: {names}.")
