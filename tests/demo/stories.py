"""The stories that are played in the lab: a cluster, what happens to it, and its objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from skoop.snapshot import Snapshot
from tests.aliyun.double import Cloud
from tests.demo.clouds import on_aliyun, with_wrong_route, without_udp
from tests.demo.shop import dressed, shop
from tests.felix.against_kernel import program, written
from tests.felix.words import Endpoint, IpSet, Match, Policy, Rule, Tier, veth
from tests.felix.words import Node as FelixNode
from tests.lab import commands
from tests.lab.lab import Lab
from tests.lab.topology import Calico, Cluster

Objects = dict[str, Any]


class Story(Struct, frozen=True, kw_only=True):
    """`breaks` is done to the standing lab; `objects` are lists that replace the lab's own. `cloud`
    describes the account on Aliyun that the nodes are in, where they are in one."""

    name: str
    cluster: Cluster
    breaks: Callable[[Lab], None]
    objects: Mapping[str, list[Objects]] = {}
    cloud: Callable[[Cluster], Cloud] | None = None

    def demo(self, captured: Snapshot) -> Snapshot:
        """What is shipped."""
        found = dressed(captured, self.objects)
        return found if self.cloud is None else on_aliyun(found, self.cloud(self.cluster))


# --- Calico ---------------------------------------------------------------------------------------


def _session_down(lab: Lab) -> None:
    """What is left when k1 and k3 have lost each other."""
    for name, other in (("k1", "k3"), ("k3", "k1")):
        commands.ip(lab.node(name), f"route del {lab.cluster.node(other).block}")


# --- Services -------------------------------------------------------------------------------------


def _no_real_servers(lab: Lab) -> None:
    """k1's virtual server of web has lost all it sends to."""
    web = lab.cluster.service("web")
    for backend in web.backends:
        line = ("ipvsadm", "-d", "-t", f"{web.cluster_ip}:80", "-r", f"{backend.ip}:8080")
        commands.run(lab.node("k1"), line)


# --- clouds: the lab's wires do what the account is described to do -------------------------------


def _no_udp_to_k3(lab: Lab) -> None:
    commands.nft(
        lab.underlay,
        "table bridge group {\n chain forward {\n type filter hook forward priority 0;\n"
        ' oifname "uk3" ip protocol udp drop\n }\n}\n',
    )


def _pods_of_k3_to_k2(lab: Lab) -> None:
    k2, k3 = lab.cluster.node("k2"), lab.cluster.node("k3")
    commands.ip(lab.underlay, f"route replace {k3.pod_cidr} via {k2.ip}")


# --- policies -------------------------------------------------------------------------------------


_FROM_FRONT = {"podSelector": {"matchLabels": {"app": "front"}}}
_CLI_OF_SHOP = {"podSelector": {"matchLabels": {"app": "cli"}}}
"""Meant for default/cli; without a namespaceSelector it selects pods of the policy's namespace."""
_FROM_CLI = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}},
    "podSelector": {"matchLabels": {"app": "cli"}},
}


def _policy(*peers: Objects) -> Objects:
    """web may be called by these only."""
    rule = {"from": list(peers), "ports": [{"protocol": "TCP", "port": 8080}]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "web-callers", "namespace": "shop"},
        "spec": {
            "podSelector": {"matchLabels": {"app": "web"}},
            "policyTypes": ["Ingress"],
            "ingress": [rule],
        },
    }


def _enforced(**callers: tuple[str, ...]) -> Callable[[Lab], None]:
    """Felix has written the policy on these nodes, each with a set of callers' addresses."""

    def step(lab: Lab) -> None:
        for name, ips in callers.items():
            program(lab, name, written(lab, _felix(lab.cluster, name, ips)))

    return step


def _felix(cluster: Cluster, name: str, callers: tuple[str, ...]) -> FelixNode:
    chosen = "knp.default.shop.web-callers"
    pods = cluster.pods_on(name)
    allow = (Rule("allow"),)
    match = Match(protocol="tcp", src_sets=("s:web-callers-peers",), dst_ports=("8080",))
    return FelixNode(
        endpoints=tuple(
            Endpoint(
                interface=veth(pod.namespace, pod.name),
                tiers=(Tier("default", (chosen,)),) if pod.name.startswith("web") else (),
                profiles=(f"kns.{pod.namespace}",),
            )
            for pod in pods
        ),
        policies=(Policy(name=chosen, types=("ingress",), ingress=(Rule("allow", match),)),),
        profiles=tuple(
            Policy(name=f"kns.{space}", ingress=allow, egress=allow)
            for space in dict.fromkeys(pod.namespace for pod in pods)
        ),
        sets=(IpSet("s:web-callers-peers", "hash:net", callers),),
        to_host="ACCEPT",
    )


_FRONT, _CLI = "10.244.1.11", "10.244.1.10"

LAB: tuple[Story, ...] = (
    Story(name="ipvs-empty", cluster=shop(proxy="ipvs"), breaks=_no_real_servers),
    Story(name="calico-bgp", cluster=shop(calico=Calico(mesh=True)), breaks=_session_down),
    Story(
        name="policy-denies",
        cluster=shop(calico=Calico("vxlan")),
        breaks=_enforced(k2=(_FRONT,), k3=(_FRONT,)),
        objects={"networkpolicies": [_policy(_FROM_FRONT, _CLI_OF_SHOP)]},
    ),
    Story(
        name="policy-stale",
        cluster=shop(calico=Calico("vxlan")),
        breaks=_enforced(k2=(_FRONT, _CLI), k3=(_FRONT,)),
        objects={"networkpolicies": [_policy(_FROM_FRONT, _FROM_CLI)]},
    ),
    Story(
        name="aliyun-group",
        cluster=shop(),
        breaks=_no_udp_to_k3,
        cloud=without_udp,
    ),
    Story(
        name="aliyun-route",
        cluster=shop(backend="alloc"),
        breaks=_pods_of_k3_to_k2,
        cloud=with_wrong_route,
    ),
)
