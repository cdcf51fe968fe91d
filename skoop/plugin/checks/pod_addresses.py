"""Addresses: a pod's own, and those that belong to somebody else."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from skoop.findings.base import Finding
from skoop.findings.neighbour import AddressConflict
from skoop.findings.route import LocalTableCapture
from skoop.findings.sysctl import DisableIpv6Set
from skoop.findings.veth import IpMismatchApiVsNetns, WrongMask
from skoop.model.address import Family, Prefix, format_ip
from skoop.model.disposition import Level
from skoop.model.trace import Evidence
from skoop.netstack.lines import address_line
from skoop.netstack.state import Address, Link, Namespace
from skoop.plugin.base import Expectation, Repair
from skoop.plugin.checks.base import expect, ipv6_off, place, sysctl_line
from skoop.plugin.checks.pod_routes import lost_routes
from skoop.plugin.repair import add_address, in_sequence, set_sysctls, without_address
from skoop.plugin.site import (
    PodSite,
    Site,
    addresses_on,
    bridge_of,
    knows,
)
from skoop.service.config import ProxyMode

_IPVS_DEVICE = "kube-ipvs0"


def pod_addresses(site: Site) -> Iterator[Expectation]:
    """The pods' addresses and masks against the API and the bridge."""
    for pod in site.pods:
        if pod.device is None or not knows(pod.namespace, "addresses"):
            continue
        for family, value in pod.pod.ips:
            present = [each for each in pod.namespace.addresses if each.family is family]
            own = next((each for each in present if each.value == value), None)
            off = ipv6_off(pod.namespace, pod.device.name) if family is Family.V6 else ()
            if own is None and off:
                yield _ipv6_off(site, pod, pod.device, value, off)
            elif own is None:
                yield _mismatch(site, pod, pod.device, family, value)
            elif (expected := _length(site, pod, own)) and own.prefix.length != expected.length:
                yield _wrong_mask(site, pod, own, expected)


def _ipv6_off(
    site: Site, pod: PodSite, device: Link, value: int, off: tuple[str, ...]
) -> Expectation:
    address = _readdressed(site, pod, device, (), (Family.V6, value))
    return expect(
        DisableIpv6Set,
        pod.namespace,
        f"IPv6 is switched off in pod {pod.name}, whose address is {format_ip(Family.V6, value)}",
        sysctl_line(pod.namespace, *off),
        repair=in_sequence((set_sysctls(dict.fromkeys(off, "0")), address)),
    )


def _mismatch(site: Site, pod: PodSite, device: Link, family: Family, value: int) -> Expectation:
    others = addresses_on(pod.namespace, device.name, family)
    ip = format_ip(family, value)
    has = ", ".join(address_line(each) for each in others)
    return expect(
        IpMismatchApiVsNetns,
        pod.namespace,
        f"the API gives pod {pod.name} the address {ip}; "
        + (f"its {device.name} has {has}" if others else f"its {device.name} has none"),
        Evidence(f"ip addr on {pod.namespace.id}", has or f"no address on {device.name}"),
        Evidence(f"status.podIPs of pod {pod.name}", ip),
        repair=_readdressed(site, pod, device, others, (family, value)),
    )


def _readdressed(
    site: Site, pod: PodSite, device: Link, others: tuple[Address, ...], ip: tuple[Family, int]
) -> Repair:
    """The API's address instead of the others, with the routes that went away with it."""
    family, value = ip
    bridge = bridge_of(site, pod)
    lengths = [each.prefix.length for each in (*others, *addresses_on(site.host, bridge, family))]
    length = lengths[0] if lengths else family.bits
    shift = family.bits - length
    prefix = Prefix(family, value >> shift << shift, length)
    steps = [without_address(each) for each in others]
    steps.append(add_address(Address(device.name, family, value, prefix)))
    after = in_sequence(steps)
    routes = lost_routes(site, replace(pod, namespace=after(pod.namespace)))
    return in_sequence((after, *routes))


