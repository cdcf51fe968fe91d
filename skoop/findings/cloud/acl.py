"""Causes in network ACLs."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class CloudAclIngressDeny(Finding):
    """The network ACL drops what comes into the subnet.

    What it means: The first rule that matches the packet on its way into the subnet drops it,
    or none does and the ACL's default drops it (ingress-deny).
    Why it matters: Nothing of this kind reaches any interface of the subnet.
    How to fix: Allow the port from the source's network, before the rule that drops it.
        skoop cloud PROVIDER network-acl-list
    """

    code = "CLOUD015"
    name = "cloud-acl-ingress-deny"
    level = Level.FATAL


class CloudAclEgressDeny(Finding):
    """The network ACL drops what leaves the subnet.

    What it means: The first rule that matches the packet on its way out of the subnet drops it,
    or none does and the ACL's default drops it (egress-deny).
    Why it matters: Nothing of this kind leaves the subnet.
    How to fix: Allow the port to the destination's network, before the rule that drops it.
        skoop cloud PROVIDER network-acl-list
    """

    code = "CLOUD016"
    name = "cloud-acl-egress-deny"
    level = Level.FATAL


class CloudAclReturnEphemeralDeny(Finding):
    """The network ACL drops the answer.

    What it means: Network ACLs are stateless: the answer goes to the client's port, drawn from
    32768 and up, and that is not allowed (return-ephemeral-deny).
    Why it matters: The request arrives, the answer does not: the client waits until it gives
    up.
    How to fix: Allow the ports 1024-65535 to the clients' network, in the direction of answers.
        skoop cloud PROVIDER network-acl-list
    """

    code = "CLOUD017"
    name = "cloud-acl-return-ephemeral-deny"
    level = Level.FATAL


class CloudAclRuleOrder(Finding):
    """A rule of the network ACL comes too late.

    What it means: A rule that drops the packet stands before one that accepts it, and the first
    one decides (rule-order).
    Why it matters: The rule that was written for this traffic is never reached.
    How to fix: Move the accepting rule before the dropping one.
        skoop cloud PROVIDER network-acl-list
    """

    code = "CLOUD018"
    name = "cloud-acl-rule-order"
    level = Level.FATAL


FINDINGS: tuple[type[Finding], ...] = (
    CloudAclIngressDeny,
    CloudAclEgressDeny,
    CloudAclReturnEphemeralDeny,
    CloudAclRuleOrder,
)
