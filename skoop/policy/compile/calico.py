"""Calico's reading of all policies: tiers in order, policies in order, and profiles last.

Kubernetes' NetworkPolicies are in the tier "default" with order 1000; an administrator's policies
are tiers before and after it (docs.tigera.io, "Tiered policy"; libcalico-go names and orders).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from msgspec import structs

from skoop.model.kube import CalicoPolicies, CalicoPolicy, CalicoTier, Inventory
from skoop.model.packet import Proto
from skoop.policy.compile.calico_rules import Scope, calico_rules, subject_of
from skoop.policy.compile.cluster import cluster_tier
from skoop.policy.compile.kubernetes import network_policy_tier
from skoop.policy.labelled import Hosts
from skoop.policy.peers import PeerTest, Undecided
from skoop.policy.ports import Ports
from skoop.policy.rules import Action, Engine, Policy, PolicyRef, PolicySet, Rule, Stage, Tier, Way

_KUBERNETES_ORDER = 1000.0
_DEFAULT_TIER = "default"
_ORDERS = {_DEFAULT_TIER: 1_000_000.0, "Admin": 1_000.0, "Baseline": 10_000_000.0}
_ALLOW_PROFILE = "projectcalico-default-allow"

# FelixConfiguration failsafeInboundHostPorts and failsafeOutboundHostPorts, as by default.
_FAILSAFE_IN = (
    (Proto.TCP, (22, 179, 2379, 2380, 5473, 6443, 6666, 6667)),
    (Proto.UDP, (68,)),
)
_FAILSAFE_OUT = (
    (Proto.TCP, (179, 2379, 2380, 5473, 6443, 6666, 6667)),
    (Proto.UDP, (53, 67)),
)


def calico_policies(inventory: Inventory) -> PolicySet:
    """All policies of a cluster as Calico's Felix reads them."""
    return PolicySet(
        engine=Engine.CALICO,
        ingress=_tiers(inventory, Way.INGRESS),
        egress=_tiers(inventory, Way.EGRESS),
        stages=_stages(inventory),
    )


def _stages(inventory: Inventory) -> Mapping[tuple[Stage, Way], tuple[Tier, ...]]:
    """The policies for what passes a node; only nodes with a HostEndpoint ask them."""
    calico = inventory.calico_policies
    if not calico.host_endpoints:
        return {}
    found: dict[tuple[Stage, Way], tuple[Tier, ...]] = {}
    for stage in Stage:
        chosen = tuple(each for each in calico.policies if _stage(each) is stage)
        alone = structs.replace(
            inventory,
            network_policies=(),
            cluster_policies=(),
            calico_policies=structs.replace(calico, policies=chosen),
        )
        for way in Way:
            tiers = _ordered(alone, way, stage)
            if not tiers:
                continue
            if stage is Stage.FORWARD:
                found[stage, way] = tiers
            else:
                onward = tuple(structs.replace(tier, default=Action.PASS) for tier in tiers)
                found[stage, way] = (*_failsafe(calico, way), *onward)
    return found


def _stage(policy: CalicoPolicy) -> Stage | None:
    """When a policy is asked besides, or instead of, for endpoints themselves."""
    if policy.do_not_track:
        return Stage.UNTRACKED
    if policy.pre_dnat:
        return Stage.BEFORE_NAT
    return Stage.FORWARD if policy.apply_on_forward else None


def _tiers(inventory: Inventory, way: Way) -> tuple[Tier, ...]:
    calico = inventory.calico_policies
    ordered = _ordered(inventory, way, None)
    return (*_failsafe(calico, way), *ordered, *_profiles(calico, inventory, way))


def _ordered(inventory: Inventory, way: Way, stage: Stage | None) -> tuple[Tier, ...]:
    """The tiers with their policies: for endpoints themselves, or for a stage."""
    calico = inventory.calico_policies
    known = {tier.name: tier for tier in calico.tiers}
    known.setdefault(_DEFAULT_TIER, CalicoTier(_DEFAULT_TIER))
    missing = sorted({each.tier for each in calico.policies if each.tier not in known})
    named = [
        *(
            (_tier_order(tier), tier.name, _tier(tier, inventory, way, stage))
            for tier in known.values()
        ),
        *(
            (_ORDERS[name], name, cluster_tier(inventory.cluster_policies, name, way))
            for name in ("Admin", "Baseline")
        ),
        *((math.inf, name, _missing_tier(name, inventory, way, stage)) for name in missing),
    ]
    return tuple(tier for *_, tier in sorted(named, key=lambda each: each[:2]) if tier.policies)


