"""What kube-proxy's rules on one node should do with a packet to a Service.

A reachability statement, the same for all modes except where the text says so (Kubernetes 1.36,
pkg/proxy/iptables/proxier.go, pkg/proxy/nftables/proxier.go, pkg/proxy/ipvs/proxier.go).
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from msgspec import Struct

from skoop.model.address import Family, Prefix, format_ip
from skoop.model.kube import Address, Inventory, Node, Service, ServicePort
from skoop.service.config import ProxyConfig, ProxyMode
from skoop.service.endpoints import Collected, collect
from skoop.service.nodeports import serves_node_ports
from skoop.service.programmed import addresses_of, not_programmed
from skoop.service.topology import (
    Place,
    Usable,
    explain_unused,
    externally_accessible,
    usable_endpoints,
)
from skoop.service.view import (
    Backend,
    Client,
    ClientKind,
    Effect,
    ServiceEndpoint,
    ServiceView,
    Via,
    port_name,
)


class Question(Struct, frozen=True, kw_only=True):
    """A packet to a Service port on a node.

    `node` is the node whose rules see it. `address` is the destination where it is known: needed
    to decide whether that address serves NodePorts. `local` says that the destination is an address
    of the node itself (always so for NodePorts).
    """

    service: Service
    port: ServicePort
    via: Via
    family: Family
    node: str
    client: Client
    address: Address | None = None
    local: bool = False


def expected_backends(inventory: Inventory, asked: Question, config: ProxyConfig) -> ServiceView:
    """The backends a packet may be sent to, or why it is refused, dropped or left alone."""
    reason = _ignored(inventory, asked, config)
    if reason:
        return ServiceView(effect=Effect.PASS, reason=reason)
    if config.mode in (ProxyMode.EBPF, ProxyMode.UNKNOWN):
        text = f"how Services are served here is not known (mode {config.mode.value})"
        return ServiceView(effect=Effect.UNKNOWN, reason=text)
    place = place_of(inventory, asked.node)
    collected = collect(inventory, asked.service, asked.port, asked.family, node=asked.node)
    usable = usable_endpoints(
        collected.endpoints,
        place,
        uses_cluster=uses_cluster_endpoints(asked.service, asked.port, asked.family),
    )
    facts = _Facts(inventory, asked, config, place, collected, usable)
    if not usable.anywhere:
        guarded = config.mode is not ProxyMode.IPTABLES
        return (_source_ranges(facts) if guarded else None) or _no_endpoints(facts)
    if asked.via is Via.CLUSTER_IP:
        return _internal(facts)
    return _external(facts)


def uses_cluster_endpoints(service: Service, port: ServicePort, family: Family) -> bool:
    """False for a Service that only ever serves node-local traffic."""
    local = service.internal_traffic_policy == "Local"
    return not local or externally_accessible(service, port, family)


def place_of(inventory: Inventory, name: str) -> Place:
    """A node and its zone."""
    node = inventory.node(name)
    return Place(name, node.zone if node else "")


def pod_ranges(config: ProxyConfig, node: Node | None, family: Family) -> tuple[Prefix, ...]:
    """By which prefix kube-proxy tells pods' packets from others, () where not by one. It takes the
    first of a family (getLocalDetectors)."""
    listed: tuple[Prefix, ...] = ()
    if config.detect_local_mode == "ClusterCIDR":
        listed = config.cluster_cidrs
    elif config.detect_local_mode == "NodeCIDR" and node is not None:
        listed = node.pod_cidrs
    return tuple(each for each in listed if each.family is family)[:1]


def detects_local(config: ProxyConfig, node: Node | None, family: Family) -> bool:
    """Whether kube-proxy can tell pod traffic from other traffic at all."""
    by_interface = config.detect_local_mode in ("BridgeInterface", "InterfaceNamePrefix")
    return by_interface or bool(pod_ranges(config, node, family))


class _Facts(Struct, frozen=True):
    """All that decides about a packet to a Service port."""

    inventory: Inventory
    asked: Question
    config: ProxyConfig
    place: Place
    collected: Collected
    usable: Usable

    @property
    def name(self) -> str:
        return port_name(self.asked.service, self.asked.port)

    def view(
        self, effect: Effect, reason: str, chosen: tuple[Backend, ...] = (), *, local_only: bool
    ) -> ServiceView:
        endpoints = tuple(each.endpoint for each in chosen)
        unused = explain_unused(
            self.collected.endpoints, endpoints, self.usable, self.place, local_only=local_only
        )
        return ServiceView(
            effect=effect,
            reason=reason,
            backends=chosen,
            unused=(*unused, *self.collected.unusable),
        )

    def backends(
        self, endpoints: tuple[ServiceEndpoint, ...], *, masqueraded: bool
    ) -> tuple[Backend, ...]:
        """Every endpoint; a hairpin back to the sender is masqueraded whatever the policy."""
        return tuple(Backend(each, masqueraded or self._is_hairpin(each)) for each in endpoints)

    def _is_hairpin(self, endpoint: ServiceEndpoint) -> bool:
        """Only iptables mode knows the hairpins of other nodes' endpoints too."""
        if endpoint.address != self.asked.client.address:
            return False
        return self.config.mode is ProxyMode.IPTABLES or endpoint.node == self.asked.node

    @property
    def ipvs(self) -> bool:
        """Whether IPVS balances: policy Local falls back to all endpoints there, pods get no
        short circuit, and a virtual server without any answers with a rejection."""
        return self.config.mode is ProxyMode.IPVS

    @property
    def detects(self) -> bool:
        """Whether kube-proxy tells pods from others on this node."""
        node = self.inventory.node(self.asked.node)
        return detects_local(self.config, node, self.asked.family)

    def from_pod(self) -> bool:
        """Whether the source counts as a pod for kube-proxy's local detector."""
        client, node = self.asked.client, self.inventory.node(self.asked.node)
        if not self.detects:
            return False
        ranges = pod_ranges(self.config, node, self.asked.family)
        if client.address is None:
            return client.kind is ClientKind.POD
        if ranges:
            return within(client.address, ranges)
        name = self.config.pod_interface
        if client.device and name:
            return fnmatchcase(client.device, name)
        # Only the node's own pods come in by the interface of pods.
        own = self.inventory.pods_with_ip(client.address)
        here = not own or any(pod.node == self.asked.node for pod in own)
        return client.kind is ClientKind.POD and here

    def why_no_pod(self) -> str:
        """Why a pod does not count as one, as a clause with ", " before it; "" for other clients,
        and where a pod is on another node, whose rules are meant to know it."""
        client, config = self.asked.client, self.config
        node = self.inventory.node(self.asked.node)
        own = self.inventory.pods_with_ip(client.address) if client.address else ()
        if client.kind is not ClientKind.POD or all(pod.node != self.asked.node for pod in own):
            return ""
        mode = f"detectLocalMode {config.detect_local_mode}"
        if not self.detects:
            return f", and kube-proxy tells no pods from others there ({mode} without a value)"
        ranges = pod_ranges(config, node, self.asked.family)
        by = str(ranges[0]) if ranges else f"interface {config.pod_interface}"
        has = format_ip(*client.address) if ranges and client.address else client.device
        return f", and kube-proxy takes the pod for a stranger there ({mode}: {by}, not {has})"


