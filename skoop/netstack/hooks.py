"""One hook for one packet: every base chain by priority, with conntrack and NAT in their places.

    PREROUTING, OUTPUT    raw -300 · conntrack -200 · mangle -150 · dnat -100 · filter 0
    INPUT, POSTROUTING    mangle -150 · filter 0 · security 50 · snat 100 · confirm
    FORWARD               mangle -150 · filter 0 · security 50

All NAT chains, of iptables and nft alike, are run by one dispatcher at -100 or 100, and only for
the first packet of a connection (nf_nat_inet_fn in nf_nat_core.c).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct
from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.netstack.conntrack import CtState
from skoop.netstack.nat import null_binding, rewrite, targets, translate
from skoop.netstack.netfilter import (
    Action,
    BaseChain,
    ChainKind,
    Fired,
    Guess,
    Hook,
    Nat,
    NatKind,
    Outcome,
    Ruleset,
    Tproxy,
    Unknown,
    View,
)
from skoop.netstack.tracking import Tracked

_CONNTRACK_PRIORITY = -200
_NAT_PRIORITY = {
    Hook.PREROUTING: -100,
    Hook.OUTPUT: -100,
    Hook.INPUT: 100,
    Hook.POSTROUTING: 100,
}
_PASSED = "policy accept"
_ENTRY = (Hook.PREROUTING, Hook.OUTPUT)


class State(Struct, frozen=True):
    """One way a hook can go, so far or in the end.

    `action` stays ACCEPT while the packet lives. `rerouted` tells that a ROUTE chain changed what
    routing looks at. `weight` is relative to the packet that came in.
    """

    packet: Packet
    tracked: Tracked
    action: Action = Action.ACCEPT
    weight: float = 1.0
    guesses: tuple[Guess, ...] = ()
    fired: tuple[Fired, ...] = ()
    nat: tuple[Nat, ...] = ()
    tproxy: Tproxy = Tproxy()
    reject_with: str = ""
    rerouted: bool = False
    stopped_by: str = ""


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
        (place(chain), _ChainStage(chain)) for chain in ordered if chain.kind is not ChainKind.NAT
    ]
    stages += (((priority, 0), stage) for priority, stage in others)
    if hook in _ENTRY:
        stages.append(((_CONNTRACK_PRIORITY, 0), _TrackStage()))
    if hook in _NAT_PRIORITY:
        stages.append(((_NAT_PRIORITY[hook], 0), _NatStage(hook, nats)))
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
            for result in stage.run(state, scene):
                (following if result.action is Action.ACCEPT else done).append(result)
        pending = following
    return (*done, *pending)


def _visible(state: State) -> tuple[object, ...]:
    return state.action, state.reject_with, state.packet, state.tracked, state.guesses


class Scene(Struct, frozen=True):
    """What surrounds a hook run: the view for rules (its `ct` is replaced as it changes), how to
    attach a connection, and which address MASQUERADE or REDIRECT would take (0: none). `sent_on`
    packets come from IPVS, which leaves them alone from then on (skb->ipvs_property)."""

    view: View
    track: Callable[[Packet, Tracked], Tracked | None]
    primary: Callable[[NatKind, Packet], int]
    sent_on: bool = False


class Stage:
    """Something that looks at a packet at one place of a hook."""

    def run(self, state: State, scene: Scene) -> Iterable[State]:
        """What becomes of the packet; those whose action is not ACCEPT leave the hook."""
        raise NotImplementedError


class _TrackStage(Stage):
    """conntrack's own hook; a full table drops first packets."""

    def run(self, state: State, scene: Scene) -> Iterable[State]:
        tracked = scene.track(state.packet, state.tracked)
        if tracked is None:
            return (replace(state, action=Action.DROP, stopped_by="conntrack table full"),)
        return (replace(state, tracked=tracked),)


