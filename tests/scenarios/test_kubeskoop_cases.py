"""The end-to-end cases of KubeSkoop, on the real kernel; those with IPIP are recorded ones.

One cluster for each backend; each case has a pod or a node of its own to break, so that one capture
and one batch answer all of them. Where KubeSkoop reports a fault that the kernel does not mind, the
answer here is the kernel's, and the fault at most a remark.
"""

from __future__ import annotations

import os
import shlex
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from tests.felix.words import veth
from tests.lab import commands
from tests.lab.build import build
from tests.lab.capture import capture
from tests.lab.judge import Case, Opinion, judge
from tests.lab.lab import Lab
from tests.lab.predict import by_call
from tests.lab.probe import shoot
from tests.lab.queries import Query, shot
from tests.lab.round import attempts
from tests.lab.serve import Servers
from tests.lab.topology import (
    NODE_PORT,
    OUTSIDE_IP,
    OUTSIDE_PORT,
    Backend,
    Calico,
    Cluster,
    Listener,
    Node,
    Pod,
    Service,
    ServicePort,
)

TOOLS = ("ip", "bridge", "iptables-legacy", "nft", "ipset", "conntrack", "ss")
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        os.name != "posix" or os.geteuid() != 0 or any(shutil.which(t) is None for t in TOOLS),
        reason="the lab needs root on Linux, iproute2, iptables, nftables, ipset and conntrack",
    ),
]
LISTENERS = (Listener("tcp", 8080), Listener("udp", 5353), Listener("udp", 53))


class Asked(Struct, frozen=True, kw_only=True):
    """A case: what is asked, the results that are right, and the right first suspicion ("" for
    none that blocks) with its place."""

    src: str
    dst: str
    port: int = 8080
    protocol: str = "tcp"
    size: int = 0
    df: bool = False
    results: tuple[str, ...] = ("ok",)
    blamed: tuple[str, ...] = ()
    where: str = ""
    remark: str = ""
    beyond: bool = False


class Scenery(Struct, frozen=True):
    """A cluster, what is done to it (a place and a command), and the cases asked of it."""

    cluster: Cluster
    breaks: tuple[tuple[str, str], ...]
    cases: dict[str, Asked]


def _cluster(backend: str, homes: dict[str, int]) -> Cluster:
    nodes = tuple(Node(name=f"k{n}", index=n) for n in range(1, max(homes.values()) + 1))
    pods = tuple(
        Pod(name=name, node=f"k{n}", ip=f"10.244.{n}.{20 + number}", listeners=LISTENERS)
        for number, (name, n) in enumerate(homes.items())
    )
    by_name = {pod.name: pod for pod in pods}
    backends = tuple(
        Backend(pod, by_name[pod].node, by_name[pod].ip) for pod in ("mate", "far") if pod in homes
    )
    ports = (ServicePort("http", 80, 8080),)
    return Cluster(
        backend=backend,
        nodes=nodes,
        pods=pods,
        services=(
            Service(name="web", cluster_ip="10.96.0.10", ports=ports, backends=backends),
            Service(name="empty", cluster_ip="10.96.0.11", ports=ports),
        ),
    )


def _apart(cluster: Cluster) -> Cluster:
    """The same with its last node behind a router."""
    *near, last = cluster.nodes
    return replace(cluster, nodes=(*near, replace(last, subnet=1)))


