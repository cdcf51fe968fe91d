"""A built-in chain of one table, as the walk sees it."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.netstack.conntrack import Connection, CtState, FlowTuple
from skoop.netstack.iptables.evaluate import Policy, Run
from skoop.netstack.iptables.hooks import CONNTRACK_PRIORITY
from skoop.netstack.iptables.program import Program
from skoop.netstack.netfilter import ChainKind, Hook, Outcome, View

_LOOPBACK = "lo"


class IptablesChain(Struct, frozen=True):
    """Implements `skoop.netstack.netfilter.BaseChain`.

    NAT chains evaluate whatever they are given: the walk calls them only for the first packet of a
    connection, and never for INVALID or UNTRACKED packets, which the kernel's nat hook passes by.
    """

    engine: str
    name: str
    family: Family
    hook: Hook
    priority: int
    kind: ChainKind
    program: Program
    policy: Policy

    def evaluate(self, packet: Packet, view: View) -> tuple[Outcome, ...]:
        """Every way this chain can end for the packet."""
        run = Run(self.program, self.name.partition(" ")[2], self.policy)
        if self.priority >= CONNTRACK_PRIORITY or view.iif == _LOOPBACK:
            return run.outcomes(packet, view)
        none = FlowTuple(self.family, 0, 0, 0)
        blank = Connection(CtState.INVALID, none, none)
        outcomes = run.outcomes(packet, replace(view, ct=blank))
        return tuple(replace(outcome, ct=_after_raw(view.ct, outcome.ct)) for outcome in outcomes)


def _after_raw(before: Connection, raw: Connection) -> Connection:
    """Before conntrack a packet has no connection (rules see INVALID); only CT rules leave a trace.
    A packet on loopback still has the one of its OUTPUT."""
    if raw.state is CtState.UNTRACKED:
        return replace(before, state=CtState.UNTRACKED)
    return replace(before, zone=raw.zone) if raw.zone else before
