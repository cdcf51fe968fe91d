"""One hook for one packet: every base chain by priority, with conntrack and NAT in their places.

    PREROUTING, OUTPUT    raw -300 · conntrack -200 · mangle -150 · dnat -100 · filter 0
    INPUT, POSTROUTING    mangle -150 · filter 0 · security 50 · snat 100 · confirm
    FORWARD               mangle -150 · filter 0 · security 50

All NAT chains, of iptables and nft alike, are run by one dispatcher at -100 or 100, and only for
the first packet of a connection (nf_nat_inet_fn in nf_nat_core.c).
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.netstack.netfilter import Action, BaseChain, ChainKind, Guess, Hook, Ruleset, Unknown
from skoop.netstack.stages import ChainStage, NatStage, Scene, Stage, State, track
from skoop.netstack.tracking import Tracked

_CONNTRACK_PRIORITY = -200
_NAT_PRIORITY = {
    Hook.PREROUTING: -100,
    Hook.OUTPUT: -100,
    Hook.INPUT: 100,
    Hook.POSTROUTING: 100,
}
_ENTRY = (Hook.PREROUTING, Hook.OUTPUT)


class HookPlan:
    """The chains of one hook and family, in the order the kernel runs them.

    At one priority the chain that was registered last runs first (nf_hook_entries_grow()). In one
    table that is the one listed last; of chains in several tables, and of iptables-legacy, no dump
    shows which is younger. Then both orders are run, and where they differ the packet's fate is a
    guess. `others` are stages that are no chains (IPVS), with their priorities.
    """

    __slots__ = ("_orders", "_shared", "hook")

    def __init__(
        self,
        hook: Hook,
        family: Family,
        rulesets: Iterable[Ruleset],
        others: tuple[tuple[int, Stage], ...] = (),
    ) -> None:
        chains = [
            chain
            for ruleset in rulesets
            for chain in ruleset.chains
            if chain.hook is hook and chain.family in (None, family)
        ]
        self.hook = hook
        self._shared = _same_place([each for each in chains if each.kind is not ChainKind.NAT])
        self._shared = self._shared or _same_place([e for e in chains if e.kind is ChainKind.NAT])
        tables = tuple(dict.fromkeys(_table(each) for each in chains))
        self._orders: tuple[tuple[Stage, ...], ...] = (
            _stages(hook, _ordered(chains, tables[::-1]), others),
        )
        if self._shared:
            self._orders = (*self._orders, _stages(hook, _ordered(chains, tables), others))

    def run(self, packet: Packet, tracked: Tracked, scene: Scene) -> tuple[State, ...]:
        """Every way the hook can end for a packet."""
        ends = _run(self._orders[0], packet, tracked, scene)
        if len(self._orders) == 1:
            return ends
        others = _run(self._orders[1], packet, tracked, scene)
        if {_visible(end) for end in ends} == {_visible(end) for end in others}:
            return ends
        unknown = Unknown(f"hook {self.hook.name}", self._shared, _ORDER_UNSEEN)
        return tuple(
            replace(end, guesses=(*end.guesses, Guess(unknown, listed_last_first)))
            for listed_last_first, states in ((True, ends), (False, others))
            for end in states
        )


_ORDER_UNSEEN = (
    "chains of several tables at one priority run in the order of their registration, the youngest "
    "first, which no dump shows"
)

_Table = tuple[str, str]
"""The engine, and the table's name."""


def _table(chain: BaseChain) -> _Table:
    return chain.engine, chain.name.rpartition(" ")[0]


def _ordered(chains: list[BaseChain], tables: tuple[_Table, ...]) -> list[BaseChain]:
    """By priority, at one priority by the order given of their tables, in one table the last one
    first."""
    places = {table: number for number, table in enumerate(tables)}

    def place(item: tuple[int, BaseChain]) -> tuple[int, int, int]:
        number, chain = item
        return chain.priority, places[_table(chain)], -number

    return [chain for _, chain in sorted(enumerate(chains), key=place)]


def _stages(
    hook: Hook, chains: list[BaseChain], others: tuple[tuple[int, Stage], ...]
) -> tuple[Stage, ...]:
    """The stages by priority; at one priority what is no chain goes first."""
    nats = tuple(chain for chain in chains if chain.kind is ChainKind.NAT)
    stages = list(others)
    if hook in _ENTRY:
        stages.append((_CONNTRACK_PRIORITY, track))
    if hook in _NAT_PRIORITY:
        stages.append((_NAT_PRIORITY[hook], NatStage(hook, nats)))
    stages += [(e.priority, ChainStage(e)) for e in chains if e.kind is not ChainKind.NAT]
    stages.sort(key=lambda item: item[0])
    return tuple(stage for _, stage in stages)


def _same_place(chains: list[BaseChain]) -> str:
    """Names of two chains of different tables that share a priority, "" when there are none."""
    first: dict[int, BaseChain] = {}
    for chain in chains:
        other = first.setdefault(chain.priority, chain)
        if _table(other) != _table(chain):
            return f"{other.engine} {other.name}, {chain.engine} {chain.name}"
    return ""


def _run(
    stages: tuple[Stage, ...], packet: Packet, tracked: Tracked, scene: Scene
) -> tuple[State, ...]:
    done: list[State] = []
    pending = [State(packet, tracked)]
    for stage in stages:
        following: list[State] = []
        for state in pending:
            for result in stage(state, scene):
                (following if result.action is Action.ACCEPT else done).append(result)
        pending = following
    return (*done, *pending)


def _visible(state: State) -> tuple[object, ...]:
    return state.action, state.reject_with, state.packet, state.tracked, state.guesses
