"""Whether a node's rules do what the policies declare, tried out connection by connection.

The names of Felix' chains and sets change with its version; what they do to a packet does not. So
packets are put to the node's FORWARD chains as from, and to, its pods, and the verdict is held
against the declared one: a missing rule, a stale member of a set, a chain left over all show.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from msgspec import Struct

from skoop.findings.base import Finding
from skoop.findings.policy import DeclaredButNotProgrammed, ProgrammedButNotDeclared
from skoop.model.address import Family
from skoop.model.kube import Pod
from skoop.model.packet import EPHEMERAL, Packet, TcpFlag
from skoop.model.trace import Evidence
from skoop.netstack.conntrack import new_connection
from skoop.netstack.netfilter import Action, BaseChain, ChainKind, Hook, Outcome, Ruleset, View
from skoop.netstack.stack import Stack
from skoop.plugin.base import Expectation
from skoop.plugin.checks.base import expect
from skoop.plugin.checks.outgoing import OUTSIDE
from skoop.plugin.site import PodSite, Site, knows
from skoop.policy import (
    Decision,
    Engine,
    Flow,
    Parties,
    PolicySet,
    Traffic,
    Way,
    compile_policies,
    decide,
)
from skoop.policy import Outcome as Verdict
from skoop.policy.party import NAMES

_MOST_PEERS = 12
_MOST_PORTS = 4
_MOST_TRIED = 300
"""Connections tried on a node, spread over its pods: with a thousand policies they take a third of
a second."""
_NOBODYS = (NAMES["TCP"], 1)
_HTTPS = (NAMES["TCP"], 443)
_END = ("Drop if no", "Unknown interface", "End of tier")


class _Question(Struct, frozen=True):
    """A connection by its first packet, and which end's policies are asked."""

    packet: Packet
    way: Way
    iif: str
    oif: str


class _Trial(Struct, frozen=True):
    """One connection: what was declared and which rule stopped it ("" for none)."""

    packet: Packet
    decision: Decision
    rule: str


class _Judge(Struct, frozen=True):
    """What is needed to try connections on a node."""

    policies: PolicySet
    parties: Parties
    stack: Stack
    chains: tuple[BaseChain, ...]


