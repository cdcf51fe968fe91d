"""flannel's --ip-masq: what pods send outside the pod network leaves with the node's address."""

from __future__ import annotations

from msgspec.structs import replace

from skoop.findings.netfilter import MasqueradeMissing
from skoop.model.address import Family, Prefix
from skoop.model.kube import Inventory
from skoop.model.trace import Evidence
from skoop.netstack.iptables import read_ruleset
from skoop.plugin.base import Expectation, Repair
from skoop.plugin.checks.base import expect
from skoop.plugin.checks.outgoing import OUTSIDE, first_packet, translated
from skoop.plugin.flannel.lease import Lease
from skoop.plugin.flannel.overlay import underlay_link
from skoop.plugin.site import Site, knows


def masquerade(site: Site, own: Lease) -> Expectation | None:
    """A packet of a pod to the outside, put to the node's POSTROUTING chains. Nothing is said where
    flannel was not asked to masquerade, or a rule cannot be decided."""
    below = underlay_link(site, own)
    if below is None or not _asked_for(site.view.inventory) or not knows(site.host, "rulesets"):
        return None
    packet = first_packet(own.family, own.subnet.network + 2, OUTSIDE[own.family][1])
    ranges = (*site.view.facts.pod_cidrs.value, *site.view.facts.service_cidrs.value)
    if any(each.family is own.family and each.contains(packet.dst) for each in ranges):
        return None
    if translated(site.host, packet, below.name) is not False:
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


def _network(site: Site, own: Lease) -> Prefix:
    config = site.view.facts.flannel.value
    network = config.network if own.family is Family.V4 else config.ipv6_network
    return network or own.subnet


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
