"""Addresses that two pods, or two nodes, have at the same time."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.findings.neighbour import AddressConflict
from skoop.findings.pod import PodDuplicateIp
from skoop.model.address import Family, format_ip
from skoop.model.kube import Node, Pod
from skoop.model.trace import Evidence
from skoop.netstack.lines import address_line
from skoop.netstack.state import Address, Namespace
from skoop.plugin.base import ClusterView, Expectation
from skoop.plugin.checks.base import expect
from skoop.plugin.repair import without_address
from skoop.plugin.site import PodSite, Site, knows

_ADDRESS = tuple[Family, int]
_OF_NO_SEGMENT = ("loopback", "dummy")
"""Kinds of devices on which an address is nobody's on a wire (LVS and IPVS put VIPs there)."""


def conflicts(site: Site) -> Iterator[Expectation]:
    """Pods of this node with an address that another pod uses too, and the same of the node."""
    for pod in site.pods:
        for ip in pod.pod.ips:
            yield from _pod(site, pod, ip)
    if site.collected and knows(site.host, "addresses", "links"):
        yield from _node(site)


def _pod(site: Site, pod: PodSite, ip: _ADDRESS) -> Iterator[Expectation]:
    """The mended pod is without the address, so that the other one alone has it."""
    if not _uses(site.view, pod.pod, ip):
        return
    own = _held(pod.namespace, ip)
    for other in site.view.inventory.pods_with_ip(ip):
        if _name(other) == pod.name or not _uses(site.view, other, ip):
            continue
        text = format_ip(*ip)
        yield expect(
            PodDuplicateIp,
            pod.namespace,
            f"pod {pod.name} on node {site.node} and pod {_name(other)} on node {other.node} both "
            f"have the address {text}",
            *(Evidence(f"ip addr on {pod.namespace.id}", address_line(each)) for each in own),
            *(Evidence(f"status.podIPs of pod {_name(each)}", text) for each in (pod.pod, other)),
            repair=without_address(own[0]) if own else None,
            fix=f"kubectl -n {pod.pod.namespace} delete pod {pod.pod.name}   # or the other one",
        )


def _uses(view: ClusterView, pod: Pod, ip: _ADDRESS) -> bool:
    """Whether a pod runs and has the address, by its namespace where that was collected. One that
    is being deleted may have given it back already."""
    namespace = view.pods.get(f"pod/{pod.namespace}/{pod.name}")
    if namespace is not None and knows(namespace, "addresses"):
        return bool(_held(namespace, ip))
    return pod.phase == "Running" and not pod.terminating


def _held(namespace: Namespace, ip: _ADDRESS) -> list[Address]:
    return [each for each in namespace.addresses if (each.family, each.value) == ip]


def _name(pod: Pod) -> str:
    return f"{pod.namespace}/{pod.name}"


def _node(site: Site) -> Iterator[Expectation]:
    wired = {link.name for link in site.host.links if link.kind not in _OF_NO_SEGMENT}
    for address in site.host.addresses:
        if address.scope != "global" or address.device not in wired:
            continue
        for other in site.view.inventory.nodes:
            if other.name != site.node and _claims(site.view, other, address):
                yield _shared(site, address, other)


def _claims(view: ClusterView, node: Node, address: Address) -> bool:
    """Whether an address is the node's by the API, and as far as is known still on it."""
    ip = (address.family, address.value)
    host = view.hosts.get(node.name)
    known = host is not None and knows(host, "addresses")
    return ip in node.internal_ips and (host is None or not known or bool(_held(host, ip)))


def _shared(site: Site, address: Address, other: Node) -> Expectation:
    text = format_ip(address.family, address.value)
    return expect(
        AddressConflict,
        site.host,
        f"node {site.node} has {text} on {address.device}, which is the address of node "
        f"{other.name}",
        Evidence(f"ip addr on {site.host.id}", address_line(address)),
        Evidence(f"status.addresses of node {other.name}", f"InternalIP {text}"),
        repair=without_address(address),
        fix=f"ip addr del {text}/{address.prefix.length} dev {address.device}   # on {site.node}",
    )
