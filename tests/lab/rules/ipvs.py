"""kube-proxy in ipvs mode: virtual servers, their addresses, ipsets, and the few iptables rules of
one node, for one address family (pkg/proxy/ipvs/proxier.go)."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from tests.lab.rules.kubeproxy import Portal, Tables, portals
from tests.lab.rules.settings import detector, interface_addresses, node_port_ips
from tests.lab.topology import Cluster

_KINDS = {
    "CLUSTER-IP": "hash:ip,port",
    "LOOP-BACK": "hash:ip,port,ip",
    "EXTERNAL-IP": "hash:ip,port",
    "EXTERNAL-IP-LOCAL": "hash:ip,port",
    "LOAD-BALANCER": "hash:ip,port",
    "LOAD-BALANCER-LOCAL": "hash:ip,port",
    "LOAD-BALANCER-FW": "hash:ip,port",
    "LOAD-BALANCER-SOURCE-CIDR": "hash:ip,port,net",
    "LOAD-BALANCER-SOURCE-IP": "hash:ip,port,ip",
    "NODE-PORT-TCP": "bitmap:port range 0-65535",
    "NODE-PORT-LOCAL-TCP": "bitmap:port range 0-65535",
    "NODE-PORT-UDP": "bitmap:port range 0-65535",
    "NODE-PORT-LOCAL-UDP": "bitmap:port range 0-65535",
    "NODE-PORT-SCTP-HASH": "hash:ip,port",
    "NODE-PORT-LOCAL-SCTP-HASH": "hash:ip,port",
    "HEALTH-CHECK-NODE-PORT": "bitmap:port range 0-65535",
    "IPVS-IPS": "hash:ip",
}


def addresses(cluster: Cluster, node: str, *, family: int) -> tuple[str, ...]:
    """What is on kube-ipvs0."""
    found: dict[str, None] = {}
    for portal in portals(cluster, node, family=family):
        found.setdefault(portal.cluster_ip)
        service = portal.service
        outer = portal.addresses((*service.external_ips, *service.load_balancer_ips))
        found.update(dict.fromkeys(outer))
    return tuple(found)


def servers(cluster: Cluster, node: str, *, family: int) -> str:
    """What `ipvsadm -R` reads."""
    lines: list[str] = []
    for portal in portals(cluster, node, family=family):
        service, port = portal.service, portal.port
        internal = _chosen(portal, local=service.internal_local)
        external = _chosen(portal, local=service.external_local)
        lines += _server(portal, portal.cluster_ip, port.port, internal)
        for ip in portal.addresses((*service.external_ips, *service.load_balancer_ips)):
            lines += _server(portal, ip, port.port, external)
        for ip in _node_ips(cluster, node, family=family) if port.node_port else ():
            lines += _server(portal, ip, port.node_port, external)
    return "\n".join(lines) + "\n"


def _node_ips(cluster: Cluster, node: str, *, family: int) -> tuple[str, ...]:
    served = node_port_ips(cluster, node, family=family)
    if served is None:
        served = interface_addresses(cluster, cluster.node(node), family=family)
    return tuple(ip for ip in served if not ip_address(ip).is_loopback)


def _chosen(portal: Portal, *, local: bool) -> tuple[str, ...]:
    """Under policy Local a node without local endpoints uses all (syncEndpoint())."""
    return (portal.here or portal.everywhere) if local else portal.everywhere


def _server(portal: Portal, ip: str, port: int, endpoints: tuple[str, ...]) -> Iterator[str]:
    option = {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}[portal.port.protocol]
    target = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
    sticky = " -p 10800" if portal.service.affinity else ""
    yield f"-A {option} {target} -s rr{sticky}"
    for endpoint in endpoints:
        yield f"-a {option} {target} -r {endpoint} -m -w 1"


def sets(cluster: Cluster, node: str, *, family: int) -> str:
    """What `ipset restore` reads."""
    prefix, word = _prefix(family), "inet" if family == 4 else "inet6"
    lines = []
    for name, kind in _KINDS.items():
        ending = "" if kind.startswith("bitmap") else f" family {word}"
        lines.append(f"create {_set(prefix + name)} {kind}{ending}")
    members: dict[str, None] = {}
    for portal in portals(cluster, node, family=family):
        members.update(dict.fromkeys(_members(portal, _node_ips(cluster, node, family=family))))
    for member in members:
        name, _, value = member.partition(" ")
        lines.append(f"add {_set(prefix + name)} {value}")
    return "\n".join(lines) + "\n"


def _members(portal: Portal, node_ips: tuple[str, ...]) -> Iterator[str]:
    service, port = portal.service, portal.port
    local = service.external_local

    def at(ip: str) -> str:
        return f"{ip},{port.protocol}:{port.port}"

    yield f"CLUSTER-IP {at(portal.cluster_ip)}"
    yield f"IPVS-IPS {portal.cluster_ip}"
    for ip in portal.addresses(service.external_ips):
        yield f"EXTERNAL-IP{'-LOCAL' * local} {at(ip)}"
        yield f"IPVS-IPS {ip}"
    for ip in portal.addresses(service.load_balancer_ips):
        yield f"LOAD-BALANCER {at(ip)}"
        yield f"IPVS-IPS {ip}"
        if local:
            yield f"LOAD-BALANCER-LOCAL {at(ip)}"
        if service.source_ranges:
            yield f"LOAD-BALANCER-FW {at(ip)}"
            for allowed in portal.addresses(service.source_ranges):
                yield f"LOAD-BALANCER-SOURCE-CIDR {at(ip)},{allowed}"
    if port.node_port:
        word = port.protocol.upper()
        doors, ending = [str(port.node_port)], ""
        if word == "SCTP":  # a bitmap of ports knows no SCTP
            doors, ending = [f"{ip},sctp:{port.node_port}" for ip in node_ips], "-HASH"
        for door in doors:
            yield f"NODE-PORT-{word}{ending} {door}"
            if local:
                yield f"NODE-PORT-LOCAL-{word}{ending} {door}"
    for endpoint in portal.own:
        ip, _, number = endpoint.rpartition(":")
        ip = ip.strip("[]")
        yield f"LOOP-BACK {ip},{port.protocol}:{number},{ip}"


def _set(name: str) -> str:
    """Names longer than the kernel takes are cut."""
    return name[:31]


def _prefix(family: int) -> str:
    return "KUBE-" if family == 4 else "KUBE-6-"


def tables(cluster: Cluster, node: str, *, family: int) -> Tables:
    """The rules, the same for whatever Services there are."""
    pods = detector(cluster, node, family=family)
    prefix = _prefix(family)

    def match(name: str, fields: str) -> str:
        return f"-m set --match-set {_set(prefix + name)} {fields}"

    cluster_ips = match("CLUSTER-IP", "dst,dst")
    marked = cluster_ips
    if not cluster.masquerade_all:
        marked = pods.iptables(negated=True) + cluster_ips if pods else cluster_ips.replace(
            "dst,dst", "src,dst"
        )  # fmt: skip
    nat = [
        "-A PREROUTING -j KUBE-SERVICES",
        "-A OUTPUT -j KUBE-SERVICES",
        "-A POSTROUTING -j KUBE-POSTROUTING",
        "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
        f"-A KUBE-LOAD-BALANCER {match('LOAD-BALANCER-LOCAL', 'dst,dst')} -j RETURN",
        "-A KUBE-LOAD-BALANCER -j KUBE-MARK-MASQ",
    ]
    for protocol, ending, fields in (
        ("tcp", "", "dst"), ("udp", "", "dst"), ("sctp", "-HASH", "dst,dst"),
    ):  # fmt: skip
        name, head = f"NODE-PORT-{protocol.upper()}{ending}", f"-A KUBE-NODE-PORT -p {protocol}"
        kept = name.replace("PORT-", "PORT-LOCAL-")
        nat += [
            f"{head} {match(kept, fields)} -j RETURN",
            f"{head} {match(name, fields)} -j KUBE-MARK-MASQ",
        ]
    external = match("EXTERNAL-IP", "dst,dst")
    if family == 4:
        nat.append("-A KUBE-SERVICES -s 127.0.0.0/8 -j RETURN")
    nat += [
        f"-A KUBE-SERVICES {match('LOAD-BALANCER', 'dst,dst')} -j KUBE-LOAD-BALANCER",
        f"-A KUBE-SERVICES {marked} -j KUBE-MARK-MASQ",
        f"-A KUBE-SERVICES {external} -j KUBE-MARK-MASQ",
        f"-A KUBE-SERVICES {external} -m physdev ! --physdev-is-in -m addrtype "
        "! --src-type LOCAL -j ACCEPT",
        f"-A KUBE-SERVICES {external} -m addrtype --dst-type LOCAL -j ACCEPT",
        "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT",
        f"-A KUBE-SERVICES {cluster_ips} -j ACCEPT",
        f"-A KUBE-SERVICES {match('LOAD-BALANCER', 'dst,dst')} -j ACCEPT",
        f"-A KUBE-POSTROUTING {match('LOOP-BACK', 'dst,dst,src')} -j MASQUERADE",
        "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
        "-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0",
        "-A KUBE-POSTROUTING -j MASQUERADE --random-fully",
    ]
    chains = (
        "KUBE-SERVICES", "KUBE-POSTROUTING", "KUBE-MARK-MASQ", "KUBE-NODE-PORT",
        "KUBE-LOAD-BALANCER",
    )  # fmt: skip
    filters, filter_chains = _filter(match, "icmp" if family == 4 else "icmp6")
    return Tables(chains, tuple(nat), filter_chains, filters)


def _filter(match: object, version: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    assert callable(match)
    wall = "-A KUBE-SOURCE-RANGES-FIREWALL"
    passing = [
        f"-A KUBE-IPVS-FILTER {match(name, 'dst,dst')} -j RETURN"
        for name in ("LOAD-BALANCER", "CLUSTER-IP", "EXTERNAL-IP", "EXTERNAL-IP-LOCAL")
    ]
    new = "-m conntrack --ctstate NEW"
    rules = (
        "-A INPUT -j KUBE-IPVS-FILTER",
        "-A INPUT -j KUBE-PROXY-FIREWALL",
        "-A INPUT -j KUBE-NODE-PORT",
        "-A FORWARD -j KUBE-PROXY-FIREWALL",
        "-A FORWARD -j KUBE-FORWARD",
        "-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT",
        "-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        *passing,
        f"-A KUBE-IPVS-FILTER {match('HEALTH-CHECK-NODE-PORT', 'dst')} -j RETURN",
        f"-A KUBE-IPVS-FILTER {new} {match('IPVS-IPS', 'dst')} "
        f"-j REJECT --reject-with {version}-port-unreachable",
        f"-A KUBE-NODE-PORT {match('HEALTH-CHECK-NODE-PORT', 'dst')} -j ACCEPT",
        f"-A KUBE-PROXY-FIREWALL {match('LOAD-BALANCER-FW', 'dst,dst')} "
        "-j KUBE-SOURCE-RANGES-FIREWALL",
        f"{wall} {match('LOAD-BALANCER-SOURCE-CIDR', 'dst,dst,src')} -j RETURN",
        f"{wall} {match('LOAD-BALANCER-SOURCE-IP', 'dst,dst,src')} -j RETURN",
        f"{wall} -j DROP",
    )
    chains = (
        "KUBE-IPVS-FILTER", "KUBE-PROXY-FIREWALL", "KUBE-NODE-PORT", "KUBE-FORWARD",
        "KUBE-SOURCE-RANGES-FIREWALL",
    )  # fmt: skip
    return rules, chains
