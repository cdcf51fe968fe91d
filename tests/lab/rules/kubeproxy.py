"""kube-proxy in iptables mode: the nat and filter rules of one node, for one address family."""

from __future__ import annotations

import base64
import hashlib
from ipaddress import ip_address, ip_network

from msgspec import Struct

from tests.lab.rules.settings import Detector, detector, localhost_node_ports, node_port_ips
from tests.lab.topology import Backend, Cluster, Service, ServicePort


class Tables(Struct, frozen=True):
    """Lines for the nat and the filter table: chains to declare, and rules in order."""

    nat_chains: tuple[str, ...] = ()
    nat: tuple[str, ...] = ()
    filter_chains: tuple[str, ...] = ()
    filter: tuple[str, ...] = ()


class Portal(Struct, frozen=True):
    """One port of one Service, in one family, as a node sees it: endpoints for traffic policies
    Cluster (`everywhere`) and Local (`here`), all that are `known`, and the node's `own`."""

    service: Service
    port: ServicePort
    cluster_ip: str
    pods: Detector
    width: int
    everywhere: tuple[str, ...]
    here: tuple[str, ...]
    known: tuple[str, ...]
    own: tuple[str, ...]
    node_ip: str
    masquerade_all: bool = False

    @property
    def name(self) -> str:
        return f"{self.service.namespace}/{self.service.name}:{self.port.name}"

    @property
    def comment(self) -> str:
        return f'-m comment --comment "{self.name}"'

    @property
    def internal(self) -> tuple[str, ...]:
        return self.here if self.service.internal_local else self.everywhere

    @property
    def external(self) -> tuple[str, ...]:
        return self.here if self.service.external_local else self.everywhere

    def addresses(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        """Those of this family."""
        return tuple(t for t in texts if (":" in t) == (self.width == 128))

    def noted(self, words: str) -> str:
        """A comment that names this port."""
        return f'-m comment --comment "{self.name} {words}"'

    def to(self, address: str, words: str) -> str:
        """Matches for packets to this port at one address."""
        protocol = self.port.protocol
        port = f"-m {protocol} --dport {self.port.port}"
        return f"-d {address}/{self.width} -p {protocol} {self.noted(words)} {port}"

    def to_node_port(self, words: str = "") -> str:
        """Matches for packets to the node port."""
        protocol, comment = self.port.protocol, self.noted(words) if words else self.comment
        return f"-p {protocol} {comment} -m {protocol} --dport {self.port.node_port}"

    def chain(self, kind: str, endpoint: str = "") -> str:
        """kube-proxy's name for a chain: KUBE-SVC-, KUBE-SVL-, KUBE-EXT-, KUBE-FW-, KUBE-SEP-."""
        digest = hashlib.sha256((self.name + self.port.protocol + endpoint).encode()).digest()
        return f"KUBE-{kind}-{base64.b32encode(digest).decode()[:16]}"


def chain_of(cluster: Cluster, service: str, kind: str, node: str, *, backend: int = -1) -> str:
    """The name of a v4 chain of a Service's first port; with `backend`, of that endpoint."""
    found = cluster.service(service)
    portal = portals(cluster, node, family=4, services=(found,))[0]
    return portal.chain(kind, portal.everywhere[backend] if backend >= 0 else "")


def portals(
    cluster: Cluster, node: str, *, family: int, services: tuple[Service, ...] | None = None
) -> tuple[Portal, ...]:
    """Every Service port that has an address of the family."""
    chosen = cluster.services if services is None else services
    return tuple(
        _portal(cluster, service, port, node, family=family)
        for service in chosen
        if (service.cluster_ip if family == 4 else service.cluster_ip6)
        for port in service.ports
    )


def _portal(
    cluster: Cluster, service: Service, port: ServicePort, node: str, *, family: int
) -> Portal:
    everywhere, here = _usable(cluster, service, port, node)
    own = tuple(b for b in (*everywhere, *here) if b.node == node)
    return Portal(
        service,
        port,
        service.cluster_ip if family == 4 else service.cluster_ip6,
        detector(cluster, node, family=family),
        32 if family == 4 else 128,
        _endpoints(everywhere, port, family),
        _endpoints(here, port, family),
        _endpoints(_ready(service.backends), port, family),
        tuple(dict.fromkeys(_endpoints(own, port, family))),
        cluster.node(node).ip if family == 4 else cluster.node(node).ip6,
        cluster.masquerade_all,
    )


def _ready(backends: tuple[Backend, ...]) -> tuple[Backend, ...]:
    """Those that are ready; with none, those that terminate and still serve."""
    ready = tuple(b for b in backends if b.ready)
    return ready or tuple(b for b in backends if b.serving and b.terminating)


def _usable(
    cluster: Cluster, service: Service, port: ServicePort, node: str
) -> tuple[tuple[Backend, ...], tuple[Backend, ...]]:
    """For traffic policies Cluster and Local. A Service that only ever serves locally has none for
    Cluster, and hints do not count for it."""
    local = _ready(tuple(b for b in service.backends if b.node == node))
    public = port.node_port or service.external_ips or service.load_balancer_ips
    if service.internal_local and not public:
        return (), local
    ready = [b for b in service.backends if b.ready]
    zone = cluster.node(node).zone
    if ready and all(b.nodes for b in ready) and any(node in b.nodes for b in ready):
        return tuple(b for b in ready if node in b.nodes), local
    if ready and all(b.zones for b in ready) and any(zone in b.zones for b in ready):
        return tuple(b for b in ready if zone in b.zones), local
    return _ready(service.backends), local


def _endpoints(backends: tuple[Backend, ...], port: ServicePort, family: int) -> tuple[str, ...]:
    if family == 4:
        return tuple(f"{b.ip}:{b.port or port.target_port}" for b in backends)
    return tuple(f"[{b.ip6}]:{b.port or port.target_port}" for b in backends if b.ip6)


def tables(cluster: Cluster, node: str, *, family: int) -> Tables:
    """Everything kube-proxy writes on a node."""
    chains: list[str] = []
    nat: list[str] = list(_NAT_HEAD)
    refusals: list[str] = []
    for portal in portals(cluster, node, family=family):
        more, rules = _nat(portal)
        chains += more
        nat += rules
        refusals += _refusals(portal, reject="icmp" if family == 4 else "icmp6")
    nat += _node_ports(cluster, node, family=family)
    guarded = localhost_node_ports(cluster, node, family=family)
    guarded = guarded or (family == 4 and cluster.settings.kubelet)
    head = tuple(r for r in _FILTER_HEAD if guarded or "127.0.0.0" not in r)
    return Tables(
        (*_NAT_CHAINS, *dict.fromkeys(chains)), tuple(nat), _FILTER_CHAINS, (*head, *refusals)
    )


def _node_ports(cluster: Cluster, node: str, *, family: int) -> list[str]:
    """The end of KUBE-SERVICES: one rule for every address, or one for each that is listed."""
    note = (
        '-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in '
        'this chain"'
    )
    localhost = localhost_node_ports(cluster, node, family=family)
    served = node_port_ips(cluster, node, family=family)
    if served is None:
        beside = "" if localhost else f"! -d {'127.0.0.0/8' if family == 4 else '::1/128'} "
        jump = f"{note} -m addrtype --dst-type LOCAL {beside}-j KUBE-NODEPORTS"
        return [f"-A KUBE-SERVICES {jump}"]
    return [
        f"-A KUBE-SERVICES {note} -d {ip} -j KUBE-NODEPORTS"
        for ip in served
        if localhost or not ip_address(ip).is_loopback
    ]


def _nat(portal: Portal) -> tuple[list[str], list[str]]:
    if not portal.known:
        return [], []
    service = portal.service
    chains = [portal.chain("SVC")] if portal.everywhere else []
    rules = []
    entry = portal.chain("SVL" if service.internal_local else "SVC")
    if portal.internal:
        rules.append(f"-A KUBE-SERVICES {portal.to(portal.cluster_ip, 'cluster IP')} -j {entry}")
        own = portal.to(portal.cluster_ip, "cluster IP")
        if portal.masquerade_all:
            rules.append(f"-A {entry} {own} -j KUBE-MARK-MASQ")
        elif portal.pods:
            rules.append(f"-A {entry} {portal.pods.iptables(negated=True)}{own} -j KUBE-MARK-MASQ")
    rules += _choice(portal, portal.chain("SVC"), portal.everywhere)
    if portal.here and (service.internal_local or service.external_local):
        chains.append(portal.chain("SVL"))
        rules += _choice(portal, portal.chain("SVL"), portal.here)
    local = portal.here if service.internal_local or service.external_local else ()
    for endpoint in dict.fromkeys((*portal.everywhere, *local)):
        chains.append(portal.chain("SEP", endpoint))
        rules += _endpoint(portal, endpoint)
    if portal.port.node_port or service.external_ips or service.load_balancer_ips:
        chains.append(portal.chain("EXT"))
        rules += _outside_entries(portal)
        rules += _outside_chain(portal)
        if service.source_ranges:
            chains.append(portal.chain("FW"))
            rules += _source_ranges(portal)
    return chains, rules


def _choice(portal: Portal, chain: str, endpoints: tuple[str, ...]) -> list[str]:
    rules = []
    if portal.service.affinity:
        for endpoint in endpoints:
            target = portal.chain("SEP", endpoint)
            mask = "255.255.255.255" if portal.width == 32 else "ffff:" * 7 + "ffff"
            rules.append(
                f"-A {chain} {portal.noted('-> ' + endpoint)} -m recent --rcheck --seconds 10800 "
                f"--reap --name {target} --mask {mask} --rsource -j {target}"
            )
    for position, endpoint in enumerate(endpoints):
        left = len(endpoints) - position
        chance = f"-m statistic --mode random --probability {1 / left:.11f} " if left > 1 else ""
        target = portal.chain("SEP", endpoint)
        rules.append(f"-A {chain} {portal.noted('-> ' + endpoint)} {chance}-j {target}")
    return rules


def _endpoint(portal: Portal, endpoint: str) -> list[str]:
    chain, protocol = portal.chain("SEP", endpoint), portal.port.protocol
    address = ip_address(endpoint.rpartition(":")[0].strip("[]"))
    sticky = f"-m recent --set --name {chain} --rsource " if portal.service.affinity else ""
    return [
        f"-A {chain} -s {address}/{portal.width} {portal.comment} -j KUBE-MARK-MASQ",
        f"-A {chain} -p {protocol} {portal.comment} {sticky}-m {protocol} "
        f"-j DNAT --to-destination {endpoint}",
    ]


def _outside_entries(portal: Portal) -> list[str]:
    service, external = portal.service, portal.chain("EXT")
    rules = []
    if portal.port.node_port:
        rules.append(f"-A KUBE-NODEPORTS {portal.to_node_port()} -j {external}")
    balanced = portal.chain("FW") if service.source_ranges else external
    return [
        *rules,
        *(
            f"-A KUBE-SERVICES {portal.to(address, 'external IP')} -j {external}"
            for address in portal.addresses(service.external_ips)
        ),
        *(
            f"-A KUBE-SERVICES {portal.to(address, 'loadbalancer IP')} -j {balanced}"
            for address in portal.addresses(service.load_balancer_ips)
        ),
    ]


def _outside_chain(portal: Portal) -> list[str]:
    external, cluster = portal.chain("EXT"), portal.chain("SVC")
    where = "external destinations"
    if not portal.service.external_local:
        comment = f'-m comment --comment "masquerade traffic for {portal.name} {where}"'
        return [f"-A {external} {comment} -j KUBE-MARK-MASQ", f"-A {external} -j {cluster}"]
    local = "-m addrtype --src-type LOCAL"
    pods = [
        f'-A {external} {portal.pods.iptables()}-m comment --comment "pod traffic for '
        f'{portal.name} {where}" -j {cluster}'
    ]
    rules = [
        *(pods if portal.pods else ()),
        f'-A {external} -m comment --comment "masquerade LOCAL traffic for {portal.name} {where}" '
        f"{local} -j KUBE-MARK-MASQ",
        f'-A {external} -m comment --comment "route LOCAL traffic for {portal.name} {where}" '
        f"{local} -j {cluster}",
    ]
    if portal.here:
        rules.append(f"-A {external} -j {portal.chain('SVL')}")
    return rules


def _source_ranges(portal: Portal) -> list[str]:
    wall = portal.chain("FW")
    rules = [
        f"-A {wall} -s {allowed} {portal.noted('loadbalancer IP')} -j {portal.chain('EXT')}"
        for allowed in allowed_sources(portal)
    ]
    rest = f"other traffic to {portal.name} will be dropped by KUBE-PROXY-FIREWALL"
    return [*rules, f'-A {wall} -m comment --comment "{rest}"']


def allowed_sources(portal: Portal) -> list[str]:
    """Source ranges, and the balancer's own addresses where a range holds the node."""
    listed = list(portal.addresses(portal.service.source_ranges))
    if any(ip_address(portal.node_ip) in ip_network(each) for each in listed):
        listed += [f"{ip}/{portal.width}"
                   for ip in portal.addresses(portal.service.load_balancer_ips)]  # fmt: skip
    return listed


def _refusals(portal: Portal, *, reject: str) -> list[str]:
    service = portal.service
    refuse = f"-j REJECT --reject-with {reject}-port-unreachable"
    rules = []
    if not portal.known:
        words, verdict, inside, outside = "has no endpoints", refuse, True, True
    else:
        words, verdict = "has no local endpoints", "-j DROP"
        inside, outside = not portal.internal, not portal.external
    if inside:
        rules.append(f"-A KUBE-SERVICES {portal.to(portal.cluster_ip, words)} {verdict}")
    if outside:
        door = "-A KUBE-EXTERNAL-SERVICES"
        outer = portal.addresses((*service.external_ips, *service.load_balancer_ips))
        rules += [f"{door} {portal.to(address, words)} {verdict}" for address in outer]
        if portal.port.node_port:
            local = "-m addrtype --dst-type LOCAL"
            rules.append(f"{door} {local} {portal.to_node_port(words)} {verdict}")
    if service.source_ranges and portal.known:
        for address in portal.addresses(service.load_balancer_ips):
            words = f"traffic not accepted by {portal.chain('FW')}"
            rules.append(f"-A KUBE-PROXY-FIREWALL {portal.to(address, words)} -j DROP")
    return rules


_NAT_CHAINS = ("KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-MARK-MASQ")
_NAT_HEAD = (
    '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
    "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
    "-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0",
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" '
    "-j MASQUERADE --random-fully",
)
_FILTER_CHAINS = (
    "KUBE-EXTERNAL-SERVICES",
    "KUBE-FIREWALL",
    "KUBE-FORWARD",
    "KUBE-NODEPORTS",
    "KUBE-PROXY-FIREWALL",
    "KUBE-SERVICES",
)
_NEW = "-m conntrack --ctstate NEW -m comment --comment"
_FILTER_HEAD = (
    f'-A INPUT {_NEW} "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL',
    '-A INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS',
    f'-A INPUT {_NEW} "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES',
    "-A INPUT -j KUBE-FIREWALL",
    f'-A FORWARD {_NEW} "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL',
    '-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
    f'-A FORWARD {_NEW} "kubernetes service portals" -j KUBE-SERVICES',
    f'-A FORWARD {_NEW} "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES',
    f'-A OUTPUT {_NEW} "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL',
    f'-A OUTPUT {_NEW} "kubernetes service portals" -j KUBE-SERVICES',
    "-A OUTPUT -j KUBE-FIREWALL",
    '-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming '
    'localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
    "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP",
    '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark '
    "0x4000/0x4000 -j ACCEPT",
    '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack '
    "--ctstate RELATED,ESTABLISHED -j ACCEPT",
)
