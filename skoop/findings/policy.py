"""Causes in network policies."""

from __future__ import annotations

from skoop.findings import policy_lint
from skoop.findings.base import Finding
from skoop.model.disposition import Level


class DefaultDenyIngress(Finding):
    """The destination is isolated, and no policy lets the client in.

    What it means: At least one policy selects the destination pod for ingress, and none of them has
    a rule at all that allows traffic.
    Why it matters: A pod that any ingress policy selects accepts only what some policy allows.
    How to fix: Add a policy that allows this client.
        kubectl -n NS get networkpolicy
        kubectl -n NS describe networkpolicy NAME
    """

    code = "POL001"
    name = "default-deny-ingress"
    level = Level.FATAL


class DefaultDenyEgress(Finding):
    """The source is isolated, and no policy lets it out.

    What it means: At least one policy selects the source pod for egress, and none of them has a
    rule at all that allows traffic.
    Why it matters: A pod that any egress policy selects may only send what some policy allows, name
    lookups included.
    How to fix: Add an egress policy for this destination, and one for DNS.
        kubectl -n NS get networkpolicy
    """

    code = "POL002"
    name = "default-deny-egress"
    level = Level.FATAL


class PolicyExplicitDeny(Finding):
    """A policy with a Deny action matches.

    What it means: An AdminNetworkPolicy, a Calico or Cilium policy denies this traffic by name
    (explicit-deny).
    Why it matters: It stands above every NetworkPolicy that would allow the traffic.
    How to fix: Change the policy, or allow the traffic with a higher precedence.
        kubectl get adminnetworkpolicies,globalnetworkpolicies 2>/dev/null
    """

    code = "POL003"
    name = "policy-explicit-deny"
    level = Level.FATAL


class PolicyPodSelectorMiss(Finding):
    """The policy's podSelector does not match the other pod.

    What it means: A rule would allow the traffic, but the labels of the peer differ from its
    podSelector (pod-selector-miss). Alone, it looks in the policy's own namespace only.
    Why it matters: Rules only add; what none allows is denied.
    How to fix: Correct the label or the selector.
        kubectl -n NS get pods --show-labels
        kubectl -n NS get networkpolicy NAME -o yaml
    """

    code = "POL004"
    name = "policy-pod-selector-miss"
    level = Level.FATAL


class PolicyNamespaceLabelMiss(Finding):
    """The policy's namespaceSelector does not match the other pod's namespace.

    What it means: The namespace lacks the label the policy asks for (namespace-label-miss).
    Why it matters: Rules only add; what none allows is denied.
    How to fix: Label the namespace, or select it by the label that each has from the start.
        kubectl get namespace NS --show-labels
        kubectl label namespace NS KEY=VALUE
    """

    code = "POL005"
    name = "policy-namespace-label-miss"
    level = Level.FATAL


class PolicyPortMiss(Finding):
    """The peers match, the port does not.

    What it means: A policy allows this peer, on other ports only (port-miss). Ports are those of
    the pod, after the Service's translation.
    Why it matters: Rules only add; what none allows is denied.
    How to fix: Add the pod's port (targetPort, not the Service's port).
        kubectl -n NS get networkpolicy NAME -o jsonpath='{.spec}'
    """

    code = "POL006"
    name = "policy-port-miss"
    level = Level.FATAL


class PolicyNamedPortMiss(Finding):
    """The policy's named port does not exist in the pod.

    What it means: The policy allows a port by name, and no container of the pod has one of that
    name and protocol (named-port-miss).
    Why it matters: The name stands for no port in this pod, so the rule allows nothing.
    How to fix: Name the container's port, or use the number.
        kubectl -n NS get pod POD -o jsonpath='{.spec.containers[*].ports}'
    """

    code = "POL007"
    name = "policy-named-port-miss"
    level = Level.FATAL


class PolicyEndportMiss(Finding):
    """The port lies outside the policy's port range.

    What it means: The policy allows `port` to `endPort`, and the packet's port is not between them
    (endport-miss); a CNI without support for endPort uses the first port only.
    Why it matters: Rules only add; what none allows is denied.
    How to fix: Widen the range.
        kubectl -n NS get networkpolicy NAME -o yaml | grep -B2 endPort
    """

    code = "POL008"
    name = "policy-endport-miss"
    level = Level.FATAL


class PolicyProtocolMiss(Finding):
    """The policy allows the port for another protocol.

    What it means: The protocol of the rule (TCP when not given) is not the packet's
    (protocol-miss).
    Why it matters: Allowing port 53 without `protocol: UDP`, for one, does not allow DNS.
    How to fix: List each protocol.
        kubectl -n NS get networkpolicy NAME -o yaml | grep -A3 ports
    """

    code = "POL009"
    name = "policy-protocol-miss"
    level = Level.FATAL


class PolicyIpblockMiss(Finding):
    """The peer's address is in no ipBlock of the policy.

    What it means: The policy allows by address, and the address is in none of its networks
    (ipblock-miss).
    Why it matters: Rules only add; what none allows is denied.
    How to fix: Add the network; for pods use selectors, their addresses change.
        kubectl -n NS get networkpolicy NAME -o yaml | grep -A4 ipBlock
    """

    code = "POL010"
    name = "policy-ipblock-miss"
    level = Level.FATAL


class PolicyIpblockExcept(Finding):
    """The peer's address is excepted from the policy's ipBlock.

    What it means: The network contains the address, and an `except` takes it out again
    (ipblock-except).
    Why it matters: This rule does not allow it; another one could.
    How to fix: Remove the exception, or allow the address with a rule of its own.
        kubectl -n NS get networkpolicy NAME -o yaml | grep -A6 ipBlock
    """

    code = "POL011"
    name = "policy-ipblock-except"
    level = Level.FATAL