class _ChainStage(Stage):
    """A filter or route chain."""

    def __init__(self, chain: BaseChain) -> None:
        self._chain = chain
        self._routes = chain.kind is ChainKind.ROUTE

    def run(self, state: State, scene: Scene) -> Iterable[State]:
        view = replace(scene.view, ct=state.tracked.connection)
        outcomes = self._chain.evaluate(state.packet, view)
        if len(outcomes) == 1 and _is_plain(outcomes[0], state):
            return (state,)
        return [self._after(state, outcome) for outcome in outcomes]

    def _after(self, state: State, outcome: Outcome) -> State:
        packet, old = outcome.packet, state.packet
        moved = self._routes and (packet.mark, packet.tos, packet.src, packet.dst) != (
            old.mark,
            old.tos,
            old.src,
            old.dst,
        )
        return State(
            packet=packet,
            tracked=replace(state.tracked, connection=outcome.ct),
            action=outcome.action,
            weight=state.weight * outcome.weight,
            guesses=state.guesses + outcome.guesses,
            fired=state.fired + outcome.fired,
            nat=state.nat,
            tproxy=outcome.tproxy if outcome.action is Action.TPROXY else state.tproxy,
            reject_with=outcome.reject_with,
            rerouted=state.rerouted or moved,
        )


def _is_plain(outcome: Outcome, state: State) -> bool:
    """Whether a chain let the packet through untouched and unremarked."""
    return (
        outcome.action is Action.ACCEPT
        and outcome.packet is state.packet
        and outcome.ct is state.tracked.connection
        and not outcome.guesses
        and (not outcome.fired or (outcome.fired[-1].effect == _PASSED and len(outcome.fired) == 1))
    )


class _NatStage(Stage):
    """The NAT dispatcher of one hook."""

    def __init__(self, hook: Hook, chains: tuple[BaseChain, ...]) -> None:
        self._source = hook in (Hook.INPUT, Hook.POSTROUTING)
        self._chains = chains

    def run(self, state: State, scene: Scene) -> Iterable[State]:
        tracked = state.tracked
        if not tracked.exists:
            return (state,)
        done = tracked.source_done if self._source else tracked.destination_done
        if done or tracked.connection.state not in (CtState.NEW, CtState.RELATED):
            return (self._rewritten(state),)
        ends: list[State] = []
        pending = [state]
        for chain in self._chains:
            following: list[State] = []
            for current in pending:
                for result, decided in _consult(chain, current, scene):
                    (ends if decided else following).append(result)
            pending = following
        ends.extend(
            replace(left, tracked=null_binding(left.tracked, source=self._source))
            for left in pending
        )
        return [self._rewritten(end) if end.action is Action.ACCEPT else end for end in ends]

    def _rewritten(self, state: State) -> State:
        packet = rewrite(state.packet, state.tracked, source=self._source)
        if packet is state.packet:
            return state
        moved = not self._source and packet.dst != state.packet.dst
        return replace(state, packet=packet, rerouted=state.rerouted or moved)


def _consult(chain: BaseChain, state: State, scene: Scene) -> Iterable[tuple[State, bool]]:
    """Run one NAT chain; each result says whether it settled the translation."""
    view = replace(scene.view, ct=state.tracked.connection)
    for outcome in chain.evaluate(state.packet, view):
        after = replace(
            state,
            packet=outcome.packet,
            tracked=replace(state.tracked, connection=outcome.ct),
            weight=state.weight * outcome.weight,
            guesses=state.guesses + outcome.guesses,
            fired=state.fired + outcome.fired,
        )
        if outcome.action is Action.NAT:
            yield from _translated(after, outcome.nat, scene)
        elif outcome.action is Action.ACCEPT:
            yield after, False
        else:
            yield replace(after, action=outcome.action, reject_with=outcome.reject_with), True


def _translated(state: State, nat: Nat, scene: Scene) -> Iterable[tuple[State, bool]]:
    primary = scene.primary(nat.kind, state.packet)
    if primary == 0 and nat.kind in (NatKind.MASQUERADE, NatKind.REDIRECT):
        reason = f"{nat.kind.value} found no address on the interface"
        yield replace(state, action=Action.DROP, stopped_by=reason), True
        return
    choices = targets(nat, primary, state.packet)
    for address in choices:
        yield (
            replace(
                state,
                tracked=translate(state.tracked, nat, address),
                weight=state.weight / len(choices),
                nat=(*state.nat, nat),
            ),
            True,
        )
