"""Bridges: a frame comes in by a port, or the bridge itself sends one.

net/bridge/br_input.c, br_forward.c, br_device.c, br_netfilter_hooks.c.
"""

from __future__ import annotations

from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.disposition import Disposition
from skoop.model.trace import Evidence, StepKind
from skoop.netstack.fib import FibKind
from skoop.netstack.netfilter import Guess, Hook, Unknown
from skoop.netstack.stack import Stack
from skoop.netstack.state import BridgePort, Link
from skoop.netstack.tracking import remember, untouched
from skoop.netstack.walk.events import (
    Branch,
    Bridged,
    Cross,
    Event,
    Frame,
    Reason,
    Stop,
    Stopped,
)
from skoop.netstack.walk.input import input_flow, receive_ip, route_input
from skoop.netstack.walk.netfilter import Passage, Passed, run_hook
from skoop.netstack.walk.sources import validate_source
from skoop.netstack.walk.tc import through
from skoop.netstack.walk.vlans import refused as refused_vlan
from skoop.netstack.walk.vlans import vlan_stop

_PLAIN_PORT = BridgePort()


def port_of(link: Link) -> BridgePort:
    """A port's settings; the defaults when they were not collected."""
    return link.port or _PLAIN_PORT


def receive_by_port(stack: Stack, port: Link, frame: Frame, branch: Branch) -> list[Event]:
    """br_handle_frame(): a frame came in by a port."""
    bridge = stack.links.get(port.master)
    if bridge is None or not bridge.up:
        stop = Stop(
            disposition=Disposition.LINK_DOWN,
            reason=Reason.LINK_DOWN,
            detail=f"the bridge {port.master} is down, so its ports are disabled",
            device=port.master,
        )
        return [Stopped(branch, stop, frame.packet)]
    refused = _port_refuses(stack, port)
    if refused is not None:
        return [Stopped(branch, refused, frame.packet)]
    if bridge.bridge is not None and bridge.bridge.vlan_filtering:
        return _through_vlans(stack, bridge, port, frame, branch)
    return _accepted(stack, bridge, port, frame, branch)


def _through_vlans(
    stack: Stack, bridge: Link, port: Link, frame: Frame, branch: Branch
) -> list[Event]:
    """Up to the host the bridge itself must carry the VLAN; on to a port, that port."""
    if port.vlans.known and bridge.vlans.known:
        goal = bridge if _is_for(stack, bridge, frame.destination) else port
        clause = refused_vlan(bridge, port, goal) if goal is bridge else ""
        if clause == "":
            return _accepted(stack, bridge, port, frame, branch)
        return [Stopped(branch, vlan_stop(stack, port, goal, clause), frame.packet)]
    why = "which VLANs the ports of a filtering bridge carry was not collected"
    unknown = Unknown(f"bridge {bridge.name} of {stack.id}", "vlan_filtering 1", why)
    if any(guess.unknown == unknown for guess in branch.guesses):
        return _accepted(stack, bridge, port, frame, branch)
    passes = replace(branch, guesses=(*branch.guesses, Guess(unknown, matched=False)))
    drops = replace(branch, guesses=(*branch.guesses, Guess(unknown, matched=True)))
    return [
        Stopped(drops, vlan_stop(stack, port, port, None), frame.packet),
        *_accepted(stack, bridge, port, frame, passes),
    ]


def _accepted(stack: Stack, bridge: Link, port: Link, frame: Frame, branch: Branch) -> list[Event]:
    if filters_bridged(stack, bridge, frame.packet.family):
        return _filtered(stack, bridge, port, frame, branch)
    if _is_for(stack, bridge, frame.destination):
        return receive_ip(stack, bridge.name, frame.packet, branch)
    return [_onward(stack, bridge, port, frame, branch)]


def filters_bridged(stack: Stack, bridge: Link, family: Family) -> bool:
    """Whether br_netfilter shows this bridge's frames to iptables."""
    settings = bridge.bridge
    own = settings is not None and (
        settings.nf_call_iptables if family is Family.V4 else settings.nf_call_ip6tables
    )
    return own or stack.sysctls.bridge_calls(family)


def _port_refuses(stack: Stack, port: Link) -> Stop | None:
    state = port_of(port).state
    if state == "forwarding":
        return None
    return Stop(
        disposition=Disposition.LINK_DOWN,
        reason=Reason.PORT_STATE,
        detail=f"the bridge port {port.name} is {state}",
        device=port.name,
        evidence=(Evidence(f"bridge link on {stack.id}", f"{port.name} state {state}"),),
    )


def _is_for(stack: Stack, bridge: Link, mac: str) -> bool:
    """Whether a frame goes up to the host: the bridge's own address, or one of its ports'."""
    if mac == bridge.mac:
        return True
    entries = stack.fdb.get((bridge.name, mac), ())
    return any(entry.local or _owns(stack, entry.device, mac) for entry in entries)


