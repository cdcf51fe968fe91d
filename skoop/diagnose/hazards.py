"""What is not well on the nodes that packets met, without being what stopped them: two backends of
iptables at once, a connection table that is nearly full; and rules that could not be decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from skoop.diagnose.story import Blocker, Row
from skoop.diagnose.trials import Inquiry
from skoop.findings import netfilter, sysctl
from skoop.model.diagnosis import Suspicion, Where
from skoop.model.disposition import Direction, Result
from skoop.model.trace import Evidence
from skoop.netstack.netfilter import Ruleset, Unknown
from skoop.netstack.stack import Stack
from skoop.netstack.walk.events import Reason

_BACKENDS = ("iptables-legacy", "iptables-nft")
_NEARLY = 0.9
"""Share of the connection table from which on it counts as nearly full: a burst of short
connections, which stay for two minutes after their end, fills the rest within seconds."""
_KUBE = "KUBE-"


def hazards(inquiry: Inquiry) -> tuple[Suspicion, ...]:
    """Of each node that a packet met, in the order met."""
    rows = inquiry.settled.rows
    found: list[Suspicion] = []
    for stack in _met(inquiry, rows):
        if stack.id.startswith("node/"):
            found += _nearly_full(stack)
            found += _two_backends(stack, [b for row in rows for b in _stopping(row)])
    return tuple(found)


def undecided_rules(inquiry: Inquiry) -> tuple[Suspicion, ...]:
    """Rules on which the answer depends, and which cannot be evaluated."""
    settled = inquiry.settled
    return tuple(
        suspicion
        for unknown in settled.unknowns
        if unknown.rule
        for suspicion in _undecided(_met(inquiry, settled.rows), unknown)
    )


def _met(inquiry: Inquiry, rows: Iterable[Row]) -> list[Stack]:
    stacks = inquiry.cluster.world.stacks
    names = dict.fromkeys(hop.node for row in rows for trace in row.traces for hop in trace.hops)
    return [stacks[name] for name in names if name in stacks]


def _stopping(row: Row) -> tuple[Blocker, ...]:
    return () if row.result is Result.OK else row.blockers


def _where(stack: Stack) -> Where:
    kind, _, name = stack.id.partition("/")
    return Where(kind, name)


def _nearly_full(stack: Stack) -> Iterator[Suspicion]:
    table = stack.namespace.conntrack
    if not _NEARLY * table.limit <= table.count < table.limit:
        return
    names = ("net.netfilter.nf_conntrack_count", "net.netfilter.nf_conntrack_max")
    yield sysctl.ConntrackMaxLow.suspect(
        where=_where(stack),
        direction=Direction.FORWARD,
        message=f"The connection table of {stack.id.replace('/', ' ', 1)} is nearly full: "
        f"{table.count} of {table.limit} entries",
        evidence=(
            Evidence(f"sysctl on {stack.id}", f"{names[0]} = {table.count}"),
            Evidence(f"sysctl on {stack.id}", f"{names[1]} = {table.limit}"),
        ),
        why="once it is full, packets of new connections are dropped",
        fix=f"sysctl -w {names[1]}={2 * table.limit}   # and conntrack.maxPerCore of kube-proxy",
    )


def _two_backends(stack: Stack, blockers: list[Blocker]) -> Iterator[Suspicion]:
    """iptables-legacy and iptables-nft both have rules in one table of one IP version."""
    for legacy in _of(stack, _BACKENDS[0]):
        for other in _of(stack, _BACKENDS[1]):
            if "-A " not in other.text or "-A " not in legacy.text:
                continue
            shared = _rules(legacy).keys() & _rules(other).keys()
            if legacy.family is not other.family or not shared:
                continue
            yield _mixed(stack, (legacy, other), shared, blockers)
            return


def _of(stack: Stack, engine: str) -> list[Ruleset]:
    return [each for each in stack.namespace.rulesets if each.engine == engine]


def _rules(ruleset: Ruleset) -> dict[str, list[str]]:
    """Rules by table; only tables that have any."""
    tables: dict[str, list[str]] = {}
    table = ""
    for line in ruleset.text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif "-A " in line:
            tables.setdefault(table, []).append(line[line.index("-A ") :])
    return tables


def _mixed(
    stack: Stack, both: tuple[Ruleset, Ruleset], shared: set[str], blockers: list[Blocker]
) -> Suspicion:
    place = stack.id.replace("/", " ", 1)
    tables = ", ".join(sorted(shared))
    deciding = _deciding(stack, blockers)
    said = f"; the rule that stops this packet is only in {deciding}" if deciding else ""
    shown = []
    for ruleset in both:
        rules = [rule for table in sorted(shared) for rule in _rules(ruleset)[table]]
        of_kube = sum(_KUBE in rule for rule in rules)
        text = f"{len(rules)} rules in {tables}, {of_kube} of them with {_KUBE} chains: {rules[0]}"
        shown.append(Evidence(f"{ruleset.engine}-save on {stack.id}", text))
    return netfilter.LegacyNftMixed.suspect(
        where=_where(stack),
        direction=Direction.FORWARD,
        message=f"Both {' and '.join(_BACKENDS)} have rules in table {tables} of {place}{said}",
        evidence=tuple(shown),
        why="the kernel applies both, and each of the tools shows and changes only its own",
        fix=f"choose one backend; what the other has: {both[0].engine}-save; {both[1].engine}-save",
    )


def _deciding(stack: Stack, blockers: list[Blocker]) -> str:
    """The backend of a rule that stopped a packet here, "" when none did."""
    for blocker in blockers:
        engine = blocker.stop.where.partition(" ")[0].replace("ip6tables", "iptables")
        if blocker.node == stack.id and blocker.stop.reason is Reason.RULE and engine in _BACKENDS:
            return engine
    return ""


def _undecided(stacks: list[Stack], unknown: Unknown) -> Iterator[Suspicion]:
    for stack in stacks:
        if not any(_has(ruleset, unknown) for ruleset in stack.namespace.rulesets):
            continue
        place = stack.id.replace("/", " ", 1)
        yield netfilter.UnsupportedMatch.suspect(
            where=_where(stack),
            direction=Direction.FORWARD,
            message=f"Whether a rule on {place} matches this packet cannot be told, and the answer "
            f"depends on it: {unknown.rule}",
            evidence=(Evidence(f"{unknown.where} on {stack.id}", unknown.rule),),
            why=unknown.why,
            fix="send a packet and watch the rule's counter: " + _counters(unknown),
        )
        return


def _has(ruleset: Ruleset, unknown: Unknown) -> bool:
    return unknown in ruleset.unmodelled or unknown.rule in ruleset.text


def _counters(unknown: Unknown) -> str:
    engine, _, rest = unknown.where.partition(" ")
    table, _, chain = rest.rpartition(" ")
    if engine == "nft":
        return f"nft list chain {table} {chain}"
    return f"{engine} -t {table} -L {chain} -nvx --line-numbers"
