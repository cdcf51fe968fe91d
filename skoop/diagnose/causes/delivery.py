"""Packets that arrived, and found nobody."""

from __future__ import annotations

from skoop.diagnose.causes.base import Setting
from skoop.diagnose.packets import IGNORES_ECHO
from skoop.findings import overlay, pod, sysctl
from skoop.model.address import Family
from skoop.model.diagnosis import Suspicion
from skoop.model.packet import Packet, protocol_name
from skoop.model.trace import Evidence
from skoop.netstack.sockets import wrong_protocol
from skoop.netstack.state import Link, Socket


def no_listener(setting: Setting) -> Suspicion:
    """Reason.NO_LISTENER: nothing at all, only on loopback, or only another protocol."""
    packet = setting.blocker.packet
    if packet.inner is not None:
        return _no_tunnel(setting, packet)
    sockets = setting.stack.sockets
    same = sockets.at(packet.proto, packet.dport)
    protocol = protocol_name(packet.proto)
    on = f"{protocol} port {packet.dport} in {setting.place}"
    if same and all(_loopback(socket) for socket in same):
        message = f"The program on {on} listens on loopback only"
        fix = "make it listen on 0.0.0.0 (or [::])"
        return setting.suspect(
            pod.LoopbackOnlyListener, message, fix=fix, evidence=_shown(setting, same)
        )
    if same:
        message = f"The program on {on} listens on another address than {packet.destination}"
        return setting.suspect(pod.WrongAddressListener, message, evidence=_shown(setting, same))
    others = wrong_protocol(sockets, packet)
    if others:
        kinds = " and ".join(sorted({protocol_name(socket.proto) for socket in others}))
        message = f"Nothing listens on {on}, only {kinds}"
        return setting.suspect(pod.WrongProtocolListener, message, evidence=_shown(setting, others))
    message = f"Nothing listens on {on}"
    evidence = (Evidence(f"ss -lntu in {setting.blocker.node}", _listening(setting, packet)),)
    return setting.suspect(pod.NothingListening, message, evidence=evidence)


def _no_tunnel(setting: Setting, packet: Packet) -> Suspicion:
    """A tunnel packet that no device of the receiver takes."""
    if packet.seal is not None:
        return _no_wireguard(setting, packet)
    links = [link for link in setting.stack.namespace.links if link.vxlan or link.tunnel]
    shown = tuple(
        Evidence(f"link {link.name} on {setting.blocker.node}", _ends(link)) for link in links
    )
    name = protocol_name(packet.proto)
    if packet.vni < 0:
        message = f"{setting.place} has no tunnel device for {name} packets from {packet.source}"
        return setting.suspect(overlay.EncapModeMismatch, message, evidence=shown)
    ports = sorted({link.vxlan.port for link in links if link.vxlan})
    message = f"VXLAN packets come to {setting.place} at UDP port {packet.dport}, "
    if packet.dport in ports:
        message += "where its device does not listen for their IP version"
    else:
        message += f"but its devices use {', '.join(map(str, ports)) or 'none'}"
    fix = "give both ends one port in the CNI's configuration, and restart its agents"
    return setting.suspect(overlay.VxlanPortMismatch, message, fix=fix, evidence=shown)


def _no_wireguard(setting: Setting, packet: Packet) -> Suspicion:
    """Nothing listens where the sender takes its peer to be."""
    ports = {
        link.name: link.wireguard.port
        for link in setting.stack.tunnel_devices("wireguard")
        if link.wireguard and link.up
    }
    listed = ", ".join(f"{name} at {port}" for name, port in ports.items()) or "none"
    message = (
        f"WireGuard packets come to {setting.place} at UDP port {packet.dport}, where nothing "
        f"listens; its devices that are up: {listed}"
    )
    evidence = (Evidence(f"wg show all listen-port on {setting.blocker.node}", listed),)
    return setting.suspect(overlay.WireguardEndpointWrong, message, evidence=evidence)


def _ends(link: Link) -> str:
    if link.raw or link.vxlan is None:
        return link.raw or link.kind
    return f"vxlan id {link.vxlan.vni} dstport {link.vxlan.port}"


def echo_ignored(setting: Setting) -> Suspicion:
    """Reason.ECHO_IGNORED: only ping is concerned."""
    name = IGNORES_ECHO[setting.blocker.packet.family]
    message = f"{setting.place} answers no ping, whatever else it answers"
    return setting.suspect(sysctl.IcmpEchoIgnored, message, fix=f"sysctl -w {name}=0")


def backlog_full(setting: Setting) -> Suspicion:
    """Reason.BACKLOG_FULL."""
    message = f"The program in {setting.place} does not accept its connections fast enough"
    return setting.suspect(pod.AcceptQueueFull, message)


def _loopback(socket: Socket) -> bool:
    if socket.family is Family.V4:
        return socket.address >> 24 == 127
    return socket.address == 1 or socket.address >> 24 == 0xFFFF7F


def _shown(setting: Setting, sockets: tuple[Socket, ...]) -> tuple[Evidence, ...]:
    source = f"ss -lntu in {setting.blocker.node}"
    return tuple(Evidence(source, socket.raw) for socket in sockets)


def _listening(setting: Setting, packet: Packet) -> str:
    ports = sorted({s.port for s in setting.stack.namespace.sockets if s.proto == packet.proto})
    listed = ", ".join(str(port) for port in ports) or "none"
    return f"{protocol_name(packet.proto)} ports open: {listed}"
