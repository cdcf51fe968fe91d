"""A pod's gateway in IPv6: a real address, the link-local one of the node's end, which the kernel
makes of its MAC (cni-plugin/pkg/dataplane/linux in projectcalico/calico). The node asks for the
pod from it, too."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from skoop.findings.route import RouteWrongNexthop
from skoop.findings.sysctl import DisableIpv6Set
from skoop.findings.veth import AddressMissing
from skoop.model.address import Family, Prefix, format_ip, is_link_local, parse_ip
from skoop.model.trace import Evidence
from skoop.netstack.lines import address_line
from skoop.netstack.state import Address, Link
from skoop.plugin.base import Expectation, Repair
from skoop.plugin.checks.base import expect, ipv6_off, sysctl_line
from skoop.plugin.repair import add_address, in_sequence, make_route, set_route, set_sysctls
from skoop.plugin.site import PodSite, Site, default_gateway, knows

GATEWAY6 = parse_ip("fe80::ecee:eeff:feee:eeee")
"""What comes of the MAC ee:ee:ee:ee:ee:ee, which Calico gives the node's ends."""
_ANY = Prefix(Family.V6, 0, 0)
_LENGTH = 64


def is_off(site: Site, pod: PodSite, end: Link) -> bool:
    """Whether IPv6 is switched off on the node's end of a pod that has it: its addresses and routes
    are gone with it, which is one fault."""
    has = any(family is Family.V6 for family, _ in pod.pod.ips)
    return has and bool(ipv6_off(site.host, end.name))


def switched_off(site: Site, pod: PodSite, end: Link, routes: list[Repair]) -> Expectation:
    """IPv6 is switched off there. `routes` are those to the pod that went with it."""
    off = ipv6_off(site.host, end.name)
    parts = (set_sysctls(dict.fromkeys(off, "0")), restored(pod, end), *routes)
    return expect(
        DisableIpv6Set,
        site.host,
        f"IPv6 is switched off on {end.name}, the end of pod {pod.name} on node {site.node}",
        sysctl_line(site.host, *off),
        repair=in_sequence(parts),
        fix=f"sysctl -w {off[-1]}=0, then restart calico-node on node {site.node}",
    )


def restored(pod: PodSite, end: Link) -> Repair:
    """The end's link-local address, as the pod knows it: the kernel makes it anew with the link."""
    return add_address(_address(end, _gateway(pod) or GATEWAY6[1]))


def gateway6(site: Site, pod: PodSite, end: Link) -> Iterator[Expectation]:
    """Whether the node's end has the address that the pod sends to."""
    gateway = default_gateway(pod, Family.V6)
    if gateway is None or not knows(site.host, "addresses"):
        return
    own = [
        each for each in site.host.addresses if each.device == end.name and each.family is Family.V6
    ]
    links = [each.value for each in own if is_link_local(Family.V6, each.value)]
    if any(each.value == gateway for each in own) and links:
        return
    yield _other_gateway(site, pod, links[0], gateway) if links else _lost(site, pod, end)


def _gateway(pod: PodSite) -> int | None:
    found = default_gateway(pod, Family.V6)
    return found if found is not None and is_link_local(Family.V6, found) else None


def _address(end: Link, value: int) -> Address:
    prefix = Prefix(Family.V6, value >> _LENGTH << _LENGTH, _LENGTH)
    return Address(end.name, Family.V6, value, prefix, scope="link")


def _lost(site: Site, pod: PodSite, end: Link) -> Expectation:
    address = _address(end, _gateway(pod) or GATEWAY6[1])
    return expect(
        AddressMissing,
        site.host,
        f"{end.name}, the end of pod {pod.name} on node {site.node}, has no link-local address: "
        f"the pod's gateway is not there, and the node has nothing to ask for the pod from",
        Evidence(f"ip addr on {site.host.id}", f"no fe80::/10 address on {end.name}"),
        repair=add_address(address),
        fix=f"ip addr add {address_line(address)}",
    )


def _other_gateway(site: Site, pod: PodSite, right: int, used: int) -> Expectation:
    device = pod.device.name if pod.device else ""
    wanted = make_route(_ANY, device, right)
    route = next(each for each in pod.namespace.routes if each.destination == _ANY)
    return expect(
        RouteWrongNexthop,
        pod.namespace,
        f"pod {pod.name} uses {format_ip(Family.V6, used)} as its gateway; its end on node "
        f"{site.node} is {format_ip(Family.V6, right)}",
        Evidence(f"route in table main on {pod.namespace.id}", route.raw),
        repair=set_route(replace(wanted, metric=route.metric)),
        fix=f"delete pod {pod.name}; its controller makes another",
    )
