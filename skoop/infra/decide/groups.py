"""What the security groups of an interface say about the first packet of a connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from skoop.infra.decide.flow import Flow, Match, address_in, both, port_in, protocol_is
from skoop.infra.dialect import Dialect
from skoop.infra.resources import (
    Action,
    Intra,
    PeerKind,
    PrefixList,
    SecurityGroup,
    SecurityRule,
    Way,
)

Lists = Callable[[str], PrefixList | None]


class Peers(Struct, frozen=True):
    """The other side of a connection: the groups that its interface is in. `known` is false when
    it may have an interface that was not read."""

    groups: frozenset[str] = frozenset()
    known: bool = True


NOBODY = Peers()


class Ruling(Struct, frozen=True, kw_only=True):
    """Whether a packet is admitted; None when that is open. `rule` decided, in `group`; without a
    rule it is the group's policy for its members (`intra`) or its default. `why` says what is
    open."""

    admitted: Match
    group: SecurityGroup | None = None
    rule: SecurityRule | None = None
    intra: bool = False
    why: str = ""


class _Placed(Struct, frozen=True):
    group: SecurityGroup
    rule: SecurityRule


def judge(
    groups: Iterable[SecurityGroup], way: Way, flow: Flow, peers: Peers, lists: Lists,
    dialect: Dialect,
) -> Ruling:  # fmt: skip
    """The merged rules of all groups of an interface. `way` is the packet's, seen from there."""
    joined = tuple(groups)
    if not joined:
        return Ruling(admitted=True)
    friendly = _accepting_members(joined, peers)
    if friendly is not None:
        return Ruling(admitted=True, group=friendly, intra=True)
    placed = [_Placed(group, rule) for group in joined for rule in group.rules if rule.way is way]
    if dialect.ordered_rules:
        placed.sort(key=lambda each: (each.rule.priority, each.rule.action is Action.ACCEPT))
        ruling = _first(placed, way, flow, peers, lists, _otherwise(joined, way, peers))
    else:
        ruling = _any(placed, flow, peers, lists, _otherwise(joined, way, peers))
    return ruling if peers.known else _unless_member(joined, way, ruling)


def matches(rule: SecurityRule, flow: Flow, peers: Peers, lists: Lists) -> Match:
    """Whether a rule is about a packet. The peer of an ingress rule is the source."""
    ingress = rule.way is Way.INGRESS
    peer, own = (flow.src, flow.dst) if ingress else (flow.dst, flow.src)
    return both(
        protocol_is(rule.protocol, flow),
        port_in(rule.ports, flow.dport, flow),
        port_in(rule.source_ports, flow.sport, flow),
        address_in(rule.local, flow.family, own),
        _is_peer(rule, flow, peer, peers, lists),
    )


def _is_peer(rule: SecurityRule, flow: Flow, address: int, peers: Peers, lists: Lists) -> Match:
    peer = rule.peer
    if peer.kind is PeerKind.CIDR:
        return address_in(peer.cidr, flow.family, address)
    if peer.kind is PeerKind.GROUP:
        return True if peer.id in peers.groups else (False if peers.known else None)
    if peer.kind is PeerKind.PREFIX_LIST:
        found = lists(peer.id)
        if found is None:
            return None
        return any(address_in(each, flow.family, address) for each in found.entries)
    return True


def _first(
    placed: list[_Placed], way: Way, flow: Flow, peers: Peers, lists: Lists, otherwise: Ruling
) -> Ruling:
    """The first rule that matches decides. Rules that may match before it leave it open, when they
    say something else."""
    open_rules: list[_Placed] = []
    decided = otherwise
    for each in placed:
        match = matches(each.rule, flow, peers, lists)
        if match is None:
            open_rules.append(each)
        elif match:
            decided = Ruling(
                admitted=each.rule.action is Action.ACCEPT, group=each.group, rule=each.rule
            )
            break
    for each in open_rules:
        if (each.rule.action is Action.ACCEPT) is not decided.admitted:
            return _open(each, way)
    return decided


def _any(
    placed: list[_Placed], flow: Flow, peers: Peers, lists: Lists, otherwise: Ruling
) -> Ruling:
    """One rule that accepts is enough; there are no others."""
    maybe: _Placed | None = None
    for each in placed:
        if each.rule.action is not Action.ACCEPT:
            continue
        match = matches(each.rule, flow, peers, lists)
        if match:
            return Ruling(admitted=True, group=each.group, rule=each.rule)
        if match is None:
            maybe = maybe or each
    if otherwise.admitted or maybe is None:
        return otherwise
    return _open(maybe, maybe.rule.way)


def _open(each: _Placed, way: Way) -> Ruling:
    peer = each.rule.peer
    side = "source" if way is Way.INGRESS else "destination"
    why = "it depends on a port that is drawn at random"
    if peer.kind is PeerKind.PREFIX_LIST:
        why = f"the entries of prefix list {peer.id} were not read"
    elif peer.kind is PeerKind.GROUP:
        why = f"whether the {side} is in security group {peer.id} was not read"
    return Ruling(admitted=None, group=each.group, rule=each.rule, why=why)


def _shared(groups: tuple[SecurityGroup, ...], peers: Peers) -> list[SecurityGroup]:
    return [each for each in groups if each.id in peers.groups]


def _accepting_members(groups: tuple[SecurityGroup, ...], peers: Peers) -> SecurityGroup | None:
    shared = (each for each in _shared(groups, peers) if each.intra is Intra.ACCEPT)
    return next(shared, None)


def _otherwise(groups: tuple[SecurityGroup, ...], way: Way, peers: Peers) -> Ruling:
    """What holds when no rule matches."""
    shared = _shared(groups, peers)
    for each in shared:
        if each.intra is Intra.DEFAULT:
            return Ruling(admitted=True, group=each, intra=True)
    for each in shared:
        if each.intra is Intra.DROP and way is Way.INGRESS:
            return Ruling(admitted=False, group=each, intra=True)
    for each in groups:
        if _default(each, way) is Action.ACCEPT:
            return Ruling(admitted=True, group=each)
    return Ruling(admitted=False, group=groups[0])


def _default(group: SecurityGroup, way: Way) -> Action:
    return group.ingress_default if way is Way.INGRESS else group.egress_default


def _unless_member(groups: tuple[SecurityGroup, ...], way: Way, ruling: Ruling) -> Ruling:
    """The ruling about a stranger, open where it would be another one about a fellow member."""
    if ruling.admitted is False:
        turning = {Intra.ACCEPT} if ruling.rule is not None else {Intra.ACCEPT, Intra.DEFAULT}
    elif ruling.admitted and ruling.rule is None and way is Way.INGRESS:
        turning = {Intra.DROP}
    else:
        return ruling
    for each in groups:
        if each.intra in turning:
            why = f"whether the other side is in security group {each.id} too was not read"
            return Ruling(admitted=None, group=each, why=why)
    return ruling