def _owns(stack: Stack, device: str, mac: str) -> bool:
    link = stack.links.get(device)
    return link is not None and link.mac == mac


def _onward(stack: Stack, bridge: Link, port: Link | None, frame: Frame, branch: Branch) -> Bridged:
    learned, fixed = _station(stack, bridge, frame.destination)
    return Bridged(branch, bridge, port, frame, untouched(frame.packet), learned, fixed)


def _station(stack: Stack, bridge: Link, mac: str) -> tuple[str, bool]:
    """The port of a forwarding entry ("" without one), and whether the entry is static."""
    for entry in stack.fdb.get((bridge.name, mac), ()):
        if entry.master == bridge.name and entry.device != bridge.name:
            return entry.device, entry.permanent
    return "", False


def addressed(stack: Stack, event: Bridged, mac: str) -> Bridged:
    """A translated frame, once the MAC it must go to has been found."""
    learned, fixed = _station(stack, event.bridge, mac)
    frame = replace(event.frame, destination=mac)
    return replace(event, frame=frame, learned=learned, fixed=fixed, wanted=0)


def _filtered(stack: Stack, bridge: Link, port: Link, frame: Frame, branch: Branch) -> list[Event]:
    """br_nf_pre_routing(): PREROUTING sees the frame before the bridge decides."""
    events: list[Event] = []
    passage = Passage(iif=bridge.name, physin=port.name)
    packet = frame.packet
    for passed in run_hook(stack, Hook.PREROUTING, packet, untouched(packet), branch, passage):
        if isinstance(passed, Stopped):
            events.append(passed)
        elif passed.packet.dst != packet.dst:
            events += _translated(stack, bridge, port, frame, passed)
        elif _is_for(stack, bridge, frame.destination):
            events += _up(stack, bridge, port, passed)
        else:
            onward = _onward(stack, bridge, port, replace(frame, packet=passed.packet), branch)
            events.append(
                Bridged(
                    passed.branch,
                    bridge,
                    port,
                    onward.frame,
                    passed.tracked,
                    onward.learned,
                    onward.fixed,
                    filtered=True,
                )
            )
    return events


def _up(stack: Stack, bridge: Link, port: Link, passed: Passed) -> list[Event]:
    """From br_netfilter to the host. Of what conntrack put together in the bridge ip6_rcv() clears
    the size of the fragments."""
    if stack.tracks_connections and passed.packet.fragment:
        passed = replace(passed, packet=replace(passed.packet, joined=True))
    return route_input(stack, bridge.name, passed, port.name)


def _translated(
    stack: Stack, bridge: Link, port: Link, frame: Frame, passed: Passed
) -> list[Event]:
    """br_nf_pre_routing_finish(): after DNAT, a destination on the same bridge is bridged there and
    its TTL stays; anything else goes up to be routed. In IPv4 the input route that it asks for
    needs forwarding to be on (with it off, the route leads to ip_error()); in IPv6 only
    ip6_forward() asks, which is not met here."""
    packet = passed.packet
    found = stack.route(input_flow(packet, bridge.name))
    same = found.kind is FibKind.UNICAST and any(h.device == bridge.name for h in found.nexthops)
    routable = packet.family is Family.V6 or stack.sysctls.forwarding(Family.V4, bridge.name)
    if not same or not routable:
        return _up(stack, bridge, port, passed)
    refused = validate_source(stack, bridge.name, packet, bridge.name)
    if refused is not None:
        return [Stopped(passed.branch, refused, packet)]
    hop = found.nexthops[0]
    wanted = hop.gateway[1] if hop.gateway else packet.dst
    note = passed.branch.noting(
        StepKind.BRIDGE, f"translated to a station of {bridge.name}, so it is bridged there"
    )
    return [
        Bridged(
            note,
            bridge,
            port,
            replace(frame, packet=packet, destination=""),
            passed.tracked,
            filtered=True,
            wanted=wanted,
        )
    ]


def send_by_bridge(stack: Stack, bridge: Link, frame: Frame, branch: Branch) -> list[Event]:
    """br_dev_xmit(): the host sends a routed packet into the bridge."""
    return [_onward(stack, bridge, None, frame, branch)]


def leave_by_port(stack: Stack, event: Bridged, port: Link) -> list[Event]:
    """br_forward(): the frame goes out by a port, if the port may carry it."""
    refused = may_leave(stack, event.in_port, port)
    if refused is not None:
        return [Stopped(event.branch, refused, event.frame.packet)]
    if not event.filtered or event.in_port is None:
        branch = event.branch.noting(
            StepKind.BRIDGE, f"{event.bridge.name} sends it to {port.name}"
        )
        return _sent(stack, branch, port, event.frame)
    return _hooks_of_forwarding(stack, event, event.in_port, port)


