"""Why a Service gives no backend, or one that does not answer."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.cluster.resolve import Ends
from skoop.diagnose.cluster import Cluster
from skoop.diagnose.question import Question
from skoop.diagnose.service.absent import (
    no_service,
    node_port_of_other_family,
    outer_address_of_other_family,
    pending,
)
from skoop.diagnose.service.affinity import held_client
from skoop.diagnose.service.asked import PROTOCOLS, Asked, asked_for
from skoop.diagnose.service.ports import port_causes, unresolved
from skoop.diagnose.service.programmed import programmed
from skoop.diagnose.story import Row
from skoop.diagnose.verdict import Settled
from skoop.findings import conntrack, endpoints, service
from skoop.findings.base import Finding
from skoop.model.address import Family, format_ip
from skoop.model.diagnosis import Suspicion, Where
from skoop.model.disposition import Direction, Result, Verdict
from skoop.model.kube import Service
from skoop.model.packet import Packet, Proto
from skoop.model.trace import Evidence
from skoop.netstack.conntrack import tuple_of
from skoop.service import Effect, ServiceEndpoint, UnusedWhy, Via


def service_causes(
    cluster: Cluster, ends: Ends, question: Question, settled: Settled
) -> tuple[Suspicion, ...]:
    """Causes in the Service asked for, () when the destination is none or all is as it should."""
    asked = asked_for(cluster, ends, question, settled)
    if asked is None:
        return (
            *_undefined_port(cluster, ends, question),
            *_absent(cluster, ends, question, settled),
        )
    if asked.view.effect in (Effect.REJECT, Effect.DROP):
        return (_no_backend(asked), *programmed(asked))
    found = (
        *_unserved(asked),
        *held_client(asked),
        *programmed(asked),
        *_dead_backends(asked),
        *port_causes(asked),
    )
    return (*found, *_outside_range(asked), *_pending(ends, settled))


def _absent(
    cluster: Cluster, ends: Ends, question: Question, settled: Settled
) -> Iterator[Suspicion]:
    yield from no_service(cluster, ends, settled.rows)
    yield from outer_address_of_other_family(cluster, (question.family, question.dst), settled.rows)
    yield from _pending(ends, settled)
    yield from node_port_of_other_family(
        cluster, (question.family, question.dst), question.dport, question.proto, settled.rows
    )


def _pending(ends: Ends, settled: Settled) -> Iterator[Suspicion]:
    """Only where the client does not get through all the same."""
    if settled.verdict is not Verdict.REACHABLE:
        yield from pending(ends)


def _where(asked: Asked) -> Where:
    owner = asked.destination.service
    return Where("service", f"{owner.namespace}/{owner.name}")


def _undefined_port(cluster: Cluster, ends: Ends, question: Question) -> Iterator[Suspicion]:
    """The Service exists, the port or its protocol does not."""
    address = (question.family, question.dst)
    owners = cluster.inventory.services_with_ip(address)
    owner = ends.destination.service or (owners[0] if owners else None)
    if owner is None or address not in owner.cluster_ips:
        return
    protocol = PROTOCOLS.get(Proto(question.proto), "")
    listed = ", ".join(f"{port.port}/{port.protocol}" for port in owner.ports) or "none"
    same = [port for port in owner.ports if port.port == question.dport]
    finding = service.ServiceProtocolMismatch if same else service.ServicePortUndefined
    name = f"{owner.namespace}/{owner.name}"
    yield finding.suspect(
        where=Where("service", name),
        direction=Direction.FORWARD,
        message=f"Service {name} has no port {question.dport}/{protocol}; it has {listed}",
        evidence=(Evidence(f"Service {name} spec.ports", listed),),
        blocking=True,
        why="kube-proxy translates only the ports that are listed",
        fix=f"kubectl -n {owner.namespace} get service {owner.name} -o yaml",
    )


def _unserved(asked: Asked) -> Iterator[Suspicion]:
    """A NodePort at an address of the node on which kube-proxy does not serve NodePorts."""
    config = asked.cluster.facts.proxy
    failing = [row for row in asked.settled.rows if row.result is not Result.OK]
    if asked.destination.via is not Via.NODE_PORT or asked.view.effect is not Effect.PASS:
        return
    if not failing or "serves no NodePorts" not in asked.view.reason:
        return
    ranges = ", ".join(map(str, config.value.node_port_addresses))
    default = "not set, which in nftables mode means the node's primary address only"
    owner, number = asked.destination.service, asked.question.dport
    yield service.NodeportBlocked.suspect(
        where=Where("node", asked.node),
        direction=Direction.FORWARD,
        message=f"NodePort {number} of Service {owner.namespace}/{owner.name} is not served at "
        f"{format_ip(asked.question.family, asked.question.dst)}: {asked.view.reason}",
        evidence=(Evidence(config.source, f"nodePortAddresses: {ranges or default}"),),
        blocking=all(row.result is Result.REFUSED or _by_rule(asked, row) for row in failing),
        why="kube-proxy translates packets for the listed addresses only",
        fix="ask at another address of the node, or add this one's network to nodePortAddresses: "
        "kubectl -n kube-system edit configmap kube-proxy",
    )


def _by_rule(asked: Asked, row: Row) -> bool:
    """Whether kube-proxy's own refusal of a Service without endpoints stopped it, untranslated:
    iptables mode writes it for every address of the node."""
    return any(
        blocker.node == f"node/{asked.node}" and "KUBE-EXTERNAL-SERVICES" in evidence.text
        for blocker in row.blockers
        for evidence in blocker.stop.evidence
    )


def _outside_range(asked: Asked) -> Iterator[Suspicion]:
    """An address that the cluster's Service ranges do not hold (any more)."""
    ranges = asked.cluster.facts.service_cidrs
    family, address = asked.question.family, asked.question.dst
    known = [each for each in ranges.value if each.family is family]
    if asked.destination.via is not Via.CLUSTER_IP or not ranges.certain or not known:
        return
    if any(each.contains(address) for each in known):
        return
    listed = ", ".join(map(str, known))
    owner = asked.destination.service
    yield service.ClusteripOutsideCidr.suspect(
        where=_where(asked),
        direction=Direction.FORWARD,
        message=f"The ClusterIP {format_ip(family, address)} of {owner.namespace}/{owner.name} "
        f"lies outside the Service range {listed}",
        evidence=(Evidence(ranges.source, listed),),
        blocking=False,
        why="rules and routes that treat the range as a whole do not cover it",
        fix="make the Service again, so that it gets an address of the range",
    )


