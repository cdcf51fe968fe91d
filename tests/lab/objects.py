"""The Kubernetes objects of a lab cluster, as the API would list them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tests.lab import wireguard
from tests.lab.calico import objects as calico
from tests.lab.rules.settings import cluster_cidrs
from tests.lab.topology import (
    CLUSTER_CIDR,
    CLUSTER_CIDR6,
    Backend,
    Cluster,
    Node,
    Pod,
    Service,
    ServicePort,
)

Object = dict[str, Any]
FLANNEL_NAMESPACE = "kube-flannel"


def lists(cluster: Cluster) -> dict[str, Object]:
    """Resource name ("pods") to its List."""
    every = {
        "namespaces": ("v1", "Namespace", map(_namespace, _namespaces(cluster))),
        "nodes": ("v1", "Node", (_node(cluster, n) for n in cluster.nodes)),
        "pods": ("v1", "Pod", (_pod(cluster, p) for p in cluster.pods)),
        "services": ("v1", "Service", (_service(cluster, s) for s in cluster.services)),
        "endpointslices": ("discovery.k8s.io/v1", "EndpointSlice", _slices(cluster)),
        "configmaps": ("v1", "ConfigMap", _config_maps(cluster)),
        "daemonsets": ("apps/v1", "DaemonSet", _daemon_sets(cluster)),
        "networkpolicies": ("networking.k8s.io/v1", "NetworkPolicy", ()),
    }
    every |= calico.resources(cluster)
    return {name: _list(*parts) for name, parts in every.items()}


def pod_uid(pod: Pod) -> str:
    """A uid that stays the same from run to run."""
    return str(uuid5(NAMESPACE_URL, f"skoop-lab/{pod.id}"))


def _list(version: str, kind: str, items: Iterable[Object]) -> Object:
    complete = [{"apiVersion": version, "kind": kind, **item} for item in items]
    return {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": complete}


def _namespaces(cluster: Cluster) -> list[str]:
    return sorted({"kube-system", FLANNEL_NAMESPACE, *(p.namespace for p in cluster.pods)})


def _namespace(name: str) -> Object:
    labels = {"kubernetes.io/metadata.name": name}
    return {"metadata": {"name": name, "labels": labels}, "status": {"phase": "Active"}}


def _families(cluster: Cluster, four: str, six: str) -> list[str]:
    """The addresses that there are, of the families that the cluster speaks."""
    every = {4: four, 6: six}
    return [every[family] for family in cluster.families if every[family]]


def _node(cluster: Cluster, node: Node) -> Object:
    prefix = "flannel.alpha.coreos.com"
    flannel = {
        f"{prefix}/kube-subnet-manager": "true",
        f"{prefix}/backend-type": cluster.backend,
        f"{prefix}/public-ip": node.announced or node.ip,
        f"{prefix}/backend-data": "null",
    }
    notes = calico.annotations(cluster, node) if cluster.calico else flannel
    if cluster.backend == "vxlan" and not cluster.calico:
        notes[f"{prefix}/backend-data"] = json.dumps({"VNI": 1, "VtepMAC": node.vtep_mac})
    if cluster.backend == "wireguard":
        data = {"PublicKey": wireguard.public_key(node)}
        notes[f"{prefix}/backend-data"] = json.dumps(data)
    if cluster.dual_stack and not cluster.calico:
        notes[f"{prefix}/public-ipv6"] = node.ip6
        if cluster.backend == "wireguard":
            notes[f"{prefix}/backend-v6-data"] = notes[f"{prefix}/backend-data"]
        if cluster.backend == "vxlan":
            data = {"VNI": 1, "VtepMAC": node.vtep6_mac}
            notes[f"{prefix}/backend-v6-data"] = json.dumps(data)
    addresses = [
        {"type": "InternalIP", "address": a} for a in _families(cluster, node.ip, node.ip6)
    ]
    return {
        "metadata": {
            "name": node.name,
            "annotations": notes,
            "labels": {
                "kubernetes.io/hostname": node.name,
                "kubernetes.io/os": "linux",
                "topology.kubernetes.io/zone": node.zone,
            },
        },
        "spec": _pod_cidrs(cluster, node),
        "status": {
            "addresses": [*addresses, {"type": "Hostname", "address": node.name}],
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "nodeInfo": {"kubeletVersion": "v1.36.2", "operatingSystem": "linux"},
        },
    }


def _pod_cidrs(cluster: Cluster, node: Node) -> Object:
    """With Calico they say nothing: here every node is given another node's."""
    if cluster.calico:
        node = cluster.nodes[node.index % len(cluster.nodes)]
    return {
        "podCIDR": node.pod_cidr,
        "podCIDRs": _families(cluster, node.pod_cidr, node.pod_cidr6),
    }


def _labels(cluster: Cluster, pod: Pod) -> dict[str, str]:
    labels = {"app": pod.name}
    for service in cluster.services:
        if any(b.pod == pod.name for b in service.backends):
            labels[f"lab/{service.name}"] = "yes"
    return labels