LOST = ("timeout", "unreachable")
NO_WAY_OUT = ("pod-default-route-missing",)
VXLAN = Scenery(
    _cluster(
        "vxlan",
        {
            "near": 1, "mate": 1, "far": 2, "ethdown": 2, "lodown": 2, "flushed": 2, "vialo": 2,
            "dropping": 2, "narrow": 2, "k3pod": 3, "k4pod": 4, "k5pod": 5, "k6pod": 6,
        },
    ),
    (
        ("ethdown", "ip link set eth0 down"),
        ("lodown", "ip link set lo down"),
        ("flushed", "ip route flush table main"),
        ("vialo", "ip route replace default dev lo"),
        ("dropping", "iptables-legacy -A INPUT -p tcp --dport 8080 -j DROP"),
        ("narrow", "ip link set eth0 mtu 1400"),
        ("k3", "ip link set cni0 down"),
        ("k4", "ip route del 10.244.1.0/24"),
        ("k5", "ip route replace 10.244.1.0/24 dev eth0"),
        ("k6", "ip link set flannel.1 down"),
    ),
    {
        "pod-to-pod-across-nodes": Asked(src="pod/lab/near", dst="pod/lab/far"),
        "pod-to-node": Asked(src="pod/lab/near", dst="node/k2", port=NODE_PORT),
        "node-to-node": Asked(src="node/k1", dst="node/k2", port=NODE_PORT),
        "pod-eth0-down": Asked(
            src="pod/lab/near", dst="pod/lab/ethdown", results=LOST, blamed=("link-down",),
            where="lab/ethdown",
        ),
        "pod-lo-down": Asked(src="pod/lab/near", dst="pod/lab/lodown", remark="loopback-down"),
        "no-listener": Asked(
            src="pod/lab/near", dst="pod/lab/far", port=81, results=("refused",),
            blamed=("nothing-listening",), where="lab/far",
        ),
        "same-node": Asked(src="pod/lab/near", dst="pod/lab/mate"),
        "pod-to-own-node": Asked(src="pod/lab/near", dst="node/k1", port=NODE_PORT),
        "node-to-own-pod": Asked(src="node/k1", dst="pod/lab/near"),
        "udp-53-same-node": Asked(
            src="pod/lab/near", dst="pod/lab/mate", port=53, protocol="udp"
        ),
        "routes-flushed-as-destination": Asked(
            src="pod/lab/near", dst="pod/lab/flushed", results=LOST, blamed=NO_WAY_OUT,
            where="lab/flushed",
        ),
        "routes-flushed-as-source": Asked(
            src="pod/lab/flushed", dst="pod/lab/near", results=LOST, blamed=NO_WAY_OUT,
            where="lab/flushed",
        ),
        "default-route-via-lo": Asked(
            src="pod/lab/vialo", dst="node/k1", port=NODE_PORT, results=LOST,
            blamed=("route-wrong-device", *NO_WAY_OUT), where="lab/vialo",
        ),
        "iptables-drop-in-pod": Asked(
            src="pod/lab/near", dst="pod/lab/dropping", results=LOST, blamed=("filter-drop",),
            where="lab/dropping",
        ),
        "pod-to-external": Asked(
            src="pod/lab/near", dst=OUTSIDE_IP, port=OUTSIDE_PORT, beyond=True
        ),
        "external-to-pod": Asked(
            src=OUTSIDE_IP, dst="pod/lab/near", results=LOST, beyond=True
        ),
        "service-with-backends-on-two-nodes": Asked(
            src="pod/lab/near", dst="svc/lab/web", port=80
        ),
        "service-without-endpoints-from-pod": Asked(
            src="pod/lab/near", dst="svc/lab/empty", port=80, results=("refused",),
            blamed=("endpoints-none", "selector-matches-nothing"), where="lab/empty",
        ),
        "service-without-endpoints-from-node": Asked(
            src="node/k2", dst="svc/lab/empty", port=80, results=("refused",),
            blamed=("endpoints-none", "selector-matches-nothing"), where="lab/empty",
        ),
        "vxlan-pod-mtu-and-a-small-packet": Asked(src="pod/lab/near", dst="pod/lab/narrow"),
        "vxlan-pod-mtu-and-much-data": Asked(
            src="pod/lab/near", dst="pod/lab/narrow", size=20000
        ),
        "vxlan-pod-mtu-and-a-large-datagram": Asked(
            src="pod/lab/near", dst="pod/lab/narrow", port=5353, protocol="udp", size=1410, df=True,
            results=LOST, blamed=("mtu-node-mismatch", "mtu-pod-exceeds-path"), where="lab/narrow",
        ),
        "vxlan-cni0-down": Asked(
            src="pod/lab/near", dst="pod/lab/k3pod", results=LOST, blamed=("bridge-down",),
            where="k3",
        ),
        "vxlan-route-deleted": Asked(
            src="pod/lab/k4pod", dst="pod/lab/near", results=LOST, blamed=("route-missing",),
            where="k4",
        ),
        "vxlan-remote-cidr-by-nic": Asked(
            src="pod/lab/k5pod", dst="pod/lab/near", results=LOST, blamed=("route-wrong-device",),
            where="k5",
        ),
        "vxlan-flannel-1-down": Asked(
            src="pod/lab/near", dst="pod/lab/k6pod", results=LOST, blamed=("tunnel-down",),
            where="k6",
        ),
    },
)  # fmt: skip
HOST_GW = Scenery(
    _cluster(
        "host-gw",
        {"near": 1, "far": 2, "narrow": 2, "k3pod": 3, "k4pod": 4, "k5pod": 5, "k6pod": 6},
    ),
    (
        ("narrow", "ip link set eth0 mtu 1400"),
        ("k3", "ip link set cni0 down"),
        ("k4", "ip route del 10.244.1.0/24"),
        ("k5", "ip route replace 10.244.1.0/24 via 172.30.1.12"),
        ("k6", "ip route replace 10.244.1.0/24 via 172.30.1.99"),
    ),
    {
        "host-gw-pod-to-pod": Asked(src="pod/lab/near", dst="pod/lab/far"),
        "host-gw-pod-mtu-and-much-data": Asked(
            src="pod/lab/near", dst="pod/lab/narrow", size=20000
        ),
        "host-gw-pod-mtu-and-a-large-datagram": Asked(
            src="pod/lab/near", dst="pod/lab/narrow", port=5353, protocol="udp", size=1450, df=True,
            results=LOST, blamed=("mtu-node-mismatch", "mtu-pod-exceeds-path"), where="lab/narrow",
        ),
        "host-gw-cni0-down": Asked(
            src="pod/lab/near", dst="pod/lab/k3pod", results=LOST, blamed=("bridge-down",),
            where="k3",
        ),
        "host-gw-route-deleted": Asked(
            src="pod/lab/k4pod", dst="pod/lab/near", results=LOST, blamed=("route-missing",),
            where="k4",
        ),
        # The wrong node knows the way, and forwards.
        "host-gw-next-hop-of-another-node": Asked(
            src="pod/lab/k5pod", dst="pod/lab/near", remark="route-wrong-nexthop"
        ),
        "host-gw-next-hop-that-nobody-has": Asked(
            src="pod/lab/k6pod", dst="pod/lab/near", results=LOST, blamed=("route-wrong-nexthop",),
            where="k6",
        ),
    },
)  # fmt: skip
CALICO_BGP = Scenery(
    replace(
        _cluster("vxlan", {"near": 1, "far": 2, "unplugged": 2, "k3pod": 3}), calico=Calico()
    ),
    (
        ("k2", f"ip link set {veth('lab', 'unplugged')} down"),
        ("k3", "ip route del 10.244.3.23/32"),
    ),
    {
        "calico-bgp-pod-to-pod": Asked(src="pod/lab/near", dst="pod/lab/far"),
        "calico-bgp-service": Asked(src="pod/lab/near", dst="svc/lab/web", port=80),
        "calico-bgp-veth-down": Asked(
            src="pod/lab/near", dst="pod/lab/unplugged", results=LOST, blamed=("veth-peer-down",),
            where="k2",
        ),
        "calico-bgp-pod-route-deleted": Asked(
            src="pod/lab/near", dst="pod/lab/k3pod", results=LOST, blamed=("route-missing",),
            where="k3",
        ),
    },
)  # fmt: skip
# KubeSkoop calls both broken: it knows no VXLAN pool, and takes CrossSubnet for IPIP everywhere.
CALICO_VXLAN = Scenery(
    replace(
        _apart(_cluster("vxlan", {"near": 1, "far": 2, "beyond": 3})),
        calico=Calico("vxlan", cross=True),
    ),
    (),
    {
        "calico-vxlan-within-a-subnet": Asked(src="pod/lab/near", dst="pod/lab/far"),
        "calico-vxlan-between-subnets": Asked(src="pod/lab/near", dst="pod/lab/beyond"),
    },
)
SCENERIES = {
    "vxlan": VXLAN,
    "host-gw": HOST_GW,
    "calico-bgp": CALICO_BGP,
    "calico-vxlan": CALICO_VXLAN,
}


