"""Into tunnels and out of them: vxlan (drivers/net/vxlan/vxlan_core.c), ipip and its relatives
(net/ipv4/ip_tunnel.c)."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from skoop.model.address import Family, format_ip
from skoop.model.disposition import Disposition
from skoop.model.packet import EPHEMERAL, Packet, Proto
from skoop.model.trace import Evidence, StepKind
from skoop.netstack.stack import Stack
from skoop.netstack.state import FdbEntry, Link, Vxlan
from skoop.netstack.walk import icmp
from skoop.netstack.walk.events import (
    Branch,
    Event,
    Frame,
    Reason,
    Reenter,
    Resolve,
    Stop,
    Stopped,
)
from skoop.netstack.walk.output import send
from skoop.netstack.walk.routing import output_flow

_VXLAN_OVERHEAD = {Family.V4: 50, Family.V6: 70}
_MOST_TUNNELS = 8
"""XMIT_RECURSION_LIMIT in net/core/dev.h."""
_ANY_STATION = "00:00:00:00:00:00"
_IP_IN_IP = {"ipip": Proto.IPIP, "sit": Proto.IPV6, "gre": Proto.GRE}


class Tunnel(Struct, frozen=True):
    """What takes a tunnel packet that arrived: a device, or the reason why none does."""

    link: Link | None
    why: str = ""


def tunnel_for(stack: Stack, packet: Packet) -> Tunnel | None:
    """The tunnel a local packet belongs to, None when it is not tunnel traffic."""
    if packet.inner is None or packet.seal is not None:
        return None
    if packet.proto == Proto.UDP:
        return _vxlan_for(stack, packet)
    return _ip_tunnel_for(stack, packet)


def _vxlan_for(stack: Stack, packet: Packet) -> Tunnel | None:
    """A vxlan socket exists while a device of that port is up (vxlan_rcv)."""
    devices = [
        link
        for link in stack.tunnel_devices("vxlan")
        if link.vxlan is not None
        and link.vxlan.port == packet.dport
        and link.up
        and packet.family in _families(link.vxlan)
    ]
    if not devices:
        return None
    for link in devices:
        if link.vxlan is not None and (link.vxlan.vni == packet.vni or link.vxlan.external):
            return Tunnel(link)
    known = ", ".join(f"{link.name} has {link.vxlan.vni}" for link in devices if link.vxlan)
    return Tunnel(None, f"no vxlan device has VNI {packet.vni} ({known})")


def _families(vxlan: Vxlan) -> tuple[Family, ...]:
    """The outer families a device has a socket for: that of its ends, IPv4 without any."""
    if vxlan.external:
        return (Family.V4, Family.V6)
    end = vxlan.local or vxlan.remote
    return (end[0] if end else Family.V4,)


def _ip_tunnel_for(stack: Stack, packet: Packet) -> Tunnel | None:
    """ip_tunnel_lookup(): the device whose ends fit best."""
    best, best_score = None, -1
    for link in stack.namespace.links:
        tunnel = link.tunnel
        if tunnel is None or _IP_IN_IP.get(link.kind) != packet.proto or not link.up:
            continue
        if tunnel.local not in (0, packet.dst) or tunnel.remote not in (0, packet.src):
            continue
        score = 2 * bool(tunnel.remote) + bool(tunnel.local)
        if score > best_score:
            best, best_score = link, score
    return Tunnel(best) if best else None


def decapsulate(packet: Packet, branch: Branch, tunnel: Tunnel) -> list[Event]:
    """The inner packet comes in by the tunnel's device."""
    link, inner = tunnel.link, packet.inner
    if link is None or inner is None:
        stop = Stop(
            disposition=Disposition.DROPPED, reason=Reason.TUNNEL_UNKNOWN, detail=tunnel.why
        )
        return [Stopped(branch, stop, packet)]
    branch = branch.noting(StepKind.DECAP, f"{link.name} takes out {inner}")
    source, destination = packet.inner_macs
    if link.vxlan is not None and source == link.mac:  # vxlan_set_mac(): a loop, it thinks
        stop = Stop(
            disposition=Disposition.NEIGHBOUR_UNREACHABLE,
            reason=Reason.WRONG_MAC,
            detail=f"the frame comes from {source}, which is the address of {link.name} itself",
            device=link.name,
            evidence=(Evidence(f"link {link.name}", f"address {link.mac}"),),
        )
        return [Stopped(branch, stop, packet)]
    return [Reenter(branch, link, Frame(replace(inner, mark=packet.mark), source, destination))]


