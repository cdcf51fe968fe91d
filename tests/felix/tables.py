"""All tables of a node as text for iptables-restore, and its sets as text for ipset restore."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from tests.felix.rules import ACCEPT, PASS, SETS, SETS6, mark, marked, policy_chains, unmarked
from tests.felix.words import Endpoint, IpSet, Node, chain_name

_ALL = 0xF0000
_FROM_WORKLOAD = 0x40000
_CT = "-m conntrack --ctstate"
_VXLAN = 4789


def chains_of(node: Node) -> dict[str, dict[str, list[str]]]:
    """Rules by table and chain."""
    return {"raw": _raw(node), "mangle": _mangle(), "nat": _nat(node), "filter": _filter(node)}


def ipset_text(node: Node) -> str:
    """Every set with its members."""
    own = (
        IpSet("all-ipam-pools", "hash:net", node.pools),
        IpSet("masq-ipam-pools", "hash:net", node.masqueraded),
        IpSet("this-host", "hash:ip", ()),
        IpSet("all-vxlan-net", "hash:net", node.vxlan_peers),
    )
    return _restored(node, (*node.sets, *own))


def sets_text(node: Node) -> str:
    """The policies' sets alone."""
    return _restored(node, node.sets)


def _restored(node: Node, sets: tuple[IpSet, ...]) -> str:
    lines, family = [], "inet" if node.family == 4 else "inet6"
    for each in sets:
        name = SETS + each.name
        lines += [f"create {name} {each.kind} family {family} maxelem 1048576", f"flush {name}"]
        lines += [f"add {name} {member}" for member in each.members]
    return _named(node, "\n".join(lines) + "\n")


def _named(node: Node, text: str) -> str:
    """Sets of IPv6 have a prefix of their own."""
    return text if node.family == 4 else text.replace(SETS, SETS6)


def tables_text(node: Node) -> str:
    """Everything Felix writes, to be read with --noflush. Its jumps come before all others."""
    parts = []
    for name, chains, hooks in (
        ("raw", _raw(node), ("-I PREROUTING", "-I OUTPUT")),
        ("mangle", _mangle(), ("-I PREROUTING", "-I POSTROUTING")),
        ("nat", _nat(node), ("-I PREROUTING", "-I OUTPUT", "-I POSTROUTING")),
        ("filter", _filter(node), ("-I INPUT", "-I FORWARD", "-I OUTPUT")),
    ):
        lines = [f"*{name}", *(f":{chain} -" for chain in chains)]
        lines += [_noted(f"{hook} -j cali-{hook.split()[1]}") for hook in hooks]
        lines += [_noted(f"-A {chain} {rule}") for chain, rules in chains.items() for rule in rules]
        if name == "filter":
            note = '-m comment --comment "Policy explicitly accepted packet."'
            lines.append(_noted(f"-A FORWARD {note} {marked(ACCEPT)} -j ACCEPT"))
            lines.append(_noted(f"-A FORWARD {mark(ACCEPT)}"))
        parts.append("\n".join([*lines, "COMMIT", ""]))
    return _named(node, "".join(parts))


def filter_text(node: Node) -> str:
    """The chains of the filter table without the jumps to them, to be read with --noflush where
    they are already there: a chain that is named is emptied first."""
    chains = _filter(node)
    lines = ["*filter", *(f":{chain} -" for chain in chains)]
    lines += [_noted(f"-A {chain} {rule}") for chain, rules in chains.items() for rule in rules]
    return "\n".join([*lines, "COMMIT", ""])


def _noted(line: str) -> str:
    """Every rule has a hash of itself as comment, by which Felix knows its own."""
    digest = hashlib.sha256(line.encode()).digest()
    name = base64.urlsafe_b64encode(digest).decode()[:16]
    head, chain, rest = line.split(" ", 2)
    return f'{head} {chain} -m comment --comment "cali:{name}" {rest}'