def _pod(cluster: Cluster, pod: Pod) -> Object:
    node = cluster.node(pod.node)
    addresses = _families(cluster, pod.ip, pod.ip6)
    mine = [b for s in cluster.services for b in s.backends if b.pod == pod.name]
    ready = all(b.ready or b.terminating for b in mine)
    word = "True" if ready else "False"
    ports: list[Object] = [
        {"containerPort": x.port, "protocol": x.protocol.upper()} for x in pod.listeners
    ]
    for forwarded in pod.host_ports:
        for port in ports:
            same = port["protocol"] == forwarded.protocol.upper()
            if same and port["containerPort"] == forwarded.port:
                port["hostPort"] = forwarded.host_port
                break
        else:
            ports.append(
                {
                    "containerPort": forwarded.port,
                    "protocol": forwarded.protocol.upper(),
                    "hostPort": forwarded.host_port,
                }
            )
    if pod.host_network:
        for port in ports:
            port["hostPort"] = port["containerPort"]
    ports += _named_ports(cluster, pod)
    container = {"name": "c", "image": "lab/server:1", "ports": ports}
    spec: Object = {"nodeName": pod.node, "restartPolicy": "Always", "containers": [container]}
    if pod.host_network:
        spec["hostNetwork"] = True
    return {
        "metadata": {
            "name": pod.name,
            "namespace": pod.namespace,
            "uid": pod_uid(pod),
            "labels": _labels(cluster, pod),
        },
        "spec": spec,
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": "Initialized", "status": "True"},
                {"type": "Ready", "status": word},
                {"type": "ContainersReady", "status": word},
                {"type": "PodScheduled", "status": "True"},
            ],
            "containerStatuses": [
                {
                    "name": "c",
                    "image": "lab/server:1",
                    "ready": ready,
                    "started": True,
                    "restartCount": 0,
                    "containerID": f"containerd://{pod_uid(pod).replace('-', '') * 2}",
                    "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
                }
            ],
            "hostIP": _families(cluster, node.ip, node.ip6)[0],
            "hostIPs": [{"ip": a} for a in _families(cluster, node.ip, node.ip6)],
            "podIP": addresses[0],
            "podIPs": [{"ip": a} for a in addresses],
        },
    }


def _service(cluster: Cluster, service: Service) -> Object:
    cluster_ips = _families(cluster, service.cluster_ip, service.cluster_ip6)
    spec: Object = {
        "type": service.kind,
        "clusterIP": cluster_ips[0],
        "clusterIPs": cluster_ips,
        "ipFamilies": ["IPv6" if ":" in each else "IPv4" for each in cluster_ips],
        "ipFamilyPolicy": "RequireDualStack" if len(cluster_ips) > 1 else "SingleStack",
        "internalTrafficPolicy": "Local" if service.internal_local else "Cluster",
        "sessionAffinity": "ClientIP" if service.affinity else "None",
        "selector": {f"lab/{service.name}": "yes"},
        "ports": [_service_port(service, p) for p in service.ports],
    }
    if service.affinity:
        spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": 10800}}
    if service.external_ips:
        spec["externalIPs"] = list(service.external_ips)
    if service.kind != "ClusterIP" or service.external_ips:
        spec["externalTrafficPolicy"] = "Local" if service.external_local else "Cluster"
    if service.source_ranges:
        spec["loadBalancerSourceRanges"] = list(service.source_ranges)
    balancer: Object = {}
    modes = [*((ip, "VIP") for ip in service.load_balancer_ips),
             *((ip, "Proxy") for ip in service.proxied_ips)]  # fmt: skip
    if modes:
        balancer = {"ingress": [{"ip": ip, "ipMode": mode} for ip, mode in modes]}
    return {
        "metadata": {"name": service.name, "namespace": service.namespace},
        "spec": spec,
        "status": {"loadBalancer": balancer},
    }


def _named_ports(cluster: Cluster, pod: Pod) -> Iterable[Object]:
    """What a named targetPort is in this pod."""
    for service in cluster.services:
        for backend in service.backends:
            if backend.pod == pod.name and any(each.port for each in service.backends):
                number = backend.port or service.ports[0].target_port
                protocol = service.ports[0].protocol.upper()
                name = _port_name(service)
                yield {"name": name, "containerPort": number, "protocol": protocol}


def _port_name(service: Service) -> str:
    return f"of-{service.name}"


def _service_port(service: Service, port: ServicePort) -> Object:
    named = any(backend.port for backend in service.backends)
    made: Object = {
        "name": port.name,
        "port": port.port,
        "targetPort": _port_name(service) if named else port.wanted or port.target_port,
        "protocol": port.protocol.upper(),
    }
    if port.node_port:
        made["nodePort"] = port.node_port
    return made


def _slices(cluster: Cluster) -> Iterable[Object]:
    """A slice for each family and each set of port numbers, as the controller makes them."""
    for service in cluster.services:
        numbers = dict.fromkeys(b.port for b in service.backends) or {0: None}
        for address in _families(cluster, service.cluster_ip, service.cluster_ip6):
            family = "IPv6" if ":" in address else "IPv4"
            for number in numbers:
                backends = [b for b in service.backends if b.port == number]
                yield _slice(service, family, backends, number, six=family == "IPv6")


