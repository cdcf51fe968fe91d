"""A packet that came in: PREROUTING, the routing decision, then up or on.

net/ipv4/ip_input.c, route.c (ip_route_input_slow), ip_forward.c; net/ipv6/ip6_input.c,
ip6_output.c (ip6_forward).
"""

from __future__ import annotations

from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.disposition import Disposition
from skoop.model.packet import Packet
from skoop.model.trace import Evidence, StepKind
from skoop.netstack.fib import FibKind, FibResult, Flow
from skoop.netstack.netfilter import Hook
from skoop.netstack.stack import Stack
from skoop.netstack.tracking import Tracked, attach_reply, remember, untouched
from skoop.netstack.walk import icmp
from skoop.netstack.walk.events import Branch, Event, Local, Reason, Stop, Stopped, stop_at
from skoop.netstack.walk.netfilter import Passage, Passed, run_hook
from skoop.netstack.walk.output import finish_output, send_on
from skoop.netstack.walk.routing import output_flow, pick_nexthops, route_evidence
from skoop.netstack.walk.sources import martian, validate_source
from skoop.netstack.walk.tunnel import decapsulate, tunnel_for
from skoop.netstack.walk.wireguard import unseal


def receive_ip(
    stack: Stack, iif: str, packet: Packet, branch: Branch, physin: str = ""
) -> list[Event]:
    """ip_rcv(): a packet for this host's MAC."""
    if packet.family is Family.V6 and stack.sysctls.ipv6_disabled(iif):
        stop = stop_at(Disposition.DROPPED, Reason.DISABLED_IPV6, f"IPv6 is disabled on {iif}", iif)
        return [Stopped(branch, stop, packet)]
    return prerouting(stack, iif, packet, untouched(packet), branch, physin)


def prerouting(
    stack: Stack, iif: str, packet: Packet, tracked: Tracked, branch: Branch, physin: str = ""
) -> list[Event]:
    """PREROUTING, then routing."""
    events: list[Event] = []
    passage = Passage(iif=iif, physin=physin)
    for passed in run_hook(stack, Hook.PREROUTING, packet, tracked, branch, passage):
        if isinstance(passed, Stopped):
            events.append(passed)
        else:
            events += route_input(stack, iif, passed, physin)
    return events


def loop_back(stack: Stack, packet: Packet, tracked: Tracked, branch: Branch) -> list[Event]:
    """A packet of this host for itself comes in by lo, with its route and connection attached."""
    own = stack.is_local(packet.family, packet.dst)
    if not own and stack.route(output_flow(packet)).kind is not FibKind.LOCAL:
        return [_into_lo(stack, packet, branch)]
    events: list[Event] = []
    for passed in run_hook(stack, Hook.PREROUTING, packet, tracked, branch, Passage(iif="lo")):
        if isinstance(passed, Stopped):
            events.append(passed)
        else:
            events += deliver(stack, "lo", passed)
    return events


def _into_lo(stack: Stack, packet: Packet, branch: Branch) -> Stopped:
    """A route that leads into lo for an address that is not local: dst_discard() for the host's own
    packet, and ip_forward() again and again for another's."""
    if branch.iif:
        stop = stop_at(Disposition.LOOP, Reason.TTL, "a route leads into lo, over and over", "lo")
        return Stopped(branch, stop, packet, icmp.error(packet, icmp.Problem.TIME_EXCEEDED))
    found = stack.route(output_flow(packet))
    detail = "the route leads into lo, where nobody takes it"
    stop = stop_at(
        Disposition.BLACKHOLED, Reason.ROUTE_TYPE, detail, "lo", *route_evidence(stack, found)
    )
    return Stopped(branch, stop, packet)


def route_input(stack: Stack, iif: str, passed: Passed, physin: str) -> list[Event]:
    """ip_route_input_slow() and what follows from its answer."""
    packet, branch = passed.packet, passed.branch
    refused = martian(stack, iif, packet)
    if refused is not None:
        return [Stopped(branch, refused, packet)]
    flow = input_flow(packet, iif)
    found = stack.route(flow)
    if found.kind is FibKind.UNKNOWN:
        stop = stop_at(Disposition.INSUFFICIENT_INFO, Reason.NOT_COLLECTED, found.why, iif)
        return [Stopped(branch, stop, packet)]
    if found.kind in (FibKind.LOCAL, FibKind.BROADCAST):
        refused = validate_source(stack, iif, packet)
        if refused is not None:
            return [Stopped(branch, refused, packet)]
        return deliver(stack, iif, passed, physin)
    return _forward_or_stop(stack, iif, passed, found, physin)