def encapsulate(
    stack: Stack, link: Link, frame: Frame, nexthop: int, branch: Branch
) -> list[Event]:
    """Put a frame into a tunnel, and send the tunnel packet."""
    if link.vxlan is not None:
        return _into_vxlan(stack, link, link.vxlan, frame, branch)
    return _into_ip_tunnel(stack, link, frame, nexthop, branch)


def _into_vxlan(
    stack: Stack, link: Link, vxlan: Vxlan, frame: Frame, branch: Branch
) -> list[Event]:
    if vxlan.external:
        return [_unmodelled(branch, frame.packet, link, "the tunnel's ends come from elsewhere")]
    entries = stack.fdb.get((link.name, frame.destination)) or stack.fdb.get(
        (link.name, _ANY_STATION), []
    )
    remotes = [entry for entry in entries if entry.remote is not None]
    if not remotes and vxlan.remote is not None:
        default = FdbEntry(link.name, frame.destination, remote=vxlan.remote, via=vxlan.underlay)
        remotes = [default]
    if not remotes:
        return [_no_fdb(stack, link, frame, branch)]
    if len(remotes) > 1:
        return [_unmodelled(branch, frame.packet, link, "the frame is sent to several ends")]
    return _vxlan_packet(stack, link, vxlan, frame, remotes[0], branch)


def _vxlan_packet(
    stack: Stack, link: Link, vxlan: Vxlan, frame: Frame, entry: FdbEntry, branch: Branch
) -> list[Event]:
    remote = entry.remote or (Family.V4, 0)
    family, address = remote
    inner = frame.packet
    source = vxlan.local[1] if vxlan.local and vxlan.local[0] is family else 0
    outer = Packet(
        family=family,
        proto=Proto.UDP,
        src=source,
        dst=address,
        sport=EPHEMERAL,
        dport=entry.port if entry.port > 0 else vxlan.port,
        size=inner.size + _VXLAN_OVERHEAD[family],
        df=vxlan.df == "set" or (vxlan.df == "inherit" and inner.df),
        mark=inner.mark,
        inner=replace(inner, mark=0),
        inner_macs=(frame.source, frame.destination),
        vni=entry.vni if entry.vni >= 0 else vxlan.vni,
        gso=inner.gso,
    )
    to = format_ip(family, address)
    evidence = Evidence(f"fdb of {link.name} on {stack.id}", entry.raw)
    branch = branch.noting(StepKind.ENCAP, f"{link.name} wraps it for {to}", evidence)
    return send_tunnelled(stack, link, outer, branch, entry.via)


def _into_ip_tunnel(
    stack: Stack, link: Link, frame: Frame, nexthop: int, branch: Branch
) -> list[Event]:
    tunnel, inner = link.tunnel, frame.packet
    if tunnel is None or link.kind not in _IP_IN_IP or tunnel.external:
        return [_unmodelled(branch, inner, link, f"a {link.kind or 'tunnel'} device")]
    outer = Packet(
        family=tunnel.family,
        proto=_IP_IN_IP[link.kind],
        src=tunnel.local,
        dst=tunnel.remote or nexthop,
        size=inner.size + (24 if link.kind == "gre" else 20),
        df=tunnel.pmtudisc and inner.df,
        mark=inner.mark,
        inner=replace(inner, mark=0),
        gso=inner.gso,
    )
    too_big = _too_big_for_path(stack, link, outer, inner, branch)
    if too_big is not None:
        return [too_big]
    branch = branch.noting(StepKind.ENCAP, f"{link.name} wraps it for {outer.destination}")
    return send_tunnelled(stack, link, outer, branch)


