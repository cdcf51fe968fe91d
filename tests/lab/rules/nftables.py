"""kube-proxy in nftables mode: the table of one node, for one address family, as text for nft.

Both forms are written: with a map from numbers to endpoints in a Service's chain (since 1.36), and
with a chain for every endpoint (before; still so for session affinity).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

from tests.lab.rules.kubeproxy import Portal, allowed_sources, portals
from tests.lab.rules.settings import LOOPBACK, detector, node_port_ips
from tests.lab.topology import SERVICE_CIDR, SERVICE_CIDR6, Cluster, Service, ServicePort

_MARK = "0x4000"
_SETS_MARK = f"meta mark set meta mark or {_MARK}"


class _Table:
    """Collects the parts of one table."""

    def __init__(self, cluster: Cluster, node: str, *, family: int) -> None:
        self.node = cluster.node(node)
        self.ip = "ip" if family == 4 else "ip6"
        self.kind = "ipv4_addr" if family == 4 else "ipv6_addr"
        self.served = node_port_ips(cluster, node, family=family)
        self.pods = detector(cluster, node, family=family)
        self.own_ports = f"{self.ip} daddr @nodeport-ips "
        self.not_loopback = f"{self.ip} daddr != {'127.0.0.0/8' if family == 4 else '::1'} "
        self.services = SERVICE_CIDR if family == 4 else SERVICE_CIDR6
        self.by_chains = cluster.proxy == "nftables-chains"
        self.masquerade_all = cluster.masquerade_all
        self.marks = "jump mark-for-masquerade" if self.by_chains else _SETS_MARK
        self.chains: dict[str, list[str]] = {}
        self.elements: dict[str, list[str]] = {name: [] for name in _MAPS}
        self.affinity: list[str] = []

    def add(self, portal: Portal) -> None:
        """One port of one Service."""
        self.elements["cluster-ips"].append(portal.cluster_ip)
        self._entries(portal)
        if portal.service.source_ranges and portal.addresses(portal.service.load_balancer_ips):
            ranges = ", ".join(allowed_sources(portal))
            self.chains[_named("firewall", portal)] = [f"{self.ip} saddr != {{ {ranges} }} drop"]
        if not portal.known:
            return
        for prefix, endpoints in (("service", portal.everywhere), ("local", portal.here)):
            if prefix == "local" and not _uses_local(portal):
                continue
            if endpoints:
                self.chains[_named(prefix, portal)] = self._choice(portal, prefix, endpoints)
        if _is_public(portal):
            self.chains[_named("external", portal)] = self._external(portal)
        for endpoint in () if self.by_chains else portal.own:
            address, _, port = endpoint.rpartition(":")
            address = address.strip("[]")
            line = f"{address} . {address} . {portal.port.protocol} . {port}"
            self.elements["hairpin-connections"].append(line)

    def _entries(self, portal: Portal) -> None:
        service, port = portal.service, portal.port
        refusal = "drop" if portal.known else "goto reject-chain"
        inside = _named("local" if service.internal_local else "service", portal)
        key = f"{portal.cluster_ip} . {port.protocol} . {port.port}"
        if portal.internal:
            self.elements["service-ips"].append(f"{key} : goto {inside}")
        else:
            self.elements["no-endpoint-services"].append(f"{key} : {refusal}")
        external = _named("external", portal)
        for address in portal.addresses((*service.external_ips, *service.load_balancer_ips)):
            key = f"{address} . {port.protocol} . {port.port}"
            if portal.known:
                self.elements["service-ips"].append(f"{key} : goto {external}")
            if service.source_ranges and address in service.load_balancer_ips:
                wall = _named("firewall", portal)
                self.elements["firewall-ips"].append(f"{key} : goto {wall}")
            if not portal.external:
                self.elements["no-endpoint-services"].append(f"{key} : {refusal}")
        if port.node_port:
            key = f"{port.protocol} . {port.node_port}"
            if portal.known:
                self.elements["service-nodeports"].append(f"{key} : goto {external}")
            if not portal.external:
                self.elements["no-endpoint-nodeports"].append(f"{key} : {refusal}")

    def _choice(self, portal: Portal, prefix: str, endpoints: tuple[str, ...]) -> list[str]:
        rules, protocol = [], portal.port.protocol
        inside = "local" if portal.service.internal_local else "service"
        if self.by_chains and prefix == inside:
            to = f"{self.ip} daddr {portal.cluster_ip} "
            rules += self._marks(to)
        if not (self.by_chains or portal.service.affinity):
            pairs = ", ".join(
                f"{n} : {e.rpartition(':')[0].strip('[]')} . {e.rpartition(':')[2]}"
                for n, e in enumerate(endpoints)
            )
            chosen = f"numgen random mod {len(endpoints)} map {{ {pairs} }}"
            return [*rules, f"meta l4proto {protocol} dnat {self.ip} addr . port to {chosen}"]
        for endpoint in endpoints:
            self._endpoint(portal, endpoint)
            if portal.service.affinity:
                known = _named("affinity", portal, endpoint)
                rules.append(
                    f"{self.ip} saddr @{known} goto {_named('endpoint', portal, endpoint)}"
                )
        pairs = ", ".join(
            f"{n} : goto {_named('endpoint', portal, e)}" for n, e in enumerate(endpoints)
        )
        return [*rules, f"numgen random mod {len(endpoints)} vmap {{ {pairs} }}"]

    def _endpoint(self, portal: Portal, endpoint: str) -> None:
        rules, protocol = [], portal.port.protocol
        if self.by_chains:
            address = endpoint.rpartition(":")[0].strip("[]")
            rules.append(f"{self.ip} saddr {address} {self.marks}")
        if portal.service.affinity:
            known = _named("affinity", portal, endpoint)
            self.affinity.append(
                f"set {known} {{ type {self.kind}; flags dynamic,timeout; timeout 10800s; }}"
            )
            rules.append(f"update @{known} {{ {self.ip} saddr }}")
        rules.append(f"meta l4proto {protocol} dnat to {endpoint}")
        self.chains[_named("endpoint", portal, endpoint)] = rules

    def _external(self, portal: Portal) -> list[str]:
        cluster = _named("service", portal)
        if not portal.service.external_local:
            rules = [self.marks]
            return [*rules, f"goto {cluster}"] if portal.everywhere else rules
        pods = [f"{self.pods.nft()}goto {cluster}"]
        rules = [
            *(pods if self.pods else ()),
            f"fib saddr type local {self.marks}",
            f"fib saddr type local goto {cluster}",
        ]
        return [*rules, f"goto {_named('local', portal)}"] if portal.here else rules

    def text(self) -> str:
        """What `nft -f` reads."""
        lines = [f"table {self.ip} kube-proxy {{"]
        served = (ip for ip in self.served or () if ip not in (LOOPBACK, "::1"))
        self.elements["nodeport-ips"] += served
        left_out = {"hairpin-connections"} if self.by_chains else set()
        left_out |= {"nodeport-ips"} if self.served is None else set()
        for name, (word, key) in _MAPS.items():
            if name in left_out:
                continue
            kind = key.replace("ADDR", self.kind)
            lines.append(f"{word} {name} {{ type {kind};")
            listed = sorted(set(self.elements[name]))
            if listed:
                lines.append(f"elements = {{ {', '.join(listed)} }}")
            lines.append("}")
        lines += sorted(set(self.affinity))
        for name, rules in (*self._head(), *sorted(self.chains.items())):
            lines += [f"chain {name} {{", *rules, "}"]
        return "\n".join([*lines, "}"]) + "\n"

    def _marks(self, to: str) -> list[str]:
        """What marks packets to a ClusterIP."""
        if self.masquerade_all:
            return [f"{to}{self.marks}"]
        return [f"{to}{self.pods.nft(negated=True)}{self.marks}"] if self.pods else []

    def _head(self) -> Iterable[tuple[str, list[str]]]:
        ip, new = self.ip, "ct state new jump"
        key = f"{ip} daddr . meta l4proto . th dport vmap"
        ports = "meta l4proto . th dport vmap"
        every = self.served is None
        own = f"fib daddr type local {self.not_loopback}" if every else self.own_ports
        refused = self.not_loopback if every else self.own_ports
        marks = [] if self.by_chains else self._marks(f"{ip} daddr @cluster-ips ")
        hook = "type {} hook {} priority {};".format
        if self.by_chains:
            yield "mark-for-masquerade", [_SETS_MARK]
        yield "reject-chain", ["reject"]
        yield "firewall-check", [f"{key} @firewall-ips"]
        yield "service-endpoints-check", [f"{key} @no-endpoint-services"]
        yield "nodeport-endpoints-check", [f"{refused}{ports} @no-endpoint-nodeports"]
        yield "cluster-ips-check", [
            f"{ip} daddr @cluster-ips reject", f"{ip} daddr {self.services} drop",
        ]  # fmt: skip
        yield "services", [*marks, f"{key} @service-ips", f"{own}{ports} @service-nodeports"]
        yield "masquerading", self._masquerading()
        for side, at in (("prerouting", "dstnat - 10"), ("output", "-110")):
            before = [hook("filter", side, at), f"{new} firewall-check"]
            yield f"filter-{side}-pre-dnat", before
        yield "filter-input", [
            hook("filter", "input", 0), f"{new} nodeport-endpoints-check",
            f"{new} service-endpoints-check",
        ]  # fmt: skip
        for side in ("forward", "output"):
            yield f"filter-{side}", [
                hook("filter", side, 0), f"{new} service-endpoints-check",
                f"{new} cluster-ips-check",
            ]  # fmt: skip
        yield "nat-prerouting", [hook("nat", "prerouting", "dstnat"), "jump services"]
        yield "nat-output", [hook("nat", "output", -100), "jump services"]
        yield "nat-postrouting", [hook("nat", "postrouting", "srcnat"), "jump masquerading"]

    def _masquerading(self) -> list[str]:
        ip, cleared = self.ip, f"meta mark set meta mark xor {_MARK}"
        if self.by_chains:
            return [f"meta mark & {_MARK} == 0 return", cleared, "masquerade fully-random"]
        return [
            f"meta mark & {_MARK} != 0 {cleared} masquerade fully-random",
            f"ct status dnat {ip} saddr . {ip} daddr . meta l4proto . th dport "
            "@hairpin-connections masquerade fully-random",
        ]


_TO = "ADDR . inet_proto . inet_service"
_MAPS = {
    "cluster-ips": ("set", "ADDR"),
    "nodeport-ips": ("set", "ADDR"),
    "hairpin-connections": ("set", "ADDR . ADDR . inet_proto . inet_service"),
    "no-endpoint-services": ("map", f"{_TO} : verdict"),
    "no-endpoint-nodeports": ("map", "inet_proto . inet_service : verdict"),
    "firewall-ips": ("map", f"{_TO} : verdict"),
    "service-ips": ("map", f"{_TO} : verdict"),
    "service-nodeports": ("map", "inet_proto . inet_service : verdict"),
}


def table(cluster: Cluster, node: str, *, family: int) -> str:
    """The whole table of a node."""
    made = _Table(cluster, node, family=family)
    for portal in portals(cluster, node, family=family):
        made.add(portal)
    return made.text()


def _uses_local(portal: Portal) -> bool:
    service = portal.service
    return service.internal_local or (service.external_local and _is_public(portal))


def _is_public(portal: Portal) -> bool:
    service = portal.service
    return bool(portal.port.node_port or service.external_ips or service.load_balancer_ips)


def set_of(service: Service, port: ServicePort, endpoint: str) -> str:
    """The set of the clients that are held to an endpoint."""
    return _name("affinity", service, port, endpoint)


def _named(kind: str, portal: Portal, endpoint: str = "") -> str:
    """kube-proxy's name for a chain or a set."""
    return _name(kind, portal.service, portal.port, endpoint)


def _name(kind: str, service: Service, port: ServicePort, endpoint: str) -> str:
    name = f"{service.namespace}/{service.name}/{port.protocol}/{port.name}"
    if endpoint:
        address, _, number = endpoint.rpartition(":")
        name += f"__{address.strip('[]').replace(':', '.')}/{number}"
    digest = base64.b32encode(hashlib.sha256(name.encode()).digest()).decode()[:8]
    return f"{kind}-{digest}-{name}"
