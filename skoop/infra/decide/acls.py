"""What a subnet's network ACL says about one packet."""

from __future__ import annotations

from msgspec import Struct

from skoop.infra.decide.flow import Flow, Match, address_in, both, port_in, protocol_is
from skoop.infra.resources import AclRule, Action, NetworkAcl, Way


class AclRuling(Struct, frozen=True):
    """Whether a packet passes; None when that is open. `rule` decided; None is the ACL's
    default. `later` is a rule further down that says the opposite about this packet."""

    admitted: Match
    rule: AclRule | None = None
    later: AclRule | None = None


def judge(acl: NetworkAcl, way: Way, flow: Flow) -> AclRuling:
    """The first rule that matches, in order; a rule that may match before one that says something
    else leaves it open."""
    rules = acl.ingress if way is Way.INGRESS else acl.egress
    maybe: list[AclRule] = []
    for number, each in enumerate(rules):
        match = matches(each, way, flow)
        if match is None:
            maybe.append(each)
        elif match:
            return _decided(each, maybe, _opposite(rules[number + 1 :], each.action, way, flow))
    accepts = acl.default is Action.ACCEPT
    doubt = next((each for each in maybe if (each.action is Action.ACCEPT) is not accepts), None)
    return AclRuling(accepts) if doubt is None else AclRuling(None, doubt)


def matches(rule: AclRule, way: Way, flow: Flow) -> Match:
    """Whether a rule is about a packet."""
    peer = flow.src if way is Way.INGRESS else flow.dst
    return both(
        protocol_is(rule.protocol, flow),
        port_in(rule.ports, flow.dport, flow),
        address_in(rule.peer, flow.family, peer),
    )


def _decided(rule: AclRule, maybe: list[AclRule], later: AclRule | None) -> AclRuling:
    doubt = next((each for each in maybe if each.action is not rule.action), None)
    if doubt is not None:
        return AclRuling(None, doubt)
    return AclRuling(rule.action is Action.ACCEPT, rule, later)


def _opposite(rules: tuple[AclRule, ...], action: Action, way: Way, flow: Flow) -> AclRule | None:
    others = (each for each in rules if each.action is not action and matches(each, way, flow))
    return next(others, None)
