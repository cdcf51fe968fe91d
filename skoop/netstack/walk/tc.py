"""Traffic control on a device: what it drops, and what it may do that nobody can tell."""

from __future__ import annotations

from msgspec.structs import replace

from skoop.model.disposition import Disposition
from skoop.model.packet import Packet
from skoop.model.trace import Evidence
from skoop.netstack.netfilter import Guess, Unknown
from skoop.netstack.stack import Stack
from skoop.netstack.state import Action, Link, Shaping
from skoop.netstack.walk.events import Branch, Reason, Stop, Stopped

_WHY = {
    Action.PROGRAM: "BPF programs are not run",
    Action.MAY_ACT: "what traffic control does to a packet is not modelled",
}


def through(
    stack: Stack, link: Link, shaping: Shaping, packet: Packet, branch: Branch
) -> list[Branch | Stopped]:
    """The ways on past what shapes one direction of a device. One that may act lets the packet
    through, or nobody knows what follows."""
    if shaping.action is Action.PASSES:
        return [branch]
    if shaping.action is Action.DROPS:
        return [Stopped(branch, _dropped(stack, link, shaping), packet)]
    place = f"tc on {link.name} of {stack.id}"
    unknown = Unknown(place, shaping.text, _WHY[shaping.action])
    if any(guess.unknown == unknown for guess in branch.guesses):
        return [branch]
    passes = replace(branch, guesses=(*branch.guesses, Guess(unknown, matched=False)))
    acts = replace(branch, guesses=(*branch.guesses, Guess(unknown, matched=True)))
    program = shaping.action is Action.PROGRAM
    stop = Stop(
        disposition=Disposition.INSUFFICIENT_INFO,
        reason=Reason.PROGRAM if program else Reason.NOT_MODELLED,
        detail=f"{shaping.text} on {link.name} may drop, change or redirect it",
        device=link.name,
        evidence=_evidence(stack, link, shaping),
    )
    return [passes, Stopped(acts, stop, packet)]


def _dropped(stack: Stack, link: Link, shaping: Shaping) -> Stop:
    return Stop(
        disposition=Disposition.DROPPED,
        reason=Reason.TC_DROP,
        detail=f"{shaping.text} on {link.name} drops it",
        device=link.name,
        evidence=_evidence(stack, link, shaping),
    )


def _evidence(stack: Stack, link: Link, shaping: Shaping) -> tuple[Evidence, ...]:
    return (Evidence(f"tc on {link.name} of {stack.id}", shaping.raw or shaping.text),)
