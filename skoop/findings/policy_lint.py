"""Causes in network policies that show without any packet: in how they are written."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class PolicyPeerSelectsNothing(Finding):
    """A rule names a peer that nobody is.

    What it means: The selectors of one entry of `from` or `to` match no pod (or network set) of the
    cluster, so the entry allows or denies nothing.
    Why it matters: Its author had somebody in mind, and a label is written differently there.
    How to fix: Compare the selector with the labels of pods and namespaces.
        kubectl get pods -A --show-labels
        kubectl get namespaces --show-labels
    """

    code = "POL021"
    name = "policy-peer-selects-nothing"
    level = Level.INFO


class PolicyRuleUnreachable(Finding):
    """What a rule matches has been decided before it is asked.

    What it means: For every endpoint it applies to, earlier rules of its policy, or policies and
    tiers before it, decide all that this rule matches.
    Why it matters: The rule has no effect, whatever it says.
    How to fix: Move it up, narrow what stands before it, or remove it.
        kubectl get clusternetworkpolicies,adminnetworkpolicies 2>/dev/null
        calicoctl get globalnetworkpolicy -o wide
    """

    code = "POL022"
    name = "policy-rule-unreachable"
    level = Level.WARNING


class PolicyRuleRedundant(Finding):
    """Everything that a rule allows is allowed by others as well.

    What it means: NetworkPolicies add up, and without this rule the same connections would be
    allowed between the pods there are.
    Why it matters: Removing or changing it has no effect, which surprises whoever tries.
    How to fix: Remove it, or narrow the rule that covers it.
        kubectl -n NS get networkpolicy -o yaml
    """

    code = "POL023"
    name = "policy-rule-redundant"
    level = Level.INFO


class PolicyPriorityTie(Finding):
    """Two policies of one priority apply to the same pods.

    What it means: In one tier, two AdminNetworkPolicies or ClusterNetworkPolicies have the same
    priority and select a pod in common.
    Why it matters: Which of them is asked first is not defined; another version of the enforcer may
    decide otherwise.
    How to fix: Give each its own priority.
        kubectl get adminnetworkpolicies,clusternetworkpolicies 2>/dev/null
    """

    code = "POL024"
    name = "policy-priority-tie"
    level = Level.WARNING


class PolicySelectorInvalid(Finding):
    """A selector cannot be read.

    What it means: The text of a Calico selector is not in its language.
    Why it matters: Calico does not apply a policy that it cannot read, or reads another text than
    its author meant.
    How to fix: Correct the selector.
        calicoctl validate -f POLICY.yaml
    """

    code = "POL025"
    name = "policy-selector-invalid"
    level = Level.WARNING


class PolicyTierMissing(Finding):
    """A policy is in a tier that does not exist.

    What it means: `spec.tier` names a Tier that is not among the cluster's.
    Why it matters: Calico leaves such a policy out until the tier is there.
    How to fix: Create the tier, or correct its name.
        calicoctl get tier
    """

    code = "POL026"
    name = "policy-tier-missing"
    level = Level.WARNING


FINDINGS: tuple[type[Finding], ...] = (
    PolicyPeerSelectsNothing,
    PolicyRuleUnreachable,
    PolicyRuleRedundant,
    PolicyPriorityTie,
    PolicySelectorInvalid,
    PolicyTierMissing,
)