def within(address: Address, ranges: tuple[Prefix, ...]) -> bool:
    """Whether one of the ranges holds an address."""
    return any(each.family is address[0] and each.contains(address[1]) for each in ranges)


def _ignored(inventory: Inventory, asked: Question, config: ProxyConfig) -> str:
    """Why no rule is about this destination, "" if there should be one."""
    service, via = asked.service, asked.via
    ignored = not_programmed(service, asked.family)
    if ignored:
        return ignored
    name = f"{service.namespace}/{service.name}"
    if via is not Via.NODE_PORT:
        known = addresses_of(service, via, asked.family)
        if not known or (asked.address is not None and asked.address not in known):
            proxied = [each for each in service.ingress if each.ip and each.ip_mode == "Proxy"]
            if via is Via.LOAD_BALANCER and proxied:
                return f"the load balancer of {name} has ipMode Proxy, so nodes do not serve its IP"
            return f"{name} has no such IPv{asked.family.value} {via.value}"
        return ""
    if not asked.port.node_port:
        return f"{name} has no NodePort for {asked.port.port}/{asked.port.protocol}"
    if asked.address is None:
        return ""
    if not serves_node_ports(asked.address, inventory.node(asked.node), config):
        return f"kube-proxy serves no NodePorts on {format_ip(*asked.address)}"
    return ""


def _no_endpoints(facts: _Facts) -> ServiceView:
    """Nothing usable anywhere: the filter table rejects.

    In iptables mode the rules for outside addresses hang on INPUT and FORWARD only, so that a
    packet of the node itself to an address that is not its own passes.
    """
    asked = facts.asked
    reason = f"{facts.name} has no usable endpoints"
    outside = asked.via in (Via.LOAD_BALANCER, Via.EXTERNAL_IP)
    from_node = asked.client.kind is ClientKind.NODE
    if facts.config.mode is ProxyMode.IPTABLES and outside and from_node and not asked.local:
        reason += "; in iptables mode nothing rejects the node's own packets to such an address"
        return facts.view(Effect.PASS, reason, local_only=False)
    return facts.view(Effect.REJECT, reason, local_only=False)