def input_flow(packet: Packet, iif: str) -> Flow:
    """The lookup key of a packet that came in."""
    return Flow(
        packet.family, packet.dst, packet.src, iif, "", packet.mark, packet.tos, packet.proto,
        packet.sport, packet.dport,
    )  # fmt: skip


def _forward_or_stop(
    stack: Stack, iif: str, passed: Passed, found: FibResult, physin: str
) -> list[Event]:
    packet, branch = passed.packet, passed.branch
    forwarding = stack.sysctls.forwarding(packet.family, iif)
    if forwarding is None:
        stop = stop_at(
            Disposition.INSUFFICIENT_INFO,
            Reason.NOT_COLLECTED,
            f"forwarding of {iif} was not collected",
            iif,
        )
        return [Stopped(branch, stop, packet)]
    if not forwarding:
        return [Stopped(branch, _forwarding_off(stack, packet, iif), packet)]
    if found.kind is not FibKind.UNICAST:
        return [_unroutable(stack, passed, found, iif)]
    refused = validate_source(stack, iif, packet, found.nexthops[0].device)
    if refused is not None:
        return [Stopped(branch, refused, packet)]
    return forward(stack, iif, passed, found, physin)


def _forwarding_off(stack: Stack, packet: Packet, iif: str) -> Stop:
    device = iif.replace(".", "/")
    names = (
        ("net.ipv4.ip_forward", f"net.ipv4.conf.{device}.forwarding")
        if packet.family is Family.V4
        else ("net.ipv6.conf.all.forwarding",)
    )
    evidence = Evidence(f"sysctl on {stack.id}", stack.sysctls.evidence(*names))
    return stop_at(
        Disposition.DROPPED,
        Reason.FORWARDING_OFF,
        f"packets that come in by {iif} are not forwarded",
        iif,
        evidence,
    )


_UNROUTABLE = {
    FibKind.NONE: (Disposition.NO_ROUTE, icmp.Problem.NET_UNREACHABLE),
    FibKind.UNREACHABLE: (Disposition.NO_ROUTE, icmp.Problem.HOST_UNREACHABLE),
    FibKind.PROHIBIT: (Disposition.NO_ROUTE, icmp.Problem.PROHIBITED),
    FibKind.BLACKHOLE: (Disposition.BLACKHOLED, None),
    FibKind.MULTICAST: (Disposition.DROPPED, None),
    FibKind.ANYCAST: (Disposition.DROPPED, None),
}


def _unroutable(stack: Stack, passed: Passed, found: FibResult, iif: str) -> Stopped:
    """ip_error(): a lookup that did not give a way on."""
    packet = passed.packet
    disposition, problem = _UNROUTABLE[found.kind]
    by_rule = found.route is None  # fib4_rule_action() gives ENETUNREACH, a route EHOSTUNREACH
    if found.kind is FibKind.UNREACHABLE and (packet.family is Family.V6 or by_rule):
        problem = icmp.Problem.NET_UNREACHABLE
    answer = icmp.error(packet, problem) if problem else None
    stop = unroutable_stop(stack, packet, found, disposition, iif)
    return Stopped(passed.branch, stop, packet, answer, attach_reply(passed.tracked))


def unroutable_stop(
    stack: Stack, packet: Packet, found: FibResult, disposition: Disposition, device: str
) -> Stop:
    """The stop for a lookup that ended in an error."""
    if found.kind is FibKind.NONE:
        detail, reason = f"no route to {packet.destination}", Reason.ROUTE_MISSING
    elif found.route is None:
        detail, reason = f"a policy rule says {found.kind.value}", Reason.POLICY_RULE
    else:
        detail, reason = f"the route says {found.kind.value}", Reason.ROUTE_TYPE
    return stop_at(disposition, reason, detail, device, *route_evidence(stack, found))


