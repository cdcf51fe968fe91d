"""Which Service a question is about, and on whose rules it depends."""

from __future__ import annotations

from msgspec import Struct

from skoop.cluster.resolve import Ends
from skoop.diagnose.cluster import Cluster
from skoop.diagnose.question import Question
from skoop.diagnose.verdict import Settled
from skoop.model.address import Family
from skoop.model.diagnosis import EndpointKind
from skoop.model.packet import Proto
from skoop.service import (
    Client,
    ClientKind,
    Destination,
    ServiceView,
    Via,
    expected_backends,
    find_destination,
)
from skoop.service import Question as ServiceQuestion

PROTOCOLS = {Proto.TCP: "TCP", Proto.UDP: "UDP", Proto.SCTP: "SCTP"}


class Asked(Struct, frozen=True):
    """A Service port that was asked for.

    `node` is the node whose rules translate the packet; `view` what they should do with it.
    """

    cluster: Cluster
    question: Question
    ends: Ends
    settled: Settled
    destination: Destination
    node: str
    view: ServiceView


def asked_for(cluster: Cluster, ends: Ends, question: Question, settled: Settled) -> Asked | None:
    """The Service port a question is about, None when it is about none."""
    protocol = PROTOCOLS.get(Proto(question.proto), "")
    owners = cluster.world.owners(question.family, question.dst)
    destination = find_destination(
        cluster.inventory, (question.family, question.dst), question.dport, protocol,
        local=bool(owners),
    )  # fmt: skip
    if destination is None:
        return None
    node = _deciding_node(cluster, ends, settled)
    if destination.via is Via.NODE_PORT and owners:
        node = cluster.world.machine_of[owners[0][0].id]
    if not node and settled.rows and all(row.traces for row in settled.rows):
        return None  # stopped before any node's rules were asked
    view = expected_backends(
        cluster.inventory,
        ServiceQuestion(
            service=destination.service, port=destination.port, via=destination.via,
            family=question.family, node=node,
            client=_client(ends, question.family, _entrance(cluster, settled, node)),
            address=(question.family, question.dst), local=bool(owners),
        ),
        cluster.facts.proxy.value,
    )  # fmt: skip
    return Asked(cluster, question, ends, settled, destination, node, view)


def _deciding_node(cluster: Cluster, ends: Ends, settled: Settled) -> str:
    """The first node a packet of the conversation meets, "" when it meets none."""
    if ends.source.endpoint.node:
        return ends.source.endpoint.node
    for row in settled.rows:
        for trace in row.traces[:1]:
            for hop in trace.hops:
                if hop.node in cluster.world.machine_of:
                    return cluster.world.machine_of[hop.node]
    return ""


def _entrance(cluster: Cluster, settled: Settled, node: str) -> str:
    """By which device the node's rules see the first packet come in: the bridge of a port."""
    machine = cluster.machines.get(node)
    for row in settled.rows if machine else ():
        for trace in row.traces[:1]:
            for hop in trace.hops:
                if machine is not None and hop.node == machine.host.id:
                    link = next((each for each in machine.host.links if each.name == hop.iif), None)
                    return link.master if link is not None and link.master else hop.iif
    return ""


def _client(ends: Ends, family: Family, device: str) -> Client:
    source = ends.source
    address = next((ip for ip in source.ips if ip[0] is family), None)
    if source.pod is not None and not source.pod.host_network:
        return Client(ClientKind.POD, address, device)
    if source.endpoint.kind in (EndpointKind.NODE, EndpointKind.POD):
        return Client(ClientKind.NODE, address)
    return Client(ClientKind.EXTERNAL, address, device)
