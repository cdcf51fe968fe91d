"""What lies between a region's nodes and the outside: NAT, public addresses, load balancers."""

from __future__ import annotations

from collections.abc import Iterable

from skoop.infra.aliyun import load
from skoop.infra.aliyun.balancers import Balancers, classic, v2
from skoop.infra.aliyun.decode.values import Item, prefixes, text
from skoop.infra.aliyun.load import Place
from skoop.infra.aliyun.names import balancers_of
from skoop.infra.aliyun.record import Question
from skoop.infra.aliyun.region import RegionReader, within
from skoop.infra.capability import Capability
from skoop.infra.resources import BackendKind, NatGateway
from skoop.model.address import format_ip
from skoop.model.kube import Address

_PRIVATE = prefixes(
    (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
)


def read_public(reader: RegionReader) -> None:
    """NAT gateways with their entries, and the EIPs that the question may meet."""
    gateways: list[NatGateway] = []
    for vpc in reader.vpcs:
        gateways += reader.got(Capability.NAT, load.nat_gateways, vpc.id)
    reader.found += gateways
    wanted = dict.fromkeys(
        (
            *(one for each in gateways for one in each.addresses),
            *(one for each in gateways for entry in each.snat for one in entry.addresses),
            *(each.public for nic in reader.interfaces.values() for each in nic.publics),
            *(one for node in reader.scope.nodes for one in node.external_ips),
            *(each for each in reader.scope.addresses if _is_public(reader, each)),
        )
    )
    if wanted:
        asked = load.eip_questions(reader.place, [format_ip(*each) for each in wanted])
        reader.found += reader.got(Capability.PUBLIC_ADDRESSES, load.eips, asked)


def _is_public(reader: RegionReader, at: Address) -> bool:
    own = [cidr for each in reader.vpcs for cidr in (*each.cidrs, *each.user_cidrs)]
    return not within((*_PRIVATE, *own), at)


def read_balancers(reader: RegionReader) -> None:
    """The load balancers that Services name or that may have an address of the question, with
    everything behind them."""
    (found,) = reader.got(Capability.LOAD_BALANCERS, _balancers, reader) or (Balancers(),)
    reader.found += [*found.balancers, *found.groups]
    reader.read_groups(one for each in found.balancers for one in each.groups)
    _read_backends(reader, found)


def _balancers(place: Place, reader: RegionReader) -> tuple[Balancers]:
    questions = _named(place, reader)
    for at in _maybe_balanced(reader):
        text_ = format_ip(*at)
        questions["clb"].append(load.clb_question(place, at=text_))
        for flavour in ("nlb", "alb"):
            wanted = [load.v2_question(place, flavour, vpc=one.id) for one in reader.vpcs]
            questions[flavour] += wanted
    place.memory.prefetch([q for each in questions.values() for q in each])
    found = classic(place, _once(place.every(questions["clb"])))
    for flavour in ("nlb", "alb"):
        listed = _once(place.every(questions[flavour]))
        found = found.and_(v2(place, flavour, listed, reader.subnets))
    return (found,)


def _named(place: Place, reader: RegionReader) -> dict[str, list[Question]]:
    """Questions for the balancers that Services name, by flavour."""
    names = [each for one in reader.scope.services for each in balancers_of(one)]
    questions: dict[str, list[Question]] = {"clb": [], "nlb": [], "alb": []}
    classics = ",".join(each.id for each in names if each.flavour == "clb")
    if classics:
        questions["clb"].append(load.clb_question(place, classics))
    for each in names:
        if each.flavour != "clb":
            ids = (each.id,) if each.id else ()
            questions[each.flavour].append(load.v2_question(place, each.flavour, ids, each.dns))
    return questions


def _maybe_balanced(reader: RegionReader) -> list[Address]:
    """Addresses that may be a load balancer's: of no interface that was read, and either a
    Service's that names none, or inside a VPC, or anywhere when the internet is concerned."""
    nameless = [each for each in reader.scope.services if not balancers_of(each)]
    ingress = [one.ip for each in nameless for one in each.ingress if one.ip]
    named = {one.ip for each in reader.scope.services if balancers_of(each) for one in each.ingress}
    cidrs = [cidr for each in reader.vpcs for cidr in each.cidrs]
    others = [
        each for each in reader.scope.addresses if reader.scope.internet or within(cidrs, each)
    ]
    nodes = {one for each in reader.scope.nodes for one in each.ips}
    return [
        each
        for each in dict.fromkeys((*ingress, *others))
        if not reader.is_here(each) and each not in named and each not in nodes
    ]


def _once(listed: Iterable[Item]) -> list[Item]:
    return list({text(each, "LoadBalancerId"): each for each in listed}.values())


def _read_backends(reader: RegionReader, found: Balancers) -> None:
    """Servers that are no node of the cluster: pods' own interfaces, and machines outside."""
    backends = [each for group in found.groups for each in group.backends]
    machines = {nic.instance for nic in reader.interfaces.values()}
    strange = dict.fromkeys(
        each.id
        for each in backends
        if each.kind is BackendKind.INSTANCE and each.id not in machines
    )
    nics = [each.id for each in backends if each.kind is BackendKind.INTERFACE]
    reader.read_strangers(tuple(strange), nics)
