"""Diagnoses to render: what an engineer on call would see."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import pytest

from skoop.demo import demos
from skoop.findings.netfilter import FilterDrop
from skoop.findings.overlay import FdbMissing
from skoop.findings.policy import CniNotEnforcing
from skoop.model.address import Family, parse_ip
from skoop.model.diagnosis import (
    BranchOutcome,
    Diagnosis,
    Endpoint,
    EndpointKind,
    NotChecked,
    PacketPath,
    PathLink,
    PathNode,
    PathNodeKind,
    Where,
)
from skoop.model.disposition import Direction, Disposition, Result, Verdict
from skoop.model.packet import EPHEMERAL, Packet, Proto
from skoop.model.trace import Evidence, Hop, Step, StepKind, Trace
from skoop.report.convert import to_document
from skoop.report.document import ResultDoc
from tests.demo.telling import told

GOLDEN = Path(__file__).parent / "golden"
WEB, VIP, API1, API2 = "10.244.0.5", "10.96.0.20", "10.244.1.7", "10.244.0.9"


def tcp(source: str, target: str, dport: int, sport: int = EPHEMERAL) -> Packet:
    (_, src), (_, dst) = parse_ip(source), parse_ip(target)
    return Packet(family=Family.V4, proto=Proto.TCP, src=src, dst=dst, sport=sport, dport=dport)


def outer(source: str, target: str, inner: Packet) -> Packet:
    (_, src), (_, dst) = parse_ip(source), parse_ip(target)
    return Packet(
        family=Family.V4, proto=Proto.UDP, src=src, dst=dst, sport=EPHEMERAL, dport=8472,
        size=inner.size + 50, inner=inner, vni=1,
    )  # fmt: skip


def step(kind: StepKind, detail: str, source: str = "", text: str = "") -> Step:
    return Step(kind, detail, (Evidence(source, text),) if text else ())


SOURCE = Endpoint(
    kind=EndpointKind.POD, name="web-7c9f8-x2x4p", namespace="shop", ip=WEB, node="k1"
)
SERVICE = Endpoint(
    kind=EndpointKind.SERVICE, name="api", namespace="shop", ip=VIP, port=80, node=""
)
BACKENDS = tuple(
    Endpoint(kind=EndpointKind.POD, name=name, namespace="shop", ip=ip, node=node, port=8080)
    for name, ip, node in (("api-0", API1, "k2"), ("api-1", API2, "k1"))
)
NODES = (
    PathNode("pod/shop/web-7c9f8-x2x4p", PathNodeKind.POD, "web-7c9f8-x2x4p", "shop", WEB),
    PathNode("node/k1", PathNodeKind.NODE, "k1", "", "192.168.7.11"),
    PathNode("node/k2", PathNodeKind.NODE, "k2", "", "192.168.7.12", emulated=True),
    PathNode("pod/shop/api-0", PathNodeKind.POD, "api-0", "shop", API1),
    PathNode("pod/shop/api-1", PathNodeKind.POD, "api-1", "shop", API2),
)
ASKED = tcp(WEB, VIP, 80)
TO_API1, TO_API2 = tcp(WEB, API1, 8080), tcp(WEB, API2, 8080)
DNAT = (
    "-A KUBE-SEP-4OBJM7XYDHBWZQPT -p tcp -m comment --comment shop/api:http -m tcp "
    "-j DNAT --to-destination 10.244.1.7:8080"
)


def first_hop() -> Hop:
    steps = (
        step(StepKind.SEND, "connects from 10.244.0.5"),
        step(StepKind.ROUTE, "default via 10.244.0.1 dev eth0", "ip route", "default via ..."),
        step(StepKind.TRANSMIT, "through eth0 to veth3a1b on k1"),
    )
    return Hop("pod/shop/web-7c9f8-x2x4p", "", "eth0", ASKED, ASKED, steps)


def k1_hop(target: Packet, out: str, *last: Step) -> Hop:
    nat = step(
        StepKind.NAT,
        f"Service shop/api: destination becomes {target.destination}:8080",
        "iptables nat on k1",
        DNAT.replace("10.244.1.7", target.destination),
    )
    route = step(StepKind.ROUTE, f"10.244.1.0/24 via 10.244.1.0 dev {out} onlink", "ip route", "x")
    return Hop("node/k1", "cni0", out, ASKED, target, (nat, route, *last))


def partial() -> Diagnosis:
    """Two backends; the one on the other node is behind a missing FDB entry."""
    stop = step(
        StepKind.STOP, "no FDB entry for 0a:58:0a:f4:01:00 on flannel.1", "bridge fdb on k1",
        "(no line for 0a:58:0a:f4:01:00)",
    )  # fmt: skip
    lost = Trace(
        Direction.FORWARD, "", 0.5, Disposition.DROPPED,
        (first_hop(), k1_hop(TO_API1, "flannel.1", stop)),
    )  # fmt: skip
    server = step(StepKind.DELIVER, "a process listens on 0.0.0.0:8080")
    there = Trace(
        Direction.FORWARD, "", 0.5, Disposition.DELIVERED,
        (first_hop(), k1_hop(TO_API2, "cni0"),
         Hop("pod/shop/api-1", "eth0", "", TO_API2, TO_API2, (server,))),
        branch=1,
    )  # fmt: skip
    reply, undone = tcp(API2, WEB, -1, 8080), tcp(VIP, WEB, -1, 80)
    back = Trace(
        Direction.RETURN, "", 0.5, Disposition.DELIVERED,
        (Hop("pod/shop/api-1", "", "eth0", reply, reply, (step(StepKind.REPLY, "answers"),)),
         Hop("node/k1", "cni0", "cni0", reply, undone,
             (step(StepKind.CONNTRACK, "the reply of a translated connection: source becomes "
                   "10.96.0.20:80 again"),)),
         Hop("pod/shop/web-7c9f8-x2x4p", "eth0", "", undone, undone,
             (step(StepKind.DELIVER, "reaches the client's socket"),))),
        branch=1,
    )  # fmt: skip
    links = (
        PathLink(NODES[0].id, NODES[1].id, "veth", "eth0", "veth3a1b", ASKED, Direction.FORWARD),
        PathLink(
            NODES[1].id, NODES[2].id, "vxlan", "flannel.1", "flannel.1", TO_API1,
            Direction.FORWARD, outer("192.168.7.11", "192.168.7.12", TO_API1),
        ),
        PathLink(NODES[1].id, NODES[4].id, "bridge", "cni0", "eth0", TO_API2, Direction.FORWARD),
        PathLink(NODES[4].id, NODES[1].id, "bridge", "eth0", "cni0", reply, Direction.RETURN),
    )  # fmt: skip
    cause = FdbMissing.suspect(
        where=Where("node", "k1"),
        direction=Direction.FORWARD,
        message="k1 does not know that the tunnel address of k2 (0a:58:0a:f4:01:00) is at "
        "192.168.7.12, so what it sends to pods on k2 is dropped in flannel.1.",
        evidence=(
            Evidence("bridge fdb on k1", "0a:58:0a:f4:02:00 dev flannel.1 dst 192.168.7.13 self"),
            Evidence(
                "node k2",
                'flannel.alpha.coreos.com/backend-data: {"VNI":1,"VtepMAC":"0a:58:0a:f4:01:00"}',
            ),
        ),
        blocking=True,
        why="Half of the connections to shop/api choose api-0 on k2 and wait until they give up.",
        fix="Add the entry:\n    bridge fdb append 0a:58:0a:f4:01:00 dev flannel.1 dst "
        "192.168.7.12 self permanent\nIf it goes away again, restart flannel on k1.",
    )
    aside = CniNotEnforcing.suspect(
        where=Where("cluster", "lab"),
        direction=Direction.FORWARD,
        message="There are 2 network policies in namespace shop, and flannel enforces none.",
        evidence=(Evidence("networkpolicies", "shop/default-deny, shop/allow-web"),),
    )
    return Diagnosis(
        verdict=Verdict.PARTIAL,
        source=SOURCE,
        destination=SERVICE,
        protocol="tcp",
        summary="50% of connections get no answer: k1 drops what it sends to pods on k2.",
        outcomes=(
            BranchOutcome(weight=0.5, result=Result.TIMEOUT, server=BACKENDS[0], branches=(0,)),
            BranchOutcome(
                weight=0.5, result=Result.OK, server=BACKENDS[1], seen_source=WEB, branches=(1,)
            ),
        ),
        suspicions=(cause, aside),
        path=PacketPath(NODES, links),
        traces=(lost, there, back),
        not_checked=(NotChecked("security groups", "no cloud credentials were given"),),
        assumptions=("The client draws its source port from 32768-60999.",),
    )


def reachable() -> Diagnosis:
    """One branch, nothing wrong."""
    full = partial()
    return Diagnosis(
        verdict=Verdict.REACHABLE,
        source=SOURCE,
        destination=BACKENDS[1],
        protocol="tcp",
        summary="Connections are accepted, and the reply comes back.",
        outcomes=(full.outcomes[1],),
        path=PacketPath((NODES[0], NODES[1], NODES[4]), full.path.links[2:]),
        traces=full.traces[1:],
    )


def many() -> Diagnosis:
    """200 backends with long names, a third of them behind a firewall."""
    backends = [
        Endpoint(
            kind=EndpointKind.POD, name=f"checkout-service-primary-66d5b7c9f8-{n:05}",
            namespace="payments-production", ip=f"10.244.{n}.7", node=f"node-{n:03}", port=8443,
        )
        for n in range(200)
    ]  # fmt: skip
    results = [Result.TIMEOUT if n % 3 == 0 else Result.OK for n in range(200)]
    stop = step(
        StepKind.STOP, "dropped by a rule of filter INPUT", "iptables filter on the node",
        "-A INPUT -p udp -m udp --dport 8472 -j DROP",
    )  # fmt: skip
    traces = [
        Trace(
            Direction.FORWARD, "", 1 / 200,
            Disposition.DROPPED if result is Result.TIMEOUT else Disposition.DELIVERED,
            (first_hop(),
             Hop(f"node/{one.node}", "eth0", "", TO_API1, TO_API1,
                 (stop,) if result is Result.TIMEOUT else ())),
            branch=branch,
        )
        for branch, (one, result) in enumerate(zip(backends, results, strict=True))
    ]  # fmt: skip
    cause = FilterDrop.suspect(
        where=Where("node", "node-000"),
        direction=Direction.FORWARD,
        message="A rule drops the tunnel's packets on 67 nodes.",
        evidence=(Evidence("iptables filter on node-000", stop.evidence[0].text),),
        blocking=True,
        fix="iptables -D INPUT -p udp -m udp --dport 8472 -j DROP",
    )
    return Diagnosis(
        verdict=Verdict.PARTIAL,
        source=SOURCE,
        destination=SERVICE,
        protocol="tcp",
        summary="33.5% of connections get no answer.",
        outcomes=tuple(
            BranchOutcome(
                weight=1 / 200, result=result, server=one if result is Result.OK else None,
                seen_source=WEB if result is Result.OK else "", branches=(branch,),
            )
            for branch, (one, result) in enumerate(zip(backends, results, strict=True))
        ),
        suspicions=(cause,),
        traces=tuple(traces),
    )  # fmt: skip


def hostile() -> Diagnosis:
    """Names and rules that try to be read as something else."""
    bad = 'x\x1b[31m[bold]\n"]; n9 -> n8 [label="\u202e${v} %%{init}%% <script>\\'
    cause = FilterDrop.suspect(
        where=Where("node", bad),
        direction=Direction.RETURN,
        message=bad,
        evidence=(Evidence(bad, bad),),
        blocking=True,
        why=bad,
        fix=bad,
    )
    node = PathNode(f"node/{bad}", PathNodeKind.NODE, bad)
    end = Endpoint(kind=EndpointKind.NODE, name=bad)
    hop = Hop(node.id, bad, bad, ASKED, ASKED, (step(StepKind.STOP, bad, bad, bad + "2"),))
    return Diagnosis(
        verdict=Verdict.UNREACHABLE,
        source=end,
        destination=end,
        protocol="tcp",
        summary=bad,
        outcomes=(BranchOutcome(weight=1.0, result=Result.TIMEOUT, server=end, seen_source=bad),),
        suspicions=(cause,),
        path=PacketPath(
            (node,), (PathLink(node.id, node.id, bad, bad, bad, ASKED, Direction.RETURN),)
        ),
        traces=(Trace(Direction.RETURN, bad, 1.0, Disposition.DROPPED, (hop,)),),
        not_checked=(NotChecked(bad, bad),),
        assumptions=(bad,),
    )


EXAMPLES = {one.__name__: to_document(one()) for one in (partial, reachable, many, hostile)}


@pytest.fixture
def examples() -> dict[str, ResultDoc]:
    return EXAMPLES


class Golden(Protocol):
    def __call__(self, name: str, text: str) -> None: ...


@pytest.fixture
def golden() -> Golden:
    """Compare with a file of golden/. UPDATE_GOLDEN=1 writes the files instead."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("UPDATE_GOLDEN"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), "UPDATE_GOLDEN=1 pytest tests/report"

    return check


@pytest.fixture(scope="session")
def demo_results() -> dict[str, ResultDoc]:
    """What each demo tells."""
    return {one.name: told(one) for one in demos()}
