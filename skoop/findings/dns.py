"""Causes in name resolution."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class DnsNxdomain(Finding):
    """The name does not exist.

    What it means: No Service or pod of the cluster has the name, so the DNS server answers
    NXDOMAIN.
    Why it matters: The client fails before it sends a packet.
    How to fix: A Service is SVC.NS.svc.CLUSTER_DOMAIN. Check name and namespace.
        kubectl get service -A | grep SVC
        kubectl -n NS exec POD -- nslookup SVC.NS.svc.cluster.local.
    """

    code = "DNS001"
    name = "dns-nxdomain"
    level = Level.FATAL


class DnsWrongSearch(Finding):
    """The pod's search list does not lead to the name.

    What it means: A short name is completed with the domains in /etc/resolv.conf, and none of them
    gives the Service meant (wrong-search), often because it is in another namespace.
    Why it matters: The name is not found, or another one is.
    How to fix: Write SVC.NS, or the full name.
        kubectl -n NS exec POD -- cat /etc/resolv.conf
    """

    code = "DNS002"
    name = "dns-wrong-search"
    level = Level.CRITICAL


class DnsNdots(Finding):
    """The ndots option changes which names are tried first.

    What it means: With ndots:5 every name with fewer than five dots is first tried with each search
    domain; with a small value cluster names with dots are tried as they stand.
    Why it matters: External names cost several failing queries each, or short cluster names are not
    found.
    How to fix: End external names with a dot, or set ndots in the pod's dnsConfig.
        kubectl -n NS exec POD -- grep ndots /etc/resolv.conf
    """

    code = "DNS003"
    name = "dns-ndots"
    level = Level.INFO


class DnsBadNameserver(Finding):
    """The pod asks a name server that is not the cluster's.

    What it means: `nameserver` in the pod's /etc/resolv.conf is not the address of the cluster's
    DNS Service or of a node-local cache.
    Why it matters: Cluster names are unknown there, or nobody answers.
    How to fix: Set kubelet's clusterDNS to the Service's address and recreate the pod.
        kubectl -n kube-system get service kube-dns -o jsonpath='{.spec.clusterIP}'
        grep -A1 clusterDNS /var/lib/kubelet/config.yaml       # on the node
    """

    code = "DNS004"
    name = "dns-bad-nameserver"
    level = Level.FATAL


class DnspolicyWrong(Finding):
    """The pod's dnsPolicy keeps it from the cluster's DNS.

    What it means: dnsPolicy is Default (the node's resolver) or None, or the pod uses hostNetwork
    with ClusterFirst, which then means Default (dnspolicy).
    Why it matters: Names of Services are not found.
    How to fix: Use ClusterFirst, and ClusterFirstWithHostNet for hostNetwork pods.
        kubectl -n NS get pod POD -o jsonpath='{.spec.dnsPolicy} {.spec.hostNetwork}'
    """

    code = "DNS005"
    name = "dnspolicy-wrong"
    level = Level.CRITICAL


class CorednsUnready(Finding):
    """A CoreDNS pod is not ready.

    What it means: At least one of them fails its readiness check.
    Why it matters: With fewer servers names resolve slowly; with none, not at all.
    How to fix: Read the log; a forwarding loop and an unreachable upstream are the usual reasons.
        kubectl -n kube-system get pods -l k8s-app=kube-dns
        kubectl -n kube-system logs -l k8s-app=kube-dns --tail=30
    """

    code = "DNS006"
    name = "coredns-unready"
    level = Level.CRITICAL


class CorednsNoEndpoints(Finding):
    """The cluster's DNS Service has no endpoints.

    What it means: No CoreDNS pod is ready, or the Service selects none.
    Why it matters: Every lookup fails, and with it nearly everything.
    How to fix: Bring CoreDNS up.
        kubectl -n kube-system get deployment coredns
        kubectl -n kube-system get endpointslices -l kubernetes.io/service-name=kube-dns
    """

    code = "DNS007"
    name = "coredns-no-endpoints"
    level = Level.FATAL


class PolicyBlocks53(Finding):
    """Something blocks port 53 on the way to the DNS server.

    What it means: A network policy or a rule stops UDP or TCP port 53 between the pod and CoreDNS.
    Why it matters: Names do not resolve; connections by address work.
    How to fix: Allow both protocols on port 53 to kube-system.
        kubectl -n NS get networkpolicy
        iptables-save | grep -w 53                             # on the node
    """

    code = "DNS008"
    name = "policy-blocks-53"
    level = Level.FATAL


class NodeLocalDnsDown(Finding):
    """The node's DNS cache does not answer.

    What it means: The pod asks a node-local cache (169.254.20.10), and on this node it does not run
    or listen.
    Why it matters: Lookups fail on this node only.
    How to fix: Restart it.
        kubectl -n kube-system get pods -l k8s-app=node-local-dns -o wide
        ss -lnu 'sport = :53'                                  # on the node
    """

    code = "DNS009"
    name = "node-local-dns-down"
    level = Level.FATAL


FINDINGS: tuple[type[Finding], ...] = (
    DnsNxdomain,
    DnsWrongSearch,
    DnsNdots,
    DnsBadNameserver,
    DnspolicyWrong,
    CorednsUnready,
    CorednsNoEndpoints,
    PolicyBlocks53,
    NodeLocalDnsDown,
)
