"""Addresses at which the Service that was meant does not answer: it is gone, it has none of this IP
version, or its load balancer has not been given one."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.cluster.resolve import Ends
from skoop.diagnose.cluster import Cluster
from skoop.diagnose.service.asked import PROTOCOLS
from skoop.diagnose.story import Blocker, Row
from skoop.findings import service
from skoop.model.address import Family, Prefix, format_ip
from skoop.model.diagnosis import EndpointKind, Suspicion, Where
from skoop.model.disposition import Direction, Result
from skoop.model.kube import Address, Service
from skoop.model.packet import Proto
from skoop.model.trace import Evidence
from skoop.netstack.walk.events import Reason
from skoop.service.nftables.names import CLUSTER_IPS_CHECK

_NO_WAY_ON = (Reason.FAR_END, Reason.ROUTE_MISSING, Reason.ROUTE_TYPE)
"""How a node ends a packet for an address that no rule has translated."""


def unasked(cluster: Cluster, ends: Ends) -> tuple[Suspicion, ...]:
    """Why a question about a Service cannot be put: nothing was walked."""
    if not ends.destination.ips:
        return ()
    return (*other_family(ends), *pending(ends), *no_service(cluster, ends, ()))


def no_service(cluster: Cluster, ends: Ends, rows: tuple[Row, ...]) -> Iterator[Suspicion]:
    """The address lies in the Service range, and no Service has it.

    A range worked out from the ClusterIPs in use is not certain, but the real one holds it.
    """
    address = ends.destination.ips[0]
    ranges = cluster.facts.service_cidrs
    inside = [each for each in ranges.value if _holds(each, address)]
    failing = [row for row in rows if row.result is not Result.OK]
    if not inside or (rows and not failing) or _is_anybodys(cluster, address):
        return
    name = format_ip(*address)
    known = sum(
        any(ip[0] is address[0] for ip in each.cluster_ips) for each in cluster.inventory.services
    )
    yield service.ServiceMissing.suspect(
        where=Where("service", name),
        direction=Direction.FORWARD,
        message=f"No Service has the address {name}, which lies in the Service range {inside[0]}",
        evidence=(
            Evidence(ranges.source, f"Service range {inside[0]}"),
            Evidence(
                "Services of the cluster",
                f"{known} with an IPv{address[0].value} ClusterIP, none of them {name}",
            ),
        ),
        blocking=any(
            _is_untranslated(blocker, address[1])
            for row in failing
            for blocker in row.blockers[:1]
            if row.result is not Result.UNKNOWN
        ),
        why="no node translates it: the Service was deleted, or made again with another address",
        fix="use the Service's name, or find its address: kubectl get services -A",
    )


def _holds(prefix: Prefix, address: Address) -> bool:
    return prefix.family is address[0] and prefix.contains(address[1])


def _is_anybodys(cluster: Cluster, address: Address) -> bool:
    """Whether an object of the API or a host has the address, or might have it for all that was
    collected."""
    inventory = cluster.inventory
    return bool(
        inventory.is_absent("services")
        or inventory.services_with_ip(address)
        or inventory.pods_with_ip(address)
        or inventory.node_with_ip(address)
        or any(stack.is_local(*address) for stack in cluster.world.hosts.values())
    )


def _is_untranslated(blocker: Blocker, address: int) -> bool:
    """Whether a packet ended on a node as one for an untranslated Service address does: with no way
    on, or by kube-proxy's refusal of addresses that are not in use (nftables mode)."""
    stop = blocker.stop
    refused = stop.where.endswith(f"kube-proxy {CLUSTER_IPS_CHECK}")
    unanswered = stop.reason is Reason.NEIGHBOUR and stop.address == address
    lost = refused or unanswered or stop.reason in _NO_WAY_ON
    return lost and blocker.node.startswith("node/") and blocker.packet.dst == address


def other_family(ends: Ends) -> Iterator[Suspicion]:
    """A Service without an address of the client's IP version."""
    owner = ends.destination.service
    if owner is not None and ends.apart:
        source = ends.source
        yield _other_family(owner, f"{source.endpoint} has only {_versions(source.families)}")


