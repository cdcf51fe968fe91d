"""A server that turns a client away because it does not see the client's address: the Service's
externalTrafficPolicy Cluster had the node's put in its place."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from skoop.diagnose.repairs import without_rule
from skoop.diagnose.service.asked import Asked, asked_for
from skoop.diagnose.story import Blocker, Row
from skoop.diagnose.trials import Inquiry, again, identity
from skoop.diagnose.verdict import Settled
from skoop.findings import policy, service
from skoop.model.address import format_ip
from skoop.model.diagnosis import Suspicion, Where
from skoop.model.disposition import Direction, Level, Result
from skoop.model.packet import Packet
from skoop.model.trace import Evidence, Hop, StepKind
from skoop.netstack.walk.events import Reason
from skoop.service import Via

_OUTER = (Via.NODE_PORT, Via.EXTERNAL_IP, Via.LOAD_BALANCER)
_MASQUERADES = ": masquerade"


class Masked(Struct, frozen=True):
    """Where a rule of kube-proxy's replaced the source of the first packet, and that rule."""

    hop: Hop
    place: str
    rule: str

    @property
    def sent(self) -> Packet:
        """What left, without a tunnel's header."""
        return _sent(self.hop)


def client_ip_lost(inquiry: Inquiry, policies: Iterable[Suspicion]) -> tuple[Suspicion, ...]:
    """Where a rule or policy (of which `policies` are known to stop the packet) denies the node's
    address, and would not deny the client's: shown by the policies' own decision, or by walking
    again without the masquerading."""
    asked = asked_for(inquiry.cluster, inquiry.ends, inquiry.question, inquiry.settled)
    if asked is None or asked.destination.via not in _OUTER:
        return ()
    if asked.destination.service.external_traffic_policy != "Cluster":
        return ()
    translated = [each for each in policies if each.name == policy.IpblockVsNatAddress.name]
    unmasked: dict[tuple[str, str, str], Settled | None] = {}
    for row in inquiry.settled.rows:
        masked = _masqueraded(row)
        if masked is None or row.result is Result.OK:
            continue
        denying = [each for each in row.blockers[:1] if _is_after(each, masked)]
        if not denying:
            continue
        # Rows of one rule have one walk without it, however many they are.
        where = (masked.hop.node, masked.place, masked.rule)
        if not translated and where not in unmasked:
            unmasked[where] = _unmasked(inquiry, *where)
        if translated or _passes(inquiry, unmasked[where], denying[0]):
            return (_lost(asked, masked, denying[0]),)
    return ()


def _masqueraded(row: Row) -> Masked | None:
    for hop in row.traces[0].hops if row.traces else ():
        if hop.packet_in.src == _sent(hop).src:
            continue
        for step in hop.steps:
            place, effect, _ = step.detail.partition(_MASQUERADES)
            own = "KUBE-" in place or "kube-proxy" in place
            if step.kind is StepKind.NETFILTER and effect and own and step.evidence:
                return Masked(hop, place, step.evidence[0].text)
    return None


def _sent(hop: Hop) -> Packet:
    return hop.packet_out.inner or hop.packet_out


def _is_after(blocker: Blocker, masked: Masked) -> bool:
    """Whether a rule stopped the packet with the node's address in it."""
    stopped = blocker.stop.reason is Reason.RULE and blocker.direction is Direction.FORWARD
    return stopped and blocker.packet.src == masked.sent.src


def _unmasked(inquiry: Inquiry, node: str, place: str, rule: str) -> Settled | None:
    """What comes of the question without a rule; None when that cannot be tried."""
    world = inquiry.flight.world
    stack = world.stacks.get(node)
    changed = without_rule(stack.namespace, place, rule) if stack else None
    return again(inquiry, world.with_namespace(changed)) if changed else None


def _passes(inquiry: Inquiry, after: Settled | None, blocker: Blocker) -> bool:
    if after is None:
        return False
    stopped = {identity(each) for row in after.rows for each in row.blockers}
    return identity(blocker) not in stopped and _arriving(after) > _arriving(inquiry.settled)


def _arriving(settled: Settled) -> float:
    """The share of connections whose first packet comes to a server."""
    return sum(row.weight for row in settled.rows if row.server)


def _lost(asked: Asked, masked: Masked, blocker: Blocker) -> Suspicion:
    owner = asked.destination.service
    name = f"{owner.namespace}/{owner.name}"
    hop = masked.hop
    family = hop.packet_in.family
    client, node = (format_ip(family, each.src) for each in (hop.packet_in, masked.sent))
    rule = Evidence(f"{masked.place} on {hop.node}", masked.rule)
    denying = blocker.stop.evidence[:1]
    return service.ClientIpLost.suspect(
        where=Where("service", name),
        direction=Direction.FORWARD,
        message=f"{blocker.node.replace('/', ' ', 1)} is asked by {node} instead of {client}, "
        f"which it would let in: externalTrafficPolicy of Service {name} is Cluster, so "
        f"{hop.node.replace('/', ' ', 1)} puts its own address there",
        evidence=(Evidence(f"Service {name}", "externalTrafficPolicy: Cluster"), rule, *denying),
        why="a backend may be on another node, and its answers must come back the same way",
        fix=f"kubectl -n {owner.namespace} patch service {owner.name} "
        """-p '{"spec":{"externalTrafficPolicy":"Local"}}'   # and ask nodes that have a backend""",
        level=Level.WARNING,
    )
