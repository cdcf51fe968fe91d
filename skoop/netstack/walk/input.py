"""A packet that came in: PREROUTING, the routing decision, then up or on.

net/ipv4/ip_input.c, route.c (ip_route_input_slow), fib_frontend.c (fib_validate_source),
ip_forward.c; net/ipv6/ip6_input.c, ip6_output.c (ip6_forward).
"""

from __future__ import annotations

from msgspec.structs import replace

from skoop.model.address import Family, is_loopback, is_multicast
from skoop.model.disposition import Disposition
from skoop.model.packet import Packet
from skoop.model.trace import Evidence, StepKind
from skoop.netstack.fib import LOCAL_OUTPUT, FibKind, FibResult, Flow
from skoop.netstack.netfilter import Hook
from skoop.netstack.stack import Stack
from skoop.netstack.tracking import Tracked, attach_reply, remember, untouched
from skoop.netstack.walk import icmp
from skoop.netstack.walk.events import Branch, Event, Local, Reason, Stop, Stopped
from skoop.netstack.walk.netfilter import Passage, Passed, run_hook
from skoop.netstack.walk.output import (
    finish_output,
    output_flow,
    pick_nexthops,
    route_evidence,
    send_on,
)
from skoop.netstack.walk.tunnel import decapsulate, tunnel_for


def receive_ip(
    stack: Stack, iif: str, packet: Packet, branch: Branch, physin: str = ""
) -> list[Event]:
    """ip_rcv(): a packet for this host's MAC."""
    if packet.family is Family.V6 and stack.sysctls.ipv6_disabled(iif):
        stop = _stop(Disposition.DROPPED, Reason.DISABLED_IPV6, f"IPv6 is disabled on {iif}", iif)
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
        stop = _stop(Disposition.LOOP, Reason.TTL, "a route leads into lo, over and over", "lo")
        return Stopped(branch, stop, packet, icmp.error(packet, icmp.Problem.TIME_EXCEEDED))
    found = stack.route(output_flow(packet))
    detail = "the route leads into lo, where nobody takes it"
    stop = _stop(
        Disposition.BLACKHOLED, Reason.ROUTE_TYPE, detail, "lo", *route_evidence(stack, found)
    )
    return Stopped(branch, stop, packet)


