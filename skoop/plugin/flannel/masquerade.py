"""flannel's --ip-masq: what pods send outside the pod network leaves with the node's address."""

from __future__ import annotations

from msgspec.structs import replace

from skoop.findings.netfilter import MasqueradeMissing
from skoop.model.address import Family, Prefix, parse_ip
from skoop.model.kube import Inventory
from skoop.model.packet import EPHEMERAL, Packet, Proto, TcpFlag
from skoop.model.trace import Evidence
from skoop.netstack.conntrack import new_connection
from skoop.netstack.iptables import read_ruleset
from skoop.netstack.netfilter import Action, BaseChain, ChainKind, Hook, View
from skoop.netstack.stack import Stack
from skoop.netstack.state import Namespace
from skoop.plugin.base import Expectation, Repair
from skoop.plugin.checks.base import expect
from skoop.plugin.flannel.lease import Lease
from skoop.plugin.flannel.overlay import underlay_link
from skoop.plugin.site import Site, knows

_OUTSIDE = {Family.V4: parse_ip("192.0.2.1"), Family.V6: parse_ip("2001:db8::1")}
"""Addresses that are nobody's (RFC 5737, RFC 3849)."""


def masquerade(site: Site, own: Lease) -> Expectation | None:
    """A packet of a pod to the outside, put to the node's POSTROUTING chains. Nothing is said where
    flannel was not asked to masquerade, or a rule cannot be decided."""
    below = underlay_link(site, own)
    if below is None or not _asked_for(site.view.inventory) or not knows(site.host, "rulesets"):
        return None
    packet = _outgoing(own)
    ranges = (*site.view.facts.pod_cidrs.value, *site.view.facts.service_cidrs.value)
    if any(each.family is own.family and each.contains(packet.dst) for each in ranges):
        return None
    if _translated(site.host, packet, below.name) is not False:
        return None
    return expect(
        MasqueradeMissing,
        site.host,
        f"node {site.node} does not masquerade what its pods ({own.subnet}) send outside the pod "
        f"network, though flannel runs with --ip-masq",
        Evidence(
            f"nat POSTROUTING on {site.host.id}",
            f"no rule translates {packet.source} -> {packet.destination} out of {below.name}",
        ),
        repair=_with_rule(own, _network(site, own)),
        fix=f"restart flannel on node {site.node}",
    )


def _asked_for(inventory: Inventory) -> bool:
    words = (
        word
        for workload in inventory.daemon_sets
        if "flannel" in workload.name
        for container in workload.containers
        for word in (*container.command, *container.args)
    )
    return any(word.lstrip("-") in ("ip-masq", "ip-masq=true") for word in words)


def _outgoing(own: Lease) -> Packet:
    return Packet(
        family=own.family,
        proto=Proto.TCP,
        src=own.subnet.network + 2,
        dst=_OUTSIDE[own.family][1],
        sport=EPHEMERAL,
        dport=80,
        flags=TcpFlag.SYN,
    )


def _network(site: Site, own: Lease) -> Prefix:
    config = site.view.facts.flannel.value
    network = config.network if own.family is Family.V4 else config.ipv6_network
    return network or own.subnet


def _translated(host: Namespace, packet: Packet, device: str) -> bool | None:
    """Whether some chain translates the source; None when a rule on the way is undecided."""
    connection = new_connection(packet)
    view = View(hook=Hook.POSTROUTING, host=Stack(host), ct=connection, oif=device)
    answers: set[bool | None] = set()
    for ruleset in host.rulesets:
        for chain in ruleset.chains:
            if _sees(chain, packet.family):
                for outcome in chain.evaluate(packet, view):
                    done = outcome.action is Action.NAT and outcome.nat.kind.changes_source
                    answers.add(None if outcome.guesses else done)
    return True if True in answers else None if None in answers else False


def _sees(chain: BaseChain, family: Family) -> bool:
    return (
        chain.hook is Hook.POSTROUTING
        and chain.kind is ChainKind.NAT
        and chain.family in (None, family)
    )


def _with_rule(own: Lease, network: Prefix) -> Repair:
    """The rule that flannel would have written, in a table of its own."""
    multicast = "224.0.0.0/4" if own.family is Family.V4 else "ff00::/8"
    lines = (
        "*nat",
        ":POSTROUTING ACCEPT [0:0]",
        f"-A POSTROUTING -s {own.subnet} -d {network} -j RETURN",
        f"-A POSTROUTING -s {own.subnet} ! -d {multicast} -j MASQUERADE",
        "COMMIT",
    )
    text = "\n".join(lines) + "\n"
    ruleset = read_ruleset(
        text, engine="iptables-nft", family=own.family, source=f"flannel on {own.node}"
    )
    return lambda namespace: replace(namespace, rulesets=(*namespace.rulesets, ruleset))
