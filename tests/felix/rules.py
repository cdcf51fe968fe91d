"""Policies as rules of iptables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.felix.words import Match, Policy, Rule, chain_name

ACCEPT, PASS, ALL_BLOCKS, THIS_BLOCK = 0x10000, 0x20000, 0x40000, 0x80000
_MOST_PORTS = 15
"""What one multiport match takes; a range counts twice."""
SETS = "cali40"
SETS6 = "cali60"


def mark(value: int, mask: int = 0) -> str:
    """The target that sets bits, or clears those of a mask."""
    return f"-j MARK --set-xmark {value:#x}/{mask or value:#x}"


def marked(bits: int) -> str:
    """The match for a bit that is set."""
    return f"-m mark --mark {bits:#x}/{bits:#x}"


def unmarked(bits: int) -> str:
    """The match for bits that are not."""
    return f"-m mark --mark 0x0/{bits:#x}"


def policy_chains(policy: Policy, kinds: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """The chains of a policy or a profile with their rules; `kinds` names them by direction."""
    for direction, prefix in kinds.items():
        lines = [line for rule in policy.rules(direction) for line in rule_lines(rule)]
        while lines and lines[-1].endswith("-j RETURN"):
            lines.pop()
        note = f'-m comment --comment "Policy {policy.name} {direction}"'
        yield chain_name(prefix, policy.name), [f"{note} {lines[0]}", *lines[1:]] if lines else []


def rule_lines(rule: Rule) -> list[str]:
    """One rule of a policy. A condition that iptables cannot say at once becomes a block of rules
    that leaves a bit behind."""
    match = rule.match
    blocks = _Blocks()
    ports, named = list(_split(match.dst_ports)), match.dst_named
    if len(ports) + len(named) > 1:
        options = [f"{_protocol(match)} -m multiport --dports {each}".strip() for each in ports]
        options += [f"-m set --match-set {SETS}{each} dst,dst" for each in named]
        blocks.one_of(options)
        ports, named = [], ()
    sources = list(_split(match.src_ports))
    if len(sources) > 1:
        blocks.one_of(f"{_protocol(match)} -m multiport --sports {each}" for each in sources)
        sources = []
    nets: dict[str, str] = {}
    for flag, own in (("-s", match.src_nets), ("-d", match.dst_nets)):
        if len(own) > 1:
            blocks.one_of(f"{flag} {net}" for net in own)
        elif own:
            nets[flag] = f"{flag} {own[0]}"
    for flag, others in (("-s", match.not_src_nets), ("-d", match.not_dst_nets)):
        if len(others) + (flag in nets) > 1:
            blocks.none_of(f"{flag} {net}" for net in others)
        elif others:
            nets[flag] = f"! {flag} {others[0]}"
    words = [
        *nets.values(),
        _protocol(match),
        *_sets(match),
        *(f"-m multiport --sports {each}" for each in sources),
        *(f"-m multiport --dports {each}" for each in ports),
        *(f"-m multiport ! --sports {each}" for each in _split(match.not_src_ports)),
        *(f"-m multiport ! --dports {each}" for each in _split(match.not_dst_ports)),
        *(f"-m set --match-set {SETS}{each} dst,dst" for each in named),
        f"-m icmp --icmp-type {match.icmp}" if match.icmp else "",
        marked(ALL_BLOCKS) if blocks.lines else "",
    ]
    text = " ".join(word for word in words if word)
    return [*blocks.lines, *_action(rule.action, text)]


def _action(action: str, text: str) -> list[str]:
    space = f"{text} " if text else ""
    if action == "deny":
        return [f"{space}-j DROP"]
    if action == "log":
        return [f'{space}-j LOG --log-prefix "calico-packet: " --log-level 5']
    bit = ACCEPT if action == "allow" else PASS
    return [f"{space}{mark(bit)}", f"{marked(bit)} -j RETURN"]


class _Blocks:
    """Conditions that take several rules: a bit says whether all so far hold."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._positive = False

    def one_of(self, options: Iterable[str]) -> None:
        self._start(0)
        bit = THIS_BLOCK if self._positive else ALL_BLOCKS
        self.lines += [f"{option} {mark(bit)}" for option in options]
        if self._positive:
            self.lines.append(f"{unmarked(THIS_BLOCK)} {mark(0, ALL_BLOCKS)}")
        self._positive = True

    def none_of(self, options: Iterable[str]) -> None:
        self._start(ALL_BLOCKS)
        self.lines += [f"{option} {mark(0, ALL_BLOCKS)}" for option in options]

    def _start(self, bits: int) -> None:
        if not self.lines:
            self.lines.append(mark(bits, ALL_BLOCKS | THIS_BLOCK))


def _protocol(match: Match) -> str:
    if match.not_protocol:
        return f"! -p {match.not_protocol}"
    return f"-p {match.protocol}" if match.protocol else ""


def _sets(match: Match) -> Iterator[str]:
    for names, bang, side in (
        (match.src_sets, "", "src"),
        (match.not_src_sets, "! ", "src"),
        (match.dst_sets, "", "dst"),
        (match.not_dst_sets, "! ", "dst"),
    ):
        for name in names:
            yield f"-m set {bang}--match-set {SETS}{name} {side}"


def _split(ports: tuple[str, ...]) -> Iterator[str]:
    """Lists of ports that fit one match each."""
    taken: list[str] = []
    room = _MOST_PORTS
    for port in ports:
        needs = 1 + (":" in port)
        if needs > room:
            yield ",".join(taken)
            taken, room = [], _MOST_PORTS
        taken.append(port)
        room -= needs
    if taken:
        yield ",".join(taken)
