"""A tiny namespace around iptables chains: one pass through the hooks, routing by own addresses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from skoop.model.address import Family, is_loopback, parse_ip
from skoop.model.packet import EPHEMERAL, Packet, Proto, TcpFlag
from skoop.netstack.conntrack import Connection, CtStatus, new_connection
from skoop.netstack.netfilter import (
    Action,
    AddressType,
    ChainKind,
    FibAnswer,
    Hook,
    Membership,
    NatKind,
    Outcome,
    Ruleset,
    View,
)


class OneNode:
    """A host that owns some addresses and routes everything else through eth1."""

    def __init__(self, addresses: Iterable[str], sets: dict[str, Membership] | None = None) -> None:
        self.own = {parse_ip(text) for text in addresses}
        self.sets = sets or {}

    def address_type(self, family: Family, address: int, device: str) -> AddressType:
        if (family, address) in self.own or is_loopback(family, address):
            return AddressType.LOCAL
        return AddressType.UNICAST

    def fib(
        self, family: Family, source: int, destination: int, mark: int, iif: str, oif: str, tos: int
    ) -> FibAnswer:
        kind = self.address_type(family, destination, "")
        return FibAnswer(kind, "lo" if kind is AddressType.LOCAL else "eth1")

    def ipset(self, name: str) -> Membership | None:
        return self.sets.get(name)

    def mtu(self, device: str) -> int:
        return 1500

    def has_socket(self, packet: Packet, *, transparent_only: bool) -> bool | None:
        return None


def packet(
    source: str, destination: str, port: int, proto: str = "tcp", sport: int = EPHEMERAL
) -> Packet:
    """The first packet of a connection."""
    family, src = parse_ip(source)
    number = Proto[proto.upper()]
    return Packet(
        family=family,
        proto=number,
        src=src,
        dst=parse_ip(destination)[1],
        sport=sport,
        dport=port,
        flags=TcpFlag.SYN if number is Proto.TCP else 0,
    )


class End(NamedTuple):
    """How one way ends: "reject", "drop", "local" or "forwarded"."""

    result: str
    packet: Packet
    dnat: bool
    masq: bool
    weight: float
    guesses: int


class _Way(NamedTuple):
    packet: Packet
    ct: Connection
    weight: float
    guesses: int


def _after(way: _Way, outcome: Outcome, host: OneNode) -> _Way:
    """The packet and its connection once this outcome's translation is done."""
    packet, ct = outcome.packet, outcome.ct
    if outcome.action is Action.NAT:
        nat = outcome.nat
        if nat.kind.changes_source:
            ct = replace(ct, status=ct.status | CtStatus.SNAT)
        else:
            redirect = nat.kind is NatKind.REDIRECT
            packet = replace(
                packet,
                dst=next(iter(host.own))[1] if redirect else nat.low or packet.dst,
                dport=nat.port_low or packet.dport,
            )
            ct = replace(ct, status=ct.status | CtStatus.DNAT)
    return _Way(packet, ct, way.weight * outcome.weight, way.guesses + len(outcome.guesses))


class Driver:
    """Sends first packets through a ruleset."""

    def __init__(self, ruleset: Ruleset, host: OneNode) -> None:
        self.chains = sorted(ruleset.chains, key=lambda chain: chain.priority)
        self.host = host

    def send(self, packet: Packet, *, local: bool) -> list[End]:
        ends: list[End] = []
        start = _Way(packet, new_connection(packet), 1.0, 0)
        first = Hook.OUTPUT if local else Hook.PREROUTING
        for way in self._hook(first, [start], ends, local=local):
            to_self = self.host.address_type(packet.family, way.packet.dst, "")
            if to_self is AddressType.LOCAL:
                ways = self._hook(Hook.POSTROUTING, [way], ends, local=local) if local else [way]
                done = self._hook(Hook.INPUT, ways, ends, local=False)
                ends.extend(_end("local", end) for end in done)
                continue
            ways = [way] if local else self._hook(Hook.FORWARD, [way], ends, local=False)
            done = self._hook(Hook.POSTROUTING, ways, ends, local=local)
            ends.extend(_end("forwarded", end) for end in done)
        return ends

    def _hook(self, hook: Hook, ways: list[_Way], ends: list[End], *, local: bool) -> list[_Way]:
        for chain in self.chains:
            if chain.hook is not hook:
                continue
            passed: list[_Way] = []
            for way in ways:
                for outcome in chain.evaluate(way.packet, self._view(hook, way, local=local)):
                    after = _after(way, outcome, self.host)
                    if outcome.action in (Action.DROP, Action.REJECT):
                        ends.append(_end(outcome.action.value, after))
                    else:
                        passed.append(after)
            ways = passed
        return ways

    def _view(self, hook: Hook, way: _Way, *, local: bool) -> View:
        incoming = hook in (Hook.PREROUTING, Hook.INPUT, Hook.FORWARD)
        outgoing = hook in (Hook.FORWARD, Hook.OUTPUT, Hook.POSTROUTING)
        return View(
            hook,
            self.host,
            way.ct,
            iif="eth0" if incoming else "",
            oif="eth1" if outgoing else "",
            local=local,
        )


def _end(result: str, way: _Way) -> End:
    return End(
        result,
        way.packet,
        bool(way.ct.status & CtStatus.DNAT),
        bool(way.ct.status & CtStatus.SNAT),
        way.weight,
        way.guesses,
    )


def kinds(ruleset: Ruleset) -> dict[str, ChainKind]:
    """Chain name -> kind."""
    return {chain.name: chain.kind for chain in ruleset.chains}
