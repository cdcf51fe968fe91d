"""IPVS in netfilter's hooks (net/netfilter/ipvs/ip_vs_core.c, ip_vs_xmit.c; Linux 6.1).

    INPUT     98 answers get the virtual address back    99 packets to virtual servers are sent on
    OUTPUT   -99 the same                                -98 the same
    FORWARD  100 answers get the virtual address back

So the filter rules of INPUT come before it, the nat rules of INPUT after it. A packet that is sent
on leaves by OUTPUT and POSTROUTING, past its own two stages (skb->ipvs_property), where MASQUERADE
finds it: `net.ipv4.vs.conntrack` makes IPVS tell conntrack whom it chose (ip_vs_update_conntrack).
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.packet import Packet, Proto, TcpFlag
from skoop.netstack.conntrack import FlowTuple
from skoop.netstack.ipvs.table import Forward, IpvsTable, RealServer, VirtualServer
from skoop.netstack.netfilter import Action, AddressType, Fired, Guess, Hook, Unknown
from skoop.netstack.stages import Scene, Stage, State
from skoop.netstack.tracking import Balanced, Tracked

_PLACES = {
    Hook.INPUT: (98, 99),
    Hook.OUTPUT: (-99, -98),
    Hook.FORWARD: (100, None),
}
IPVS = "IPVS"
"""Where its decisions are said to be made."""
_EQUAL = ("rr", "lc", "dh", "sh", "lblc", "lblcr", "nq", "sed")
"""Schedulers whose shares do not follow the weights of servers alike in load."""


def stages(table: IpvsTable, hook: Hook, *, tracks: bool) -> tuple[tuple[int, Stage], ...]:
    """IPVS's stages of a hook with their priorities; none without virtual servers. `tracks` is
    net.ipv4.vs.conntrack."""
    if not table.servers or hook not in _PLACES:
        return ()
    back, on = _PLACES[hook]
    found: list[tuple[int, Stage]] = [(back, _Answers(hook))]
    if on is not None:
        found.append((on, _Requests(table, hook, tracks=tracks)))
    return tuple(found)


class _Answers:
    """ip_vs_out_hook(): what a real server sends back gets the virtual server's address."""

    def __init__(self, hook: Hook) -> None:
        self._hook = hook

    def __call__(self, state: State, scene: Scene) -> Iterable[State]:
        balanced = state.tracked.balanced
        packet = state.packet
        if balanced is None or scene.sent_on or not state.tracked.connection.is_reply:
            return (state,)
        if packet.quoted is not None:
            inner = replace(packet.quoted, dst=balanced.address, dport=balanced.port)
            told = replace(packet, src=balanced.address, quoted=inner)
        elif (packet.src, packet.sport) == (balanced.server, balanced.server_port):
            told = replace(packet, src=balanced.address, sport=balanced.port)
        else:
            return (state,)
        return (replace(state, packet=told, rerouted=state.rerouted or self._hook is Hook.OUTPUT),)