def _too_big_for_path(
    stack: Stack, link: Link, outer: Packet, inner: Packet, branch: Branch
) -> Stopped | None:
    """tnl_update_pmtu(): with path MTU discovery, the inner sender is told what fits."""
    if not outer.df or inner.gso:
        return None
    found = stack.route(output_flow(outer))
    way = stack.links.get(found.nexthops[0].device) if found.nexthops else None
    limit = (found.route.mtu if found.route else 0) or (way.mtu if way else 0)
    if way is None or not limit or outer.size <= limit:
        return None
    stop = Stop(
        disposition=Disposition.MTU_EXCEEDED,
        reason=Reason.MTU,
        detail=f"{outer.size} bytes of {link.name} do not fit the MTU of {way.name}, {limit}",
        device=way.name,
        evidence=(Evidence(f"link {way.name} on {stack.id}", f"mtu {limit}"),),
        limit=limit - (outer.size - inner.size),
    )
    return Stopped(branch, stop, inner, icmp.error(inner, icmp.Problem.TOO_BIG))


def send_tunnelled(
    stack: Stack, link: Link, outer: Packet, branch: Branch, via: str = ""
) -> list[Event]:
    """The tunnel packet is the host's own; what stops it stops the inner one, silently. `via` is a
    device that a forwarding entry binds it to.

    One that is routed into its own device is dropped (the "circular route" of vxlan_xmit_one() and
    ip_tunnel_xmit()), one in too many tunnels too (dev_xmit_recursion(), "Dead loop on virtual
    device").
    """
    if _depth(outer) > _MOST_TUNNELS:
        return [_circle(link, outer, branch, f"in more than {_MOST_TUNNELS} tunnels")]
    events: list[Event] = []
    for event in send(stack, outer, branch, oif=via):
        if isinstance(event, Stopped) and event.errno.value:
            events.append(_lost(link, outer, event))
        elif isinstance(event, Resolve) and event.link.name == link.name:
            why = f"routed into {link.name} again"
            events.append(_circle(link, outer, event.branch, why))
        else:
            events.append(event)
    return events


def _depth(packet: Packet) -> int:
    """In how many tunnels a packet's innermost one is."""
    depth, inner = 0, packet.inner
    while inner is not None:
        depth, inner = depth + 1, inner.inner
    return depth


def _circle(link: Link, outer: Packet, branch: Branch, why: str) -> Stopped:
    stop = Stop(
        disposition=Disposition.LOOP,
        reason=Reason.LOOP,
        detail=f"the tunnel packet of {link.name} to {outer.destination} is {why}",
        device=link.name,
        evidence=(Evidence(f"link {link.name}", link.raw),) if link.raw else (),
    )
    return Stopped(branch, stop, outer)


def _lost(link: Link, outer: Packet, event: Stopped) -> Stopped:
    stop = event.stop
    if stop.reason is Reason.SOURCE_NOT_LOCAL:
        reason = Reason.TUNNEL_LOCAL
        detail = f"{link.name} sends from {outer.source}, which is not an address of this host"
    elif stop.reason in (Reason.ROUTE_MISSING, Reason.ROUTE_TYPE, Reason.POLICY_RULE):
        reason = Reason.TUNNEL_ROUTE
        detail = f"{link.name} cannot reach {outer.destination}: {stop.detail}"
    else:
        reason, detail = stop.reason, stop.detail
    lost = replace(stop, reason=reason, detail=detail, device=link.name)
    return Stopped(event.branch, lost, event.packet)


def _no_fdb(stack: Stack, link: Link, frame: Frame, branch: Branch) -> Stopped:
    known = "; ".join(
        entry.raw
        for entries in stack.fdb.values()
        for entry in entries
        if entry.device == link.name
    )
    stop = Stop(
        disposition=Disposition.NEIGHBOUR_UNREACHABLE,
        reason=Reason.FDB_MISSING,
        detail=f"{link.name} does not know behind which node {frame.destination} is",
        device=link.name,
        evidence=(Evidence(f"fdb of {link.name} on {stack.id}", known or "no entry"),),
    )
    return Stopped(branch, stop, frame.packet)


def _unmodelled(branch: Branch, packet: Packet, link: Link, why: str) -> Stopped:
    stop = Stop(
        disposition=Disposition.INSUFFICIENT_INFO,
        reason=Reason.NOT_MODELLED,
        detail=f"{link.name}: {why}",
        device=link.name,
        evidence=(Evidence(f"link {link.name}", link.raw),) if link.raw else (),
    )
    return Stopped(branch, stop, packet)
