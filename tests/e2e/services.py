"""Every kind of Service, and the ways by which clients come to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tests.e2e import kube, workload
from tests.e2e.machine import ROUTED_ADDRESSES
from tests.e2e.site import Place, Site, Target, pod_address

_BOTH, _FAR = {"tier": "web"}, {"app": "far"}
_ROUTED = ROUTED_ADDRESSES.rpartition(".")[0]
LATE = "late"
"""A pod that never is ready."""


@dataclass(frozen=True)
class Variant:
    """A Service. `spec` is added to the workload's; `endpoints` are the pods of slices written by
    hand; `ingress` and `external` are addresses that lead to the first node; `sticky` clients keep
    the backend they drew."""

    selector: dict[str, str] | None = field(default_factory=lambda: dict(_BOTH))
    spec: dict[str, object] = field(default_factory=dict)
    endpoints: tuple[str, ...] = ()
    ingress: str = ""
    external: str = ""
    sticky: bool = False


def _balancer(last: int, **spec: object) -> Variant:
    return Variant(spec={"type": "LoadBalancer", **spec}, ingress=f"{_ROUTED}.{last}")


def _ports(*ports: tuple[str, int, object]) -> list[dict[str, object]]:
    return [{"name": name, "port": port, "targetPort": to} for name, port, to in ports]


VARIANTS: dict[str, Variant] = {
    "cluster-ip": Variant(),
    "two-ports": Variant(spec={"ports": _ports(("one", 80, "web"), ("two", 8081, 8080))}),
    "same-port": Variant(spec={"ports": [{"name": "web", "port": 8080}]}),
    "node-port": Variant(spec={"type": "NodePort"}),
    "internal-local": Variant(spec={"internalTrafficPolicy": "Local"}),
    "internal-local-far": Variant(dict(_FAR), spec={"internalTrafficPolicy": "Local"}),
    "external-local": Variant(spec={"type": "NodePort", "externalTrafficPolicy": "Local"}),
    "external-local-far": Variant(
        dict(_FAR), spec={"type": "NodePort", "externalTrafficPolicy": "Local"}
    ),
    "balancer": _balancer(10),
    "balancer-local": _balancer(11, externalTrafficPolicy="Local"),
    "balancer-for-others": _balancer(12, loadBalancerSourceRanges=["192.0.2.0/24"]),
    "balancer-for-clients": _balancer(13, loadBalancerSourceRanges=["172.31.0.0/16"]),
    "external-ip": Variant(spec={"externalIPs": [f"{_ROUTED}.20"]}, external=f"{_ROUTED}.20"),
    "affinity": Variant(spec={"sessionAffinity": "ClientIP"}, sticky=True),
    "host-network": Variant({"app": "hand"}, {"ports": _ports(("web", 80, workload.NODE_PORT))}),
    "by-hand": Variant(None, endpoints=("far",)),
    "headless": Variant(dict(_FAR), {"clusterIP": "None", "ports": _ports(("web", 8080, 8080))}),
    "not-ready": Variant({"app": LATE}),
    "published-not-ready": Variant({"app": LATE}, {"publishNotReadyAddresses": True}),
    "of-nothing": Variant({"app": "nobody"}, {"type": "NodePort"}),
    "wrong-port": Variant(spec={"ports": _ports(("web", 80, 9999))}),
}


@dataclass(frozen=True)
class Way:
    """One client's connection to one address of a Service; skoop is asked for `destination`."""

    id: str
    service: str
    source: Place
    destination: str
    target: Target
    sticky: bool = False
    any_entry: bool = False
    """It may enter by any node as far as skoop knows; the router here leads to the first."""

    def question(self) -> dict[str, object]:
        """A line of `skoop diagnose --batch`."""
        return {
            "id": self.id,
            "src": self.source.name,
            "dst": self.destination,
            "port": self.target.port,
            "protocol": self.target.protocol,
        }


def create(site: Site) -> None:
    """Create all variants, and the addresses that load balancers would set."""
    late = workload.server(LATE, site.b)
    late["spec"]["containers"][0]["readinessProbe"]["exec"]["command"] = ["false"]
    kube.apply(late)
    for name, variant in VARIANTS.items():
        kube.apply(workload.service(name, variant.selector, **variant.spec))
        if variant.ingress:
            status = f'{{"status":{{"loadBalancer":{{"ingress":[{{"ip":"{variant.ingress}"}}]}}}}}}'
            kube.kubectl(
                *("patch", "service", name, "-n", kube.NAMESPACE, "--subresource", "status"),
                *("--type", "merge", "-p", status),
            )
    write_slices()
    kube.until("the slices", lambda: len(kube.get("endpointslices")["items"]) >= len(VARIANTS) - 1)


def write_slices() -> None:
    """The slices that no controller writes, with the pods' addresses of now."""
    for name, variant in VARIANTS.items():
        if variant.endpoints:
            kube.apply(_slice(name, [pod_address(pod) for pod in variant.endpoints]))


def delete() -> None:
    """Delete all variants."""
    kube.delete("service", *VARIANTS)
    kube.delete(
        "endpointslice", *(f"{name}-1" for name, each in VARIANTS.items() if each.endpoints)
    )
    kube.delete("pod", LATE)


def ways(site: Site, name: str) -> Iterator[Way]:
    """Every way to a variant."""
    for way in _ways(site, name):
        yield replace(way, sticky=VARIANTS[name].sticky)


def _ways(site: Site, name: str) -> Iterator[Way]:
    """By its cluster address from pods and nodes, by node ports and outer addresses from outside
    and from a pod."""
    spec = kube.get("service", name)["spec"]
    variant = VARIANTS[name]
    client = site.pod("client")
    for port in spec["ports"]:
        protocol, label = port["protocol"].lower(), f"{name}-{port['name']}"
        number = int(port["port"])
        if variant.ingress or variant.external:
            outer = variant.ingress or variant.external
            for way, source in (("outside", site.client), ("pod", client)):
                target = Target(outer, number, protocol)
                yield Way(
                    f"{label}-outer-{way}", name, source, outer, target, any_entry=way == "outside"
                )
        if "nodePort" in port:
            for node in (site.a, site.b):
                address = site.addresses[node]
                for way, source in (("outside", site.client), ("pod", client)):
                    yield Way(
                        *(f"{label}-{node}-{way}", name, source, address),
                        Target(address, int(port["nodePort"]), protocol),
                    )
        inner = spec["clusterIP"] if spec["clusterIP"] != "None" else pod_address("far")
        for way, source in {
            "pod": client,
            "backend": site.pod("near"),
            "node": site.node(site.a),
            "other-node": site.node(site.b),
        }.items():
            target = Target(inner, number, protocol)
            yield Way(f"{label}-{way}", name, source, f"svc/e2e/{name}", target)


def _slice(service: str, addresses: list[str]) -> kube.Object:
    ports = [
        {"name": "web", "port": workload.POD_PORT, "protocol": "TCP"},
        {"name": "ask", "port": workload.UDP_PORT, "protocol": "UDP"},
    ]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{service}-1",
            "namespace": kube.NAMESPACE,
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": [{"addresses": addresses, "conditions": {"ready": True}}],
    }