class IpblockVsNatAddress(Finding):
    """The policy names an address that NAT has replaced by then.

    What it means: The ipBlock holds the client's (or the Service's) address, and where the policy
    is enforced the packet carries a node's (or the pod's).
    Why it matters: The rule never matches, however right it looks.
    How to fix: Name the address as seen there: pods instead of a Service, and with
    `externalTrafficPolicy: Local` the client's own.
        kubectl -n NS get service SVC -o jsonpath='{.spec.externalTrafficPolicy}'
    """

    code = "POL012"
    name = "ipblock-vs-nat-address"
    level = Level.FATAL


class DnsEgressMissing(Finding):
    """The egress policies allow the destination, but not DNS.

    What it means: The pod is isolated for egress, and no policy allows port 53 to the cluster's
    DNS.
    Why it matters: By name nothing works; by address it does.
    How to fix: Allow UDP and TCP port 53 to the pods labelled k8s-app=kube-dns in kube-system.
        kubectl -n NS get networkpolicy
    """

    code = "POL013"
    name = "dns-egress-missing"
    level = Level.CRITICAL


class ImplicitPolicytypes(Finding):
    """The policy isolates in a direction its author may not have meant.

    What it means: Without `policyTypes` a policy always applies to ingress, and to egress only if
    it has an egress section (implicit-policytypes).
    Why it matters: A policy written for egress alone also cuts off all ingress.
    How to fix: State policyTypes.
        kubectl -n NS get networkpolicy NAME -o jsonpath='{.spec.policyTypes}'
    """

    code = "POL014"
    name = "implicit-policytypes"
    level = Level.WARNING


class PolicyTierOrder(Finding):
    """A policy of an earlier tier decides first.

    What it means: Tiers and order (Calico), or priority (AdminNetworkPolicy), put another policy
    before the one that allows the traffic (tier-order).
    Why it matters: The first that decides, decides.
    How to fix: Let the earlier policy pass the traffic on, or move the allowing one up.
        calicoctl get tier; calicoctl get globalnetworkpolicy -o wide
    """

    code = "POL015"
    name = "policy-tier-order"
    level = Level.FATAL


class HostEndpointDeny(Finding):
    """A policy for the node itself denies the traffic.

    What it means: A Calico HostEndpoint (or Cilium host policy) covers the node's interface, and no
    policy allows this traffic.
    Why it matters: Once a host endpoint exists, the node's traffic is denied but for the failsafe
    ports.
    How to fix: Add a policy for the host endpoint.
        calicoctl get hostendpoint -o wide
    """

    code = "POL016"
    name = "host-endpoint-deny"
    level = Level.FATAL


class PolicySelectsNothing(Finding):
    """A policy selects no pod.

    What it means: No pod of its namespace matches the policy's podSelector (selects-nothing).
    Why it matters: It protects nothing, and its author believes that it does.
    How to fix: Correct the selector.
        kubectl -n NS get networkpolicy NAME -o jsonpath='{.spec.podSelector}'
        kubectl -n NS get pods --show-labels
    """

    code = "POL017"
    name = "policy-selects-nothing"
    level = Level.INFO


class CniNotEnforcing(Finding):
    """There are network policies, and nothing enforces them.

    What it means: The CNI (flannel, for one) has no policy engine, and none was added.
    Why it matters: Traffic that the policies deny passes.
    How to fix: Add an engine (kube-router, Calico for policy), or use a CNI that has one.
        kubectl get networkpolicy -A
        kubectl get daemonset -A
    """

    code = "POL018"
    name = "cni-not-enforcing"
    level = Level.WARNING


class DeclaredButNotProgrammed(Finding):
    """A policy exists in the API and not on the node.

    What it means: The rules or sets that its engine should have written are missing or old.
    Why it matters: The node enforces something else than what was declared.
    How to fix: See whether the engine's agent runs on the node, and restart it.
        kubectl get pods -A -o wide --field-selector spec.nodeName=NODE
        iptables-save | grep -cE 'KUBE-NWPLCY|cali-'           # on the node
    """

    code = "POL019"
    name = "declared-but-not-programmed"
    level = Level.CRITICAL


class ProgrammedButNotDeclared(Finding):
    """The node enforces a policy that the API does not have.

    What it means: Rules of a policy engine stop the packet, and no policy in the API explains them:
    they are left over from a deleted policy or a removed CNI.
    Why it matters: Traffic that should pass is dropped.
    How to fix: Restart the engine's agent; of a removed CNI flush the chains, or reboot the node.
        iptables-save | grep -E 'KUBE-NWPLCY|cali-'            # on the node
    """

    code = "POL020"
    name = "programmed-but-not-declared"
    level = Level.FATAL


FINDINGS: tuple[type[Finding], ...] = (
    DefaultDenyIngress,
    DefaultDenyEgress,
    PolicyExplicitDeny,
    PolicyPodSelectorMiss,
    PolicyNamespaceLabelMiss,
    PolicyPortMiss,
    PolicyNamedPortMiss,
    PolicyEndportMiss,
    PolicyProtocolMiss,
    PolicyIpblockMiss,
    PolicyIpblockExcept,
    IpblockVsNatAddress,
    DnsEgressMissing,
    ImplicitPolicytypes,
    PolicyTierOrder,
    HostEndpointDeny,
    PolicySelectsNothing,
    CniNotEnforcing,
    DeclaredButNotProgrammed,
    ProgrammedButNotDeclared,
    *policy_lint.FINDINGS,
)
