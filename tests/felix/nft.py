"""The same in nftables, as Felix does it with nftablesMode: a table "calico", chains that carry
their table's name, sets without colons, and dispatch by maps of interfaces."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from tests.felix.rules import SETS, SETS6
from tests.felix.tables import chains_of
from tests.felix.words import IpSet, Node, chain_name

_HOOKS = {
    "raw PREROUTING": "type filter hook prerouting priority raw",
    "raw OUTPUT": "type filter hook output priority raw",
    "mangle PREROUTING": "type filter hook prerouting priority mangle",
    "nat POSTROUTING": "type nat hook postrouting priority srcnat",
    "filter INPUT": "type filter hook input priority filter",
    "filter FORWARD": "type filter hook forward priority filter",
    "filter OUTPUT": "type filter hook output priority filter",
}
_TYPES = {"hash:net": "ipv4_addr", "hash:ip": "ipv4_addr",
          "hash:ip,port": "ipv4_addr . inet_proto . inet_service"}  # fmt: skip
_IN_SIX = (("ipv4_addr", "ipv6_addr"), ("table ip ", "table ip6 "),
           (r"\bip ([sd]addr)", r"ip6 \1"), (SETS, SETS6))  # fmt: skip
_PROTOCOLS = {"4": "ipencap"}


def nft_text(node: Node) -> str:
    """The whole table of a family, in place of one that is there."""
    pools = (
        IpSet("all-ipam-pools", "hash:net", node.pools),
        IpSet("masq-ipam-pools", "hash:net", node.masqueraded),
        IpSet("all-vxlan-net", "hash:net", node.vxlan_peers),
    )
    lines = [line for each in (*node.sets, *pools) for line in _set(each)]
    for flag, kind, name in (("i", "fw", "from"), ("o", "tw", "to")):
        goes = ", ".join(
            f'"{each.interface}" : goto filter-{chain_name(kind, each.interface)}'
            for each in node.endpoints
        )
        elements = f"elements = {{ {goes} }}" if goes else ""
        lines.append(f"map {name}-wl {{ type ifname : verdict; {elements}\n}}")
        assert flag in ("i", "o")
    for table, chains in chains_of(node).items():
        for chain, rules in chains.items():
            said = (_dispatched(rule) if "wl-dispatch" in chain else rule for rule in rules)
            body = dict.fromkeys(_rule(rule, table) for rule in said)
            lines.append(_chain(f"{table}-{chain}", body))
    for place, hook in _HOOKS.items():
        table, name = place.split()
        ends = [f"jump {table}-cali-{name}"]
        if place == "filter FORWARD":
            ends.append("meta mark & 0x10000 == 0x10000 accept")
            ends.append("meta mark set meta mark | 0x10000")
        lines.append(_chain(f"{table}-{name}", dict.fromkeys([f"{hook}; policy accept;", *ends])))
    body = "\n".join(lines)
    text = f"table ip calico\ndelete table ip calico\ntable ip calico {{\n{body}\n}}\n"
    return text if node.family == 4 else _in_six(text)


def _in_six(text: str) -> str:
    for word, like in _IN_SIX:
        text = re.sub(word, like, text)
    return text


def _set(each: IpSet) -> Iterator[str]:
    interval = "flags interval; " if each.kind == "hash:net" else ""
    members = ", ".join(each.members)
    if each.kind == "hash:ip,port":
        members = ", ".join(re.sub(r"(.*),(.*):(.*)", r"\1 . \2 . \3", m) for m in each.members)
    elements = f"elements = {{ {members} }}" if members else ""
    name = _set_name(SETS + each.name)
    yield f"set {name} {{ type {_TYPES[each.kind]}; {interval}{elements}\n}}"


def _set_name(name: str) -> str:
    return name.replace(":", "-")


def _chain(name: str, rules: dict[str, None]) -> str:
    return "\n".join([f"chain {name} {{", *rules, "}"])


def _dispatched(rule: str) -> str:
    """One lookup of a map instead of a rule for each interface."""
    words = rule.split()
    if words[0] not in ("-i", "-o"):
        return rule
    return f"{words[0]} vmap"


def _rule(rule: str, table: str) -> str:
    """A rule of iptables in the words of nft."""
    if rule.endswith(" vmap"):
        side = "from" if rule.startswith("-i") else "to"
        return f"{'iifname' if side == 'from' else 'oifname'} vmap @{side}-wl"
    words, said, comment, negated, protocol = shlex.split(rule), [], "", False, ""
    while words:
        word = words.pop(0)
        if word == "!":
            negated = True
            continue
        bang = "!= " if negated else ""
        if word == "-m" and words[0] in _OPTIONS:
            words.pop(0)
        elif word in ("--src-type", "--dst-type"):
            said.append(f"fib {_fib(word, words)} type {bang}{words.pop(0).lower()}")
        elif word == "--limit-iface-out":
            pass
        elif word == "--dport":
            said.append(f"{protocol} dport {bang}{words.pop(0)}")
        elif word == "--icmpv6-type":
            said.append(f"icmpv6 type {bang}{words.pop(0)}")
        elif word == "-m":
            match = words.pop(0)
            assert match == "rpfilter", match
            del words[:2]
            said.append("fib saddr . mark . iif oif 0")
        elif word == "--comment":
            comment = words.pop(0)
        elif word in ("-s", "-d"):
            said.append(f"ip {'saddr' if word == '-s' else 'daddr'} {bang}{words.pop(0)}")
        elif word == "-p":
            protocol = words.pop(0)
            said.append(f"meta l4proto {bang}{_PROTOCOLS.get(protocol, protocol)}")
        elif word in ("-i", "-o"):
            name = words.pop(0).replace("+", "*")
            said.append(f'{"iifname" if word == "-i" else "oifname"} {bang}"{name}"')
        elif word == "--match-set":
            said.append(_member(_set_name(words.pop(0)), words.pop(0), bang))
        elif word in ("--sports", "--dports"):
            ports = words.pop(0).replace(":", "-").replace(",", ", ")
            said.append(f"th {word[2:-1]} {bang}{{ {ports} }}")
        elif word == "--mark":
            value, mask = words.pop(0).split("/")
            said.append(f"meta mark & {mask} {'!=' if negated else '=='} {value}")
        elif word == "--ctstate":
            said.append(_state(words.pop(0), negated=negated))
        elif word in ("-j", "-g"):
            said.append(_target(word, words, table))
        else:
            raise ValueError(f"{word} in {rule}")
        negated = False
    note = f' comment "{comment}"' if comment else ""
    return " ".join(said) + note


_OPTIONS = ("comment", "set", "multiport", "mark", "conntrack", "addrtype", "udp", "icmp6")


def _fib(word: str, words: list[str]) -> str:
    """The address of a match on its type, and whether only the device it leaves by counts."""
    side = "saddr" if word == "--src-type" else "daddr"
    return f"{side} . oif" if words[1:2] == ["--limit-iface-out"] else side


def _member(name: str, side: str, bang: str) -> str:
    if side == "dst,dst":
        return f"ip daddr . meta l4proto . th dport {bang}@{name}"
    return f"ip {'saddr' if side == 'src' else 'daddr'} {bang}@{name}"


def _state(states: str, *, negated: bool) -> str:
    if states == "DNAT":
        return f"ct status & dnat {'!=' if negated else '=='} dnat"
    return f"ct state {states.lower()}"


def _target(word: str, words: list[str], table: str) -> str:
    name = words.pop(0)
    if name == "MARK":
        words.pop(0)
        value, mask = (int(each, 16) for each in words.pop(0).split("/"))
        return f"meta mark set meta mark & {~mask & 0xFFFFFFFF:#010x} ^ {value:#x}"
    if name == "LOG":
        del words[:4]
        return 'log prefix "calico-packet: " level notice'
    if name == "MASQUERADE":
        del words[:]
        return "masquerade fully-random"
    if name in ("DROP", "ACCEPT", "RETURN", "NOTRACK"):
        return name.lower()
    return f"{'goto' if word == '-g' else 'jump'} {table}-{name}"
