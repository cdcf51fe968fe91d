"""A port of a node that is claimed more than once: by hostPorts of its pods, by a NodePort, by a
process of the node. Whoever's rule comes first gets the packets; a rule comes before a process."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from skoop.diagnose.service.asked import PROTOCOLS
from skoop.diagnose.story import Row
from skoop.diagnose.trials import Inquiry
from skoop.findings import pod as findings
from skoop.model.address import parse_ip
from skoop.model.diagnosis import Suspicion, Where
from skoop.model.disposition import Direction, Result
from skoop.model.kube import Address, Pod, Service
from skoop.model.packet import Packet, Proto
from skoop.model.trace import Evidence, StepKind
from skoop.netstack.stack import Stack


class Claim(Struct, frozen=True):
    """Who wants the port; `addresses` are where packets go that it gets, () for the node itself."""

    who: str
    evidence: Evidence
    addresses: tuple[Address, ...] = ()


def hostport_conflicts(inquiry: Inquiry) -> tuple[Suspicion, ...]:
    """The conflict about the port asked for, on the node that has the address asked for; () unless
    a pod's hostPort is part of it."""
    question = inquiry.question
    address = (question.family, question.dst)
    protocol = PROTOCOLS.get(Proto(question.proto), "")
    stack = _node_with(inquiry, address)
    if stack is None or not protocol:
        return ()
    node = stack.id.partition("/")[2]
    mapped = list(_of_pods(inquiry, node, address, protocol))
    claims = [*mapped, *(_others(inquiry, stack, protocol) if mapped else ())]
    if len(claims) < 2:
        return ()
    taker = _taker(inquiry.settled.rows, claims)
    name = f"{protocol} port {question.dport} of node {node}"
    who = " and ".join(claim.who for claim in claims)
    got = f"; its packets go to {taker.who}" if taker else ""
    return (
        findings.HostportConflict.suspect(
            where=Where("node", node),
            direction=Direction.FORWARD,
            message=f"{name} is wanted by {who}{got}",
            evidence=(*(claim.evidence for claim in claims), *_rule(inquiry.settled.rows, stack)),
            blocking=taker is not None and _fails_there(inquiry.settled.rows, taker),
            why="the rule that comes first takes all packets, the others never see one",
            fix="give one of them another port: "
            f"kubectl get pods -A -o wide --field-selector spec.nodeName={node}",
        ),
    )


def _node_with(inquiry: Inquiry, address: Address) -> Stack | None:
    """The node's namespace; a client on the node itself reaches it too."""
    client = inquiry.client.stack
    for host in inquiry.cluster.world.hosts.values():
        if host.is_local(*address) and (host is client or address[1] >> 24 != 127):
            return host
    return None


def _of_pods(inquiry: Inquiry, node: str, address: Address, protocol: str) -> Iterator[Claim]:
    for pod in inquiry.cluster.inventory.pods_on_node(node):
        if pod.finished or pod.host_network or not pod.ips:
            continue
        for text in _mappings(pod, inquiry.question.dport, protocol, address):
            name = f"{pod.namespace}/{pod.name}"
            said = Evidence(f"containers of pod {name}", text)
            yield Claim(f"the hostPort of pod {name}", said, pod.ips)
            break


def _mappings(pod: Pod, number: int, protocol: str, address: Address) -> Iterator[str]:
    shown = {"", "0.0.0.0", "::"}
    for container in pod.containers:
        for port in container.ports:
            if (port.host_port, port.protocol) != (number, protocol):
                continue
            if port.host_ip in shown or _same(port.host_ip, address):
                place = f" of {port.host_ip}" if port.host_ip else ""
                yield f"{container.name}: hostPort {number}{place} -> {port.port}/{protocol}"


def _same(text: str, address: Address) -> bool:
    try:
        return parse_ip(text) == address
    except ValueError:
        return False


def _others(inquiry: Inquiry, stack: Stack, protocol: str) -> Iterator[Claim]:
    """A Service's NodePort, and a process of the node."""
    question = inquiry.question
    for owner in inquiry.cluster.inventory.services:
        ports = [(each.node_port, each.protocol) for each in owner.ports]
        if (question.dport, protocol) in ports:
            name = f"{owner.namespace}/{owner.name}"
            said = Evidence(f"Service {name}", f"nodePort: {question.dport}/{protocol}")
            yield Claim(f"the NodePort of Service {name}", said, _backends(inquiry, owner))
    asked = Packet(
        family=question.family, proto=question.proto, src=0, dst=question.dst, dport=question.dport
    )
    socket = stack.sockets.find(asked, "")
    if socket is not None:
        said = Evidence(f"ss -lntu on {stack.id}", socket.raw)
        yield Claim("a process of the node", said)


def _backends(inquiry: Inquiry, owner: Service) -> tuple[Address, ...]:
    slices = inquiry.cluster.inventory.slices_of(owner.namespace, owner.name)
    return tuple(ip for each in slices for end in each.endpoints for ip in end.addresses)


def _taker(rows: tuple[Row, ...], claims: list[Claim]) -> Claim | None:
    """The claim that every packet went to, None when they went to several or to nobody's."""
    takers = [next((claim for claim in claims if _went_to(row, claim)), None) for row in rows]
    first = takers[0] if takers else None
    return first if all(taker is first for taker in takers) else None


def _went_to(row: Row, claim: Claim) -> bool:
    sent = [hop.packet_out for trace in row.traces[:1] for hop in trace.hops]
    last = row.at or (sent[-1] if sent else None)
    return last is not None and (last.family, last.dst) in claim.addresses


def _fails_there(rows: tuple[Row, ...], taker: Claim) -> bool:
    failing = [row for row in rows if row.result not in (Result.OK, Result.UNKNOWN)]
    return any(_went_to(row, taker) for row in failing)


def _rule(rows: tuple[Row, ...], stack: Stack) -> tuple[Evidence, ...]:
    """The rule by which a packet left the node's own port."""
    steps = (
        step
        for row in rows
        for trace in row.traces[:1]
        for hop in trace.hops
        if hop.node == stack.id
        for step in hop.steps
        if step.kind is StepKind.NETFILTER and "dnat to" in step.detail
    )
    return next((step.evidence for step in steps), ())