def _break(lab: Lab, place: str, command: str) -> None:
    node = any(place == each.name for each in lab.cluster.nodes)
    commands.run(lab.node(place) if node else lab.pod(place), shlex.split(command))


def _played(scenery: Scenery, folder: Path) -> dict[str, Case]:
    """Build, break, capture, ask the kernel, ask skoop."""
    cluster = scenery.cluster
    queries = [
        Query(
            id=name, src=case.src, dst=case.dst, port=case.port, protocol=case.protocol,
            size=case.size, df=case.df,
        )
        for name, case in scenery.cases.items()
    ]  # fmt: skip
    with build(cluster) as lab, Servers(lab):
        for place, command in scenery.breaks:
            _break(lab, place, command)
        time.sleep(0.1)
        capture(lab, folder)
        shots = [shot(lab, query) for query in queries for _ in range(attempts(cluster, query))]
        hits = iter(shoot(shots, timeout=0.6))
        seen = {q.id: tuple(next(hits) for _ in range(attempts(cluster, q))) for q in queries}
    answers = by_call(folder, queries)
    return {
        query.id: judge(cluster, query, tuple(sorted(set(seen[query.id]))), answer)
        for query, answer in zip(queries, answers, strict=True)
    }


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Case]]:
    folder = tmp_path_factory.mktemp("kubeskoop")
    found: dict[str, Case] = {}
    for name, scenery in SCENERIES.items():
        found |= _played(scenery, folder / name)
    yield found


