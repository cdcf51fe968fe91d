"""A packet of this host's own, and the way out for every packet.

net/ipv4/route.c (ip_route_output_key_hash_rcu), ip_output.c, netfilter.c (ip_route_me_harder);
net/ipv6/ip6_output.c.
"""

from __future__ import annotations

from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.disposition import Disposition
from skoop.model.packet import Packet, Proto
from skoop.model.trace import Evidence, StepKind
from skoop.netstack.fib import FibKind, FibResult
from skoop.netstack.netfilter import Hook
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link, NextHop
from skoop.netstack.tracking import Tracked, attach_reply, remember, untouched
from skoop.netstack.walk import icmp
from skoop.netstack.walk.events import (
    Branch,
    Errno,
    Event,
    Looped,
    Reason,
    Resolve,
    Stop,
    Stopped,
)
from skoop.netstack.walk.netfilter import Passage, Passed, run_hook
from skoop.netstack.walk.routing import (
    choose_source,
    output_flow,
    output_route,
    pick_nexthops,
    route_evidence,
)

_REFUSALS = {
    FibKind.NONE: (Disposition.NO_ROUTE, Reason.ROUTE_MISSING, Errno.ENETUNREACH),
    FibKind.UNREACHABLE: (Disposition.NO_ROUTE, Reason.ROUTE_TYPE, Errno.EHOSTUNREACH),
    FibKind.PROHIBIT: (Disposition.NO_ROUTE, Reason.ROUTE_TYPE, Errno.EACCES),
    FibKind.BLACKHOLE: (Disposition.BLACKHOLED, Reason.ROUTE_TYPE, Errno.EINVAL),
    FibKind.MULTICAST: (Disposition.NO_ROUTE, Reason.ROUTE_TYPE, Errno.ENETUNREACH),
    FibKind.ANYCAST: (Disposition.NO_ROUTE, Reason.ROUTE_TYPE, Errno.ENETUNREACH),
    FibKind.BROADCAST: (Disposition.NO_ROUTE, Reason.ROUTE_TYPE, Errno.EACCES),
    FibKind.UNKNOWN: (Disposition.INSUFFICIENT_INFO, Reason.NOT_COLLECTED, Errno.NONE),
}


def send(
    stack: Stack, packet: Packet, branch: Branch, tracked: Tracked | None = None, oif: str = "",
    *, any_source: bool = False,
) -> list[Event]:  # fmt: skip
    """Route and send a packet; source 0 lets the route choose it, and policy rules that ask for a
    source do not apply then (icmp_route_lookup(), udp_sendmsg(), ip6_dst_lookup_tail()).

    `tracked` is the connection an answer of REJECT carries. `oif` is a bound device. `any_source`
    is FLOWI_FLAG_ANYSRC: resets of REJECT and transparent sockets speak for others.
    """
    if packet.src and not any_source and not _may_use_source(stack, packet):
        stop = Stop(
            disposition=Disposition.NO_ROUTE,
            reason=Reason.SOURCE_NOT_LOCAL,
            detail=f"{packet.source} is not an address of this host",
            address=packet.src,
        )
        return [Stopped(branch, stop, packet, errno=Errno.EADDRNOTAVAIL)]
    found = output_route(stack, packet, oif)
    if not packet.src:
        packet = choose_source(stack, packet, oif)
    if found.kind not in (FibKind.UNICAST, FibKind.LOCAL):
        return [_refused(stack, packet, branch, found)]
    events: list[Event] = []
    attached = tracked or untouched(packet)
    for way, hop, nexthop in pick_nexthops(stack, found, packet, branch):
        way = way.noting(StepKind.ROUTE, f"sent out by {hop.device}", *route_evidence(stack, found))
        events += _output_hook(stack, packet, attached, way, hop, nexthop)
    return events


def _may_use_source(stack: Stack, packet: Packet) -> bool:
    """A socket may only use an address of the host (inet_addr_type() == RTN_LOCAL)."""
    return stack.is_local(packet.family, packet.src) or "addresses" in stack.gaps


