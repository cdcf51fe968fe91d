"""Into WireGuard and out of it (drivers/net/wireguard: device.c, send.c, socket.c, receive.c).

A packet is kept until a handshake with its peer is done, and nobody is told when none is. What a
handshake needs is judged where the packet arrives: that both ends know each other's key, and that
they met before, since whether preshared keys agree is not collected. Its answer takes the way back
of the conversation's own answer.
"""

from __future__ import annotations

from msgspec.structs import replace

from skoop.model.address import Family, with_port
from skoop.model.disposition import Disposition
from skoop.model.packet import Packet, Proto, Seal
from skoop.model.trace import Evidence, StepKind
from skoop.netstack.conntrack import tuple_of
from skoop.netstack.lines import wireguard_line
from skoop.netstack.netfilter import Guess, Unknown
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link, Wireguard, WireguardPeer
from skoop.netstack.walk import icmp
from skoop.netstack.walk.events import (
    Branch,
    Event,
    Frame,
    Heard,
    Reason,
    Reenter,
    Stop,
    Stopped,
)
from skoop.netstack.walk.routing import output_flow
from skoop.netstack.walk.tunnel import send_tunnelled

_OVERHEAD = {Family.V4: 60, Family.V6: 80}
"""The outer IP and UDP headers, 16 bytes of WireGuard's own and 16 of the authentication tag."""
_PADDED_TO = 16
_SHOWN = 10
"""Characters of a key that a sentence shows; its evidence has all."""


def seal(stack: Stack, link: Link, inner: Packet, branch: Branch) -> list[Event]:
    """wg_xmit(): to the peer whose allowed addresses fit the destination best."""
    device = link.wireguard
    if device is None or (unseen := _unseen_socket(stack, device)):
        return [_unknown(link, inner, branch, _unread(stack) if device is None else unseen)]
    peer = _peer_of(device, inner.family, inner.dst)
    if peer is None:
        detail = f"no peer of {link.name} has {inner.destination} among its allowed addresses"
        lines = _lines(device.peers)
        return [_refused(stack, link, inner, branch, Reason.WIREGUARD_PEER, detail, lines)]
    heard = branch.heard.get((stack.id, link.name, peer.key))
    end = (heard.family, heard.address, heard.port) if heard else peer.endpoint
    if end is None:
        detail = f"{link.name} does not know where its peer {_short(peer.key)} is"
        lines = _lines((peer,))
        return [_refused(stack, link, inner, branch, Reason.WIREGUARD_ENDPOINT, detail, lines)]
    if not device.key:
        stop = _stop(stack, link, Reason.WIREGUARD_KEYS, f"{link.name} has no private key")
        return [Stopped(branch, stop, inner)]
    outer = _outer(link, device, inner, peer, end)
    outer = replace(outer, src=_source(stack, heard, outer))
    where = with_port(outer.destination, outer.dport)
    branch = branch.noting(
        StepKind.ENCAP, f"{link.name} wraps it for {where}", _evidence(stack, link, _lines((peer,)))
    )
    return [_turned(link, peer, each) for each in send_tunnelled(stack, link, outer, branch)]


def unseal(stack: Stack, iif: str, packet: Packet, branch: Branch) -> list[Event] | None:
    """wg_packet_receive(): None when no socket takes the packet, or it is none of WireGuard's."""
    sealed, inner = packet.seal, packet.inner
    if sealed is None or inner is None or packet.proto != Proto.UDP:
        return None
    if "sockets" not in stack.gaps and stack.sockets.find(packet, iif) is None:
        return None
    link = _listening(stack, packet.dport)
    if link is None or link.wireguard is None:
        detail = f"what takes UDP port {packet.dport} here is no WireGuard device that was read"
        return [_not_seen(packet, branch, f"{detail}: {_unread(stack)}")]
    device = link.wireguard
    peer = _sender(stack, link, device, sealed)
    if isinstance(peer, Stop):
        return [Stopped(branch, peer, packet)]
    heard = Heard(device.key, packet.family, packet.src, packet.sport, packet.dst, iif)
    branch = replace(branch, heard={**branch.heard, (stack.id, link.name, peer.key): heard})
    branch = branch.noting(StepKind.DECAP, f"{link.name} takes out {inner}")
    if _peer_of(device, inner.family, inner.src) is not peer:
        detail = (
            f"{link.name} drops it: {inner.source} is not among the allowed addresses of the peer "
            f"it comes from, {_short(peer.key)}"
        )
        stop = _stop(stack, link, Reason.WIREGUARD_PEER, detail, _lines((peer,)))
        return [Stopped(branch, stop, inner)]
    if sealed.met and peer.met:
        return [Reenter(branch, link, Frame(inner, "", ""))]
    return _unmet(stack, link, packet, branch, Frame(inner, "", ""))