def may_leave(stack: Stack, in_port: Link | None, port: Link) -> Stop | None:
    """should_deliver() and the port's own state."""
    refused = _port_refuses(stack, port)
    if refused is not None:
        return refused
    if not port.up:
        detail = f"{port.name} is down"
        return _refusal(Disposition.LINK_DOWN, Reason.LINK_DOWN, detail, port, stack)
    bridge = stack.links.get(port.master)
    if bridge is not None and bridge.vlans.known:
        source = in_port or bridge
        clause = refused_vlan(bridge, source, port)
        if clause != "":
            return vlan_stop(stack, source, port, clause)
    if in_port is None:
        return None
    if in_port.name == port.name and not port_of(port).hairpin:
        detail = f"{port.name} may not send back what it received: hairpin is off"
        return _refusal(Disposition.DROPPED, Reason.HAIRPIN, detail, port, stack)
    if port_of(in_port).isolated and port_of(port).isolated:
        detail = f"{in_port.name} and {port.name} are isolated from each other"
        return _refusal(Disposition.DROPPED, Reason.ISOLATED, detail, port, stack)
    return None


def _refusal(
    disposition: Disposition, reason: Reason, detail: str, port: Link, stack: Stack
) -> Stop:
    return Stop(
        disposition=disposition,
        reason=reason,
        detail=detail,
        device=port.name,
        evidence=(Evidence(f"bridge link on {stack.id}", port.raw or detail),),
    )


def _hooks_of_forwarding(stack: Stack, event: Bridged, in_port: Link, port: Link) -> list[Event]:
    """br_nf_forward_ip() and br_nf_post_routing(): FORWARD and POSTROUTING see the bridge as both
    devices."""
    events: list[Event] = []
    name, packet = event.bridge.name, event.frame.packet
    passage = Passage(iif=name, oif=name, physin=in_port.name, physout=port.name)
    for passed in run_hook(stack, Hook.FORWARD, packet, event.tracked, event.branch, passage):
        if isinstance(passed, Stopped):
            events.append(passed)
            continue
        events += _post_routing(stack, event, passed, port)
    return events


def _post_routing(stack: Stack, event: Bridged, passed: Passed, port: Link) -> list[Event]:
    events: list[Event] = []
    passage = Passage(oif=event.bridge.name, physout=port.name)
    for after in run_hook(
        stack, Hook.POSTROUTING, passed.packet, passed.tracked, passed.branch, passage
    ):
        if isinstance(after, Stopped):
            events.append(after)
            continue
        opened = after.branch.opened.get(stack.id, ())
        branch = after.branch.remembering(stack.id, remember(opened, after.tracked))
        branch = branch.noting(StepKind.BRIDGE, f"{event.bridge.name} sends it to {port.name}")
        events += _sent(stack, branch, port, replace(event.frame, packet=after.packet))
    return events


def _sent(stack: Stack, branch: Branch, port: Link, frame: Frame) -> list[Event]:
    return [
        way if isinstance(way, Stopped) else Cross(way, port, frame)
        for way in through(stack, port, port.tc.egress, frame.packet, branch)
    ]


def ports_for(stack: Stack, event: Bridged) -> list[Link]:
    """The ports a frame may leave by: the entry's, or every flooding one."""
    members = stack.ports.get(event.bridge.name, ())
    if event.fixed:
        return [port for port in members if port.name == event.learned]
    ports = [port for port in members if port_of(port).flood or port.name == event.learned]
    ports.sort(key=lambda port: port.name != event.learned)
    return ports


def not_flooded(stack: Stack, event: Bridged, port: Link) -> Stopped:
    """The station is behind a port that gets no frames for unknown ones (BR_FLOOD)."""
    mac = event.frame.destination
    detail = f"{event.bridge.name} has no entry for {mac}, and its port {port.name} has flood off"
    stop = Stop(
        disposition=Disposition.NEIGHBOUR_UNREACHABLE,
        reason=Reason.FLOOD_OFF,
        detail=detail,
        device=port.name,
        evidence=(Evidence(f"bridge port {port.name} on {stack.id}", "flood off"),),
    )
    return Stopped(event.branch, stop, event.frame.packet)


def unknown_station(stack: Stack, event: Bridged) -> Stopped:
    """Nobody behind the bridge has the frame's MAC."""
    mac = event.frame.destination
    stop = Stop(
        disposition=Disposition.NEIGHBOUR_UNREACHABLE,
        reason=Reason.WRONG_MAC,
        detail=f"no station on {event.bridge.name} has the address {mac}",
        device=event.bridge.name,
        evidence=(Evidence(f"bridge {event.bridge.name} on {stack.id}", f"destination {mac}"),),
    )
    return Stopped(event.branch, stop, event.frame.packet)
