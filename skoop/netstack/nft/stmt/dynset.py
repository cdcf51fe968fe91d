"""`add|update|delete @set { KEY ... }` (nft_dynset.c): rules that fill sets.

A rule goes on after it, unless the element's own statements (`limit rate over ...`) end it. A
later rule of the same packet finds the new element. A full set, which would end the rule, is not
modelled.
"""

from __future__ import annotations

from msgspec import structs

from skoop.netstack.nft.datatypes import OPAQUE
from skoop.netstack.nft.scope import Scope
from skoop.netstack.nft.stmt.base import Decision, Statement, Step
from skoop.netstack.nft.values import BREAK, Json, Some, UnmodelledError
from skoop.netstack.nft.world import Doubt, Flow, World


def compile_dynset(json: Json, scope: Scope) -> Statement:
    """`{"op", "elem", "set", "stmt"}`; `map` for `{"op", "elem", "data", "map"}`."""
    elem = json["elem"]
    if isinstance(elem, dict) and "elem" in elem:
        elem = elem["elem"]["val"]
    key = scope.expression(elem, OPAQUE)
    name = str(json["set"]).removeprefix("@")
    nested = [scope.statement(one) for one in json.get("stmt", [])]
    if any(one.act is not None for one in nested):
        raise UnmodelledError("a set element with an action")

    def act(world: World) -> tuple[Step, ...]:
        value = key.get(world)
        if value is BREAK:
            return ((world, Flow.BREAK),)
        added = world
        if json["op"] != "delete":
            added = structs.replace(world, added=(*world.added, (name, value)))
        for one in nested:
            answer: Decision = one.decide(world) if one.decide else True
            if isinstance(answer, Some):
                return ((added, Doubt(answer.why, (Flow.NEXT,))),)
            if not answer:
                return ((added, Flow.BREAK),)
        return ((added, Flow.NEXT),)

    return Statement(act=act, draws=key.draws)