def _refused(stack: Stack, packet: Packet, branch: Branch, found: FibResult) -> Stopped:
    """The sender's own kernel has no way: connect() or sendto() fails at once."""
    disposition, reason, errno = _REFUSALS[found.kind]
    if found.route is None and reason is Reason.ROUTE_TYPE:
        reason = Reason.POLICY_RULE
        if found.kind is FibKind.UNREACHABLE:  # fib4_rule_action(); of a route it is EHOSTUNREACH
            errno = Errno.ENETUNREACH
    detail = found.why or f"no route to {packet.destination}"
    if reason in (Reason.ROUTE_TYPE, Reason.POLICY_RULE):
        what = "the route" if reason is Reason.ROUTE_TYPE else "a policy rule"
        detail = f"{what} says {found.kind.value}"
    stop = Stop(
        disposition=disposition,
        reason=reason,
        detail=detail,
        evidence=route_evidence(stack, found),
        address=packet.dst,
    )
    return Stopped(branch, stop, packet, errno=errno)


def _output_hook(
    stack: Stack, packet: Packet, tracked: Tracked, branch: Branch, hop: NextHop, nexthop: int
) -> list[Event]:
    """OUTPUT, and routing again for what it changed."""
    events: list[Event] = []
    passage = Passage(oif=hop.device, local=True)
    for passed in run_hook(stack, Hook.OUTPUT, packet, tracked, branch, passage):
        if isinstance(passed, Stopped):
            events.append(passed)
        elif passed.sent_on:
            events += send_on(stack, passed, "")
        elif passed.rerouted:
            events += _route_again(stack, passed)
        else:
            events += finish_output(stack, passed, hop, nexthop)
    return events


def _route_again(stack: Stack, passed: Passed) -> list[Event]:
    """ip_route_me_harder(): the source stays, whatever the new route would prefer."""
    found = stack.route(output_flow(passed.packet))
    if found.kind not in (FibKind.UNICAST, FibKind.LOCAL):
        refused = _refused(stack, passed.packet, passed.branch, found)
        return [replace(refused, queued=True)]
    events: list[Event] = []
    for way, hop, nexthop in pick_nexthops(stack, found, passed.packet, passed.branch):
        branch = way.noting(
            StepKind.ROUTE, f"routed again, out by {hop.device}", *route_evidence(stack, found)
        )
        again = Passed(branch, passed.packet, passed.tracked)
        events += finish_output(stack, again, hop, nexthop)
    return events


def send_on(stack: Stack, passed: Passed, iif: str) -> list[Event]:
    """ip_vs_nat_xmit(): to a real server by OUTPUT, routed by its address alone. `iif` is where
    the packet came in, "" for the host's own."""
    packet = passed.packet
    found = stack.route(output_flow(replace(packet, src=0, mark=0, tos=0)))
    if found.kind is not FibKind.UNICAST:
        return [_refused(stack, packet, passed.branch, found)]
    if iif:
        if packet.ttl <= 1:
            stop = Stop(
                disposition=Disposition.LOOP, reason=Reason.TTL, detail="the hop limit ran out"
            )
            answer = icmp.error(packet, icmp.Problem.TIME_EXCEEDED)
            return [Stopped(passed.branch, stop, packet, answer)]
        packet = replace(packet, ttl=packet.ttl - 1)
    events: list[Event] = []
    for way, hop, nexthop in pick_nexthops(stack, found, packet, passed.branch):
        branch = way.noting(
            StepKind.ROUTE, f"sent on by {hop.device}", *route_evidence(stack, found)
        )
        passage = Passage(iif="", oif=hop.device, local=not iif, sent_on=True)
        for after in run_hook(stack, Hook.OUTPUT, packet, passed.tracked, branch, passage):
            if isinstance(after, Stopped):
                events.append(after)
            else:
                events += finish_output(stack, after, hop, nexthop, iif=iif)
    return events


