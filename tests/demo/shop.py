"""The small cluster that the demos made in the lab have in common: a shop on three nodes.

k1 has the clients: default/cli, who looks around by hand, and shop/front, who serves customers.
Service shop/web has a pod on k2 and one on k3, kube-dns one on k1 and one on k2.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from skoop.snapshot import Manifest, NodeDocument, Snapshot
from tests.demo.make_demos import without_unread
from tests.lab.topology import (
    Backend,
    Calico,
    Cluster,
    Listener,
    Node,
    Pod,
    Service,
    ServicePort,
)

Objects = dict[str, Any]
HTTP = Listener("tcp", 8080)
DNS = (Listener("udp", 53), Listener("tcp", 53))
_NODES = tuple(Node(name=f"k{n}", index=n) for n in (1, 2, 3))


def shop(*, calico: Calico | None = None, **flavour: object) -> Cluster:
    """The cluster; `flavour` are fields of `Cluster`."""
    pods = (
        Pod(name="cli", namespace="default", node="k1", ip="10.244.1.10"),
        Pod(name="front", namespace="shop", node="k1", ip="10.244.1.11", listeners=(HTTP,)),
        Pod(name="web-0", namespace="shop", node="k2", ip="10.244.2.12", listeners=(HTTP,)),
        Pod(name="web-1", namespace="shop", node="k3", ip="10.244.3.13", listeners=(HTTP,)),
        _coredns(0, "k1", "10.244.1.2"),
        _coredns(1, "k2", "10.244.2.3"),
    )
    web = Service(
        name="web",
        namespace="shop",
        cluster_ip="10.96.0.80",
        ports=(ServicePort("http", 80, 8080, "tcp", 30080),),
        backends=_backends(pods, "web-"),
    )
    dns = Service(
        name="kube-dns",
        namespace="kube-system",
        cluster_ip="10.96.0.10",
        ports=(ServicePort("dns", 53, 53, "udp"), ServicePort("dns-tcp", 53, 53)),
        backends=_backends(pods, "coredns-"),
    )
    return Cluster(nodes=_NODES, pods=pods, services=(web, dns), calico=calico, **flavour)  # type: ignore[arg-type]


def _coredns(number: int, node: str, ip: str) -> Pod:
    return Pod(name=f"coredns-{number}", namespace="kube-system", node=node, ip=ip, listeners=DNS)


def _backends(pods: Iterable[Pod], prefix: str) -> tuple[Backend, ...]:
    return tuple(Backend(p.name, p.node, p.ip) for p in pods if p.name.startswith(prefix))


def dressed(captured: Snapshot, objects: Mapping[str, list[Objects]]) -> Snapshot:
    """A captured shop as a demo: pods and Services with the labels that people give them, and more
    objects, by resource."""
    cluster = {name: json.loads(data) for name, data in captured.cluster.items()}
    for pod in cluster["pods"]["items"]:
        app = pod["metadata"]["name"].rpartition("-")[0] or pod["metadata"]["name"]
        pod["metadata"]["labels"] = {"k8s-app" if app == "coredns" else "app": _app(app)}
        pod["spec"]["dnsPolicy"] = "ClusterFirst"
    for service in cluster["services"]["items"]:
        name = service["metadata"]["name"]
        service["spec"]["selector"] = {"k8s-app" if name == "kube-dns" else "app": name}
    cluster |= {name: {"items": items} for name, items in objects.items()}
    cluster.setdefault("deployments", {"items": []})
    return replace(
        captured,
        manifest=Manifest(tool_version=captured.manifest.tool_version, cluster="demo"),
        cluster={name: _compact(found) for name, found in cluster.items()},
        nodes={name: _slim(document) for name, document in captured.nodes.items()},
    )


def _app(name: str) -> str:
    return "kube-dns" if name == "coredns" else name


def _compact(found: Objects) -> bytes:
    return json.dumps(found, separators=(",", ":"), sort_keys=True).encode()


def _slim(document: NodeDocument) -> NodeDocument:
    spaces = tuple(without_unread(each) for each in document.namespaces)
    return NodeDocument(node=document.node, notes=document.notes, namespaces=spaces)
