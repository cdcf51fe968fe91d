"""Which addresses a packet may come in with (route.c: ip_route_input_slow(); fib_frontend.c:
fib_validate_source())."""

from __future__ import annotations

from skoop.model.address import Family, is_loopback, is_multicast
from skoop.model.disposition import Disposition
from skoop.model.packet import Packet
from skoop.model.trace import Evidence
from skoop.netstack.fib import LOCAL_OUTPUT, FibKind, FibResult, Flow
from skoop.netstack.stack import Stack
from skoop.netstack.walk.events import Reason, Stop, stop_at
from skoop.netstack.walk.routing import route_evidence


def martian(stack: Stack, iif: str, packet: Packet) -> Stop | None:
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
            return stop_at(Disposition.DROPPED, reason, detail, iif)
    if packet.src == 0 or is_multicast(family, packet.src):
        detail = "a source that no host can have"
        return stop_at(Disposition.DROPPED, Reason.MARTIAN_SOURCE, detail, iif)
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
        return stop_at(Disposition.INSUFFICIENT_INFO, Reason.NOT_COLLECTED, back.why, iif)
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
    return stop_at(
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
    return stop_at(
        Disposition.DROPPED,
        Reason.MARTIAN_SOURCE,
        f"{packet.source} is an address of this host{where}, so it may not come in by {iif}",
        iif,
        Evidence(f"addresses of {stack.id}", f"{packet.source}{where}"),
    )
