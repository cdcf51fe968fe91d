"""The rig's router once more, out of skoop's chains."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import NamedTuple

from msgspec.structs import replace

from skoop.model.address import Family, is_loopback, is_multicast, parse_ip
from skoop.model.packet import Packet
from skoop.netstack.conntrack import Connection, CtState, CtStatus, new_connection
from skoop.netstack.netfilter import (
    Action,
    AddressType,
    ChainKind,
    FibAnswer,
    Hook,
    Membership,
    Nat,
    NatKind,
    Outcome,
    Ruleset,
    View,
)
from tests.netstack.iptables.kernelrig import CLIENT_SIDE, SERVER_SIDE, hits

_CLIENT_NET = parse_ip("10.77.1.0")[1] >> 8
_OWN = {parse_ip(CLIENT_SIDE)[1]: "rc", parse_ip(SERVER_SIDE)[1]: "rs"}


class Router:
    """The host under the rules."""

    def __init__(self, sets: dict[str, Membership]) -> None:
        self.sets = sets

    def address_type(self, family: Family, address: int, device: str) -> AddressType:
        if is_multicast(family, address):
            return AddressType.MULTICAST
        if is_loopback(family, address) or address in _OWN:
            return AddressType.LOCAL
        return AddressType.UNICAST

    def fib(
        self, family: Family, source: int, destination: int, mark: int, iif: str, oif: str, tos: int
    ) -> FibAnswer:
        if destination in _OWN:
            return FibAnswer(AddressType.LOCAL, _OWN[destination])
        device = "rc" if destination >> 8 == _CLIENT_NET else "rs"
        return FibAnswer(AddressType.UNICAST, device)

    def ipset(self, name: str) -> Membership | None:
        return self.sets.get(name)

    def mtu(self, device: str) -> int:
        return 1500

    def has_socket(self, packet: Packet, *, transparent_only: bool) -> bool | None:
        return None


class Predicted(NamedTuple):
    hits: Counter[str]
    arrived: Packet | None


class Dropped(Exception):  # noqa: N818
    """The packet ended in a hook."""


class Simulation:
    """One packet's way."""

    def __init__(self, ruleset: Ruleset, host: Router) -> None:
        self.chains = sorted(ruleset.chains, key=lambda chain: chain.priority)
        self.host = host
        self.fired: list[str] = []

    def send(self, packet: Packet, *, local: bool) -> Predicted:
        self.ct = new_connection(packet)
        self.packet = packet
        arrived = None
        with suppress(Dropped):
            arrived = self._route(local=local)
        named = "\n".join(f"[1:1] {line}" for line in self.fired)
        return Predicted(hits(named), arrived)

    def _route(self, *, local: bool) -> Packet | None:
        oif = self.host.fib(Family.V4, 0, self.packet.dst, 0, "", "", 0).oif
        if local:
            self._hook(Hook.OUTPUT, "", oif, local=True)
        else:
            self._hook(Hook.PREROUTING, "rc", "", local=False)
            if self.packet.dst in _OWN:
                self._hook(Hook.INPUT, "rc", "", local=False)
                return None
            self.packet = replace(self.packet, ttl=self.packet.ttl - 1)
            oif = self.host.fib(Family.V4, 0, self.packet.dst, 0, "", "", 0).oif
            self._hook(Hook.FORWARD, "rc", oif, local=False)
        self._hook(Hook.POSTROUTING, "" if local else "rc", oif, local=local)
        return replace(self.packet, mark=0)

    def _hook(self, hook: Hook, iif: str, oif: str, *, local: bool) -> None:
        for chain in self.chains:
            untracked = self.ct.state is CtState.UNTRACKED
            if chain.hook is not hook or (chain.kind is ChainKind.NAT and untracked):
                continue
            view = View(hook, self.host, self.ct, iif=iif, oif=oif, local=local)
            (outcome,) = chain.evaluate(self.packet, view)
            assert not outcome.guesses, outcome.guesses
            self.fired += [fired.rule for fired in outcome.fired]
            self.packet, self.ct = outcome.packet, outcome.ct
            if outcome.action is Action.DROP:
                raise Dropped
            if outcome.action is Action.NAT:
                self._translate(outcome, oif)

    def _translate(self, outcome: Outcome, oif: str) -> None:
        nat, packet, ct = outcome.nat, self.packet, self.ct
        if nat.kind.changes_source:
            self.packet = replace(packet, src=_new_source(nat, packet.src, oif))
            reply = replace(ct.reply, dst=self.packet.src)
            status = CtStatus.SNAT
        else:
            self.packet = replace(
                packet, dst=_new_destination(nat, packet.dst), dport=nat.port_low or packet.dport
            )
            reply = replace(ct.reply, src=self.packet.dst, sport=self.packet.dport)
            status = CtStatus.DNAT
        changed = self.packet != packet
        self.ct = _with(ct, reply, status if changed else CtStatus.NONE)


def _with(ct: Connection, reply: object, status: CtStatus) -> Connection:
    """IPS_*_NAT is set only when something really changed (nf_nat_setup_info)."""
    return replace(ct, reply=reply, status=ct.status | status)


def _new_source(nat: Nat, old: int, oif: str) -> int:
    if nat.kind is NatKind.MASQUERADE:
        return next(address for address, device in _OWN.items() if device == oif)
    return nat.low or old


def _new_destination(nat: Nat, old: int) -> int:
    if nat.kind is NatKind.REDIRECT:
        return parse_ip(CLIENT_SIDE)[1]
    if nat.kind is NatKind.NETMAP_DST:
        host = (1 << (32 - nat.prefix_length)) - 1
        return nat.low & ~host | old & host
    return nat.low or old
