"""What the rules of a node make of the source of a packet that leaves it."""

from __future__ import annotations

from skoop.model.address import Family, parse_ip
from skoop.model.packet import EPHEMERAL, Packet, Proto, TcpFlag
from skoop.netstack.conntrack import new_connection
from skoop.netstack.netfilter import Action, BaseChain, ChainKind, Hook, View
from skoop.netstack.stack import Stack
from skoop.netstack.state import Namespace

OUTSIDE = {Family.V4: parse_ip("192.0.2.1"), Family.V6: parse_ip("2001:db8::1")}
"""Addresses that are nobody's (RFC 5737, RFC 3849)."""


def first_packet(family: Family, source: int, destination: int) -> Packet:
    """The SYN of a connection between two addresses."""
    return Packet(
        family=family,
        proto=Proto.TCP,
        src=source,
        dst=destination,
        sport=EPHEMERAL,
        dport=80,
        flags=TcpFlag.SYN,
    )


def translated(host: Namespace, packet: Packet, device: str) -> bool | None:
    """Whether some chain of POSTROUTING translates the source of a packet that leaves by a device;
    None when a rule on the way is undecided."""
    connection = new_connection(packet)
    view = View(hook=Hook.POSTROUTING, host=Stack(host), ct=connection, oif=device)
    answers: set[bool | None] = set()
    for ruleset in host.rulesets:
        for chain in ruleset.chains:
            if _sees(chain, packet.family):
                for outcome in chain.evaluate(packet, view):
                    done = outcome.action is Action.NAT and outcome.nat.kind.changes_source
                    answers.add(None if outcome.guesses else done)
    return True if True in answers else None if None in answers else False


def _sees(chain: BaseChain, family: Family) -> bool:
    return (
        chain.hook is Hook.POSTROUTING
        and chain.kind is ChainKind.NAT
        and chain.family in (None, family)
    )