def deliver(stack: Stack, iif: str, passed: Passed, physin: str = "") -> list[Event]:
    """ip_local_deliver(): INPUT, then a tunnel or the sockets."""
    unseen = _unseen_balancer(stack, passed.packet)
    if unseen is not None:
        return [Stopped(passed.branch, unseen, passed.packet)]
    events: list[Event] = []
    passage = Passage(iif=iif, physin=physin)
    for after in run_hook(stack, Hook.INPUT, passed.packet, passed.tracked, passed.branch, passage):
        if isinstance(after, Stopped):
            events.append(after)
            continue
        if after.sent_on:
            events += send_on(stack, after, iif)
            continue
        branch = confirmed(stack, after)
        tunnel = tunnel_for(stack, after.packet)
        opened = unseal(stack, iif, after.packet, branch)
        if tunnel is not None:
            events += decapsulate(after.packet, branch, tunnel)
        elif opened is not None:
            events += opened
        else:
            port = passed.tproxy_port
            events.append(Local(branch, after.packet, iif, after.tracked, port))
    return events


IPVS_DEVICE = "kube-ipvs0"
"""The device on which kube-proxy in IPVS mode keeps the addresses of Services."""


def _unseen_balancer(stack: Stack, packet: Packet) -> Stop | None:
    """Packets to its virtual servers' addresses IPVS would take in INPUT, had it been collected."""
    why = stack.gaps.get("ipvs")
    own = stack.addresses(IPVS_DEVICE, packet.family) if why else ()
    if packet.dst not in [address.value for address in own]:
        return None
    return Stop(
        disposition=Disposition.INSUFFICIENT_INFO,
        reason=Reason.NOT_COLLECTED,
        detail=f"IPVS takes packets for {packet.destination} here, and its table is not known: "
        f"{why}",
        device=IPVS_DEVICE,
    )


def confirmed(stack: Stack, passed: Passed) -> Branch:
    """The branch after nf_conntrack_confirm()."""
    opened = passed.branch.opened.get(stack.id, ())
    updated = remember(opened, passed.tracked)
    return passed.branch if updated is opened else passed.branch.remembering(stack.id, updated)


def forward(stack: Stack, iif: str, passed: Passed, found: FibResult, physin: str) -> list[Event]:
    """ip_forward(), once for each next hop the route may choose."""
    events: list[Event] = []
    for way, hop, nexthop in pick_nexthops(stack, found, passed.packet, passed.branch):
        branch = way.noting(
            StepKind.ROUTE, f"forwarded out by {hop.device}", *route_evidence(stack, found)
        )
        stopped = _before_forward(stack, iif, hop.device, found, replace(passed, branch=branch))
        if stopped is not None:
            events.append(stopped)
            continue
        packet = replace(passed.packet, ttl=passed.packet.ttl - 1)
        passage = Passage(iif=iif, oif=hop.device, physin=physin)
        for after in run_hook(stack, Hook.FORWARD, packet, passed.tracked, branch, passage):
            if isinstance(after, Stopped):
                events.append(after)
            else:
                events += finish_output(stack, after, hop, nexthop, iif=iif)
    return events


def _before_forward(
    stack: Stack, iif: str, oif: str, found: FibResult, passed: Passed
) -> Stopped | None:
    """The checks of ip_forward() before the FORWARD hook: hop limit and size."""
    packet, branch, attached = passed.packet, passed.branch, attach_reply(passed.tracked)
    if packet.ttl <= 1:
        stop = stop_at(Disposition.LOOP, Reason.TTL, "the hop limit ran out", iif)
        return Stopped(
            branch, stop, packet, icmp.error(packet, icmp.Problem.TIME_EXCEEDED), attached
        )
    link = stack.links.get(oif)
    limit = (found.route.mtu if found.route else 0) or (link.mtu if link else 0)
    fixed = packet.df or (packet.family is Family.V6 and not packet.joined)
    # ip6_pkt_too_big(): fragments that were put together may go on as large as they came.
    size = packet.fragment if packet.family is Family.V6 and packet.fragment else packet.size
    if limit and size > limit and fixed:
        stop = Stop(
            disposition=Disposition.MTU_EXCEEDED,
            reason=Reason.MTU,
            detail=f"{size} bytes do not fit the MTU of {oif}, {limit}, and may not be fragmented",
            device=oif,
            evidence=(Evidence(f"link {oif} on {stack.id}", f"mtu {limit}"),),
            limit=limit,
        )
        return Stopped(branch, stop, packet, icmp.error(packet, icmp.Problem.TOO_BIG), attached)
    return None