class _Requests:
    """ip_vs_in_hook(): a packet to a virtual server goes to one of its real servers."""

    def __init__(self, table: IpvsTable, hook: Hook, *, tracks: bool) -> None:
        self._table, self._hook, self._tracks = table, hook, tracks
        self._servers = {
            (each.proto, each.address, each.port): each for each in table.servers if each.address
        }
        self._marks = {each.fwmark: each for each in table.servers if each.address is None}

    def __call__(self, state: State, scene: Scene) -> Iterable[State]:
        tracked, packet = state.tracked, state.packet
        if scene.sent_on or packet.quoted is not None or tracked.connection.is_reply:
            return (state,)
        if tracked.balanced is not None:
            return (self._sent(state, scene, tracked, tracked.balanced),)
        virtual = self._virtual(packet)
        if virtual is None or not _opens(packet):
            return (state,)
        known = self._known(packet)
        available = (known,) if known is not None else virtual.available
        if not available:
            return (_refused(state, virtual),)
        total = sum(_share(virtual, each) for each in available)
        return [
            self._scheduled(state, scene, virtual, each, _share(virtual, each) / total)
            for each in available
        ]

    def _virtual(self, packet: Packet) -> VirtualServer | None:
        """ip_vs_service_find(): by mark first, then by address and port, then by any port."""
        if packet.mark in self._marks:
            return self._marks[packet.mark]
        address = (packet.family, packet.dst)
        exact = self._servers.get((packet.proto, address, packet.dport))
        return exact or self._servers.get((packet.proto, address, 0))

    def _known(self, packet: Packet) -> RealServer | None:
        """The server of an existing connection of this very client port."""
        for each in self._table.connections if packet.sport > 0 else ():
            client = (each.proto, each.client, each.client_port)
            asked = (each.address, each.port)
            if client == (packet.proto, (packet.family, packet.src), packet.sport) and asked == (
                (packet.family, packet.dst),
                packet.dport,
            ):
                return RealServer(each.server, each.server_port)
        return None

    def _scheduled(
        self, state: State, scene: Scene, virtual: VirtualServer, real: RealServer, share: float
    ) -> State:
        fired = Fired(IPVS, virtual.raw, f"sent to {real} ({virtual.scheduler})")
        chosen = replace(state, weight=state.weight * share, fired=(*state.fired, fired))
        why = ""
        if real.forward is not Forward.MASQ:
            why = f"forwarding by {real.forward.value} is not modelled"
        elif not self._tracks:
            why = "IPVS without net.ipv4.vs.conntrack is not modelled"
        if why:
            guess = Guess(Unknown(IPVS, virtual.raw, why), matched=True)
            chosen = replace(chosen, guesses=(*chosen.guesses, guess))
        packet = state.packet
        port = real.port or packet.dport
        balanced = Balanced(packet.dst, packet.dport, real.address[1], port)
        connection = state.tracked.connection
        reply = connection.reply
        changed = FlowTuple(
            reply.family, reply.proto, balanced.server, reply.dst, port, reply.dport
        )
        tracked = replace(
            state.tracked, connection=replace(connection, reply=changed), balanced=balanced
        )
        return self._sent(chosen, scene, tracked, balanced)

    def _sent(self, state: State, scene: Scene, tracked: Tracked, to: Balanced) -> State:
        """ip_vs_nat_xmit(): on to another host, or to this host's own sockets."""
        packet = replace(state.packet, dst=to.server, dport=to.server_port)
        kind = scene.view.host.address_type(packet.family, packet.dst, "")
        local = kind is AddressType.LOCAL
        return replace(
            state,
            packet=packet,
            tracked=tracked,
            action=Action.ACCEPT if local else Action.SENT_ON,
            rerouted=state.rerouted or (local and self._hook is Hook.OUTPUT),
        )


def _opens(packet: Packet) -> bool:
    """tcp_conn_schedule(): only a SYN opens a TCP connection, any packet another one."""
    if packet.proto != Proto.TCP:
        return True
    return bool(packet.flags & TcpFlag.SYN) and not packet.flags & (TcpFlag.RST | TcpFlag.ACK)


def _share(virtual: VirtualServer, real: RealServer) -> float:
    return 1.0 if virtual.scheduler in _EQUAL else float(real.weight)


def _refused(state: State, virtual: VirtualServer) -> State:
    """ip_vs_leave(): no real server takes it, so an ICMP port unreachable goes back."""
    version = "icmp" if state.packet.family is Family.V4 else "icmp6"
    listed = len(virtual.servers)
    effect = f"reject: {'none of its servers has weight' if listed else 'it has no servers'}"
    fired = Fired(IPVS, virtual.raw, effect)
    return replace(
        state,
        action=Action.REJECT,
        reject_with=f"{version}-port-unreachable",
        fired=(*state.fired, fired),
    )
