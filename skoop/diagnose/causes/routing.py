"""Packets that found no way on."""

from __future__ import annotations

from skoop.diagnose.causes.base import Setting
from skoop.findings import overlay, route, sysctl, veth
from skoop.findings.base import Finding
from skoop.model.address import Family, format_ip
from skoop.model.diagnosis import Suspicion
from skoop.model.disposition import Direction
from skoop.model.trace import Evidence
from skoop.netstack.fib import FibKind, Flow
from skoop.netstack.state import Route

_TYPES: dict[str, type[Finding]] = {
    "blackhole": route.RouteBlackhole,
    "unreachable": route.RouteUnreachable,
    "prohibit": route.RouteProhibit,
}


def route_missing(setting: Setting) -> Suspicion:
    """Reason.ROUTE_MISSING."""
    destination = setting.blocker.packet.destination
    message = f"{setting.place} has no route to {destination}"
    if setting.in_pod:
        return setting.suspect(veth.PodDefaultRouteMissing, message + ", not even a default route")
    back = setting.blocker.direction is Direction.RETURN
    finding: type[Finding] = route.ReturnRouteMissing if back else route.RouteMissing
    if setting.blocker.packet.family is Family.V6:
        finding = route.V6RouteMissing
    return setting.suspect(finding, message, fix=f"ip route get {destination}")


def route_type(setting: Setting) -> Suspicion:
    """Reason.ROUTE_TYPE: a blackhole, unreachable or prohibit route."""
    return _typed(setting, "A route")


def _typed(setting: Setting, what: str) -> Suspicion:
    stop = setting.blocker.stop
    destination = setting.blocker.packet.destination
    for word, finding in _TYPES.items():
        if word in stop.detail:
            message = f"{what} on {setting.place} makes {destination} {_said(word)}"
            text = stop.evidence[0].text if stop.evidence else destination
            return setting.suspect(finding, message, fix=f"ip route del {word} ...   # {text}")
    return setting.suspect(route.RouteBlackhole, f"{stop.detail} on {setting.place}")


def _said(word: str) -> str:
    return {"blackhole": "vanish (blackhole)", "prohibit": "prohibited"}.get(word, word)


def policy_rule(setting: Setting) -> Suspicion:
    """Reason.POLICY_RULE: an `ip rule` that ends lookups."""
    stop = setting.blocker.stop
    destination = setting.blocker.packet.destination
    text = stop.evidence[-1].text if stop.evidence else ""
    message = f"A policy rule on {setting.place} stops packets for {destination}: {stop.detail}"
    return setting.suspect(route.PolicyRuleCaptures, message, fix=f"ip rule del ...   # {text}")


def forwarding(setting: Setting) -> Suspicion:
    """Reason.FORWARDING_OFF."""
    device, settings = setting.blocker.stop.device, setting.stack.sysctls
    if setting.blocker.packet.family is Family.V6:
        message = f"IPv6 forwarding is off on {setting.place}"
        return setting.suspect(
            sysctl.V6ForwardingOff, message, fix="sysctl -w net.ipv6.conf.all.forwarding=1"
        )
    if settings.number("net.ipv4.ip_forward", 1) == 0:
        message = f"IP forwarding is off on {setting.place}, so it passes nothing on for its pods"
        return setting.suspect(sysctl.IpForwardOff, message, fix="sysctl -w net.ipv4.ip_forward=1")
    message = f"Forwarding is off for {device} on {setting.place}"
    fix = f"sysctl -w net.ipv4.conf.{device.replace('.', '/')}.forwarding=1"
    return setting.suspect(sysctl.PerInterfaceForwardingOff, message, fix=fix)


def reverse_path(setting: Setting) -> Suspicion:
    """Reason.RP_FILTER."""
    stop = setting.blocker.stop
    message = f"The reverse path filter of {setting.place} drops it: {stop.detail}"
    fix = f"make the route back lead out by {stop.device}, or sysctl -w " + (
        f"net.ipv4.conf.{stop.device.replace('.', '/')}.rp_filter=2"
    )
    return setting.suspect(sysctl.RpFilterDrop, message, fix=fix)


def martian_source(setting: Setting) -> Suspicion:
    """Reason.MARTIAN_SOURCE: somebody else uses an address of this host."""
    packet = setting.blocker.packet
    message = f"{setting.place} drops it because {setting.blocker.stop.detail}"
    if packet.family is Family.V4 and packet.src >> 24 == 127:
        fix = f"sysctl -w net.ipv4.conf.{setting.blocker.stop.device}.route_localnet=1"
        return setting.suspect(sysctl.RouteLocalnetOff, message, fix=fix)
    return setting.suspect(
        route.MartianSource, message, fix=f"ip -d addr show to {packet.source}   # who has it?"
    )