def node_port_of_other_family(
    cluster: Cluster, address: Address, port: int, proto: int, rows: tuple[Row, ...]
) -> Iterator[Suspicion]:
    """A NodePort asked for at an address of a node for whose IP version the Service has none."""
    refused = [
        row
        for row in rows
        if row.blockers and row.blockers[0].stop.reason is Reason.NO_LISTENER
        if row.at is not None and (row.at.family, row.at.dst, row.at.dport) == (*address, port)
    ]
    if not refused or not refused[0].server.startswith("node/"):
        return
    protocol = PROTOCOLS.get(Proto(proto), "")
    for owner in cluster.inventory.services:
        ports = [(each.node_port, each.protocol) for each in owner.ports if each.node_port]
        families = {family for family, _ in owner.cluster_ips}
        if (port, protocol) in ports and families and address[0] not in families:
            asked = f"its NodePort {port} was asked for at {format_ip(*address)}"
            yield _other_family(owner, asked)


def outer_address_of_other_family(
    cluster: Cluster, address: Address, rows: tuple[Row, ...]
) -> Iterator[Suspicion]:
    """An external or load balancer address of an IP version in which the Service has no ClusterIP:
    the kube-proxy of that version passes over the whole Service (GetClusterIPByFamily())."""
    if all(row.result in (Result.OK, Result.UNKNOWN) for row in rows):
        return
    for owner in cluster.inventory.services_with_ip(address):
        families = {family for family, _ in owner.cluster_ips}
        outer = (*owner.external_ips, *owner.load_balancer_ips)
        if families and address in outer and address[0] not in families:
            yield _other_family(owner, f"it was asked for at {format_ip(*address)}")


def _other_family(owner: Service, asked: str) -> Suspicion:
    name = f"{owner.namespace}/{owner.name}"
    own = owner.cluster_ips or owner.all_ips
    families = tuple(dict.fromkeys(family for family, _ in own))
    listed = ", ".join(format_ip(*ip) for ip in owner.all_ips)
    policy = owner.ip_family_policy or "SingleStack"
    return service.ServiceFamilyMismatch.suspect(
        where=Where("service", name),
        direction=Direction.FORWARD,
        message=f"Service {name} has only {_versions(families)}, and {asked}",
        evidence=(Evidence(f"Service {name}", f"addresses: {listed}; ipFamilyPolicy: {policy}"),),
        blocking=True,
        why="kube-proxy translates nothing between IP versions",
        fix=f"kubectl -n {owner.namespace} patch service {owner.name} "
        """-p '{"spec":{"ipFamilyPolicy":"PreferDualStack"}}'   # in a dual-stack cluster""",
    )


def _versions(families: tuple[Family, ...]) -> str:
    return " and ".join(f"IPv{family.value}" for family in families) + " addresses"


def pending(ends: Ends) -> Iterator[Suspicion]:
    """A client outside asks for a Service whose load balancer has no address yet."""
    owner = ends.destination.service
    if owner is None or owner.type != "LoadBalancer" or owner.ingress or owner.external_ips:
        return
    if ends.source.endpoint.kind is not EndpointKind.EXTERNAL:
        return
    if ends.destination.ips[0] not in owner.cluster_ips:
        return
    name = f"{owner.namespace}/{owner.name}"
    doors = ", ".join(str(port.node_port) for port in owner.ports if port.node_port)
    beside = f"; its NodePorts are {doors}" if doors else ""
    said = owner.load_balancer_class or "the cluster's own"
    yield service.LbIpPending.suspect(
        where=Where("service", name),
        direction=Direction.FORWARD,
        message=f"Service {name} is of type LoadBalancer and its load balancer has no address yet, "
        f"so clients outside have none to ask{beside}",
        evidence=(
            Evidence(f"Service {name}", f"status.loadBalancer: {{}}; loadBalancerClass: {said}"),
        ),
        why="the controller of its load balancer class (a cloud's, MetalLB) has not assigned one",
        fix=f"kubectl -n {owner.namespace} describe service {owner.name}   # its events say why",
    )
