"""What looks at a packet at one place of a hook: conntrack, a chain, the NAT dispatcher."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from skoop.model.packet import Packet
from skoop.netstack.conntrack import CtState, FlowTuple
from skoop.netstack.nat import no_free_port, null_binding, rewrite, targets, translate
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
    Tproxy,
    View,
)
from skoop.netstack.state import CtEntry
from skoop.netstack.tracking import Tracked

_PASSED = "policy accept"
NO_FREE_PORT = "no free source port is left"
"""How `State.stopped_by` begins for a translation whose ports are all in use."""


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


class Scene(Struct, frozen=True):
    """What surrounds a hook run: the view for rules (its `ct` is replaced as it changes), how to
    attach a connection, and which address MASQUERADE or REDIRECT would take (0: none). `sent_on`
    packets come from IPVS, which leaves them alone from then on (skb->ipvs_property). `in_use`
    are the answers that existing connections wait for."""

    view: View
    track: Callable[[Packet, Tracked], Tracked | None]
    primary: Callable[[NatKind, Packet], int]
    sent_on: bool = False
    in_use: Mapping[FlowTuple, CtEntry] = {}


Stage = Callable[[State, Scene], Iterable[State]]
"""What becomes of the packet; those whose action is not ACCEPT leave the hook."""


def track(state: State, scene: Scene) -> Iterable[State]:
    """conntrack's own hook; a full table drops first packets."""
    tracked = scene.track(state.packet, state.tracked)
    if tracked is None:
        return (replace(state, action=Action.DROP, stopped_by="conntrack table full"),)
    return (replace(state, tracked=tracked),)


class ChainStage:
    """A filter or route chain."""

    def __init__(self, chain: BaseChain) -> None:
        self._chain = chain
        self._routes = chain.kind is ChainKind.ROUTE

    def __call__(self, state: State, scene: Scene) -> Iterable[State]:
        """The chain's own results."""
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


class NatStage:
    """The NAT dispatcher of one hook, over its NAT chains in order."""

    def __init__(self, hook: Hook, chains: tuple[BaseChain, ...]) -> None:
        self._source = hook in (Hook.INPUT, Hook.POSTROUTING)
        self._chains = chains

    def __call__(self, state: State, scene: Scene) -> Iterable[State]:
        """Only the first packet of a connection asks the chains; others follow its translation."""
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
        changed = replace(
            state,
            tracked=translate(state.tracked, nat, address),
            weight=state.weight / len(choices),
            nat=(*state.nat, nat),
        )
        used = no_free_port(changed.tracked, state.packet, nat, scene.in_use)
        if used:
            changed = replace(changed, action=Action.DROP, stopped_by=f"{NO_FREE_PORT}: {used}")
        yield changed, True
