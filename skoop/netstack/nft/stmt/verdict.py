"""accept, drop, continue, return, jump, goto (nft_immediate.c); also the data of verdict maps."""

from __future__ import annotations

from skoop.netstack.netfilter import Action
from skoop.netstack.nft.scope import Scope
from skoop.netstack.nft.stmt.base import Statement, action
from skoop.netstack.nft.values import Json, UnmodelledError
from skoop.netstack.nft.world import Call, Final, Flow, Signal

ACCEPT = Final(Action.ACCEPT, "accept")
DROP = Final(Action.DROP, "drop")
_PLAIN: dict[str, Signal] = {
    "accept": ACCEPT,
    "drop": DROP,
    "continue": Flow.NEXT,
    "return": Flow.RETURN,
}
NAMES = (*_PLAIN, "jump", "goto")


def read_verdict(json: Json) -> Signal:
    """`{"drop": null}`, `{"jump": {"target": "x"}}`; raises UnmodelledError."""
    if not isinstance(json, dict) or len(json) != 1:
        raise UnmodelledError(f"verdict {str(json)[:60]}")
    ((name, value),) = json.items()
    if name in _PLAIN:
        return _PLAIN[name]
    if name not in ("jump", "goto") or not isinstance(value["target"], str):
        raise UnmodelledError(f"verdict {str(name)[:60]}")
    return Call(value["target"], name == "goto")


def compile_verdict(name: str, json: Json, _scope: Scope) -> Statement:
    """A verdict statement."""
    signal = read_verdict({name: json})
    return action(lambda world: (world, signal))