def _unmet(stack: Stack, link: Link, packet: Packet, branch: Branch, frame: Frame) -> list[Event]:
    """Both ends know each other's keys, but not both say that they ever met."""
    ends = sorted((packet.seal.sender, packet.seal.receiver)) if packet.seal else []
    unknown = Unknown(
        "WireGuard",
        " with ".join(_short(key) for key in ends),
        "no handshake between the two was seen to be completed, and whether their preshared keys "
        "agree is not collected",
    )
    if any(guess.unknown == unknown for guess in branch.guesses):
        return [Reenter(branch, link, frame)]
    agree = replace(branch, guesses=(*branch.guesses, Guess(unknown, matched=False)))
    differ = replace(branch, guesses=(*branch.guesses, Guess(unknown, matched=True)))
    detail = "the two never complete a handshake, if their preshared keys differ"
    stop = _stop(stack, link, Reason.NOT_COLLECTED, detail)
    return [Reenter(agree, link, frame), Stopped(differ, stop, packet)]


def _outer(
    link: Link, device: Wireguard, inner: Packet, peer: WireguardPeer, end: tuple[Family, int, int]
) -> Packet:
    """The mark is the device's own, bursts are cut to segments, and without DF the tunnel packet
    may be fragmented (ignore_df in send4() and send6())."""
    family, address, port = end
    size = min(inner.fragment or inner.size, link.mtu)
    padded = min(-(-size // _PADDED_TO) * _PADDED_TO, link.mtu)
    return Packet(
        family=family,
        proto=Proto.UDP,
        src=0,
        dst=address,
        sport=device.port,
        dport=port,
        size=padded + _OVERHEAD[family],
        df=False,
        mark=device.fwmark,
        inner=replace(inner, mark=0),
        seal=Seal(device.key, peer.key, peer.met),
    )


def _source(stack: Stack, heard: Heard | None, outer: Packet) -> int:
    """The address the peer spoke to, while it is local and the way back is the way it came (src4
    and src_if4 in send4()); 0 leaves it to the route."""
    if heard is None or not stack.is_local(heard.family, heard.own):
        return 0
    if heard.family is Family.V4:
        found = stack.route(output_flow(replace(outer, src=heard.own)))
        if any(hop.device != heard.iif for hop in found.nexthops):
            return 0
    return heard.own


def _turned(link: Link, peer: WireguardPeer, event: Event) -> Event:
    """A tunnel packet that is routed into its own device may be for another peer, by which it would
    get on; such nesting is not followed."""
    if not isinstance(event, Stopped) or event.stop.reason is not Reason.LOOP:
        return event
    device, outer = link.wireguard, event.packet
    if device is None or _peer_of(device, outer.family, outer.dst) == peer:
        return event
    return _unknown(link, outer, event.branch, "its packets go through itself again")


def _listening(stack: Stack, port: int) -> Link | None:
    """The device whose socket has the port; unread ones might have it."""
    devices = [link for link in stack.tunnel_devices("wireguard") if link.up]
    fitting = [link for link in devices if link.wireguard and link.wireguard.port == port]
    return fitting[0] if len(fitting) == 1 else None


def _unseen_socket(stack: Stack, device: Wireguard) -> str:
    """Why it is not known where a device's packets come from: its socket stays in the namespace it
    was made in, wherever the device is moved (creating_net in wg_socket_init())."""
    if "sockets" in stack.gaps:
        return f"the sockets were not collected: {stack.gaps['sockets']}"
    if not stack.sockets.at(Proto.UDP, device.port):
        return "its socket is in another network namespace"
    return ""


def _unread(stack: Stack) -> str:
    return stack.gaps.get("wireguard", "") or "wg did not show it, or changed meanwhile"


def _peer_of(device: Wireguard, family: Family, address: int) -> WireguardPeer | None:
    """wg_allowedips_lookup_dst() and ..._src(): by the longest prefix."""
    best: tuple[int, WireguardPeer] | None = None
    for peer in device.peers:
        for prefix in peer.allowed:
            fits = prefix.family is family and prefix.contains(address)
            if fits and (best is None or prefix.length > best[0]):
                best = prefix.length, peer
    return best[1] if best else None


def _sender(stack: Stack, link: Link, device: Wireguard, sealed: Seal) -> WireguardPeer | Stop:
    """Whom a packet comes from, or why its handshake is never completed: the receiver drops the
    initiation without a word (wg_cookie_validate_packet(), then
    wg_noise_handshake_consume_initiation())."""
    if device.key != sealed.receiver:
        detail = (
            f"{link.name} does not answer: the sender takes it for {_short(sealed.receiver)}, but "
            f"its key is {_short(device.key)}"
        )
        return _stop(stack, link, Reason.WIREGUARD_KEYS, detail, f"public key {device.key}")
    for peer in device.peers:
        if peer.key == sealed.sender:
            return peer
    detail = f"{link.name} does not answer: it has no peer {_short(sealed.sender)}"
    return _stop(stack, link, Reason.WIREGUARD_KEYS, detail, _lines(device.peers))


def _refused(
    stack: Stack, link: Link, inner: Packet, branch: Branch, reason: Reason, detail: str, lines: str
) -> Stopped:
    """err_icmp of wg_xmit(): the sender is told that the host cannot be reached."""
    stop = replace(
        _stop(stack, link, reason, detail, lines),
        disposition=Disposition.NO_ROUTE,
        address=inner.dst,
    )
    about = replace(inner, src=_untranslated(stack, inner, branch))
    return Stopped(branch, stop, inner, icmp.error(about, icmp.Problem.HOST_UNREACHABLE))


def _untranslated(stack: Stack, packet: Packet, branch: Branch) -> int:
    """icmp_ndo_send(): the source before it was translated, and that alone."""
    flow = tuple_of(packet).reversed()
    for entry in reversed(branch.opened.get(stack.id, ())):
        if entry.connection.reply == flow:
            return entry.connection.original.src
    return packet.src


def _stop(stack: Stack, link: Link, reason: Reason, detail: str, lines: str = "") -> Stop:
    return Stop(
        disposition=Disposition.DROPPED,
        reason=reason,
        detail=detail,
        device=link.name,
        evidence=(_evidence(stack, link, lines),) if lines else (),
    )


def _unknown(link: Link, packet: Packet, branch: Branch, why: str) -> Stopped:
    return _not_seen(packet, branch, f"{link.name} is a WireGuard device: {why}", link.name)


def _not_seen(packet: Packet, branch: Branch, detail: str, device: str = "") -> Stopped:
    stop = Stop(
        disposition=Disposition.INSUFFICIENT_INFO,
        reason=Reason.NOT_COLLECTED,
        detail=detail,
        device=device,
    )
    return Stopped(branch, stop, packet)


def _evidence(stack: Stack, link: Link, lines: str) -> Evidence:
    return Evidence(f"wg show {link.name} on {stack.id}", lines)


def _lines(peers: tuple[WireguardPeer, ...]) -> str:
    return "; ".join(map(wireguard_line, peers)) or "no peer"


def _short(key: str) -> str:
    return f"{key[:_SHOWN]}…" if key else "(none)"
