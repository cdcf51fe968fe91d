"""Policies as programmed on a node against those declared, without a connection being asked for."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.kube import LabelSelector, NetworkPolicy, build_inventory
from skoop.model.kube.calico import FelixConfiguration
from skoop.netstack.ipset import read_ipsets
from skoop.netstack.iptables import read_ruleset
from skoop.plugin.base import ClusterView
from skoop.plugin.calico import CalicoPlugin
from tests.felix.tables import ipset_text, tables_text
from tests.felix.words import Endpoint, Node, Policy, Rule, Tier
from tests.plugin.build import with_namespace
from tests.plugin.calico.build import POOL, POOLS, cluster, pods_of

ALLOW = (Rule("allow"),)
PROFILE = Policy(name="kns.shop", ingress=ALLOW, egress=ALLOW)
DENY = NetworkPolicy(
    namespace="shop", name="deny", pod_selector=LabelSelector(), policy_types=("Ingress",)
)
PROGRAMMED = Policy(name="knp.default.shop.deny", types=("ingress",))
LISTS = ("ippools", "blockaffinities", "calico networkpolicies", "calico globalnetworkpolicies")


def view(
    declared: tuple[NetworkPolicy, ...],
    programmed: tuple[Policy, ...],
    *,
    known: tuple[str, ...] = LISTS,
    **settings: str,
) -> ClusterView:
    """A cluster whose node k1 has Felix' rules for some policies, which select all its pods."""
    clean = cluster(POOLS["no tunnel"])
    tiers = (Tier("default", tuple(each.name for each in programmed)),) if programmed else ()
    node = Node(
        endpoints=tuple(
            Endpoint(interface=f"cali{name}", tiers=tiers, profiles=(PROFILE.name,))
            for name in pods_of("k1")
        ),
        policies=programmed,
        profiles=(PROFILE,),
        pools=(POOL,),
        masqueraded=(POOL,),
    )
    text = tables_text(node).replace("-I ", "-A ")
    rules = read_ruleset(text, engine="iptables-nft", family=Family.V4, source="k1")
    sets = "".join(
        f"{line}\n" for line in ipset_text(node).splitlines() if not line.startswith("flush")
    )
    host = replace(
        clean.hosts["k1"],
        rulesets=(replace(rules, text=text),),
        ipsets=read_ipsets(sets, "ipset"),
    )
    felix = (FelixConfiguration("default", settings),)
    inventory = build_inventory(
        nodes=clean.inventory.nodes,
        pods=clean.inventory.pods,
        daemon_sets=clean.inventory.daemon_sets,
        config_maps=clean.inventory.config_maps,
        network_policies=declared,
        calico=replace(clean.inventory.calico, known=known, felix=felix),
    )
    return with_namespace(replace(clean, inventory=inventory), host)


def said(of: ClusterView) -> dict[str, str]:
    """Findings by the namespace they are about."""
    return {each.namespace: each.suspicion.name for each in CalicoPlugin().expectations(of, "k1")}


BOTH_PODS = ("pod/shop/web", "pod/shop/cli")


def test_policies_that_are_programmed_as_declared() -> None:
    assert said(view((), ())) == {}
    assert said(view((DENY,), (PROGRAMMED,))) == {}


def test_a_policy_that_is_not_programmed_yet() -> None:
    assert said(view((DENY,), ())) == dict.fromkeys(BOTH_PODS, "declared-but-not-programmed")


def test_an_isolation_that_is_left_over() -> None:
    """It ends in a rule for what nothing allows; that something should is what can be told."""
    assert said(view((), (PROGRAMMED,))) == dict.fromkeys(BOTH_PODS, "declared-but-not-programmed")


def test_a_denial_that_is_left_over() -> None:
    old = replace(PROGRAMMED, name="old", ingress=(Rule("deny"),))
    assert said(view((), (old,))) == dict.fromkeys(BOTH_PODS, "programmed-but-not-declared")


@pytest.mark.parametrize("missing", LISTS[2:])
def test_without_all_policies_nothing_is_said(missing: str) -> None:
    known = tuple(each for each in LISTS if each != missing)
    assert said(view((DENY,), (), known=known)) == {}
