"""Causes in security groups."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class CloudSgNoIngressRule(Finding):
    """No rule of a security group lets the packet in.

    What it means: None of the groups of the receiving interface has an ingress rule for this
    source, protocol and port, and what no rule names is dropped (no-ingress-rule).
    Why it matters: The first packet of every such connection is dropped without an answer.
    How to fix: Allow the port from the source's network or group.
        skoop cloud PROVIDER security-group-show GROUP
    """

    code = "CLOUD007"
    name = "cloud-sg-no-ingress-rule"
    level = Level.FATAL


class CloudSgNoEgressRule(Finding):
    """No rule of a security group lets the packet out.

    What it means: The groups of the sending interface drop what no egress rule names, and none
    names this destination, protocol and port (no-egress-rule).
    Why it matters: The packet does not leave the interface.
    How to fix: Allow the port to the destination's network.
        skoop cloud PROVIDER security-group-show GROUP
    """

    code = "CLOUD008"
    name = "cloud-sg-no-egress-rule"
    level = Level.FATAL


class CloudSgExplicitDenyPriority(Finding):
    """A rule of a security group drops the packet.

    What it means: A drop rule matches before any accept rule: its priority number is smaller,
    or equal, and at one priority a drop wins (explicit-deny-priority).
    Why it matters: The packet is dropped although a later rule may accept it.
    How to fix: Give the accept rule a smaller priority number, or narrow the drop rule.
        skoop cloud PROVIDER security-group-show GROUP
    """

    code = "CLOUD009"
    name = "cloud-sg-explicit-deny-priority"
    level = Level.FATAL


class CloudSgEmpty(Finding):
    """The security group has no rules.

    What it means: The interface is in a security group without a single rule in this direction
    (empty).
    Why it matters: Only what the group's default admits passes, which for most kinds of groups
    is nothing.
    How to fix: Write the rules the node needs, or put the interface into the cluster's group.
        skoop cloud PROVIDER security-group-show GROUP
    """

    code = "CLOUD010"
    name = "cloud-sg-empty"
    level = Level.FATAL


class CloudSgReferenceNotPreserved(Finding):
    """A rule names a group, but the packet does not come from a member's address.

    What it means: A rule would admit members of a group, and the sender's interface is a
    member, but the packet carries a pod's address, which belongs to no interface (reference-
    not-preserved).
    Why it matters: Rules about groups look at addresses of interfaces only.
    How to fix: Allow the pod network by its CIDR, or masquerade the pod's traffic.
        skoop cloud PROVIDER security-group-show GROUP
    """

    code = "CLOUD011"
    name = "cloud-sg-reference-not-preserved"
    level = Level.FATAL


class CloudSgIntraGroupIsolated(Finding):
    """Members of the security group are isolated from each other.

    What it means: Sender and receiver are in one group whose policy for its members is to drop,
    and no rule allows this packet (intra-group-isolated).
    Why it matters: Nodes of the cluster cannot talk to each other although they share a group.
    How to fix: Set the group's inner policy to accept, or allow the nodes' network by a rule.
        skoop cloud PROVIDER security-group-show GROUP
    """

    code = "CLOUD012"
    name = "cloud-sg-intra-group-isolated"
    level = Level.FATAL


class CloudSgNodesInDifferentGroups(Finding):
    """The nodes have no security group in common.

    What it means: Sender and receiver are in different groups, so that what holds between
    members does not hold between them (nodes-in-different-groups).
    Why it matters: Each port between the two has to be allowed by a rule; one that is forgotten
    fails only between these nodes.
    How to fix: Put all nodes of the cluster into one common group.
        skoop cloud PROVIDER instance-list
    """

    code = "CLOUD013"
    name = "cloud-sg-nodes-in-different-groups"
    level = Level.WARNING


class CloudSgPodCidrNotAllowed(Finding):
    """The security group does not allow the pod network.

    What it means: The packet carries a pod's address, and no rule of the receiving interface
    allows the pod network (pod-cidr-not-allowed).
    Why it matters: Pods reach pods of their own node only.
    How to fix: Allow the cluster's pod network in the nodes' group.
        skoop cloud PROVIDER security-group-show GROUP
    """

    code = "CLOUD014"
    name = "cloud-sg-pod-cidr-not-allowed"
    level = Level.FATAL


FINDINGS: tuple[type[Finding], ...] = (
    CloudSgNoIngressRule,
    CloudSgNoEgressRule,
    CloudSgExplicitDenyPriority,
    CloudSgEmpty,
    CloudSgReferenceNotPreserved,
    CloudSgIntraGroupIsolated,
    CloudSgNodesInDifferentGroups,
    CloudSgPodCidrNotAllowed,
)