CASES = {name: case for scenery in SCENERIES.values() for name, case in scenery.cases.items()}


@pytest.mark.parametrize("name", CASES)
def test_the_kernel_does_what_the_case_says(name: str, played: dict[str, Case]) -> None:
    assert {hit.result for hit in played[name].hits} <= set(CASES[name].results)


@pytest.mark.parametrize("name", CASES)
def test_the_outcome_is_foretold(name: str, played: dict[str, Case]) -> None:
    case = played[name]
    right = Opinion.BEYOND if CASES[name].beyond else Opinion.AGREE
    assert case.opinion is right or (CASES[name].beyond and _is_honest(case)), (
        case.real(), case.predicted()
    )  # fmt: skip


def _is_honest(case: Case) -> bool:
    """Whether it was said what cannot be told about a packet beyond the cluster, or before it."""
    return case.answer["verdict"] == "unknown" and bool(case.answer["not_checked"])


@pytest.mark.parametrize("name", CASES)
def test_the_cause_is_named_first(name: str, played: dict[str, Case]) -> None:
    asked, suspicions = CASES[name], played[name].answer["suspicions"]
    said = [(s["name"], s["node"]["name"], s["blocking"]) for s in suspicions]
    if not asked.blamed:
        assert [each for each in said if each[2]] == []
        assert not asked.remark or asked.remark in {each[0] for each in said}
        return
    assert said, played[name].predicted()
    assert (said[0][0] in asked.blamed, *said[0][1:]) == (True, asked.where, True), said[:4]
