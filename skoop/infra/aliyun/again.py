"""A second look at one resource: as it is now, or gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from skoop.infra.aliyun import load
from skoop.infra.aliyun.balancers import classic, v2
from skoop.infra.aliyun.client.errors import NotFound
from skoop.infra.aliyun.decode.values import text
from skoop.infra.aliyun.load import Place
from skoop.infra.resources import Kind, Resource


def look(place: Place, resource: Resource) -> Resource | None:
    """The resource as it is now, None when it is gone. What has no question of its own (a server
    group, a region) is taken to be as it was. Raises AliyunError when it cannot be asked."""
    ask = _ASK.get(resource.kind)
    if ask is None:
        return resource
    try:
        found = ask(place, resource.id)
    except NotFound:
        return None
    return next((each for each in found if each.id == resource.id), None)


def _instance(place: Place, id_: str) -> tuple[Resource, ...]:
    found = load.instances(place, load.instance_questions(place, (id_,)))
    return load.decoded_instances(place, found)


def _balancer(place: Place, id_: str) -> tuple[Resource, ...]:
    if id_.startswith("lb-"):
        return classic(place, place.found(load.clb_question(place, id_))).balancers
    flavour = "alb" if id_.startswith("alb-") else "nlb"
    listed = place.found(load.v2_question(place, flavour, (id_,)))
    subnets = tuple(one for each in listed for one in load.vswitches(place, text(each, "VpcId")))
    return v2(place, flavour, listed, subnets).balancers


_ASK: Mapping[Kind, Callable[[Place, str], tuple[Resource, ...]]] = {
    Kind.INSTANCE: _instance,
    Kind.INTERFACE: lambda p, id_: load.interfaces(p, load.interface_questions(p, (id_,))),
    Kind.VPC: load.vpcs,
    Kind.SECURITY_GROUP: lambda p, id_: load.security_groups(p, (id_,)),
    Kind.ROUTE_TABLE: lambda p, id_: load.route_tables(p, table=id_),
    Kind.NETWORK_ACL: lambda p, id_: load.network_acls(p, acl=id_),
    Kind.NAT_GATEWAY: lambda p, id_: load.nat_gateways(p, gateway=id_),
    Kind.EIP: lambda p, id_: load.eips(p, load.eip_questions(p, eip=id_)),
    Kind.LOAD_BALANCER: _balancer,
}