def _raw(node: Node) -> dict[str, list[str]]:
    untracked = [f"-p udp -m udp --dport {_VXLAN} -j NOTRACK"] if node.vxlan else []
    return {
        "cali-PREROUTING": [
            mark(0, _ALL),
            *untracked,
            f"-i cali+ {mark(_FROM_WORKLOAD)}",
            f"{marked(_FROM_WORKLOAD)} -j cali-rpf-skip",
            f"{marked(_FROM_WORKLOAD)} -m rpfilter --validmark --invert -j DROP",
            f"{unmarked(_FROM_WORKLOAD)} -j cali-from-host-endpoint",
            f"{marked(ACCEPT)} -j ACCEPT",
        ],
        "cali-rpf-skip": [],
        "cali-OUTPUT": [
            mark(0, _ALL), "-j cali-to-host-endpoint", *untracked, f"{marked(ACCEPT)} -j ACCEPT",
        ],
        "cali-from-host-endpoint": [],
        "cali-to-host-endpoint": [],
    }  # fmt: skip


def _mangle() -> dict[str, list[str]]:
    return {
        "cali-PREROUTING": [
            f"{_CT} RELATED,ESTABLISHED -j ACCEPT",
            f"{marked(ACCEPT)} -j ACCEPT",
            "-j cali-from-host-endpoint",
            f"{marked(ACCEPT)} -j ACCEPT",
        ],
        "cali-from-host-endpoint": [],
        "cali-POSTROUTING": [
            f"{marked(ACCEPT)} -j RETURN",
            mark(0, _ALL),
            f"{_CT} DNAT -j cali-to-host-endpoint",
            f"{marked(ACCEPT)} -j RETURN",
        ],
        "cali-to-host-endpoint": [],
    }


def _nat(node: Node) -> dict[str, list[str]]:
    outgoing = (
        f"-m set --match-set {SETS}masq-ipam-pools src "
        f"-m set ! --match-set {SETS}all-ipam-pools dst -j MASQUERADE --random-fully"
    )
    return {
        "cali-PREROUTING": ["-j cali-fip-dnat"],
        "cali-OUTPUT": ["-j cali-fip-dnat"],
        "cali-POSTROUTING": ["-j cali-fip-snat", "-j cali-nat-outgoing", *_to_tunnel(node)],
        "cali-fip-dnat": [],
        "cali-fip-snat": [],
        "cali-nat-outgoing": [outgoing] if node.masqueraded else [],
    }


def _to_tunnel(node: Node) -> Iterator[str]:
    """What the node sends into the tunnel from another of its addresses."""
    if node.vxlan:
        wrong = "-m addrtype ! --src-type LOCAL --limit-iface-out -m addrtype --src-type LOCAL"
        yield f"-o {node.vxlan} {wrong} -j MASQUERADE --random-fully"


def _from_tunnels(node: Node) -> Iterator[str]:
    """Only other nodes may send to the node's end of the tunnel."""
    if not node.vxlan:
        return
    to_us = f"-p udp {{}} -m multiport --dports {_VXLAN}{{}} -m addrtype --dst-type LOCAL"
    note = f'-m comment --comment "Allow IPv{node.family} VXLAN packets from allowed hosts"'
    yield f"{to_us.format(note, f' -m set --match-set {SETS}all-vxlan-net src')} -j ACCEPT"
    note = f'-m comment --comment "Drop IPv{node.family} VXLAN packets from non-allowed hosts"'
    yield f"{to_us.format(note, '')} -j DROP"


def _as_router(node: Node) -> Iterator[str]:
    """Neighbour discovery and multicast listeners (130 to 136) are no matter of policies."""
    if node.family == 6:
        for kind in (130, 131, 132, 133, 135, 136):
            yield f"-p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j ACCEPT"


