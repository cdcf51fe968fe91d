"""Finding a next hop's MAC: the neighbour table first, then the question to those who can hear it.

An entry that is not permanent is only what was true last; the kernel asks again when it stops
being confirmed, so an answer found here counts more than a remembered one (net/core/neighbour.c).
A station that does not answer is still reached by a remembered MAC that is its own, and by one it
told when it asked first itself (arp_process() learns from requests).
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator

from msgspec import Struct

from skoop.diagnose.world import WireEnd, World
from skoop.model.address import Family, format_ip
from skoop.model.trace import Evidence
from skoop.netstack.arp import answers
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link, Neighbour
from skoop.netstack.walk.bridge import port_of
from skoop.netstack.walk.events import Withheld
from skoop.netstack.walk.solicit import asker_of, kept_from_asker, kept_from_owner
from skoop.netstack.walk.vlans import refused

_UNRESOLVED = frozenset(("FAILED", "INCOMPLETE"))
_USABLE = frozenset(("REACHABLE", "STALE", "DELAY", "PROBE"))


class Resolution(Struct, frozen=True):
    """`mac` is "" when nobody answers. `known` is false when that cannot be told; `contested` when
    that is because several stations have the address, and each of them answers."""

    mac: str = ""
    known: bool = True
    detail: str = ""
    evidence: tuple[Evidence, ...] = ()
    fixed: bool = False
    contested: bool = False
    withheld: Withheld | None = None


class Answer(Struct, frozen=True):
    """Somebody heard the question: its MAC, and the reason for not answering ("" for an answer).
    `owns` tells that the address is its own all the same, `withheld` which rule is the reason."""

    mac: str
    who: str
    refusal: str = ""
    owns: bool = False
    withheld: Withheld | None = None


def resolve(
    world: World,
    stack: Stack,
    link: Link,
    family: Family,
    target: int,
    source: int,
    spoken: Container[str] = (),
) -> Resolution:
    """The MAC of a next hop on a device. `source` is the packet's source, which the question
    carries when it is an address of this namespace. `spoken` are the ids of namespaces that have
    already sent something in this conversation."""
    entry = stack.neighbours.get((link.name, family, target))
    evidence = _table_evidence(stack, entry)
    if entry is not None and entry.is_fixed and entry.mac:
        return Resolution(entry.mac, detail=entry.state, evidence=evidence, fixed=True)
    if not link.arp:
        # arp_constructor(): without ARP, every neighbour has the device's own address.
        return Resolution(link.mac, detail="ARP is off", evidence=evidence, fixed=True)
    asker = asker_of(stack, link.name, family, target, source)
    heard, complete = ask(world, stack, link, family, target, asker)
    rivals = {each.who: each for each in heard if each.owns and not each.refusal}
    if len(rivals) > 1:
        return _contested(stack, rivals.values(), entry, format_ip(family, target))
    for answer in heard:
        if not answer.refusal:
            return Resolution(answer.mac, detail=f"{answer.who} answers", evidence=evidence)
    for answer in heard:
        remembered = entry is not None and entry.state in _USABLE and entry.mac == answer.mac
        if remembered or (answer.owns and answer.who in spoken):
            return Resolution(answer.mac, detail="remembered", evidence=evidence)
    name = format_ip(family, target)
    if not complete:
        if entry is not None and entry.mac and entry.state in _USABLE:
            return Resolution(entry.mac, detail=entry.state, evidence=evidence)
        failed = entry is not None and entry.state in _UNRESOLVED
        return Resolution(known=failed, detail=f"nobody seen answers for {name}", evidence=evidence)
    refusals = [f"{a.who}: {a.refusal}" for a in heard if a.refusal != _NOT_MINE]
    detail = f"nobody on {link.name} answers for {name}"
    if refusals:
        detail += f" ({'; '.join(refusals)})"
    withheld = next((each.withheld for each in heard if each.withheld), None)
    return Resolution(detail=detail, evidence=evidence, withheld=withheld)


def _contested(
    stack: Stack, rivals: Collection[Answer], entry: Neighbour | None, name: str
) -> Resolution:
    """Several stations have the address: the one that is remembered is asked whether it is still
    there, and says so (neigh_probe() asks the old MAC first). Without one the first answer wins."""
    evidence = _table_evidence(stack, entry)
    if entry is not None and entry.state in _USABLE and entry.mac in {a.mac for a in rivals}:
        return Resolution(entry.mac, detail="remembered", evidence=evidence)
    claims = tuple(Evidence(f"an answer from {a.who}", f"{name} is at {a.mac}") for a in rivals)
    who = " and ".join(a.who.replace("/", " ", 1) for a in rivals)
    detail = f"{who} both answer for {name}"
    return Resolution(known=False, detail=detail, evidence=(*evidence, *claims), contested=True)


UNHEARD = "no request gets through"
"""How a refusal says that the station never hears the question."""
_NOT_MINE = "the address is not configured there"


def _table_evidence(stack: Stack, entry: Neighbour | None) -> tuple[Evidence, ...]:
    if entry is None:
        return ()
    return (Evidence(f"ip neigh on {stack.id}", entry.raw or f"{entry.mac} {entry.state}"),)


def unheard(
    stack: Stack, link: Link, other: Stack, device: Link, target: int, asker: int
) -> Withheld | None:
    """What keeps a question of IPv6 from its station, or the answer from the asker."""
    return kept_from_asker(stack, link.name, target, asker) or kept_from_owner(
        other, device.name, target, asker
    )


def no_question(stack: Stack, link: Link, family: Family, asker: int) -> str:
    """Why nobody is asked at all, "" when somebody is."""
    if family is Family.V4 or asker or "addresses" in stack.gaps:
        return ""
    return f"{UNHEARD}: {link.name} on {stack.id} has no link-local address to ask from"


def ask(
    world: World, stack: Stack, link: Link, family: Family, target: int, asker: int
) -> tuple[list[Answer], bool]:
    """What everybody who hears a question on a device says, and whether all of them are known."""
    heard: list[Answer] = []
    complete = True
    for listener in _hearers(world, stack, link, family):
        if listener is None:
            complete = False
            continue
        other, device = listener.stack, listener.device
        if not other.may_answer(family, target):
            heard.append(Answer(device.mac, other.id, _NOT_MINE))
            continue
        refusal = answers(other, device.name, family, target, asker) or listener.deaf
        refusal = refusal or (
            "" if device.arp else f"{UNHEARD} to {device.name}, which has ARP off"
        )
        refusal = refusal or no_question(stack, link, family, asker)
        withheld = None
        if family is Family.V6 and not refusal:
            withheld = unheard(stack, link, other, device, target, asker)
        if withheld is not None and not withheld.certain:
            complete = False
            continue
        if withheld is not None:
            refusal = f"{UNHEARD}: {withheld.stop.detail} on {withheld.node}"
        owns = device.arp and other.is_local(family, target)
        heard.append(Answer(device.mac, other.id, refusal, owns, withheld))
    return heard, complete


class Listener(Struct, frozen=True):
    """A device that a broadcast is for, and why it does not get there ("" when it does)."""

    stack: Stack
    device: Link
    deaf: str = ""


def _hearers(world: World, stack: Stack, link: Link, family: Family) -> Iterator[Listener | None]:
    """The devices a broadcast on `link` is for; None for each end nobody knows."""
    if link.kind == "bridge":
        yield from _behind_ports(world, stack, link, family, without="")
    elif link.kind == "vxlan":
        if _floods(stack, link):
            yield None
    else:
        yield from _beyond(world, stack, link, family)


def _floods(stack: Stack, link: Link) -> bool:
    """Whether a tunnel device sends broadcasts to ends that may answer, or asks a program."""
    vxlan = link.vxlan
    if vxlan is None or vxlan.external or vxlan.remote is not None or vxlan.l3miss:
        return True
    return any(entry.remote for entry in stack.fdb.get((link.name, "00:00:00:00:00:00"), ()))


def _beyond(world: World, stack: Stack, link: Link, family: Family) -> Iterator[Listener | None]:
    """The devices at the other end of a cable, through a bridge if it ends in one."""
    end = world.peer(stack, link)
    if isinstance(end, WireEnd):
        yield None
        return
    other, device = end
    if not device.up or not link.up:
        return
    if not device.master:
        yield Listener(other, device)
        return
    bridge = other.links.get(device.master)
    if bridge is None or bridge.kind != "bridge":
        yield None
    elif bridge.up and port_of(device).state == "forwarding":
        shut = _vlan_shut(bridge, device, bridge)
        yield None if shut is None else Listener(other, bridge, shut)
        yield from _behind_ports(world, other, bridge, family, without=device.name)


def _behind_ports(
    world: World, stack: Stack, bridge: Link, family: Family, *, without: str
) -> Iterator[Listener | None]:
    """br_flood(): what the bridge itself sends passes ports that do not flood. A question of IPv6
    is multicast, which such a port still gets for the groups that were joined behind it."""
    arrived = stack.links.get(without)
    for port in stack.ports.get(bridge.name, ()):
        settings = port_of(port)
        if settings.state != "forwarding" or not port.up:
            continue
        if port.name == without and not settings.hairpin:
            continue
        if arrived is not None and port_of(arrived).isolated and settings.isolated:
            continue
        end = world.peer(stack, port)
        floods = settings.bcast_flood if family is Family.V4 else settings.mcast_flood
        shut = arrived is not None and not floods
        if isinstance(end, WireEnd):
            if not shut or family is Family.V6:
                yield None
            continue
        if not end[1].up or end[1].master:
            continue
        vlan = _vlan_shut(bridge, arrived or bridge, port)
        if vlan is None or (shut and family is Family.V6):
            yield None
        else:
            off = f"{UNHEARD} {port.name}, which has bcast_flood off"
            yield Listener(*end, vlan or (off if shut else ""))


def _vlan_shut(bridge: Link, one: Link, other: Link) -> str | None:
    """Why a question or its answer does not pass a bridge that filters VLANs, "" when both do or
    when the VLANs were not collected (then the walk asks), None when that cannot be told."""
    if not bridge.vlans.known:
        return ""
    ways = refused(bridge, one, other), refused(bridge, other, one)
    said = next((each for each in ways if each), "")
    if said:
        return f"{UNHEARD}: {said}"
    return None if None in ways else ""
