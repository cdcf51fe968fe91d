"""The decisions against the brute-force evaluator, on random tables, groups and ACLs."""

from __future__ import annotations

from skoop.infra.decide import acls, groups, routes
from skoop.infra.dialect import Dialect
from skoop.infra.resources import Way
from tests.infra import brute
from tests.infra.drawn import Drawn


def differences(seed: int, cases: int) -> list[str]:
    """What differs in this many draws of each kind; [] when nothing does."""
    drawn = Drawn(seed)
    found = []
    for number in range(cases):
        for differs in (_route, _acl, _group):
            said = differs(drawn)
            found += [f"case {number} of seed {seed}: {said}"] if said else []
    return found


def _route(drawn: Drawn) -> str:
    table, flow = drawn.table(), drawn.flow()
    final = drawn.random.random() < 0.3
    dialect = Dialect(platform="X", local_is_final=final)
    ours = routes.lookup(table, flow.family, flow.dst, dialect).route
    theirs = brute.route(table, flow.family, flow.dst, final)
    return "" if ours == theirs else f"route {ours} is not {theirs} of {table} for {flow}"


def _acl(drawn: Drawn) -> str:
    acl, flow = drawn.acl(), drawn.flow()
    for way in Way:
        ours, theirs = acls.judge(acl, way, flow).admitted, brute.acl(acl, way, flow)
        if ours is not theirs:
            return f"acl {way} {ours} is not {theirs}: {acl} for {flow}"
    return ""


def _group(drawn: Drawn) -> str:
    made, flow, peers, lists = drawn.groups(), drawn.flow(), drawn.peers(), drawn.lists()
    ordered = drawn.random.random() < 0.8
    for way in Way:
        dialect = Dialect(platform="X", ordered_rules=ordered)
        ours = groups.judge(made, way, flow, peers, lists.get, dialect).admitted
        answers = brute.group_answers(made, way, flow, peers, lists, ordered)
        theirs = answers.pop() if len(answers) == 1 else None
        if ours is not theirs:
            return f"groups {way} {ours} is not {theirs}: {made} {peers} {lists} for {flow}"
    return ""
