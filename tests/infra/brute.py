"""How a cloud decides, written a second time, the slow way: by enumerating, with text and
`ipaddress`, and nothing of skoop.infra.decide."""

from __future__ import annotations

import ipaddress
import itertools

from skoop.infra.resources import (
    Action,
    Intra,
    NetworkAcl,
    NextHopKind,
    PeerKind,
    RouteOrigin,
    RouteState,
    RouteTable,
    SecurityGroup,
    SecurityRule,
    Way,
)

PORTED = (6, 17, 132)


def text(family: int, value: int) -> str:
    return str(ipaddress.IPv4Address(value) if family == 4 else ipaddress.IPv6Address(value))


def inside(network: object, family: int, value: int) -> bool:
    """Whether an address is in a network written as text."""
    if network is None:
        return True
    net = ipaddress.ip_network(str(network))
    return net.version == family and ipaddress.ip_address(text(family, value)) in net


def header_fits(rule, proto: int, sport: int, dport: int) -> bool:
    if rule.protocol != -1:
        alike = {1: (1, 58), 58: (1, 58)}.get(rule.protocol, (rule.protocol,))
        if proto not in alike:
            return False
    if proto not in PORTED:
        return True
    if dport not in range(rule.ports.first, rule.ports.last + 1) and not whole(rule.ports):
        return False
    sources = getattr(rule, "source_ports", None)
    return sources is None or whole(sources) or sources.first <= sport <= sources.last


def whole(ports) -> bool:
    return ports.first <= 1 and ports.last >= 65535


def route(table: RouteTable, family: int, value: int, local_is_final: bool):
    """The entry that is followed: tried from the longest prefix down, origins in their order."""
    usable = [r for r in table.routes if r.state in (RouteState.ACTIVE, RouteState.BLACKHOLE)]
    rounds = [lambda r: True]
    if local_is_final:
        local = lambda r: any(h.kind is NextHopKind.LOCAL for h in r.next_hops)  # noqa: E731
        rounds.insert(0, local)
    for fits in rounds:
        for length in range(128, -1, -1):
            for origin in (RouteOrigin.SYSTEM, RouteOrigin.CUSTOM, RouteOrigin.DYNAMIC):
                for each in usable:
                    if not fits(each) or each.origin is not origin:
                        continue
                    if each.destination.length == length and inside(
                        each.destination, family, value
                    ):
                        return each
    return None


def acl(made: NetworkAcl, way: Way, flow) -> bool:
    for rule in made.ingress if way is Way.INGRESS else made.egress:
        peer = flow.src if way is Way.INGRESS else flow.dst
        if header_fits(rule, flow.protocol, flow.sport, flow.dport) and inside(
            rule.peer, flow.family, peer
        ):
            return rule.action is Action.ACCEPT
    return made.default is Action.ACCEPT


def group_answers(groups, way: Way, flow, peers, lists, ordered: bool) -> set[bool]:
    """Every answer there can be, over everything that is not known: each rule about an unread
    prefix list or an unknown peer's group may match or not; the peer may be in any group."""
    if not groups:
        return {True}
    open_rules = [
        (group.id, rule.id)
        for group in groups
        for rule in group.rules
        if (rule.peer.kind is PeerKind.PREFIX_LIST and rule.peer.id not in lists)
        or (rule.peer.kind is PeerKind.GROUP and not peers.known)
    ]
    memberships = [frozenset(peers.groups)]
    if not peers.known:
        ids = [group.id for group in groups]
        memberships = [frozenset(s) for n in range(len(ids) + 1) for s in combos(ids, n)]
    answers = set()
    for guess in itertools.product((False, True), repeat=len(open_rules)):
        chosen = dict(zip(open_rules, guess, strict=True))
        for members in memberships:
            answers.add(_group(groups, way, flow, peers, members, lists, chosen, ordered))
    return answers


def combos(ids, number: int):
    return itertools.combinations(ids, number)


def _group(groups, way, flow, peers, members, lists, chosen, ordered: bool) -> bool:
    for group in groups:
        if group.id in members and group.intra is Intra.ACCEPT:
            return True
    fitting = [
        rule
        for group in groups
        for rule in group.rules
        if rule.way is way and _rule(group, rule, flow, peers, lists, chosen)
    ]
    if ordered:
        for priority in range(1, 101):
            here = [rule for rule in fitting if rule.priority == priority]
            if any(rule.action is Action.DROP for rule in here):
                return False
            if here:
                return True
    elif any(rule.action is Action.ACCEPT for rule in fitting):
        return True
    return _default(groups, way, members)


def _default(groups: list[SecurityGroup], way: Way, members) -> bool:
    mine = [group.intra for group in groups if group.id in members]
    if Intra.DEFAULT in mine:
        return True
    if Intra.DROP in mine and way is Way.INGRESS:
        return False
    defaults = [g.ingress_default if way is Way.INGRESS else g.egress_default for g in groups]
    return Action.ACCEPT in defaults


def _rule(group, rule: SecurityRule, flow, peers, lists, chosen) -> bool:
    other, own = (flow.src, flow.dst) if rule.way is Way.INGRESS else (flow.dst, flow.src)
    if not header_fits(rule, flow.protocol, flow.sport, flow.dport):
        return False
    if not inside(rule.local, flow.family, own):
        return False
    if (group.id, rule.id) in chosen:
        return chosen[group.id, rule.id]
    if rule.peer.kind is PeerKind.CIDR:
        return inside(rule.peer.cidr, flow.family, other)
    if rule.peer.kind is PeerKind.GROUP:
        return rule.peer.id in peers.groups
    if rule.peer.kind is PeerKind.PREFIX_LIST:
        return any(inside(entry, flow.family, other) for entry in lists[rule.peer.id].entries)
    return True