def _filter(node: Node) -> dict[str, list[str]]:
    chains: dict[str, list[str]] = {
        "cali-FORWARD": [
            mark(0, 0xE0000),
            f"{unmarked(ACCEPT)} -j cali-from-hep-forward",
            "-i cali+ -j cali-from-wl-dispatch",
            "-o cali+ -j cali-to-wl-dispatch",
            "-j cali-to-hep-forward",
            "-j cali-cidr-block",
        ],
        "cali-INPUT": [
            *_from_tunnels(node),
            "-i cali+ -g cali-wl-to-host",
            f"{marked(ACCEPT)} -j ACCEPT",
            mark(0, _ALL),
            "-j cali-from-host-endpoint",
            f'-m comment --comment "Host endpoint policy accepted packet." {marked(ACCEPT)} '
            "-j ACCEPT",
        ],
        "cali-OUTPUT": [
            f"{marked(ACCEPT)} -j ACCEPT",
            "-o cali+ -j RETURN",
            mark(0, _ALL),
            "-m conntrack ! --ctstate DNAT -j cali-to-host-endpoint",
            f'-m comment --comment "Host endpoint policy accepted packet." {marked(ACCEPT)} '
            "-j ACCEPT",
        ],
        "cali-wl-to-host": [
            *_as_router(node),
            "-j cali-from-wl-dispatch",
            f'-m comment --comment "Configured DefaultEndpointToHostAction" -j {node.to_host}',
        ],
        "cali-from-wl-dispatch": _dispatch(node, "-i", "fw"),
        "cali-to-wl-dispatch": _dispatch(node, "-o", "tw"),
        "cali-from-hep-forward": [],
        "cali-to-hep-forward": [],
        "cali-from-host-endpoint": [],
        "cali-to-host-endpoint": [],
        "cali-cidr-block": [],
    }
    for endpoint in node.endpoints:
        chains |= _endpoint(node, endpoint)
    for policy in node.policies:
        chains |= dict(policy_chains(policy, {"ingress": "pi", "egress": "po"}))
    for profile in node.profiles:
        chains |= dict(policy_chains(profile, {"ingress": "pri", "egress": "pro"}))
    return chains


def _dispatch(node: Node, flag: str, kind: str) -> list[str]:
    """By interface; many interfaces would make a tree, which is the same to a packet."""
    found = [
        f"{flag} {each.interface} -g {chain_name(kind, each.interface)}" for each in node.endpoints
    ]
    return [*found, '-m comment --comment "Unknown interface" -j DROP']


def _endpoint(node: Node, endpoint: Endpoint) -> dict[str, list[str]]:
    name = endpoint.interface
    return {
        chain_name("tw", name): list(_directed(node, endpoint, "ingress", "pi", "pri")),
        chain_name("fw", name): list(_directed(node, endpoint, "egress", "po", "pro")),
    }


def _directed(
    node: Node, endpoint: Endpoint, direction: str, kind: str, profile_kind: str
) -> Iterator[str]:
    yield f"{_CT} RELATED,ESTABLISHED -j ACCEPT"
    yield f"{_CT} INVALID -j DROP"
    yield mark(0, ACCEPT | PASS)
    if direction == "egress":
        note = '-m comment --comment "Drop VXLAN encapped packets originating in workloads"'
        yield f"-p udp {note} -m multiport --dports 4789 -j DROP"
        note = '-m comment --comment "Drop IPinIP encapped packets originating in workloads"'
        yield f"-p 4 {note} -j DROP"
    policies = {policy.name: policy for policy in node.policies}
    for tier in endpoint.tiers:
        chosen = [p for p in tier.policies if direction in policies[p].types]
        if not chosen:
            continue
        yield f'-m comment --comment "Start of tier {tier.name}" {mark(0, PASS)}'
        for policy in chosen:
            yield f"{unmarked(PASS)} -j {chain_name(kind, policy)}"
            yield f'-m comment --comment "Return if policy accepted" {marked(ACCEPT)} -j RETURN'
        if tier.default == "deny":
            note = (
                f'-m comment --comment "End of tier {tier.name}. Drop if no policies passed packet"'
            )
            yield f"{note} {unmarked(PASS)} -j DROP"
    for profile in endpoint.profiles:
        yield f"-j {chain_name(profile_kind, profile)}"
        yield f'-m comment --comment "Return if profile accepted" {marked(ACCEPT)} -j RETURN'
    yield '-m comment --comment "Drop if no profiles matched" -j DROP'
