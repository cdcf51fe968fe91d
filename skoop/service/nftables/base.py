"""The chains that every Service depends on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from skoop.model.address import Family
from skoop.netstack.nft.priority import priority_of
from skoop.service.difference import Difference, DifferenceKind, about_all
from skoop.service.nftables import names
from skoop.service.nftables.rules import Line, NftRules
from skoop.service.nftables.wanted import any_interface, leaves_open, masqueraded_sources
from skoop.service.plan import PortPlan

_PORT = "meta l4proto . th dport"
_NEW = "ct state new jump "
_REFUSES = "Services without endpoints are not refused"
_GUARDS = "source ranges are not enforced"

# chain -> (hook, its lines, what their absence does)
_HOOKED = {
    "nat-prerouting": (
        "prerouting", ("jump services",), "packets from pods and from outside are not translated",
    ),
    "nat-output": ("output", ("jump services",), "packets of the node itself are not translated"),
    "nat-postrouting": (
        "postrouting", ("jump masquerading",), "marked packets are not masqueraded",
    ),
    "filter-prerouting-pre-dnat": ("prerouting", (f"{_NEW}firewall-check",), _GUARDS),
    "filter-output-pre-dnat": ("output", (f"{_NEW}firewall-check",), f"{_GUARDS} locally"),
    "filter-input": (
        "input", (f"{_NEW}nodeport-endpoints-check", f"{_NEW}service-endpoints-check"), _REFUSES,
    ),
    "filter-forward": ("forward", (f"{_NEW}service-endpoints-check",), _REFUSES),
    "filter-output": ("output", (f"{_NEW}service-endpoints-check",), f"{_REFUSES} locally"),
}  # fmt: skip
_BEFORE = {"filter-prerouting-pre-dnat", "filter-output-pre-dnat"}


def has_rules(rules: NftRules) -> bool:
    """Whether kube-proxy's rules are there at all."""
    return rules.exists and names.SERVICE_IPS in rules.maps


def audit_base(rules: NftRules, sample: PortPlan | None) -> Iterator[Difference]:
    """Missing hooks, lookups, marks and masquerading. `sample` is any plan of the node: it tells
    whose packets are masqueraded."""
    if not has_rules(rules):
        text = f"table {names.TABLE} " + ("is empty" if rules.exists else "does not exist")
        message = "kube-proxy has no rules here: no Service is translated"
        yield about_all(DifferenceKind.NO_RULES, "", message, rules.evidence("", text))
        return
    for chain, (hook, wanted, effect) in _HOOKED.items():
        yield from _hooked(rules, chain, hook, wanted, effect)
    yield from _lookups(rules, sample)
    yield from _masquerading(rules)
    yield from _wrong_ports(rules)
    yield from _order(rules)
    if sample is not None and not rules.by_chains:
        yield from _cluster_ip_mark(rules, sample)


def _hooked(
    rules: NftRules, chain: str, hook: str, wanted: tuple[str, ...], effect: str
) -> Iterator[Difference]:
    base = rules.base.get(chain)
    kind = DifferenceKind.HOOK_MISSING
    if base is None or base.hook != hook:
        state = f"hangs on {base.hook}" if base else "hangs on no hook"
        evidence = rules.evidence(chain, f"chain {chain} {state}")
        yield about_all(kind, chain, f"chain {chain} {state}: {effect}", evidence)
        return
    if chain in _BEFORE and priority_of(base.prio) >= _translation(rules):
        evidence = rules.evidence(chain, f"priority {base.prio}")
        message = f"chain {chain} runs after the translation: {effect}"
        yield about_all(kind, chain, message, evidence)
    have = [line.canonical for line in rules.lines(chain)]
    for line in wanted:
        if line not in have:
            evidence = rules.evidence(chain, f"no rule like: {line}")
            yield about_all(kind, chain, f"{chain} lacks a jump: {effect}", evidence)
    for each in rules.lines(chain):
        yield from _foreign(rules, chain, each, wanted)


def _translation(rules: NftRules) -> int:
    base = rules.base.get("nat-prerouting")
    return priority_of(base.prio) if base else -100


def _foreign(
    rules: NftRules, chain: str, line: Line, wanted: tuple[str, ...]
) -> Iterator[Difference]:
    """Another line in one of kube-proxy's own chains that decides about packets."""
    decides = line.canonical.split()[-1:] in (["drop"], ["reject"], ["accept"], ["return"])
    if line.canonical not in wanted and decides:
        message = f"a rule in kube-proxy's chain {chain} is not its own"
        evidence = rules.evidence(chain, line.text)
        yield about_all(DifferenceKind.RULE_FOREIGN, chain, message, evidence)


