"""A tiny netfilter: just enough hooks and routing to move a first packet through base chains."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, structs

from skoop.model.address import Family, is_loopback, parse_ip
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
    """A node that owns some addresses and reaches everything else by one interface."""

    __test__ = False

    def __init__(self, addresses: Iterable[str], *, sockets: bool | None = False) -> None:
        self._own = {parse_ip(address) for address in addresses}
        self._sockets = sockets

    def is_local(self, family: Family, address: int) -> bool:
        return (family, address) in self._own or is_loopback(family, address)

    def address_type(self, family: Family, address: int, device: str) -> AddressType:
        return AddressType.LOCAL if self.is_local(family, address) else AddressType.UNICAST

    def fib(
        self, family: Family, source: int, destination: int, mark: int, iif: str, oif: str, tos: int
    ) -> FibAnswer:
        if self.is_local(family, destination):
            return FibAnswer(AddressType.LOCAL, "lo")
        return FibAnswer(AddressType.UNICAST, WIRE)

    def ipset(self, name: str) -> None:
        return None

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
        fates = _hook(ruleset, host, fate, Hook.FORWARD, local=local)
    return _each(fates, lambda one: _hook(ruleset, host, one, Hook.POSTROUTING, local=local))


def _hook(
    ruleset: Ruleset, host: TestHost, fate: Fate, hook: Hook, *, local: bool
) -> list[Fate]:
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
    outside = hook in (Hook.PREROUTING, Hook.INPUT, Hook.FORWARD)
    leaving = hook in (Hook.OUTPUT, Hook.FORWARD, Hook.POSTROUTING)
    view = View(
        hook=hook,
        host=host,
        ct=fate.ct,
        iif=WIRE if outside and not local else "",
        oif=WIRE if leaving else "",
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
            results.append((_translate(after, outcome.nat), True))
        else:
            ends = {Action.DROP: "drop", Action.REJECT: "reject"}
            done = structs.replace(after, result=ends.get(outcome.action, ""))
            results.append((done, bound))
    return results


def _translate(fate: Fate, nat: Nat) -> Fate:
    packet, ct = fate.packet, fate.ct
    if nat.kind in (NatKind.SNAT, NatKind.MASQUERADE):
        packet = structs.replace(packet, src=nat.low, sport=ANY_PORT if nat.random else packet.sport)
        ct = structs.replace(ct, status=ct.status | CtStatus.SNAT)
        return structs.replace(fate, packet=packet, ct=ct, masqueraded=True)
    port = nat.port_low or packet.dport
    packet = structs.replace(packet, dst=nat.low or packet.dst, dport=port)
    ct = structs.replace(ct, status=ct.status | CtStatus.DNAT)
    return structs.replace(fate, packet=packet, ct=ct)
