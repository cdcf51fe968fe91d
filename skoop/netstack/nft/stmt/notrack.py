"""`notrack` (nft_ct.c): only a packet that conntrack has not seen yet can be exempted."""

from __future__ import annotations

from msgspec import structs

from skoop.netstack.conntrack import CtState
from skoop.netstack.nft.scope import Scope
from skoop.netstack.nft.stmt.base import Statement, Step, action
from skoop.netstack.nft.stmt.trail import fire
from skoop.netstack.nft.values import Json
from skoop.netstack.nft.world import Flow, World


def compile_notrack(_json: Json, _scope: Scope) -> Statement:
    """`notrack`."""

    def act(world: World) -> Step:
        if world.tracked or world.ct.state is CtState.UNTRACKED:
            return world, Flow.NEXT
        untracked = structs.replace(world.ct, state=CtState.UNTRACKED)
        return fire(structs.replace(world, ct=untracked), "notrack"), Flow.NEXT

    return action(act)