def _no_backend(asked: Asked) -> Suspicion:
    """The Service has nobody it may send this packet to."""
    finding = _why_none(asked)
    owner = asked.destination.service
    unused = asked.view.unused
    shown = tuple(Evidence(f"EndpointSlice {u.slice or owner.name}", u.text) for u in unused)
    selector = ",".join(f"{k}={v}" for k, v in sorted(owner.selector.items())) or "none"
    evidence = shown or (Evidence(f"Service {owner.namespace}/{owner.name} selector", selector),)
    return finding.suspect(
        where=_where(asked),
        direction=Direction.FORWARD,
        message=f"Service {owner.namespace}/{owner.name} has no backend for this client: "
        f"{asked.view.reason}",
        evidence=evidence,
        blocking=True,
        why=f"so kube-proxy on {asked.node} {asked.view.effect.value}s the connection",
        fix=_look_at(owner, selector, finding),
    )


def _look_at(owner: Service, selector: str, finding: type[Finding]) -> str:
    """Where to look: the pods of the selector, or the slices somebody must write by hand."""
    of = f"-l kubernetes.io/service-name={owner.name}"
    if finding is endpoints.SlicePortMismatch:
        look = f"kubectl -n {owner.namespace} get endpointslices {of} -o yaml"
        return f"{look}   # a port there must have the name and protocol of the Service's"
    if owner.selector:
        return f"kubectl -n {owner.namespace} get pods -l {selector} -o wide --show-labels"
    return f"kubectl -n {owner.namespace} get endpointslices {of}   # somebody must write them"


