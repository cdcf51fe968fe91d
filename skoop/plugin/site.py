"""One node with its pods, as every check needs it: who is wired to what, and what was collected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from skoop.model.address import Family, Prefix
from skoop.model.kube import Node, Pod
from skoop.netstack.fib import Fib, FibResult, Flow
from skoop.netstack.state import Address, Link, Namespace, PolicyRule
from skoop.plugin.base import ClusterView

POD_DEVICE = "eth0"
"""The name kubelet's runtimes give the first interface of a pod (CNI_IFNAME)."""

_MODULE_DEVICES = ("ipip", "sit", "gre", "gretap", "erspan", "ip6tnl", "vti", "vti6", "ip6gre")
"""Kinds of which loading a kernel module puts one into every namespace (tunl0, sit0, ...)."""

DEFAULT_RULES = {
    family: tuple(
        PolicyRule(family=family, priority=priority, target=table)
        for priority, table in ((0, "local"), (32766, "main"), (32767, "default"))
    )
    for family in Family
}


class BridgeConf(Struct, frozen=True):
    """What a CNI's configuration asks of its bridge. `name` is "" when it names none. `gateways`
    are those of pods without a bridge, where the pods themselves do not tell."""

    name: str = ""
    hairpin: bool = False
    isolation: bool = False
    gateways: tuple[tuple[Family, int], ...] = ()


NO_CONF = BridgeConf()


class PodSite(Struct, frozen=True):
    """A pod whose namespace was collected. `device` carries its address (else it is eth0), None
    when it has no interface; `host_end` is the other end of its veth, None if not found."""

    pod: Pod
    namespace: Namespace
    device: Link | None
    host_end: Link | None

    @property
    def name(self) -> str:
        """ "NAMESPACE/NAME"."""
        return f"{self.pod.namespace}/{self.pod.name}"


class Site(Struct, frozen=True, kw_only=True):
    """A node. `host` is an empty namespace with `collected` false when it was not collected.
    `fibs` are its routing tables under the default rules only. `cni` is what the CNI's
    configuration says about bridges; `bridge_names` are the bridges of its pods by pod,
    `gateways` their gateways by bridge and family."""

    view: ClusterView
    node: str
    api: Node | None
    host: Namespace
    collected: bool
    pods: tuple[PodSite, ...]
    fibs: Mapping[Family, Fib]
    cni: BridgeConf
    bridge_names: Mapping[str, str] = {}
    gateways: Mapping[tuple[str, Family], int] = {}

    @property
    def bridges(self) -> tuple[str, ...]:
        """The bridges with pods, by name."""
        return tuple(sorted(set(self.bridge_names.values()) - {""}))

    def on_bridge(self, bridge: str) -> tuple[PodSite, ...]:
        """The pods of a bridge."""
        return tuple(pod for pod in self.pods if self.bridge_names[pod.name] == bridge)


def site_of(view: ClusterView, node: str, cni: BridgeConf = NO_CONF) -> Site:
    """Gather what is known about a node."""
    host = view.hosts.get(node)
    collected = host is not None
    host = host or Namespace(id=f"node/{node}")
    pods = tuple(
        _pod_site(pod, namespace, host)
        for pod in view.inventory.pods_on_node(node)
        if not pod.host_network and not pod.finished
        for namespace in (view.pods.get(f"pod/{pod.namespace}/{pod.name}"),)
        if namespace is not None
    )
    bare = Site(
        view=view,
        node=node,
        api=view.inventory.node(node),
        host=host,
        collected=collected,
        pods=pods,
        fibs={family: plain_fib(host, family) for family in Family},
        cni=cni,
    )
    bridged = replace(bare, bridge_names=_bridge_names(bare))
    gateways = {
        (bridge, family): gateway
        for bridge in bridged.bridges
        for family in Family
        if (gateway := _gateway(bridged, bridge, family)) is not None
    }
    return replace(bridged, gateways=gateways)


def plain_fib(namespace: Namespace, family: Family) -> Fib:
    """Its tables under the default policy rules, so that a foreign rule is found once, not in
    every route."""
    routes = (route for route in namespace.routes if route.destination.family is family)
    return Fib(family, DEFAULT_RULES[family], routes)


