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

    Chains of iptables-legacy and of nftables at one priority run in the order of their
    registration, which no dump shows. Then both orders are run, and where they differ the packet's
    fate is a guess. `others` are stages that are no chains (IPVS), with their priorities.
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
        nats = [chain for chain in chains if chain.kind is ChainKind.NAT]
        rest = [chain for chain in chains if chain.kind is not ChainKind.NAT]
        self._shared = _same_place(rest) or _same_place(nats)
        legacy_first = _stages(hook, chains, others, first=_LEGACY)
        self._orders: tuple[tuple[Stage, ...], ...] = (legacy_first,)
        if self._shared:
            self._orders = (legacy_first, _stages(hook, chains, others, first="nft"))

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
            replace(end, guesses=(*end.guesses, Guess(unknown, legacy_first)))
            for legacy_first, states in ((True, ends), (False, others))
            for end in states
        )


_LEGACY = "iptables-legacy"
_ORDER_UNSEEN = (
    "iptables-legacy and nftables chains of one priority run in the order of their registration, "
    "which no dump shows"
)


def _stages(
    hook: Hook, chains: list[BaseChain], others: tuple[tuple[int, Stage], ...], *, first: str
) -> tuple[Stage, ...]:
    """The stages by priority; at one priority the engine named `first` goes first."""

    def place(chain: BaseChain) -> tuple[int, int]:
        return chain.priority, 1 if (chain.engine == _LEGACY) == (first == _LEGACY) else 2

    ordered = sorted(chains, key=place)
    nats = tuple(chain for chain in ordered if chain.kind is ChainKind.NAT)
    stages: list[tuple[tuple[int, int], Stage]] = [
        (place(chain), ChainStage(chain)) for chain in ordered if chain.kind is not ChainKind.NAT
    ]
    stages += (((priority, 0), stage) for priority, stage in others)
    if hook in _ENTRY:
        stages.append(((_CONNTRACK_PRIORITY, 0), track))
    if hook in _NAT_PRIORITY:
        stages.append(((_NAT_PRIORITY[hook], 0), NatStage(hook, nats)))
    stages.sort(key=lambda item: item[0])
    return tuple(stage for _, stage in stages)


def _same_place(chains: list[BaseChain]) -> str:
    """Names of a legacy and an nftables chain that share a priority, "" when there are none."""
    legacy = {chain.priority: chain for chain in chains if chain.engine == _LEGACY}
    for chain in chains:
        if chain.engine != _LEGACY and chain.priority in legacy:
            other = legacy[chain.priority]
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