def route_input(stack: Stack, iif: str, passed: Passed, physin: str) -> list[Event]:
    """ip_route_input_slow() and what follows from its answer."""
    packet, branch = passed.packet, passed.branch
    martian = _martian(stack, iif, packet)
    if martian is not None:
        return [Stopped(branch, martian, packet)]
    flow = input_flow(packet, iif)
    found = stack.route(flow)
    if found.kind is FibKind.UNKNOWN:
        stop = _stop(Disposition.INSUFFICIENT_INFO, Reason.NOT_COLLECTED, found.why, iif)
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
        stop = _stop(
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
    return _stop(
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
    return _stop(disposition, reason, detail, device, *route_evidence(stack, found))


def _martian(stack: Stack, iif: str, packet: Packet) -> Stop | None:
    """Addresses that may not come in from outside."""
    family = packet.family
    for address, reason in (
        (packet.src, Reason.MARTIAN_SOURCE),
        (packet.dst, Reason.MARTIAN_DESTINATION),
    ):
        if is_loopback(family, address) and not (
            family is Family.V4 and stack.sysctls.either(iif, "route_localnet")
        ):
            detail = f"a loopback address may not come in by {iif} without route_localnet"
            return _stop(Disposition.DROPPED, reason, detail, iif)
    if packet.src == 0 or is_multicast(family, packet.src):
        detail = "a source that no host can have"
        return _stop(Disposition.DROPPED, Reason.MARTIAN_SOURCE, detail, iif)
    return None


def validate_source(stack: Stack, iif: str, packet: Packet, oif: str = LOCAL_OUTPUT) -> Stop | None:
    """fib_validate_source(): refuse a source that is ours, or that rp_filter does not expect.

    `oif` is where the packet is going: its answer would come in there, so that is the input
    interface of the lookup back. IPv6 has neither check.
    """
    if packet.family is Family.V6:
        return None
    settings = stack.sysctls
    strictness = settings.highest(iif, "rp_filter")
    accept_local = settings.either(iif, "accept_local")
    if strictness == 0 and not stack.has_custom_rules(packet.family):
        if accept_local or not stack.is_local(packet.family, packet.src):
            return None
        return _own_source(stack, iif, packet)
    mark = packet.mark if settings.either(iif, "src_valid_mark") else 0
    back = stack.route(
        Flow(packet.family, packet.src, packet.dst, oif, "", mark, packet.tos, packet.proto,
             packet.dport, packet.sport)
    )  # fmt: skip
    if back.kind is FibKind.UNKNOWN:
        return _stop(Disposition.INSUFFICIENT_INFO, Reason.NOT_COLLECTED, back.why, iif)
    if back.kind is FibKind.LOCAL and not accept_local:
        return _own_source(stack, iif, packet)
    if back.kind in (FibKind.BROADCAST, FibKind.MULTICAST, FibKind.ANYCAST):
        return _own_source(stack, iif, packet)
    if strictness == 0 or (back.nexthops and any(h.device == iif for h in back.nexthops)):
        return None
    return _reverse_path(stack, iif, packet, back, strictness)


def _reverse_path(
    stack: Stack, iif: str, packet: Packet, back: FibResult, strictness: int
) -> Stop | None:
    has_route = back.kind in (FibKind.UNICAST, FibKind.LOCAL)
    if has_route and strictness == 2 and stack.addresses(iif, packet.family):
        return None
    device = iif.replace(".", "/")
    names = ("net.ipv4.conf.all.rp_filter", f"net.ipv4.conf.{device}.rp_filter")
    way = f"leads out by {back.nexthops[0].device}" if back.nexthops else "does not exist"
    return _stop(
        Disposition.RPF_FAILED,
        Reason.RP_FILTER,
        f"the packet came in by {iif}, but the route back to {packet.source} {way}",
        iif,
        Evidence(f"sysctl on {stack.id}", stack.sysctls.evidence(*names)),
        *route_evidence(stack, back),
    )


def _own_source(stack: Stack, iif: str, packet: Packet) -> Stop:
    owners = [a.device for a in stack.namespace.addresses if a.value == packet.src]
    where = f" (on {owners[0]})" if owners else ""
    return _stop(
        Disposition.DROPPED,
        Reason.MARTIAN_SOURCE,
        f"{packet.source} is an address of this host{where}, so it may not come in by {iif}",
        iif,
        Evidence(f"addresses of {stack.id}", f"{packet.source}{where}"),
    )


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
        if tunnel is not None:
            events += decapsulate(after.packet, branch, tunnel)
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
        stop = _stop(Disposition.LOOP, Reason.TTL, "the hop limit ran out", iif)
        return Stopped(
            branch, stop, packet, icmp.error(packet, icmp.Problem.TIME_EXCEEDED), attached
        )
    link = stack.links.get(oif)
    limit = (found.route.mtu if found.route else 0) or (link.mtu if link else 0)
    fixed = packet.df or packet.family is Family.V6
    if limit and packet.size > limit and fixed:
        stop = Stop(
            disposition=Disposition.MTU_EXCEEDED,
            reason=Reason.MTU,
            detail=f"{packet.size} bytes do not fit the MTU of {oif}, {limit}, and may not be "
            "fragmented",
            device=oif,
            evidence=(Evidence(f"link {oif} on {stack.id}", f"mtu {limit}"),),
            limit=limit,
        )
        return Stopped(branch, stop, packet, icmp.error(packet, icmp.Problem.TOO_BIG), attached)
    return None


def _stop(
    disposition: Disposition, reason: Reason, detail: str, device: str, *evidence: Evidence
) -> Stop:
    kept = tuple(item for item in evidence if item.text)
    return Stop(disposition=disposition, reason=reason, detail=detail, device=device, evidence=kept)