def _why_none(asked: Asked) -> type[Finding]:
    whys = {unused.why for unused in asked.view.unused}
    owner = asked.destination.service
    if "source range" in asked.view.reason:
        return service.SourceRangeDeny
    if UnusedWhy.NOT_LOCAL in whys:
        internal = asked.destination.via is Via.CLUSTER_IP
        return service.ItpLocalNoEndpoint if internal else service.EtpLocalNoEndpoint
    if UnusedWhy.PORT_UNRESOLVED in whys:
        return unresolved(asked)
    if UnusedWhy.NOT_READY in whys:
        return endpoints.EndpointsAllUnready
    if UnusedWhy.TERMINATING in whys:
        return endpoints.EndpointsOnlyTerminating
    if UnusedWhy.WRONG_FAMILY in whys:
        return endpoints.EndpointsWrongFamily
    matches = owner.selector and not any(
        each.namespace == owner.namespace
        and all(each.labels.get(k) == v for k, v in owner.selector.items())
        for each in asked.cluster.inventory.pods
    )
    return endpoints.SelectorMatchesNothing if matches else endpoints.EndpointsNone


def _dead_backends(asked: Asked) -> Iterator[Suspicion]:
    """Backends the API lists and no pod has: the slice is behind the pods."""
    for backend in asked.view.backends:
        endpoint = backend.endpoint
        if not endpoint.pod[1]:
            continue
        owner = asked.cluster.inventory.pod(*endpoint.pod)
        if owner is not None and (endpoint.address in owner.ips or owner.host_network):
            continue
        text = f"{endpoint} for pod {'/'.join(endpoint.pod)}"
        now = "which does not exist" if owner is None else f"which has {_ips(owner.ips)}"
        yield endpoints.SliceStale.suspect(
            where=_where(asked),
            direction=Direction.FORWARD,
            message=f"An EndpointSlice lists {text}, {now}",
            evidence=(Evidence(f"EndpointSlice {endpoint.slice}", text),),
            blocking=_fails_at(asked, endpoint),
            why="connections that get this backend go nowhere",
            fix="kubectl get endpointslices -A | grep " + format_ip(*endpoint.address),
        )


def _ips(addresses: tuple[tuple[Family, int], ...]) -> str:
    return ", ".join(format_ip(*address) for address in addresses) or "no address"


def _fails_at(asked: Asked, endpoint: ServiceEndpoint) -> bool:
    """Whether a failing branch was sent to an endpoint."""
    return any(
        (packet.dst, packet.dport) == (endpoint.address[1], endpoint.port)
        for row in asked.settled.rows
        if row.result is not Result.OK
        for packet in _sent(row)
    )


def _sent(row: Row) -> Iterator[Packet]:
    for trace in row.traces[:1]:
        for hop in trace.hops:
            yield hop.packet_out


def stale_connection(
    cluster: Cluster, question: Question, settled: Settled
) -> tuple[Suspicion, ...]:
    """A collected connection entry that still sends this very flow to an old backend."""
    if question.proto != Proto.UDP or question.sport <= 0:
        return ()
    for row in settled.rows:
        if row.result is Result.OK:
            continue
        for trace in row.traces[:1]:
            for hop in trace.hops:
                if hop.node not in cluster.world.stacks:
                    continue
                known = cluster.world.stacks[hop.node].connections
                entry = known.get(tuple_of(hop.packet_in))
                if entry is not None and entry.reply.src != hop.packet_in.dst:
                    return (_stale(hop.node, entry.raw, entry.reply.src, question.family),)
    return ()


def _stale(node: str, raw: str, backend: int, family: Family) -> Suspicion:
    where = Where.of(node)
    old = format_ip(family, backend)
    return conntrack.StaleUdpEntry.suspect(
        where=where,
        direction=Direction.FORWARD,
        message=f"A connection entry on {where} still sends this flow to {old}",
        evidence=(Evidence(f"conntrack on {node}", raw),),
        blocking=True,
        why="translations are decided once, by the first packet of a flow, and kept with it",
        fix=f"conntrack -D -p udp --reply-src {old}",
    )