def _lookups(rules: NftRules, sample: PortPlan | None) -> Iterator[Difference]:
    word = rules.word
    to = f"{word} daddr . {_PORT} vmap"
    own, refused = _own_addresses(rules, sample)
    for chain, wanted, effect in (
        (names.SERVICES, (f"{to} @{names.SERVICE_IPS}",), "no Service is translated"),
        (names.SERVICES, _behind(own, names.NODE_PORTS), "NodePorts are not translated"),
        ("service-endpoints-check", (f"{to} @{names.NO_ENDPOINT_IPS}",), _REFUSES),
        ("nodeport-endpoints-check", _behind(refused, names.NO_ENDPOINT_PORTS), _REFUSES),
        ("firewall-check", (f"{to} @{names.FIREWALL_IPS}",), _GUARDS),
        ("reject-chain", ("reject",), f"{_REFUSES} but dropped or passed"),
    ):
        lines = rules.lines(chain)
        if any(_does(line, wanted) for line in lines):
            decisive = [line for line in lines if _stops(line) and not _does(line, wanted)]
            for line in decisive[:1]:
                yield from _foreign(rules, chain, line, ())
            continue
        map_ = wanted[0].partition("@")[2]
        near = [line for line in lines if map_ and line.canonical.endswith(f"@{map_}")] or lines
        text = near[0].text if near else f"no rule like: {wanted[0]}"
        kind = DifferenceKind.HOOK_MISSING
        message = f"{chain} does not look up what it should: {effect}"
        yield about_all(kind, chain, message, rules.evidence(chain, text))


