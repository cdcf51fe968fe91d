"""Causes in Services and in what kube-proxy programs for them."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.findings.ipvs import FINDINGS as IPVS
from skoop.model.disposition import Level


class ServiceMissing(Finding):
    """No Service has this address.

    What it means: The destination lies in the Service range, and no Service of the cluster owns it:
    it was deleted or re-created, and somebody still uses the old address.
    Why it matters: No node translates the address, so the packet leaves by the default route or is
    dropped.
    How to fix: Use the Service's name. Addresses change when a Service is re-created.
        kubectl get services -A | grep -w IP
    """

    code = "SVC001"
    name = "service-missing"
    level = Level.FATAL


class ServicePortUndefined(Finding):
    """The Service has no such port.

    What it means: None of the Service's `ports` has the number and protocol asked for
    (port-undefined).
    Why it matters: kube-proxy programs the listed ports only. In iptables mode other ports of the
    address fall through and time out; in nftables mode they are rejected.
    How to fix: Use a port that is listed, or add one.
        kubectl -n NS get service SVC -o jsonpath='{.spec.ports}'
    """

    code = "SVC002"
    name = "service-port-undefined"
    level = Level.FATAL


class ServiceProtocolMismatch(Finding):
    """The Service has the port, but for another protocol.

    What it means: The port is defined as TCP and the client uses UDP, or the like.
    Why it matters: Rules match the protocol as well, so the packet is not translated.
    How to fix: Correct `protocol` in the Service (the default is TCP) or in the client.
        kubectl -n NS get service SVC -o jsonpath='{.spec.ports}'
    """

    code = "SVC003"
    name = "service-protocol-mismatch"
    level = Level.FATAL


class TargetportMismatch(Finding):
    """The Service sends to a port on which its pods do not listen.

    What it means: `targetPort` (which defaults to `port`) is not a port that the pods have open.
    Why it matters: Connections reach the pod and are refused.
    How to fix: Set targetPort to the port the process listens on.
        kubectl -n NS patch service SVC --type json \\
          -p '[{"op":"replace","path":"/spec/ports/0/targetPort","value":8080}]'
    """

    code = "SVC004"
    name = "targetport-mismatch"
    level = Level.FATAL


class NamedPortUnresolved(Finding):
    """A named targetPort matches no container port.

    What it means: The Service's `targetPort` is a name, and no container of the selected pods has a
    port of that name and protocol.
    Why it matters: The EndpointSlice has no port for them, so nothing is programmed.
    How to fix: Name the container's port, or use a number.
        kubectl -n NS get pods -l SELECTOR -o jsonpath='{.items[*].spec.containers[*].ports}'
    """

    code = "SVC005"
    name = "named-port-unresolved"
    level = Level.FATAL


class ProxyNotRunning(Finding):
    """kube-proxy does not run on the node.

    What it means: Its pod on the client's node is missing, crashing or not ready.
    Why it matters: Rules from before stay and grow stale; on a new node there are none.
    How to fix: Read its log.
        kubectl -n kube-system get pods -l k8s-app=kube-proxy -o wide
        kubectl -n kube-system logs POD --previous --tail=50
    """

    code = "SVC006"
    name = "proxy-not-running"
    level = Level.CRITICAL


class ProxyRulesStale(Finding):
    """The node's Service rules are not those the API asks for.

    What it means: Backends in the rules differ from the ready endpoints in the EndpointSlices
    (rules-stale).
    Why it matters: Connections go to pods that are gone, or never to new ones.
    How to fix: See whether kube-proxy can reach the API server, then restart it.
        kubectl -n kube-system logs POD --tail=50
        kubectl -n kube-system delete pod POD
    """

    code = "SVC007"
    name = "proxy-rules-stale"
    level = Level.CRITICAL


class SvcChainMissing(Finding):
    """The Service has no chain on the node.

    What it means: KUBE-SERVICES (or KUBE-NODEPORTS) has no rule for this address and port, or the
    KUBE-SVC- chain it jumps to is missing or empty.
    Why it matters: The Service address is not translated; packets go to an address nobody has.
    How to fix: Restart kube-proxy on the node; it writes all chains again.
        iptables-save -t nat | grep -E 'NS/SVC'
        kubectl -n kube-system delete pod POD
    """

    code = "SVC008"
    name = "svc-chain-missing"
    level = Level.FATAL


class SepChainMissing(Finding):
    """A backend of the Service has no chain on the node.

    What it means: The EndpointSlice lists a ready endpoint, and its KUBE-SEP- chain (or the jump to
    it) is missing or empty.
    Why it matters: A share of the connections is not translated, or the pod gets none.
    How to fix: Restart kube-proxy on the node.
        iptables-save -t nat | grep -E 'KUBE-SEP.*IP'
        kubectl -n kube-system delete pod POD
    """

    code = "SVC009"
    name = "sep-chain-missing"
    level = Level.FATAL


class NftServiceMapMissing(Finding):
    """kube-proxy's nftables map has no element for the Service.

    What it means: `service-ips` (or `service-nodeports`) in the table kube-proxy lacks the address,
    protocol and port.
    Why it matters: The packet is not translated; an address in the Service range is then dropped.
    How to fix: Restart kube-proxy on the node.
        nft list map ip kube-proxy service-ips | grep IP
        kubectl -n kube-system delete pod POD
    """

    code = "SVC014"
    name = "nft-service-map-missing"
    level = Level.FATAL


class ClusteripOutsideCidr(Finding):
    """The Service's address lies outside the Service range.

    What it means: The clusterIP is in none of the configured ranges, for instance since the range
    was changed.
    Why it matters: Rules and routes that treat the range as a whole do not cover it.
    How to fix: Delete and re-create the Service, so that it gets an address of the range.
        kubectl get servicecidrs
    """

    code = "SVC015"
    name = "clusterip-outside-cidr"
    level = Level.WARNING


class ExternalipUnprogrammed(Finding):
    """An external or load balancer address of the Service is not programmed.

    What it means: The Service lists the address (`externalIPs`, `status.loadBalancer`), and the
    node has no rule for it.
    Why it matters: Packets that arrive with this destination are not translated.
    How to fix: Check ipMode (`Proxy` leaves the address to the load balancer on purpose), then
    restart kube-proxy.
        kubectl -n NS get service SVC -o jsonpath='{.spec.externalIPs} {.status.loadBalancer}'
    """

    code = "SVC016"
    name = "externalip-unprogrammed"
    level = Level.CRITICAL


class NodeportBlocked(Finding):
    """A firewall stops the NodePort before kube-proxy sees it.

    What it means: A rule drops the packet, or the address is not one on which kube-proxy serves
    NodePorts (`nodePortAddresses`; the primary address only in nftables mode).
    Why it matters: The NodePort fails from outside although the Service works from pods.
    How to fix: Allow the NodePort range on the node.
        iptables -I INPUT -p tcp --dport 30000:32767 -j ACCEPT
        kubectl -n kube-system get configmap kube-proxy -o yaml | grep -A2 nodePortAddresses
    """

    code = "SVC017"
    name = "nodeport-blocked"
    level = Level.FATAL


class EtpLocalNoEndpoint(Finding):
    """externalTrafficPolicy is Local, and this node has no endpoint.

    What it means: Traffic from outside is only given to endpoints on the node it came to, and there
    are none here. Pods and the node itself bypass that; a pod does so only where kube-proxy knows
    it for one (`detectLocalMode`, with its `clusterCIDR` or `detectLocal`).
    Why it matters: The node drops it. A load balancer whose health check does not notice sends a
    share of the connections here.
    How to fix: Use a node that has an endpoint, run one on every node, or change the policy (the
    client's address is then replaced).
        kubectl -n NS patch service SVC -p '{"spec":{"externalTrafficPolicy":"Cluster"}}'
        kubectl -n kube-system get configmap kube-proxy -o yaml | grep -A2 -i -e detectLocal -e CIDR
    """

    code = "SVC018"
    name = "etp-local-no-endpoint"
    level = Level.FATAL


class ItpLocalNoEndpoint(Finding):
    """internalTrafficPolicy is Local, and the client's node has no endpoint.

    What it means: Traffic from inside the cluster is only given to endpoints on the client's node,
    and there are none there.
    Why it matters: It is dropped, although the Service has endpoints elsewhere.
    How to fix: Run an endpoint on every node (a DaemonSet), or change the policy.
        kubectl -n NS patch service SVC -p '{"spec":{"internalTrafficPolicy":"Cluster"}}'
    """

    code = "SVC019"
    name = "itp-local-no-endpoint"
    level = Level.FATAL


class SourceRangeDeny(Finding):
    """The client is outside the Service's loadBalancerSourceRanges.

    What it means: The Service allows its load balancer address to some networks only, and the
    client's address, as the node sees it, is in none of them.
    Why it matters: kube-proxy drops the packet in the Service's firewall chain.
    How to fix: Add the client's network.
        kubectl -n NS get service SVC -o jsonpath='{.spec.loadBalancerSourceRanges}'
    """

    code = "SVC020"
    name = "source-range-deny"
    level = Level.FATAL


class LbIpPending(Finding):
    """The load balancer of the Service has no address yet.

    What it means: The Service is of type LoadBalancer and `status.loadBalancer` is empty.
    Why it matters: There is no address for clients outside the cluster.
    How to fix: The events name the reason; without a cloud controller (or MetalLB) nobody assigns
    one.
        kubectl -n NS describe service SVC
    """

    code = "SVC021"
    name = "lb-ip-pending"
    level = Level.CRITICAL


class AffinityStale(Finding):
    """Session affinity holds the client to a backend that is gone.

    What it means: With sessionAffinity ClientIP the node remembers a backend for the client, and
    that one no longer answers.
    Why it matters: This client fails while others succeed, until the time-out (3 hours by default).
    How to fix: Restart kube-proxy on the client's node, or lower `sessionAffinityConfig`.
        cat /proc/net/xt_recent/KUBE-SEP-*                     # on the node, iptables mode
        nft list sets ip | grep -A3 affinity-                  # on the node, nftables mode
    """

    code = "SVC022"
    name = "affinity-stale"
    level = Level.CRITICAL


class HairpinMasqMissing(Finding):
    """A pod that reaches itself through its Service is not masqueraded.

    What it means: The rule that marks a backend's own traffic for masquerading is missing in its
    KUBE-SEP- chain.
    Why it matters: The pod receives a packet from its own address and drops it.
    How to fix: Restart kube-proxy on the node.
        iptables-save -t nat | grep -E 'KUBE-SEP.*-s IP/32.*KUBE-MARK-MASQ'
    """

    code = "SVC023"
    name = "hairpin-masq-missing"
    level = Level.CRITICAL


class ClientIpLost(Finding):
    """The server does not see the client's address.

    What it means: The way masquerades, so the server sees a node's address.
    Why it matters: Logs, rate limits and policies by address do not mean what they say; a server
    that only lets certain clients in turns them away.
    How to fix: Use `externalTrafficPolicy: Local`, or the PROXY protocol of the load balancer.
        kubectl -n NS patch service SVC -p '{"spec":{"externalTrafficPolicy":"Local"}}'
    """

    code = "SVC024"
    name = "client-ip-lost"
    level = Level.INFO


class ServiceFamilyMismatch(Finding):
    """The Service has no address of the IP version the client uses.

    What it means: The client speaks IPv6 and the Service is IPv4 only, or the other way round
    (family-mismatch). For a NodePort, an external or a load balancer's address the Service's
    ClusterIPs decide: kube-proxy serves none of an IP version in which there is no ClusterIP.
    Why it matters: There is nothing to connect to.
    How to fix: Make the Service dual stack.
        kubectl -n NS patch service SVC -p '{"spec":{"ipFamilyPolicy":"PreferDualStack"}}'
    """

    code = "SVC025"
    name = "service-family-mismatch"
    level = Level.FATAL


class TopologyFilterEmpty(Finding):
    """Topology hints leave no endpoint for the client's zone.

    What it means: trafficDistribution or topology aware routing limits the client's node to
    endpoints of its zone, and none of these can be used.
    Why it matters: The client fails although other zones have healthy endpoints.
    How to fix: Label the node with its zone, or remove the setting.
        kubectl -n NS get endpointslices -l kubernetes.io/service-name=SVC -o yaml | grep -A3 hints
        kubectl get node NODE -L topology.kubernetes.io/zone
    """

    code = "SVC026"
    name = "topology-filter-empty"
    level = Level.FATAL


FINDINGS: tuple[type[Finding], ...] = (
    ServiceMissing,
    ServicePortUndefined,
    ServiceProtocolMismatch,
    TargetportMismatch,
    NamedPortUnresolved,
    ProxyNotRunning,
    ProxyRulesStale,
    SvcChainMissing,
    SepChainMissing,
    *IPVS,
    NftServiceMapMissing,
    ClusteripOutsideCidr,
    ExternalipUnprogrammed,
    NodeportBlocked,
    EtpLocalNoEndpoint,
    ItpLocalNoEndpoint,
    SourceRangeDeny,
    LbIpPending,
    AffinityStale,
    HairpinMasqMissing,
    ClientIpLost,
    ServiceFamilyMismatch,
    TopologyFilterEmpty,
)
