"""What is to be enforced, after selectors have become addresses."""

from __future__ import annotations

import hashlib

from msgspec import Struct


class Match(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The conditions of one rule; all must hold, empty ones do. Sets are of addresses (`*_sets`,
    by name, of which each must hold the packet), `nets` of which one must. A named port is a set of
    address, protocol and port. `not_*` must not hold."""

    protocol: str = ""
    not_protocol: str = ""
    src_sets: tuple[str, ...] = ()
    not_src_sets: tuple[str, ...] = ()
    dst_sets: tuple[str, ...] = ()
    not_dst_sets: tuple[str, ...] = ()
    src_nets: tuple[str, ...] = ()
    not_src_nets: tuple[str, ...] = ()
    dst_nets: tuple[str, ...] = ()
    not_dst_nets: tuple[str, ...] = ()
    src_ports: tuple[str, ...] = ()
    not_src_ports: tuple[str, ...] = ()
    dst_ports: tuple[str, ...] = ()
    not_dst_ports: tuple[str, ...] = ()
    dst_named: tuple[str, ...] = ()
    icmp: str = ""


class Rule(Struct, frozen=True):
    """`action` is allow, deny, pass or log."""

    action: str
    match: Match = Match()


class Policy(Struct, frozen=True, kw_only=True):
    """A policy as Felix gets it. `types` says for which directions it counts."""

    name: str
    types: tuple[str, ...] = ("ingress", "egress")
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()

    def rules(self, direction: str) -> tuple[Rule, ...]:
        """Of one direction."""
        return self.ingress if direction == "ingress" else self.egress


class Tier(Struct, frozen=True):
    """Policies of one tier that select a workload, in order. `default` is "deny" or "pass"."""

    name: str
    policies: tuple[str, ...]
    default: str = "deny"


class Endpoint(Struct, frozen=True, kw_only=True):
    """A workload on the node: its interface, the tiers of policies for it, its profiles."""

    interface: str
    tiers: tuple[Tier, ...] = ()
    profiles: tuple[str, ...] = ()


class IpSet(Struct, frozen=True):
    """A set: its name without Felix' prefix ("s:..."), its type, its members."""

    name: str
    kind: str
    members: tuple[str, ...]


class Node(Struct, frozen=True, kw_only=True):
    """Everything on one node, in one family. `pools` are all ranges, `masqueraded` those with
    natOutgoing. `vxlan` is the tunnel's device, "" for none, and `vxlan_peers` who may send to
    it."""

    endpoints: tuple[Endpoint, ...] = ()
    policies: tuple[Policy, ...] = ()
    profiles: tuple[Policy, ...] = ()
    sets: tuple[IpSet, ...] = ()
    pools: tuple[str, ...] = ()
    masqueraded: tuple[str, ...] = ()
    to_host: str = "RETURN"
    family: int = 4
    vxlan: str = ""
    vxlan_peers: tuple[str, ...] = ()


def veth(namespace: str, pod: str, prefix: str = "cali") -> str:
    """The node's end of a pod: the prefix and 11 hexadecimal digits of a hash."""
    name = f"{namespace}.{pod}".encode()
    return prefix + hashlib.sha1(name, usedforsecurity=False).hexdigest()[:11]


def chain_name(prefix: str, name: str) -> str:
    """ "cali-pi-NAME", shortened by a hash where the kernel allows no longer name (28)."""
    plain = f"cali-{prefix}-{name}"
    if len(plain) <= 28:
        return plain
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"cali-{prefix}-_{digest}"[:28]