def _slice(
    service: Service, family: str, backends: list[Backend], number: int, *, six: bool
) -> Object:
    ports = [
        {"name": p.name, "port": number or p.target_port, "protocol": p.protocol.upper()}
        for p in service.ports
    ]
    ending = f"-{number}" if number else ""
    return {
        "metadata": {
            "name": f"{service.name}-{family.lower()}{ending}",
            "namespace": service.namespace,
            "labels": {"kubernetes.io/service-name": service.name},
        },
        "addressType": family,
        "endpoints": [_endpoint(service, b, six=six) for b in backends if b.ip6 or not six],
        "ports": ports,
    }


def _endpoint(service: Service, backend: Backend, *, six: bool) -> Object:
    made: Object = {
        "addresses": [backend.ip6 if six else backend.ip],
        "conditions": {
            "ready": backend.ready,
            "serving": backend.ready or (backend.terminating and backend.serving),
            "terminating": backend.terminating,
        },
    }
    if backend.node:
        made["nodeName"] = backend.node
    if backend.pod:
        made["targetRef"] = {"kind": "Pod", "namespace": service.namespace, "name": backend.pod}
    hints: Object = {}
    if backend.zones:
        hints["forZones"] = [{"name": each} for each in backend.zones]
    if backend.nodes:
        hints["forNodes"] = [{"name": each} for each in backend.nodes]
    if hints:
        made["hints"] = hints
    return made


def _config_maps(cluster: Cluster) -> Iterable[Object]:
    yield calico.config_map() if cluster.calico else _flannel_config(cluster)
    config = "\n".join(_proxy_config(cluster)) + "\n"
    yield {
        "metadata": {"name": "kube-proxy", "namespace": "kube-system"},
        "data": {"config.conf": config},
    }


def _proxy_config(cluster: Cluster) -> Iterable[str]:
    settings, mode = cluster.settings, cluster.proxy.partition("-")[0]
    yield "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration"
    yield f"mode: {mode}"
    yield f'clusterCIDR: "{",".join(cluster_cidrs(cluster))}"'
    if settings.detect != "ClusterCIDR":
        yield f"detectLocalMode: {settings.detect}"
    if settings.detect == "BridgeInterface":
        yield f"detectLocal:\n  bridgeInterface: {settings.interface}"
    elif settings.detect == "InterfaceNamePrefix":
        yield f"detectLocal:\n  interfaceNamePrefix: {settings.interface}"
    if settings.node_ports:
        yield f"nodePortAddresses: {json.dumps(settings.node_ports)}"
    sections: dict[str, list[str]] = {"iptables": [], "nftables": []}
    if cluster.masquerade_all:
        sections["nftables" if mode == "nftables" else "iptables"].append("masqueradeAll: true")
    if not settings.localhost:
        sections["iptables"].append("localhostNodePorts: false")
    for name, lines in sections.items():
        if lines:
            yield "\n".join([f"{name}:", *(f"  {line}" for line in lines)])


def _flannel_config(cluster: Cluster) -> Object:
    backend: Object = {"Type": cluster.backend}
    if cluster.backend == "vxlan":
        backend |= {"VNI": 1, "Port": 8472}
        if cluster.direct_routing:
            backend["DirectRouting"] = True
    network: Object = {"Network": CLUSTER_CIDR, "Backend": backend}
    if cluster.dual_stack:
        network |= {"EnableIPv6": True, "IPv6Network": CLUSTER_CIDR6}
    delegate = {"hairpinMode": cluster.hairpin, "isDefaultGateway": True}
    plugins = [
        {"type": "flannel", "delegate": delegate},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    cni = {"name": "cbr0", "cniVersion": "0.4.0", "plugins": plugins}
    return {
        "metadata": {"name": "kube-flannel-cfg", "namespace": FLANNEL_NAMESPACE},
        "data": {"net-conf.json": json.dumps(network), "cni-conf.json": json.dumps(cni)},
    }


def _daemon_sets(cluster: Cluster) -> Iterable[Object]:
    flannel = ["/opt/bin/flanneld", "--ip-masq", "--kube-subnet-mgr"]
    proxy = ["/usr/local/bin/kube-proxy", "--config=/var/lib/kube-proxy/config.conf"]
    if cluster.calico:
        yield _daemon_set(cluster, "kube-system", "calico-node", "calico-node", ["start_runit"])
    else:
        yield _daemon_set(cluster, FLANNEL_NAMESPACE, "kube-flannel-ds", "kube-flannel", flannel)
    yield _daemon_set(cluster, "kube-system", "kube-proxy", "kube-proxy", proxy)


def _daemon_set(
    cluster: Cluster, namespace: str, name: str, container: str, command: list[str]
) -> Object:
    labels = {"app": name}
    spec = {
        "hostNetwork": True,
        "containers": [{"name": container, "image": f"{container}:1", "command": command}],
    }
    count = len(cluster.nodes)
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
        "status": {"desiredNumberScheduled": count, "numberReady": count},
    }
