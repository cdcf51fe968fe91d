"""Rules that changed a packet which then failed: would it pass without them?

Only rules outside the chains of kube-proxy and the CNI are asked about, one at a time, by walking
again in a world without that rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from skoop.diagnose.repairs import without_rule
from skoop.diagnose.story import Row
from skoop.diagnose.world import World
from skoop.findings import conntrack, netfilter, pod
from skoop.findings.base import Finding
from skoop.model.diagnosis import Where
from skoop.model.disposition import Direction, Result
from skoop.model.trace import Evidence, Hop, StepKind
from skoop.netstack.walk.events import Reason
from skoop.plugin.base import Expectation

_OWN_CHAINS = ("KUBE-", "FLANNEL-", "CNI-", "cali-", "CILIUM_", "DOCKER", "ISTIO_")
_EFFECTS: tuple[tuple[str, type[Finding], str], ...] = (
    ("untrack", conntrack.NotrackBreaksNat, "takes packets out of connection tracking"),
    ("notrack", conntrack.NotrackBreaksNat, "takes packets out of connection tracking"),
    ("snat", netfilter.UnexpectedSnat, "rewrites the source"),
    ("masquerade", netfilter.UnexpectedSnat, "rewrites the source"),
    ("dnat", netfilter.UnexpectedDnat, "rewrites the destination"),
    ("redirect", netfilter.UnexpectedDnat, "redirects packets to this host"),
    ("netmap", netfilter.UnexpectedDnat, "maps addresses"),
    ("mark", netfilter.MarkCollision, "sets a mark"),
    ("connection mark", netfilter.MarkCollision, "sets a connection mark"),
)


def meddlers(world: World, rows: Iterable[Row]) -> tuple[Expectation, ...]:
    """A rule each that touched a packet of these rows, with its removal as the repair."""
    found: dict[tuple[str, str, str], Expectation] = {}
    for row in rows:
        if any(blocker.stop.reason is Reason.NO_PORT for blocker in row.blockers):
            continue  # the rule does what it is for, as long as it has ports
        for trace in row.traces:
            for hop in trace.hops:
                for place, rule, effect in _acts(hop):
                    key = (hop.node, place, rule)
                    if key not in found:
                        made = _expectation(world, row, hop, trace.direction, place, rule, effect)
                        if made is not None:
                            found[key] = made
    return tuple(found.values())


def _acts(hop: Hop) -> Iterator[tuple[str, str, str]]:
    for step in hop.steps:
        if step.kind is StepKind.NETFILTER and step.evidence:
            place, _, effect = step.detail.partition(": ")
            chain = place.rpartition(" ")[2]
            if not chain.startswith(_OWN_CHAINS) or hop.node.startswith("pod/"):
                yield place, step.evidence[0].text, effect


def _expectation(
    world: World,
    row: Row,
    hop: Hop,
    direction: Direction,
    place: str,
    rule: str,
    effect: str,
) -> Expectation | None:
    for word, usual, does in _EFFECTS:
        if not effect.startswith(word):
            continue
        finding = _called(word, usual, hop, row)
        namespace = world.stacks[hop.node].namespace
        if finding is None or without_rule(namespace, place, rule) is None:
            return None
        at = Where.of(hop.node)
        engine, _, rest = place.partition(" ")
        suspicion = finding.suspect(
            where=at,
            direction=direction,
            message=f"A rule on {at.kind} {at.name} {does}: {rule}",
            evidence=(Evidence(f"{place} on {hop.node}", rule),),
            why=f"{effect}; without this rule the traffic passes",
            fix=f"{engine} -t {rest.partition(' ')[0]} -D {rule.removeprefix('-A ')}",
        )
        return Expectation(
            suspicion,
            hop.node,
            lambda changed: without_rule(changed, place, rule) or changed,
        )
    return None


def _called(word: str, usual: type[Finding], hop: Hop, row: Row) -> type[Finding] | None:
    """What to call a rule with this effect; None for a pod whose sidecar takes what is redirected
    to it, as in every mesh that works."""
    if not hop.node.startswith("pod/") or word not in ("redirect", "dnat"):
        return usual
    if row.result is not Result.OK:
        return pod.SidecarRedirectBroken
    return None if word == "redirect" else usual