def lookup(fib: Fib, family: Family, address: int, source: int = 0) -> FibResult:
    """The route to an address for a packet of the namespace itself."""
    return fib.lookup(Flow(family, address, source))


def _pod_site(pod: Pod, namespace: Namespace, host: Namespace) -> PodSite:
    device = _device(pod, namespace)
    return PodSite(pod, namespace, device, _host_end(namespace, device, host) if device else None)


def _device(pod: Pod, namespace: Namespace) -> Link | None:
    links = {
        link.name: link
        for link in namespace.links
        if link.kind != "loopback" and link.kind not in _MODULE_DEVICES
    }
    for address in namespace.addresses:
        if (address.family, address.value) in pod.ips and address.device in links:
            return links[address.device]
    return links.get(POD_DEVICE) or next(iter(links.values()), None)


def _host_end(namespace: Namespace, device: Link, host: Namespace) -> Link | None:
    """The link of the host that names the pod's, in the right namespace as far as ids tell."""
    if device.kind != "veth":
        return None
    for link in host.links:
        if link.index != device.peer_index or link.kind != "veth":
            continue
        inode = dict(host.nsids).get(link.peer_nsid, 0)
        fits = not inode or not namespace.inode or inode == namespace.inode
        return link if link.peer_index == device.index and fits else None
    return None


def knows(namespace: Namespace, *parts: str) -> bool:
    """Whether these parts of a namespace were collected."""
    return not any(gap.part in parts for gap in namespace.gaps)


def link_named(namespace: Namespace, name: str) -> Link | None:
    """A link by name."""
    return next((link for link in namespace.links if link.name == name), None)


def addresses_on(namespace: Namespace, device: str, family: Family) -> tuple[Address, ...]:
    """Addresses of a device that others can reach, in the kernel's order."""
    return tuple(
        each
        for each in namespace.addresses
        if each.device == device and each.family is family and each.scope not in ("host", "link")
    )


def _bridge_names(site: Site) -> dict[str, str]:
    """The Linux bridge each pod belongs on: the configured one, the one with its subnet, or the one
    most pods of the node are on; "" where the node bridges none."""
    bridges = {link.name for link in site.host.links if link.kind == "bridge"}
    if site.cni.name in bridges:
        return {pod.name: site.cni.name for pod in site.pods}
    subnets = [
        address
        for address in site.host.addresses
        if address.device in bridges and address.prefix.length < address.family.bits
    ]
    masters = Counter(
        each.host_end.master for each in site.pods if each.host_end and each.host_end.master
    ).most_common(1)
    common = masters[0][0] if masters and masters[0][0] in bridges else ""
    return {pod.name: _bridge_with(pod, subnets) or common for pod in site.pods}


def _bridge_with(pod: PodSite, subnets: list[Address]) -> str:
    for address in subnets:
        for family, value in pod.pod.ips:
            if family is address.family and address.prefix.contains(value):
                return address.device
    return ""


def bridge_of(site: Site, pod: PodSite) -> str:
    """The bridge a pod belongs on, "" for none."""
    return site.bridge_names[pod.name]


def gateway_of(site: Site, bridge: str, family: Family) -> int | None:
    """The gateway of the pods on a bridge; None without a sign of any."""
    return site.gateways.get((bridge, family))


def _gateway(site: Site, bridge: str, family: Family) -> int | None:
    """Most pods' gateway, together with the bridge's own address and the first one of the podCIDR
    (host-local's default)."""
    votes: Counter[int] = Counter()
    for address in addresses_on(site.host, bridge, family)[:1]:
        votes[address.value] += 1
    for subnet in site.api.pod_cidrs if site.api else ():
        if subnet.family is family and subnet.length < family.bits - 1:
            votes[subnet.network + 1] += 1
    for pod in site.on_bridge(bridge):
        gateway = default_gateway(pod, family)
        if gateway is not None:
            votes[gateway] += 1
    return max(votes, key=lambda value: votes[value]) if votes else None


def default_gateway(pod: PodSite, family: Family) -> int | None:
    """The gateway of a pod's default route."""
    zero = Prefix(family, 0, 0)
    for route in pod.namespace.routes:
        if route.destination == zero and route.nexthops and route.nexthops[0].gateway:
            gateway_family, value = route.nexthops[0].gateway
            return value if gateway_family is family else None
    return None