def _missing_tier(name: str, inventory: Inventory, way: Way, stage: Stage | None) -> Tier:
    """Policies whose tier is not there: Calico leaves them out until it is."""
    subject = Undecided(f"there is no tier {name!r}")
    return _tier(CalicoTier(name), inventory, way, stage, subject)


def _tier_order(tier: CalicoTier) -> float:
    if tier.order is not None:
        return tier.order
    return _ORDERS.get(tier.name, math.inf)


def _tier(
    tier: CalicoTier,
    inventory: Inventory,
    way: Way,
    stage: Stage | None,
    subject: PeerTest | None = None,
) -> Tier:
    found = [
        _policy(policy, inventory, way, subject)
        for policy in inventory.calico_policies.policies
        if policy.tier == tier.name and _fits(policy, stage) and _applies(policy, way)
    ]
    if tier.name == _DEFAULT_TIER and stage is None:
        found += _kubernetes(inventory, way)
    ordered = sorted(found, key=lambda policy: (policy.rank, _sort_name(policy.ref)))
    default = Action.PASS if tier.default_action == "Pass" else Action.DENY
    return Tier(name=tier.name, policies=tuple(ordered), default=default)


def _sort_name(ref: PolicyRef) -> str:
    name = f"knp.default.{ref.name}" if ref.kind == "NetworkPolicy" else ref.name
    return f"{ref.namespace}/{name}" if ref.namespace else name


def _kubernetes(inventory: Inventory, way: Way) -> Iterator[Policy]:
    for policy in network_policy_tier(inventory.network_policies, way).policies:
        yield Policy(
            ref=policy.ref, subject=policy.subject, rules=policy.rules, rank=_KUBERNETES_ORDER
        )


def _fits(policy: CalicoPolicy, stage: Stage | None) -> bool:
    """Whether a policy is asked at a stage. One for forwarded traffic is for endpoints too; those
    before NAT or connection tracking are not."""
    own = _stage(policy)
    return own in (None, Stage.FORWARD) if stage is None else own is stage


def _applies(policy: CalicoPolicy, way: Way) -> bool:
    """Types as written; else ingress, unless there are egress rules only (v3 NetworkPolicySpec)."""
    if policy.types:
        return way.name.capitalize() in policy.types
    if way is Way.EGRESS:
        return bool(policy.egress)
    return bool(policy.ingress) or not policy.egress


def _policy(
    policy: CalicoPolicy, inventory: Inventory, way: Way, subject: PeerTest | None
) -> Policy:
    kind = "calico NetworkPolicy" if policy.namespace else "GlobalNetworkPolicy"
    rules = policy.ingress if way is Way.INGRESS else policy.egress
    return Policy(
        ref=PolicyRef(kind, policy.namespace, policy.name),
        subject=subject or subject_of(policy),
        rules=calico_rules(rules, Scope(policy.namespace, inventory), way),
        rank=math.inf if policy.order is None else policy.order,
    )


def _failsafe(calico: CalicoPolicies, way: Way) -> tuple[Tier, ...]:
    """The ports of a node that no policy closes."""
    if not calico.host_endpoints:
        return ()
    ports = _FAILSAFE_IN if way is Way.INGRESS else _FAILSAFE_OUT
    rules = tuple(
        Rule(Action.ALLOW, f"{proto.name} {port}", traffic=Ports(proto, port, port))
        for proto, several in ports
        for port in several
    )
    ref = PolicyRef("FelixConfiguration", "", "failsafe ports")
    failsafe = Policy(ref=ref, subject=Hosts(), rules=rules)
    return (Tier(name="failsafe", policies=(failsafe,), default=Action.PASS),)


def _profiles(calico: CalicoPolicies, inventory: Inventory, way: Way) -> tuple[Tier, ...]:
    """What decides about a node that a HostEndpoint covers when no policy has: its profiles, and
    without any a denial. Pods have the profiles kns.* and ksa.*, which allow everything."""
    if not calico.host_endpoints:
        return ()
    allow = Policy(
        ref=PolicyRef("Profile", "", _ALLOW_PROFILE),
        subject=Hosts(_ALLOW_PROFILE),
        rules=(Rule(Action.ALLOW, f"{way.value}[0]", text="Allow"),),
    )
    written = (
        Policy(
            ref=PolicyRef("Profile", "", profile.name),
            subject=Hosts(profile.name),
            rules=calico_rules(
                profile.ingress if way is Way.INGRESS else profile.egress,
                Scope("", inventory),
                way,
            ),
        )
        for profile in calico.profiles
        if profile.name != _ALLOW_PROFILE
    )
    nothing = Policy(ref=PolicyRef("HostEndpoint", "", "without a profile"), subject=Hosts())
    return (Tier(name="profiles", policies=(allow, *written, nothing)),)
