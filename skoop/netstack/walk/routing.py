"""The way out that a packet gets: the lookup of a host's own, its source, and the next hop.

net/ipv4/route.c (ip_route_output_key_hash_rcu), fib_semantics.c.
"""

from __future__ import annotations

from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.model.trace import Evidence
from skoop.netstack.conntrack import tuple_of
from skoop.netstack.fib import FibKind, FibResult, Flow
from skoop.netstack.stack import Stack
from skoop.netstack.state import NextHop
from skoop.netstack.walk.events import Branch

_LOOPBACK = NextHop("lo")
_DEFAULT_RULES = frozenset(((0, "local"), (32766, "main"), (32767, "default")))


def output_flow(packet: Packet, oif: str = "") -> Flow:
    """The lookup key of a packet this host makes."""
    return Flow(
        packet.family, packet.dst, packet.src, "lo", oif, packet.mark, packet.tos, packet.proto,
        packet.sport, packet.dport,
    )  # fmt: skip


def output_route(stack: Stack, packet: Packet, oif: str) -> FibResult:
    """The route; by a bound device, a destination without one is taken to be on its link."""
    found = stack.route(output_flow(packet, oif))
    if oif and found.kind not in (FibKind.UNICAST, FibKind.LOCAL, FibKind.UNKNOWN):
        return FibResult(FibKind.UNICAST, nexthops=(NextHop(oif),))
    return found


def choose_source(stack: Stack, packet: Packet, oif: str = "") -> Packet:
    """The packet with the source connect() would bind, unchanged when there is no route."""
    found = output_route(stack, packet, oif)
    if packet.src or found.kind not in (FibKind.UNICAST, FibKind.LOCAL):
        return packet
    return replace(packet, src=_source_for(stack, found, packet))


def _source_for(stack: Stack, found: FibResult, packet: Packet) -> int:
    """fib_result_prefsrc(): the route's preferred source, or an address of its device: in IPv4 the
    one in the gateway's subnet, without a gateway the first (fib_info_update_nhc_saddr())."""
    if found.prefsrc:
        return found.prefsrc
    if found.kind is FibKind.LOCAL:
        return packet.dst
    hop = found.nexthops[0]
    towards = packet.dst
    if packet.family is Family.V4:
        towards = hop.gateway[1] if hop.gateway and hop.gateway[0] is Family.V4 else 0
    return stack.select_source(
        hop.device, packet.family, towards, global_only=hop.gateway is not None
    )


def pick_nexthops(
    stack: Stack, found: FibResult, packet: Packet, branch: Branch
) -> list[tuple[Branch, NextHop, int]]:
    """Each next hop a route may choose: the branch with its share, itself, and the address to
    resolve. The choice is a hash of the flow (fib_multipath_hash()), so it is made only once."""
    if found.kind is FibKind.LOCAL:
        return [(branch, _LOOPBACK, packet.dst)]
    hops = found.nexthops
    if len(hops) == 1 or found.route is None:
        return [(branch, hop, _towards(hop, packet)) for hop in hops]
    flow = (stack.id, found.route, tuple_of(packet))
    before = branch.chosen.get(flow)
    if before in hops:
        return [(branch, before, _towards(before, packet))]
    total = sum(hop.weight for hop in hops)
    return [
        (
            replace(
                branch,
                weight=branch.weight * hop.weight / total,
                chosen={**branch.chosen, flow: hop},
            ),
            hop,
            _towards(hop, packet),
        )
        for hop in hops
    ]


def _towards(hop: NextHop, packet: Packet) -> int:
    return hop.gateway[1] if hop.gateway else packet.dst


def route_evidence(stack: Stack, found: FibResult) -> tuple[Evidence, ...]:
    """The route and, when it is not one of the three default ones, the policy rule."""
    evidence = []
    if found.route is not None:
        table = found.route.table
        evidence.append(Evidence(f"route in table {table} on {stack.id}", found.route.raw))
    rule = found.rule
    if rule is not None and (rule.priority, rule.target) not in _DEFAULT_RULES:
        evidence.append(Evidence(f"ip rule on {stack.id}", rule.raw))
    return tuple(evidence)