def _behind(conditions: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(f"{each}{_PORT} vmap @{name}" for each in conditions)


def _own_addresses(
    rules: NftRules, sample: PortPlan | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The conditions on the node's addresses before NodePorts are looked up, and before those
    without endpoints are: a set of those that nodePortAddresses holds, else every local one. Either
    may be there for a node whose own addresses are not known."""
    word = rules.word
    beside = f"{word} daddr != {'::1' if rules.family is Family.V6 else '127.0.0.0/8'} "
    every = ((f"fib daddr type local {beside}",), (beside,))
    listed = (f"{word} daddr @{names.NODE_PORT_IPS} ",)
    if sample is None or not (sample.node_ips or sample.node_port_ranges):
        return (*every[0], *listed), (*every[1], *listed)
    return (listed, listed) if sample.node_port_ranges else every


def _does(line: Line, wanted: tuple[str, ...]) -> bool:
    rejects = wanted == ("reject",) and "reject with" in line.canonical
    return rejects or line.canonical in wanted


def _stops(line: Line) -> bool:
    return line.canonical.split()[-1:] in (["drop"], ["reject"], ["accept"], ["return"])


def _masquerading(rules: NftRules) -> Iterator[Difference]:
    """What is marked is masqueraded, and what goes back to its sender through the node."""
    chain = names.MASQUERADING
    lines = rules.lines(chain)
    masquerades = [line for line in lines if "masquerade" in line.canonical]
    marked = [line for line in masquerades if "@" not in line.canonical]
    if not marked:
        message = "packets marked for masquerading keep their source, so replies bypass this node"
        evidence = rules.evidence(chain, "no rule masquerades what is marked")
        yield about_all(DifferenceKind.MASQUERADE_MISSING, chain, message, evidence)
    elif not rules.mark:
        message = "every packet is masqueraded, so servers see this node as the client"
        kind = DifferenceKind.MASQUERADE_TOO_MUCH
        yield about_all(kind, chain, message, rules.evidence(chain, marked[0].text))
    elif not _tests(lines, marked[0], rules.mark):
        message = f"masquerading does not depend on the mark {rules.mark} as it should"
        kind = DifferenceKind.MASQUERADE_TOO_MUCH
        yield about_all(kind, chain, message, rules.evidence(chain, marked[0].text))
    key = f"{rules.word} saddr . {rules.word} daddr . {_PORT}"
    hairpin = f"ct status dnat {key} @{names.HAIRPINS} masquerade"
    found = any(line.canonical.startswith(hairpin) for line in masquerades)
    if not rules.by_chains and not found:
        message = "pods cannot reach themselves through a Service"
        evidence = rules.evidence(chain, f"no rule masquerades @{names.HAIRPINS}")
        yield about_all(DifferenceKind.HAIRPIN_MASQ_MISSING, chain, message, evidence)
    for line in lines:
        if _stops(line) and not line.canonical.endswith("return"):
            yield from _foreign(rules, chain, line, ())


def _wrong_ports(rules: NftRules) -> Iterator[Difference]:
    """Other ports of ClusterIPs are rejected, and addresses that nobody has are dropped."""
    if names.CLUSTER_IPS not in rules.sets:
        return
    chain = names.CLUSTER_IPS_CHECK
    effect = "wrong ports of ClusterIPs are not rejected"
    kind = DifferenceKind.REJECT_MISSING
    reject = f"{rules.word} daddr @{names.CLUSTER_IPS} reject"
    drop = re.compile(rf"{rules.word} daddr \S+/\d+ drop")
    lines = rules.lines(chain)
    if not any(line.canonical == reject for line in lines):
        text = lines[0].text if lines else f"no rule like: {reject}"
        yield about_all(kind, chain, f"{chain}: {effect}", rules.evidence(chain, text))
    for line in lines:
        if line.canonical != reject and not drop.fullmatch(line.canonical):
            message = f"a rule in kube-proxy's chain {chain} is not its own"
            evidence = rules.evidence(chain, line.text)
            yield about_all(DifferenceKind.RULE_FOREIGN, chain, message, evidence)
    for hooked in (("filter-forward",), ("filter-output", "filter-output-post-dnat")):
        have = [line.canonical for name in hooked for line in rules.lines(name)]
        if f"{_NEW}{chain}" not in have:
            evidence = rules.evidence(hooked[0], f"no rule like: {_NEW}{chain}")
            yield about_all(kind, hooked[0], f"{hooked[0]} lacks a jump: {effect}", evidence)


def _tests(lines: tuple[Line, ...], masquerade: Line, mark: str) -> bool:
    """By a condition of its own, or by a rule before it that lets the others go."""
    if f"meta mark & {mark} != 0x00000000" in masquerade.canonical:
        return True
    before = lines[: lines.index(masquerade)]
    return any(f"meta mark & {mark} == 0" in line.canonical and "return" in line.canonical
               for line in before)  # fmt: skip


def _order(rules: NftRules) -> Iterator[Difference]:
    """Marks are set before the packet leaves for a Service's chain; Services without endpoints
    come before wrong ports, and these before addresses that nobody has."""
    lines = [line.canonical for line in rules.lines(names.SERVICES)]
    lookups = [n for n, line in enumerate(lines) if f"@{names.SERVICE_IPS}" in line]
    marks = [n for n, line in enumerate(lines) if line.endswith("mark")]
    check = [line.canonical for line in rules.lines(names.CLUSTER_IPS_CHECK)]
    rejects = [n for n, line in enumerate(check) if line.endswith("reject")]
    drops = [n for n, line in enumerate(check) if line.endswith("drop")]
    jumps = [_places(rules, chain) for chain in ("filter-forward", "filter-output")]
    for chain, first, second in (
        *jumps,
        (names.SERVICES, marks, lookups),
        (names.CLUSTER_IPS_CHECK, rejects, drops),
    ):
        if first and second and max(first) > min(second):
            evidence = rules.evidence(chain, rules.lines(chain)[min(second)].text)
            message = f"the rules of {chain} stand in another order than kube-proxy's"
            yield about_all(DifferenceKind.RULE_ORDER, chain, message, evidence)


def _places(rules: NftRules, chain: str) -> tuple[str, list[int], list[int]]:
    """Where a chain jumps to look for Services without endpoints, and for wrong ports."""
    listed = [line.canonical for line in rules.lines(chain)]
    first, second = (
        [place for place, line in enumerate(listed) if line == _NEW + each]
        for each in ("service-endpoints-check", names.CLUSTER_IPS_CHECK)
    )
    return chain, first, second


def _cluster_ip_mark(rules: NftRules, sample: PortPlan) -> Iterator[Difference]:
    """Since 1.36 one rule marks what comes to ClusterIPs and is no pod's."""
    wanted = masqueraded_sources(sample, rules)
    marks = [line for line in rules.lines(names.SERVICES) if line.canonical.endswith("mark")]
    if wanted is None:
        return
    line = f"{rules.word} daddr @{names.CLUSTER_IPS} {wanted}mark"
    have = [each.canonical for each in marks]
    if line in (map(any_interface, have) if leaves_open(line) else have):
        return
    text = marks[0].text if marks else f"no rule like: {line}"
    message = "packets to ClusterIPs that do not come from pods keep their source"
    if marks:
        message = "packets to ClusterIPs are masqueraded by another rule than kube-proxy's"
    kind = DifferenceKind.MARK_MASQ_MISSING
    yield about_all(kind, names.SERVICES, message, rules.evidence(names.SERVICES, text))
