"""natOutgoing: what pods of a pool send outside all pools leaves with the node's address
(docs.tigera.io/calico/latest/networking/configuring/workloads-outside-cluster)."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from skoop.cluster.detect.calico_facts import CalicoConfig
from skoop.findings.netfilter import MasqueradeMissing, UnexpectedSnat
from skoop.model.address import Prefix
from skoop.model.kube.calico import IpPool
from skoop.model.trace import Evidence
from skoop.netstack.iptables import read_ruleset
from skoop.plugin.base import Expectation, Repair
from skoop.plugin.calico.registered import Registered
from skoop.plugin.checks.base import expect
from skoop.plugin.checks.outgoing import OUTSIDE, first_packet, translated
from skoop.plugin.checks.tunnels import card_with
from skoop.plugin.site import Site, knows


def nat_outgoing(site: Site, config: CalicoConfig, own: Registered) -> Iterator[Expectation]:
    """A packet to the outside of one pod of each pool, put to the node's POSTROUTING chains.
    Nothing is said where a rule cannot be decided."""
    below = card_with(site, ((own.family, own.address),))
    outside = OUTSIDE[own.family][1]
    if below is None or not knows(site.host, "rulesets", "ipsets") or not site.host.rulesets:
        return
    if config.pool_of(own.family, outside) is not None:
        return
    asked: set[str] = set()
    for pod in site.pods:
        for family, value in pod.pod.ips:
            pool = config.pool_of(family, value)
            if family is not own.family or pool is None or pool.name in asked:
                continue
            asked.add(pool.name)
            yield from _judge(site, config, own, pool, value, below.name)
            yield from _inside(site, config, own, value, below.name)


def _judge(
    site: Site, config: CalicoConfig, own: Registered, pool: IpPool, source: int, device: str
) -> Iterator[Expectation]:
    packet = first_packet(own.family, source, OUTSIDE[own.family][1])
    done = translated(site.host, packet, device)
    tried = f"{packet.source} -> {packet.destination} out of {device}"
    where = f"nat POSTROUTING on {site.host.id}"
    declared = Evidence(f"IPPool {pool.name}", f"natOutgoing {str(pool.nat_outgoing).lower()}")
    if pool.nat_outgoing and done is False:
        ranges = tuple(each.cidr for each in config.pools if each.cidr.family is own.family)
        yield expect(
            MasqueradeMissing,
            site.host,
            f"node {site.node} does not masquerade what its pods of pool {pool.name} ({pool.cidr}) "
            f"send outside the pools, though the pool asks for it with natOutgoing",
            Evidence(where, f"no rule translates {tried}"),
            declared,
            repair=_with_rule(site, own, pool.cidr, ranges),
            fix=f"restart calico-node on node {site.node}",
        )
    elif not pool.nat_outgoing and done:
        yield expect(
            UnexpectedSnat,
            site.host,
            f"node {site.node} gives what its pods of pool {pool.name} ({pool.cidr}) send outside "
            f"its own address, and the pool does not ask for it",
            Evidence(where, f"a rule translates {tried}"),
            declared,
        )


def _inside(
    site: Site, config: CalicoConfig, own: Registered, source: int, device: str
) -> Iterator[Expectation]:
    """Within the pools pods are known by their own addresses."""
    others = (
        value
        for pod in site.view.inventory.pods
        if pod.node != site.node and not pod.host_network and not pod.finished
        for family, value in pod.ips
        if family is own.family and config.pool_of(family, value) is not None
    )
    destination = next(others, None)
    if destination is None:
        return
    packet = first_packet(own.family, source, destination)
    if translated(site.host, packet, device):
        yield expect(
            UnexpectedSnat,
            site.host,
            f"node {site.node} gives what its pods send to pods of other nodes its own address; "
            f"both are in Calico's pools, where nothing is to be translated",
            Evidence(
                f"nat POSTROUTING on {site.host.id}",
                f"a rule translates {packet.source} -> {packet.destination} out of {device}",
            ),
            fix=f"restart calico-node on node {site.node}",
        )


def _with_rule(site: Site, own: Registered, pool: Prefix, ranges: tuple[Prefix, ...]) -> Repair:
    """What Felix would have written, in a table of its own and without its sets."""
    spared = [f"-A POSTROUTING -s {pool} -d {each} -j RETURN" for each in ranges]
    text = "\n".join(
        (
            "*nat",
            ":POSTROUTING ACCEPT [0:0]",
            *spared,
            f"-A POSTROUTING -s {pool} -j MASQUERADE",
            "COMMIT",
            "",
        )
    )
    ruleset = read_ruleset(
        text, engine="iptables-nft", family=own.family, source=f"Calico on {site.node}"
    )
    return lambda namespace: replace(namespace, rulesets=(*namespace.rulesets, ruleset))