def programmed_policies(site: Site, family: Family, card: str) -> Iterator[Expectation]:
    """Pods of a node whose connections fare otherwise than declared, in one family. `card` is the
    device to the other nodes."""
    calico = site.view.inventory.calico
    lists = {"calico networkpolicies", "calico globalnetworkpolicies"}
    complete = lists <= set(calico.known) and not site.view.inventory.is_absent("networkpolicies")
    if not complete or not knows(site.host, "rulesets", "ipsets"):
        return
    judge = _Judge(
        policies=compile_policies(site.view.inventory, Engine.CALICO),
        parties=Parties(site.view.inventory),
        stack=Stack(site.host),
        chains=_forward_chains(site, family),
    )
    if not any("cali-" in each.text for each in _rulesets(site, family)):
        return
    strangers = _strangers(site, family)
    share = max(1, _MOST_TRIED // max(1, len(site.pods)))
    for pod in site.pods:
        asked = list(_questions(pod, family, strangers, card))
        few = asked[:: -(-len(asked) // share) or 1]
        trials = (_try(judge, question) for question in few)
        yield from _report(site, pod, [trial for trial in trials if _differs(trial)])


def _forward_chains(site: Site, family: Family) -> tuple[BaseChain, ...]:
    return tuple(
        chain
        for ruleset in _rulesets(site, family)
        for chain in ruleset.chains
        if chain.hook is Hook.FORWARD
        and chain.kind is ChainKind.FILTER
        and chain.family in (None, family)
    )


def _rulesets(site: Site, family: Family) -> list[Ruleset]:
    return [
        ruleset
        for ruleset in site.host.rulesets
        if any(chain.family in (None, family) for chain in ruleset.chains)
    ]


def _strangers(site: Site, family: Family) -> tuple[Pod, ...]:
    """Pods of other nodes, of each kind one: policies see labels and namespaces."""
    kinds: dict[object, Pod] = {}
    for pod in site.view.inventory.pods:
        own = pod.node == site.node or pod.host_network or pod.finished
        if own or _address(pod, family) is None:
            continue
        labels = tuple(sorted(pod.labels.items()))
        kinds.setdefault((pod.namespace, labels), pod)
    return tuple(kinds.values())[:_MOST_PEERS]


def _ports(pod: Pod) -> tuple[tuple[int, int], ...]:
    """Protocol and port of what a pod offers, and one port that it does not."""
    listed = [
        (NAMES[port.protocol], port.port)
        for container in pod.containers
        for port in container.ports
        if port.protocol in ("TCP", "UDP")
    ]
    return tuple(dict.fromkeys((*listed[: _MOST_PORTS - 1], _NOBODYS)))


def _questions(
    pod: PodSite, family: Family, strangers: tuple[Pod, ...], card: str
) -> Iterator[_Question]:
    own, outside = _address(pod.pod, family), OUTSIDE[family][1]
    if own is None or pod.host_end is None:
        return
    end = pod.host_end.name
    peers = [(each, value) for each in strangers if (value := _address(each, family)) is not None]
    for value, port in product((*(ip for _, ip in peers), outside), _ports(pod.pod)):
        yield _Question(_packet(family, value, own, port), Way.INGRESS, card, end)
    for each, value in peers:
        for port in _ports(each):
            yield _Question(_packet(family, own, value, port), Way.EGRESS, end, card)
    yield _Question(_packet(family, own, outside, _HTTPS), Way.EGRESS, end, card)


def _address(pod: Pod, family: Family) -> int | None:
    return next((value for each, value in pod.ips if each is family), None)


def _packet(family: Family, source: int, destination: int, port: tuple[int, int]) -> Packet:
    proto, number = port
    return Packet(
        family=family,
        proto=proto,
        src=source,
        dst=destination,
        sport=EPHEMERAL,
        dport=number,
        flags=TcpFlag.SYN if proto == NAMES["TCP"] else 0,
    )


def _try(judge: _Judge, question: _Question) -> _Trial:
    packet, party = question.packet, judge.parties.of_address
    flow = Flow(
        party((packet.family, packet.src)),
        party((packet.family, packet.dst)),
        Traffic(packet.proto, packet.dport),
    )
    decision = decide(judge.policies, flow, question.way)
    view = View(
        hook=Hook.FORWARD,
        host=judge.stack,
        ct=new_connection(packet),
        iif=question.iif,
        oif=question.oif,
    )
    rules = [
        _stopping(outcome) for chain in judge.chains for outcome in chain.evaluate(packet, view)
    ]
    undecided = None in rules
    return _Trial(packet, decision, "?" if undecided else "".join(filter(None, rules)))


def _stopping(outcome: Outcome) -> str | None:
    """The rule of Felix' that stops it, "" for none, None when that cannot be decided."""
    if outcome.guesses:
        return None
    last = outcome.fired[-1] if outcome.fired else None
    stops = outcome.action in (Action.DROP, Action.REJECT)
    return last.rule if stops and last is not None and "cali-" in last.where else ""


def _differs(trial: _Trial) -> bool:
    if trial.decision.outcome is Verdict.UNKNOWN or trial.rule == "?":
        return False
    return (trial.decision.outcome is Verdict.DENIED) is not bool(trial.rule)


def _report(site: Site, pod: PodSite, wrong: list[_Trial]) -> Iterator[Expectation]:
    """One expectation for each kind of difference."""
    kinds: dict[type[Finding], list[_Trial]] = {}
    for trial in wrong:
        left_over = trial.rule and not any(word in trial.rule for word in _END)
        kind = ProgrammedButNotDeclared if left_over else DeclaredButNotProgrammed
        kinds.setdefault(kind, []).append(trial)
    for finding, trials in kinds.items():
        first = trials[0]
        what = "stops" if first.rule else "lets pass"
        more = f", and {len(trials) - 1} more of those tried" if len(trials) > 1 else ""
        way = first.decision.way.value
        yield expect(
            finding,
            pod.namespace,
            f"node {site.node} {what} {first.packet}, which the policies for {way} of pod "
            f"{pod.name} say is {first.decision.outcome.value}{more}",
            Evidence(f"policies for {way} of pod {pod.name}", first.decision.reason),
            Evidence(f"FORWARD on {site.host.id}", first.rule or "no rule of Felix stops it"),
        )