def martian_destination(setting: Setting) -> Suspicion:
    """Reason.MARTIAN_DESTINATION: 127.0.0.0/8 from outside without route_localnet."""
    message = f"{setting.place} drops it: {setting.blocker.stop.detail}"
    fix = f"sysctl -w net.ipv4.conf.{setting.blocker.stop.device}.route_localnet=1"
    return setting.suspect(sysctl.RouteLocalnetOff, message, fix=fix)


def source_not_local(setting: Setting) -> Suspicion:
    """Reason.SOURCE_NOT_LOCAL: the pod does not have the address the API says it has."""
    stop, packet = setting.blocker.stop, setting.blocker.packet
    address = format_ip(packet.family, stop.address)
    own = ", ".join(
        format_ip(a.family, a.value)
        for a in setting.stack.namespace.addresses
        if a.family is packet.family and a.device != "lo"
    )
    message = f"{setting.place} should have the address {address}, but has {own or 'none'}"
    finding = veth.IpMismatchApiVsNetns if own else veth.AddressMissing
    return setting.suspect(finding, message, fix="delete the pod, so that the CNI sets it up again")


def tunnel_local(setting: Setting) -> Suspicion:
    """Reason.TUNNEL_LOCAL."""
    device = setting.blocker.stop.device
    message = f"The tunnel {device} on {setting.place} is bound to an address the node lacks"
    return setting.suspect(overlay.TunnelLocalIpWrong, message, fix=f"ip -d link show {device}")


def tunnel_route(setting: Setting) -> Suspicion:
    """Reason.TUNNEL_ROUTE: the other end of the tunnel cannot be routed to."""
    stop = setting.blocker.stop
    for word, finding in _TYPES.items():
        if word in stop.detail:
            return setting.suspect(finding, f"On {setting.place}, {stop.detail}")
    return setting.suspect(route.RouteMissing, f"On {setting.place}, {stop.detail}")


def loop(setting: Setting) -> Suspicion:
    """Reason.LOOP and Reason.TTL."""
    destination = setting.blocker.packet.destination
    message = f"Packets for {destination} go in circles until their hop limit runs out"
    return setting.suspect(
        route.RouteLoop, message, fix=f"ip route get {destination}   # each node"
    )


def _is_narrower(setting: Setting, used: Route) -> bool:
    """Whether a route covers only a part of the pod network of the destination's node."""
    packet = setting.blocker.packet
    if not setting.cluster.facts.node_cidrs:
        return False
    return any(
        cidr.family is packet.family
        and cidr.contains(packet.dst)
        and used.destination.length > cidr.length
        for node in setting.cluster.inventory.nodes
        for cidr in node.pod_cidrs
    )


def left(setting: Setting) -> Suspicion | None:
    """Reason.FAR_END: a cluster address that only nodes know went out to the underlay."""
    blocker = setting.blocker
    packet = blocker.packet
    facts = setting.cluster.facts
    inside = any(
        prefix.family is packet.family and prefix.contains(packet.dst)
        for prefix in facts.pod_cidrs.value
    )
    if not inside:
        return None
    found = setting.stack.route(
        Flow(packet.family, packet.dst, packet.src, mark=packet.mark, proto=packet.proto,
             sport=packet.sport, dport=packet.dport)
    )  # fmt: skip
    used = found.route if found.kind is FibKind.UNICAST else None
    if used is not None and used.protocol == "kernel":
        message = (
            f"{setting.place} has an address of its own in {used.destination}, which is a pod "
            f"network: packets for {packet.destination} go out by {blocker.stop.device}"
        )
        shown = (Evidence(f"route in table {used.table} on {blocker.node}", used.raw),)
        return setting.suspect(route.CidrOverlap, message, evidence=shown)
    if used is not None and _is_narrower(setting, used):
        message = (
            f"A route on {setting.place} for {used.destination} takes {packet.destination} away "
            f"from the way to its node, out by {blocker.stop.device}"
        )
        shown = (Evidence(f"route in table {used.table} on {blocker.node}", used.raw),)
        fix = f"ip route del {used.destination}"
        return setting.suspect(route.RouteShadowedByMoreSpecific, message, evidence=shown, fix=fix)
    way = f" by {used.raw}" if used else ""
    message = (
        f"{setting.place} sends {packet.destination} out by {blocker.stop.device} instead of "
        "towards the pod's node"
    )
    back = blocker.direction is Direction.RETURN
    finding = route.ReturnRouteMissing if back else route.RouteMissing
    return setting.suspect(finding, message, why=f"it leaves{way}, where no router knows it")