def _internal(facts: _Facts) -> ServiceView:
    """To the ClusterIP: internalTrafficPolicy decides, and what is no pod's is masqueraded."""
    local_only = facts.asked.service.internal_traffic_policy == "Local"
    chosen = facts.usable.local if local_only else facts.usable.cluster
    if facts.ipvs:
        chosen = chosen or facts.usable.cluster
    if not chosen:
        reason = f"{facts.name} has internalTrafficPolicy Local and no endpoint on this node"
        effect = Effect.REJECT if facts.ipvs else Effect.DROP
        return facts.view(effect, reason, local_only=True)
    masqueraded = facts.config.masquerade_all or (facts.detects and not facts.from_pod())
    if facts.ipvs and not facts.detects:  # the node's own packets come from the ClusterIP itself
        masqueraded = masqueraded or facts.asked.client.kind is ClientKind.NODE
    backends = facts.backends(chosen, masqueraded=masqueraded)
    policy = "node-local" if local_only else "cluster-wide"
    reason = f"{facts.name}: {len(chosen)} {policy} endpoints"
    return facts.view(Effect.BACKENDS, reason, backends, local_only=local_only)


def _external(facts: _Facts) -> ServiceView:
    """To an address for the outside: source ranges, then externalTrafficPolicy with its short
    circuit for pods and for the node itself."""
    refused = _source_ranges(facts)
    if refused is not None:
        return refused
    usable, name = facts.usable, facts.name
    if facts.asked.service.external_traffic_policy != "Local":
        backends = facts.backends(usable.cluster, masqueraded=True)
        reason = f"{name}: {len(backends)} cluster-wide endpoints, masqueraded"
        return facts.view(Effect.BACKENDS, reason, backends, local_only=False)
    if facts.ipvs:
        chosen = usable.local or usable.cluster
        where = "node-local" if usable.local else "cluster-wide, as none is on this node,"
        reason = f"{name}: {len(chosen)} {where} endpoints, the client's address is kept"
        backends = facts.backends(chosen, masqueraded=False)
        return facts.view(Effect.BACKENDS, reason, backends, local_only=bool(usable.local))
    if facts.from_pod():
        backends = facts.backends(usable.cluster, masqueraded=False)
        reason = f"{name}: pods bypass externalTrafficPolicy Local, {len(backends)} endpoints"
        return facts.view(Effect.BACKENDS, reason, backends, local_only=False)
    if facts.asked.client.kind is ClientKind.NODE:
        backends = facts.backends(usable.cluster, masqueraded=True)
        reason = f"{name}: the node bypasses externalTrafficPolicy Local, {len(backends)} endpoints"
        return facts.view(Effect.BACKENDS, reason, backends, local_only=False)
    if not usable.local:
        reason = f"{name} has externalTrafficPolicy Local and no endpoint on this node"
        return facts.view(Effect.DROP, reason + facts.why_no_pod(), local_only=True)
    backends = facts.backends(usable.local, masqueraded=False)
    reason = f"{name}: {len(backends)} node-local endpoints, the client's address is kept"
    return facts.view(Effect.BACKENDS, reason, backends, local_only=True)


def _source_ranges(facts: _Facts) -> ServiceView | None:
    """loadBalancerSourceRanges, which only guard load balancer IPs. None when they allow it.

    When a range holds the node itself, the load balancer IPs count as allowed sources too: a node
    that owns the IP talks to it from it.
    """
    asked = facts.asked
    ranges = tuple(each for each in asked.service.source_ranges if each.family is asked.family)
    if asked.via is not Via.LOAD_BALANCER or not ranges:
        return None
    node = facts.inventory.node(asked.node)
    of_node = [ip for ip in (node.internal_ips if node else ()) if ip[0] is asked.family]
    source = asked.client.address
    if source is None:
        text = f"{facts.name} has source ranges, and the client's address is not known"
        return facts.view(Effect.UNKNOWN, text, local_only=False)
    if within(source, ranges):
        return None
    node_allowed = bool(of_node) and within(of_node[0], ranges)
    if node_allowed and source in asked.service.load_balancer_ips:
        return None
    text = f"{format_ip(*source)} is in none of the source ranges of {facts.name}"
    return facts.view(Effect.DROP, text, local_only=False)
