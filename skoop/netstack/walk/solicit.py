"""Neighbour discovery through the firewall: a question for a MAC and its answer are packets of
ICMPv6, which pass the hooks of both ends (ndisc_send_skb() in net/ipv6/ndisc.c). ARP's pass
arptables alone."""

from __future__ import annotations

from msgspec.structs import replace

from skoop.model.address import Family, is_link_local
from skoop.model.packet import Icmp, Packet, Proto
from skoop.netstack.netfilter import Hook
from skoop.netstack.stack import Stack
from skoop.netstack.tracking import Tracked, untouched
from skoop.netstack.walk.events import Branch, Stopped, Withheld
from skoop.netstack.walk.netfilter import Passage, Passed, run_hook

_QUESTION, _ANSWER = Icmp(135, 0), Icmp(136, 0)
_GROUP = 0xFF02_0000_0000_0000_0000_0001_FF00_0000
"""Solicited-node multicast: the last three bytes are the target's (RFC 4291, 2.7.1)."""
_SIZE, _HOPS = 72, 255
_OUT, _IN = (Hook.OUTPUT, Hook.POSTROUTING), (Hook.PREROUTING, Hook.INPUT)
_Under = tuple[Packet, Tracked, Branch]


def asker_of(stack: Stack, device: str, family: Family, target: int, source: int) -> int:
    """The address that asks for a neighbour: the packet's own source where that will do, else one
    of the device; 0 when there is none, without which IPv6 asks nobody (arp_solicit(),
    ndisc_solicit())."""
    if family is Family.V4:
        level = stack.sysctls.highest(device, "arp_announce")
        if level == 0 and stack.is_local(family, source):
            return source
        return stack.select_source(device, family, target)
    own = [each.value for each in stack.addresses(device, family)]
    links = (value for value in own if is_link_local(family, value))
    return source if source in own else next(links, 0)


def kept_from_asker(stack: Stack, device: str, target: int, asker: int) -> Withheld | None:
    """What keeps a question from leaving, or its answer from being heard."""
    question, answer = _talk(target, asker)
    out = Passage(oif=device, local=True)
    return _stopped(stack, _OUT, question, out) or _stopped(stack, _IN, answer, Passage(iif=device))


def kept_from_owner(stack: Stack, device: str, target: int, asker: int) -> Withheld | None:
    """What keeps a question from being heard, or its answer from leaving."""
    question, answer = _talk(target, asker)
    out = Passage(oif=device, local=True)
    return _stopped(stack, _IN, question, Passage(iif=device)) or _stopped(stack, _OUT, answer, out)


def _talk(target: int, asker: int) -> tuple[Packet, Packet]:
    question = Packet(
        family=Family.V6, proto=Proto.ICMPV6, src=asker, dst=_GROUP | target & 0xFFFFFF,
        icmp=_QUESTION, size=_SIZE, ttl=_HOPS,
    )  # fmt: skip
    return question, replace(question, src=target, dst=asker, icmp=_ANSWER)


def _stopped(
    stack: Stack, hooks: tuple[Hook, ...], packet: Packet, passage: Passage
) -> Withheld | None:
    """The stop, when no way leads through the hooks. A question is put three times, so one that
    passes by chance gets through."""
    if "rulesets" in stack.gaps:
        return None
    passing: list[_Under] = [(packet, untouched(packet), Branch())]
    stops: list[Stopped] = []
    for hook in hooks:
        ways = [way for now in passing for way in run_hook(stack, hook, *now, passage)]
        stops += [way for way in ways if isinstance(way, Stopped)]
        passing = [(way.packet, way.tracked, way.branch) for way in ways if isinstance(way, Passed)]
    if not stops or any(not branch.guesses for _, _, branch in passing):
        return None
    return Withheld(stack.id, packet, stops[0].stop, certain=not passing)
