"""A tiny netfilter: just enough hooks and routing to move a first packet through base chains."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, structs

from skoop.model.address import Family, is_loopback, parse_ip, parse_prefix
from skoop.model.packet import ANY_PORT, EPHEMERAL, Packet, Proto
from skoop.netstack.conntrack import Connection, CtStatus, new_connection
from skoop.netstack.netfilter import (
    Action,
    AddressType,
    BaseChain,
    ChainKind,
    FibAnswer,
    Guess,
    Hook,
    Nat,
    NatKind,
    Ruleset,
    View,
)

WIRE = "eth0"


class TestHost:
    """A node that owns some addresses; `routes` are (prefix, interface), everything else is reached
    by WIRE. Packets come in by `iif`."""

    __test__ = False

    def __init__(
        self,
        addresses: Iterable[str],
        *,
        sockets: bool | None = False,
        routes: Iterable[tuple[str, str]] = (),
        iif: str = WIRE,
    ) -> None:
        self._own = dict.fromkeys(map(parse_ip, addresses), iif)
        self.first = next(iter(self._own))
        self._sockets = sockets
        self._routes = [(parse_prefix(prefix), device) for prefix, device in routes]
        for family, address in self._own:
            self._own[family, address] = self.device(family, address)
        self.iif = iif

    def device(self, family: Family, address: int) -> str:
        for prefix, device in self._routes:
            if prefix.family is family and prefix.contains(address):
                return device
        return WIRE

    def redirect_address(self, packet: Packet) -> int:
        """The input interface's own address: the first one of the host."""
        return self.first[1]

    def is_local(self, family: Family, address: int) -> bool:
        return (family, address) in self._own or is_loopback(family, address)

    def address_type(self, family: Family, address: int, device: str) -> AddressType:
        own = self._own.get((family, address), "lo" if is_loopback(family, address) else "")
        return AddressType.LOCAL if own and device in ("", own) else AddressType.UNICAST

    def fib(
        self, family: Family, source: int, destination: int, mark: int, iif: str, oif: str, tos: int
    ) -> FibAnswer:
        if self.is_local(family, destination):
            return FibAnswer(AddressType.LOCAL, "lo")
        return FibAnswer(AddressType.UNICAST, self.device(family, destination))

    def ipset(self, name: str) -> None:
        return None

    def mtu(self, device: str) -> int:
        return 1500

    def has_socket(self, packet: Packet, *, transparent_only: bool) -> bool | None:
        return self._sockets


class Fate(Struct, frozen=True):
    """Where a packet ended: "local", "forwarded", "drop", "reject"; what it looked like then."""

    result: str
    packet: Packet
    ct: Connection
    masqueraded: bool = False
    guesses: tuple[Guess, ...] = ()
    effects: tuple[str, ...] = ()
    weight: float = 1.0


def first_packet(
    proto: str, source: str, destination: str, dport: int, sport: int = EPHEMERAL
) -> Packet:
    family, src = parse_ip(source)
    return Packet(
        family=family,
        proto=Proto[proto.upper()],
        src=src,
        dst=parse_ip(destination)[1],
        sport=sport,
        dport=dport,
        flags=2 if proto == "tcp" else 0,
    )


def walk(ruleset: Ruleset, host: TestHost, packet: Packet, *, local: bool) -> list[Fate]:
    """Every fate of a first packet."""
    start = Fate("", packet, new_connection(packet))
    entry = Hook.OUTPUT if local else Hook.PREROUTING
    fates = _hook(ruleset, host, start, entry, local=local)
    fates = _each(fates, lambda fate: _middle(ruleset, host, fate, local=local))
    return [
        structs.replace(fate, result=fate.result or _place(host, fate.packet)) for fate in fates
    ]


def _each(fates: list[Fate], step) -> list[Fate]:
    return [after for fate in fates for after in ([fate] if fate.result else step(fate))]


def _place(host: TestHost, packet: Packet) -> str:
    return "local" if host.is_local(packet.family, packet.dst) else "forwarded"


def _middle(ruleset: Ruleset, host: TestHost, fate: Fate, *, local: bool) -> list[Fate]:
    fates = [fate]
    stays = _place(host, fate.packet) == "local"
    if stays:
        return _hook(ruleset, host, fate, Hook.INPUT, local=local)
    if not local:
        fate = structs.replace(fate, packet=structs.replace(fate.packet, ttl=fate.packet.ttl - 1))
        fates = _hook(ruleset, host, fate, Hook.FORWARD, local=local)
    return _each(fates, lambda one: _hook(ruleset, host, one, Hook.POSTROUTING, local=local))


def _hook(ruleset: Ruleset, host: TestHost, fate: Fate, hook: Hook, *, local: bool) -> list[Fate]:
    chains = [
        chain
        for chain in sorted(ruleset.chains, key=lambda one: one.priority)
        if chain.hook is hook and chain.family in (None, fate.packet.family)
    ]
    fates = [(fate, False)]
    for chain in chains:
        after = []
        for one, bound in fates:
            if one.result or (bound and chain.kind is ChainKind.NAT):
                after.append((one, bound))
            else:
                after += _chain(chain, host, one, hook, local=local, bound=bound)
        fates = after
    return [one for one, _ in fates]


def _chain(
    chain: BaseChain, host: TestHost, fate: Fate, hook: Hook, *, local: bool, bound: bool
) -> list[tuple[Fate, bool]]:
    outside = hook is not Hook.OUTPUT
    leaving = hook in (Hook.OUTPUT, Hook.FORWARD, Hook.POSTROUTING)
    view = View(
        hook=hook,
        host=host,
        ct=fate.ct,
        iif=host.iif if outside and not local else "",
        oif=host.device(fate.packet.family, fate.packet.dst) if leaving else "",
        local=local,
    )
    results = []
    for outcome in chain.evaluate(fate.packet, view):
        effects = tuple(f"{fired.effect} <- {fired.rule}" for fired in outcome.fired)
        after = structs.replace(
            fate,
            packet=outcome.packet,
            ct=outcome.ct,
            guesses=fate.guesses + outcome.guesses,
            effects=fate.effects + effects,
            weight=fate.weight * outcome.weight,
        )
        if outcome.action is Action.NAT:
            results.append((_translate(host, after, outcome.nat), True))
        else:
            ends = {Action.DROP: "drop", Action.REJECT: "reject"}
            done = structs.replace(after, result=ends.get(outcome.action, ""))
            results.append((done, bound))
    return results


def _translate(host: TestHost, fate: Fate, nat: Nat) -> Fate:
    packet, ct = fate.packet, fate.ct
    if nat.kind in (NatKind.SNAT, NatKind.MASQUERADE):
        packet = structs.replace(
            packet, src=nat.low, sport=ANY_PORT if nat.random else packet.sport
        )
        reply = structs.replace(ct.reply, dst=packet.src, dport=packet.sport)
        ct = structs.replace(ct, status=ct.status | CtStatus.SNAT, reply=reply)
        return structs.replace(fate, packet=packet, ct=ct, masqueraded=True)
    port = nat.port_low or packet.dport
    before = packet
    own = host.redirect_address(packet)
    dst = own if nat.kind is NatKind.REDIRECT else nat.low or packet.dst
    packet = structs.replace(packet, dst=dst, dport=port)
    if packet == before:
        # The kernel marks a connection only when the tuple changed (nf_nat_setup_info).
        return fate
    reply = structs.replace(ct.reply, src=packet.dst, sport=packet.dport)
    ct = structs.replace(ct, status=ct.status | CtStatus.DNAT, reply=reply)
    return structs.replace(fate, packet=packet, ct=ct)