def _length(site: Site, pod: PodSite, own: Address) -> Prefix | None:
    """The bridge's subnet that holds the pod's address."""
    for address in addresses_on(site.host, bridge_of(site, pod), own.family):
        if address.prefix.contains(own.value) and address.prefix.length < own.family.bits:
            return address.prefix
    return None


def _wrong_mask(site: Site, pod: PodSite, own: Address, expected: Prefix) -> Expectation:
    bridge = bridge_of(site, pod)
    right = replace(own, prefix=expected)
    mended = in_sequence((without_address(own), add_address(right)))
    on_bridge = addresses_on(site.host, bridge, own.family)
    return expect(
        WrongMask,
        pod.namespace,
        f"pod {pod.name} has {address_line(own)}; the subnet of {bridge} on node {site.node} is "
        f"{expected}",
        Evidence(f"ip addr on {pod.namespace.id}", address_line(own)),
        *(Evidence(f"ip addr on {site.host.id}", address_line(each)) for each in on_bridge[:1]),
        repair=mended,
    )


def captured_addresses(site: Site) -> Iterator[Expectation]:
    """Addresses of pods and Services on devices of others: the kernel takes them for its own."""
    if site.collected:
        yield from _captured(site, site.host, owner="")
    for pod in site.pods:
        yield from _captured(site, pod.namespace, owner=pod.name)


def _captured(site: Site, namespace: Namespace, *, owner: str) -> Iterator[Expectation]:
    inventory = site.view.inventory
    mine = site.api.ips if site.api else ()
    for address in namespace.addresses:
        ip = (address.family, address.value)
        pods = inventory.pods_with_ip(ip)
        names = [f"{pod.namespace}/{pod.name}" for pod in pods]
        if pods and owner not in names and ip not in mine:
            shares = _on_one_bridge(site, owner, names[0], address.device)
            finding = AddressConflict if shares else LocalTableCapture
            what = f"the address of pod {names[0]}"
            yield _capture(namespace, address, what, finding=finding)
        elif _is_stale_vip(site, namespace, address):
            service = inventory.services_with_ip(ip)[0]
            what = f"the ClusterIP of Service {service.namespace}/{service.name}"
            yield _capture(namespace, address, what, level=Level.INFO)


def _on_one_bridge(site: Site, holder: str, owner: str, device: str) -> bool:
    """Whether a pod's own interface and the pod whose address it has are on one bridge, where both
    answer for it."""
    bridges = {site.bridge_names.get(name, "") for name in (holder, owner)}
    own = {pod.name: pod.device.name for pod in site.pods if pod.device}
    return len(bridges) == 1 and bridges != {""} and own.get(holder) == device


def _is_stale_vip(site: Site, namespace: Namespace, address: Address) -> bool:
    """A ClusterIP on lo, or on IPVS' device where kube-proxy does not use IPVS. On a dummy device
    of its own it may well be meant (NodeLocal DNSCache)."""
    ip = (address.family, address.value)
    if not any(ip in each.cluster_ips for each in site.view.inventory.services_with_ip(ip)):
        return False
    kinds = {link.name: link.kind for link in namespace.links}
    mode = site.view.facts.proxy_mode.value
    left_over = address.device == _IPVS_DEVICE and mode not in (ProxyMode.IPVS, ProxyMode.UNKNOWN)
    return left_over or kinds.get(address.device) == "loopback"


def _capture(
    namespace: Namespace,
    address: Address,
    what: str,
    *,
    level: Level | None = None,
    finding: type[Finding] = LocalTableCapture,
) -> Expectation:
    ip = format_ip(address.family, address.value)
    return expect(
        finding,
        namespace,
        f"{place(namespace)} has {what}, {ip}, on its own {address.device}",
        Evidence(f"ip addr on {namespace.id}", address_line(address)),
        repair=without_address(address),
        level=level,
        fix=f"ip addr del {ip}/{address.prefix.length} dev {address.device}",
    )
