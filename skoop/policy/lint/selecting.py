"""Whom policies select."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.errors import ParseError
from skoop.findings import policy as found
from skoop.findings import policy_lint as lint
from skoop.model.diagnosis import Suspicion
from skoop.model.kube import CalicoEntity, CalicoPolicy
from skoop.policy.lint.base import Linted, suspect
from skoop.policy.pairs.walk import peer_leaves
from skoop.policy.peers import AllOf, AnyOf, Networks, PeerTest, Pods, selector_text
from skoop.policy.rules import PolicyRef, Rule, Way
from skoop.policy.selector import parse_selector


def selects_nothing(linted: Linted) -> Iterator[Suspicion]:
    """Policies that apply to no endpoint at all."""
    seen: dict[PolicyRef, bool] = {}
    for _, _, policy in linted.written():
        seen[policy.ref] = seen.get(policy.ref, False) or bool(linted.selected(policy))
    for ref, selected in seen.items():
        if not selected:
            message = f"{ref} applies to no pod"
            yield suspect(found.PolicySelectsNothing, ref, message, "its selector matches no pod")


def implied_types(linted: Linted) -> Iterator[Suspicion]:
    """Policies for egress that isolate for ingress too, because they do not say otherwise."""
    for policy in linted.inventory.network_policies:
        if policy.policy_types or policy.ingress or not policy.egress:
            continue
        ref = PolicyRef("NetworkPolicy", policy.namespace, policy.name)
        message = f"{ref} has egress rules only and no policyTypes: it also denies all ingress"
        fix = "state policyTypes: [Egress]"
        yield suspect(found.ImplicitPolicytypes, ref, message, "policyTypes: none", fix=fix)


def peers_of_nobody(linted: Linted) -> Iterator[Suspicion]:
    """Entries of from and to that match nobody."""
    for way, _, policy in linted.written():
        for rule in policy.rules:
            peer = rule.source if way is Way.INGRESS else rule.destination
            for entry in _entries(peer):
                yes, maybe = linted.space.members_of(entry)
                if not (yes | maybe) and not _only_addresses(entry):
                    yield _nobody(policy.ref, rule, entry)


def _entries(peer: PeerTest) -> tuple[PeerTest, ...]:
    return peer.several if isinstance(peer, AnyOf) else (peer,)


def _only_addresses(entry: PeerTest) -> bool:
    """An address range need not hold anybody that is known."""
    return any(isinstance(leaf, Networks) for leaf in peer_leaves(entry))


def _nobody(ref: PolicyRef, rule: Rule, entry: PeerTest) -> Suspicion:
    message = f"{rule.name} of {ref} names {_described(entry)}, which nobody matches"
    return suspect(lint.PolicyPeerSelectsNothing, ref, message, f"{rule.name}: {rule.text}")


def _described(entry: PeerTest) -> str:
    if isinstance(entry, Pods):
        pods = f"pods {{{selector_text(entry.pods)}}}"
        if entry.namespaces is None:
            return f"{pods} in namespace {entry.namespace}"
        return f"{pods} in namespaces {{{selector_text(entry.namespaces)}}}"
    if isinstance(entry, AllOf):
        return " and ".join(_described(each) for each in entry.several)
    return str(getattr(entry, "expr", "")) or "a peer"


def service_addresses(linted: Linted) -> Iterator[Suspicion]:
    """Egress to a Service's own address: policies see the pod's, after the translation."""
    services = {ip: service for service in linted.inventory.services for ip in service.cluster_ips}
    for way, _, policy in linted.written():
        if way is not Way.EGRESS:
            continue
        for rule in policy.rules:
            for leaf in peer_leaves(rule.destination):
                for net, _ in leaf.nets if isinstance(leaf, Networks) else ():
                    service = services.get((net.family, net.network))
                    if service is None or net.length != net.family.bits:
                        continue
                    message = (
                        f"{rule.name} of {policy.ref} names {net}, the address of Service "
                        f"{service.namespace}/{service.name}: policies see its pods' addresses"
                    )
                    evidence = f"{rule.name}: {rule.text}"
                    fix = "select the Service's pods instead"
                    yield suspect(found.IpblockVsNatAddress, policy.ref, message, evidence, fix=fix)


def invalid_selectors(linted: Linted) -> Iterator[Suspicion]:
    """Calico selectors that are none."""
    for policy in linted.inventory.calico_policies.policies:
        kind = "calico NetworkPolicy" if policy.namespace else "GlobalNetworkPolicy"
        ref = PolicyRef(kind, policy.namespace, policy.name)
        for field, text in _selectors(policy):
            try:
                parse_selector(text)
            except ParseError as error:
                message = f"{field} of {ref} cannot be read: {error.problem}"
                evidence = f"{field}: {text[:200]}"
                yield suspect(lint.PolicySelectorInvalid, ref, message, evidence)


def _selectors(policy: CalicoPolicy) -> Iterator[tuple[str, str]]:
    yield "selector", policy.selector
    yield "namespaceSelector", policy.namespace_selector
    yield "serviceAccountSelector", policy.service_account_selector
    for way, rules in (("ingress", policy.ingress), ("egress", policy.egress)):
        for index, rule in enumerate(rules):
            for side, entity in (("source", rule.source), ("destination", rule.destination)):
                for field, text in _of_entity(entity):
                    yield f"{way}[{index}].{side}.{field}", text


def _of_entity(entity: CalicoEntity) -> Iterator[tuple[str, str]]:
    yield "selector", entity.selector
    yield "notSelector", entity.not_selector
    yield "namespaceSelector", entity.namespace_selector
    yield "serviceAccounts.selector", entity.service_account_selector
