"""What kube-proxy's sets should hold in ipvs mode: its few rules are the same for all Services and
ask these sets (pkg/proxy/ipvs/ipset.go, proxier.go)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from skoop.model.address import Family, format_ip, with_port
from skoop.model.kube import Address
from skoop.model.packet import Packet
from skoop.netstack.conntrack import new_connection
from skoop.netstack.netfilter import Hook, Membership, View
from skoop.netstack.stack import Stack
from skoop.netstack.state import Namespace
from skoop.service.plan import PortPlan

_LONGEST = 31
"""The kernel's limit for names (IPSET_MAXNAMELEN); kube-proxy cuts its own."""
_NOWHERE = Stack(Namespace(id="nowhere"))
"""Addresses and ports are members whatever namespace asks."""


class Member(Struct, frozen=True):
    """What a set should hold; `serves` says what it is for, `hairpin` that only a pod that reaches
    itself misses it."""

    set: str
    text: str
    serves: str
    packet: Packet
    directions: tuple[str, ...]
    hairpin: bool = False


def missing(plan: PortPlan, proto: int, sets: Mapping[str, Membership]) -> Iterator[Member]:
    """Members that sets lack. A set that is not there is asked by no rule."""
    for member in _wanted(plan, proto):
        known = sets.get(member.set)
        view = View(hook=Hook.PREROUTING, host=_NOWHERE, ct=new_connection(member.packet))
        if known is not None and known.contains(member.packet, view, member.directions) is False:
            yield member


def _wanted(plan: PortPlan, proto: int) -> Iterator[Member]:
    outer = "EXTERNAL-IP-LOCAL" if plan.external_local else "EXTERNAL-IP"
    for name, what, addresses in (
        ("CLUSTER-IP", "ClusterIP", plan.cluster_ips),
        (outer, "external IP", plan.external_ips),
        ("LOAD-BALANCER", "load balancer IP", plan.load_balancer_ips),
    ):
        for address in addresses:
            yield _at(plan, proto, name, what, address)
    for endpoint in plan.usable.local:
        family, value = endpoint.address
        packet = Packet(family=family, proto=proto, src=value, dst=value, dport=endpoint.port)
        text = f"{endpoint}, {plan.protocol}, to itself"
        fields = ("dst", "dst", "src")
        yield Member(_named("LOOP-BACK", family), text, endpoint.who, packet, fields, hairpin=True)


def _at(plan: PortPlan, proto: int, name: str, what: str, address: Address) -> Member:
    family, value = address
    packet = Packet(family=family, proto=proto, src=0, dst=value, dport=plan.port.port)
    text = f"{with_port(format_ip(*address), plan.port.port)}, {plan.protocol}"
    return Member(_named(name, family), text, f"{what} of {plan.name}", packet, ("dst", "dst"))


def _named(name: str, family: Family) -> str:
    prefix = "KUBE-" if family is Family.V4 else "KUBE-6-"
    return (prefix + name)[:_LONGEST]
