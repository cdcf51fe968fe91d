"""Virtual servers, their real servers, and their addresses on kube-ipvs0 (pkg/proxy/ipvs)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from skoop.model.address import format_ip, with_port
from skoop.model.kube import Address
from skoop.model.packet import Proto
from skoop.model.trace import Evidence
from skoop.netstack.ipvs.table import IpvsTable, RealServer, VirtualServer
from skoop.netstack.netfilter import Membership
from skoop.service.difference import Difference, DifferenceKind
from skoop.service.ipvs.sets import missing
from skoop.service.plan import PortPlan
from skoop.service.view import ServiceEndpoint, Via

DEVICE = "kube-ipvs0"
_MOST_SHOWN = 4
_CONNTRACK = "net.ipv4.vs.conntrack"
_PROTOCOLS = {"tcp": Proto.TCP, "udp": Proto.UDP, "sctp": Proto.SCTP}


class Written(Struct, frozen=True, kw_only=True):
    """What is there: the table, the addresses of kube-ipvs0, the settings, and the ipsets as far as
    known. `source` names the node in evidence."""

    source: str
    table: IpvsTable
    device_addresses: frozenset[Address]
    sysctls: Mapping[str, str]
    sets: Mapping[str, Membership] = {}


def audit(expected: Iterable[PortPlan], written: Written) -> tuple[Difference, ...]:
    """Every difference; without any virtual server that is the only one."""
    plans = tuple(expected)
    if plans and not written.table.servers:
        text = "no virtual server"
        message = "kube-proxy has no virtual servers here: no Service is balanced"
        return (_base(DifferenceKind.NO_RULES, message, written, text),)
    return (*_settings(written), *(each for plan in plans for each in _port(plan, written)))


def _settings(written: Written) -> Iterator[Difference]:
    value = written.sysctls.get(_CONNTRACK)
    if value is not None and value.strip() == "0":
        message = "IPVS does not tell conntrack whom it chose, so nothing is masqueraded"
        kind = DifferenceKind.MASQUERADE_MISSING
        yield _base(kind, message, written, f"{_CONNTRACK} = {value.strip()}")


def _port(plan: PortPlan, written: Written) -> Iterator[Difference]:
    internal = plan.internal or plan.usable.cluster
    external = plan.outside or plan.usable.cluster
    for via, addresses, endpoints in (
        (Via.CLUSTER_IP, plan.cluster_ips, internal),
        (Via.EXTERNAL_IP, plan.external_ips, external),
        (Via.LOAD_BALANCER, plan.load_balancer_ips, external),
    ):
        for address in addresses:
            what = f"{via.value} {with_port(format_ip(*address), plan.port.port)} of {plan.name}"
            if address not in written.device_addresses:
                text = f"{DEVICE} has no {format_ip(*address)}"
                message = f"{what} is no address of the node, so IPVS never sees its packets"
                yield _about(plan, DifferenceKind.ADDRESS_MISSING, message, written, text)
            yield from _server(plan, written, address, plan.port.port, endpoints, what)
    if plan.port.node_port:
        for address in plan.node_port_ips:
            what = f"NodePort {with_port(format_ip(*address), plan.port.node_port)} of {plan.name}"
            yield from _server(plan, written, address, plan.port.node_port, external, what)
    yield from _members(plan, written)


def _members(plan: PortPlan, written: Written) -> Iterator[Difference]:
    for member in missing(plan, _PROTOCOLS[plan.protocol], written.sets):
        kind = DifferenceKind.SET_MEMBER_MISSING
        if member.hairpin:
            kind = DifferenceKind.HAIRPIN_ENTRY_MISSING
        message = (
            f"the set {member.set} lacks {member.serves}, so rules that ask it skip its packets"
        )
        yield _about(plan, kind, message, written, f"{member.set} has no member {member.text}")


def _server(
    plan: PortPlan,
    written: Written,
    address: Address,
    port: int,
    endpoints: tuple[ServiceEndpoint, ...],
    what: str,
) -> Iterator[Difference]:
    server = written.table.at(_PROTOCOLS[plan.protocol], address, port)
    if server is None:
        kind = DifferenceKind.VIRTUAL_SERVER_MISSING
        text = f"no virtual server {plan.protocol} {with_port(format_ip(*address), port)}"
        yield _about(plan, kind, f"{what} has no virtual server", written, text)
        return
    have = {(each.address, each.port): each for each in server.servers}
    wanted = {(each.address, each.port): each for each in endpoints}
    if len(wanted) > 1 and not have:
        yield _deserted(plan, written, server, endpoints, what)
        wanted = {}
    for key, endpoint in wanted.items():
        if key not in have:
            message = f"{what} does not send to {endpoint.who}"
            text = _shown(server)
            kind = DifferenceKind.ENDPOINT_MISSING
            yield _about(plan, kind, message, written, text, endpoint=endpoint)
    for key, real in have.items():
        if key not in wanted and real.weight:
            message = f"{what} still sends to {real}, which is no usable endpoint of it"
            yield _about(plan, DifferenceKind.ENDPOINT_STALE, message, written, _shown(server))
    if wanted and server.servers and not server.available:
        message = f"no real server of {what} takes connections: all have weight 0"
        yield _about(plan, DifferenceKind.WEIGHT_ZERO, message, written, _shown(server))
    if plan.sticky and not server.persistent:
        message = f"{what} does not remember which clients a server has"
        yield _about(plan, DifferenceKind.AFFINITY_BROKEN, message, written, server.raw)


def _deserted(
    plan: PortPlan,
    written: Written,
    server: VirtualServer,
    endpoints: tuple[ServiceEndpoint, ...],
    what: str,
) -> Difference:
    """A virtual server that has lost all real ones."""
    message = f"{what} has no real servers, and should send to {len(endpoints)} endpoints"
    found = _about(plan, DifferenceKind.ENDPOINT_MISSING, message, written, _shown(server))
    shown = tuple(plan.evidence(each) for each in endpoints[:_MOST_SHOWN])
    return replace(found, evidence=(*found.evidence, *shown))


def _shown(server: VirtualServer) -> str:
    return f"{server.raw} -> {', '.join(map(_real, server.servers)) or 'nothing'}"


def _real(server: RealServer) -> str:
    return f"{server} weight {server.weight}"


def _base(kind: DifferenceKind, message: str, written: Written, text: str) -> Difference:
    evidence = (Evidence(written.source, text),)
    return Difference(kind=kind, service="", chain="", message=message, evidence=evidence)


def _about(
    plan: PortPlan,
    kind: DifferenceKind,
    message: str,
    written: Written,
    text: str,
    endpoint: ServiceEndpoint | None = None,
) -> Difference:
    evidence = [Evidence(written.source, text)]
    if endpoint is not None:
        evidence.append(plan.evidence(endpoint))
    return Difference(
        kind=kind, service=plan.name, chain="", message=message, evidence=tuple(evidence),
        endpoint=str(endpoint) if endpoint else "",
    )  # fmt: skip