def finish_output(
    stack: Stack, passed: Passed, hop: NextHop, nexthop: int, *, iif: str = ""
) -> list[Event]:
    """POSTROUTING, fragmentation, and the hand-over to a device. `iif` is the device a forwarded
    packet came in by, "" for the host's own: nft rules still see it here (ip_output())."""
    events: list[Event] = []
    family = hop.gateway[0] if hop.gateway else passed.packet.family
    passage = Passage(iif=iif, oif=hop.device, local=not iif, nexthop=nexthop)
    for after in run_hook(
        stack, Hook.POSTROUTING, passed.packet, passed.tracked, passed.branch, passage
    ):
        if isinstance(after, Stopped):
            events.append(after)
            continue
        opened = after.branch.opened.get(stack.id, ())
        branch = after.branch.remembering(stack.id, remember(opened, after.tracked))
        events.append(_hand_over(stack, after, branch, hop, family, nexthop))
    return events


def _hand_over(
    stack: Stack, passed: Passed, branch: Branch, hop: NextHop, family: Family, nexthop: int
) -> Event:
    packet = passed.packet
    link = stack.links.get(hop.device)
    if hop.device == "lo" and link is not None and not link.up:
        stop = Stop(
            disposition=Disposition.LINK_DOWN,
            reason=Reason.LINK_DOWN,
            detail="lo is down, and packets of this host for itself go through it",
            device="lo",
            evidence=(Evidence(f"link lo on {stack.id}", link.raw or "state DOWN"),),
        )
        return Stopped(branch, stop, packet)
    if hop.device == "lo":
        return Looped(branch, packet, passed.tracked)
    if link is None:
        stop = Stop(
            disposition=Disposition.LINK_DOWN,
            reason=Reason.LINK_MISSING,
            detail=f"the route points to {hop.device}, which does not exist",
            device=hop.device,
        )
        return Stopped(branch, stop, packet)
    if packet.joined:
        packet = _apart(packet, link)
    if packet.size > link.mtu and packet.df and not packet.gso:
        return _does_not_fit(stack, passed, branch, link)
    if packet.size > link.mtu and not packet.df and not packet.gso:
        branch = branch.noting(StepKind.TRANSMIT, f"fragmented to the MTU of {link.name}")
    return Resolve(branch, link, packet, passed.tracked, family, nexthop)


def _apart(packet: Packet, link: Link) -> Packet:
    """ip6_finish_output(): what a bridge has put together goes on whole if it fits, else in the
    fragments that it came in (the fast path of ip6_fragment())."""
    fits = packet.size <= link.mtu
    return replace(packet, joined=False, fragment=0 if fits else packet.fragment)


def _does_not_fit(stack: Stack, passed: Passed, branch: Branch, link: Link) -> Stopped:
    """ip_fragment(): what DF forbids to split is reported, and dropped."""
    packet = passed.packet
    stop = Stop(
        disposition=Disposition.MTU_EXCEEDED,
        reason=Reason.MTU,
        detail=f"{packet.size} bytes do not fit the MTU of {link.name}, {link.mtu}, and may not be "
        "fragmented",
        evidence=(Evidence(f"link {link.name} on {stack.id}", f"mtu {link.mtu}"),),
        device=link.name,
        limit=link.mtu,
    )
    answer = icmp.error(packet, icmp.Problem.TOO_BIG)
    attached = attach_reply(passed.tracked)
    return Stopped(branch, stop, packet, answer, attached, errno=Errno.EMSGSIZE, queued=True)


def too_big_to_send(stack: Stack, packet: Packet) -> Stopped | None:
    """EMSGSIZE: a datagram that may not be fragmented and exceeds the route's own MTU."""
    if not packet.df or packet.gso or packet.proto == Proto.TCP:
        return None
    found = stack.route(output_flow(packet))
    link = stack.links.get(found.nexthops[0].device) if found.nexthops else None
    limit = (found.route.mtu if found.route else 0) or (link.mtu if link else 0)
    if not limit or packet.size <= limit or found.kind is FibKind.LOCAL:
        return None
    stop = Stop(
        disposition=Disposition.MTU_EXCEEDED,
        reason=Reason.MTU,
        detail=f"{packet.size} bytes do not fit the route's MTU, {limit}",
        evidence=route_evidence(stack, found),
        device=link.name if link else "",
        address=packet.dst,
        limit=limit,
    )
    return Stopped(Branch(), stop, packet, errno=Errno.EMSGSIZE)
