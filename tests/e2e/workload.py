"""Objects of the tests: servers that say who they are, and a hand in every node."""

from __future__ import annotations

import os
from typing import Any

from tests.e2e.images import IMAGE
from tests.e2e.kube import NAMESPACE, Object

POD_PORT, UDP_PORT, NODE_PORT = 8080, 5353, 9100
LISTEN = (f"tcp/0.0.0.0:{POD_PORT}", f"udp/0.0.0.0:{UDP_PORT}")
UNREADY = "/tmp/unready"


def namespace() -> Object:
    """The tests' namespace; its pods may do anything."""
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": labels},
    }


def server(
    name: str,
    node: str,
    *,
    listen: tuple[str, ...] = LISTEN,
    labels: dict[str, str] | None = None,
    host_network: bool = False,
) -> Object:
    """A pod on a node that answers on TCP port `web` and UDP port `ask`; it is ready until the file
    UNREADY exists in it."""
    ports = [
        {"name": "web", "containerPort": POD_PORT},
        {"name": "ask", "containerPort": UDP_PORT, "protocol": "UDP"},
    ]
    probe = {"exec": {"command": ["test", "!", "-e", UNREADY]}, "periodSeconds": 1}
    container = _container("server", *listen) | {"readinessProbe": probe}
    if not host_network:
        container["ports"] = ports
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": {"app": name} | (labels or {}),
        },
        "spec": {
            "nodeName": node,
            "hostNetwork": host_network,
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
        },
    }


def hands() -> Object:
    """A DaemonSet whose pods are in their node's namespaces, and answer for it on NODE_PORT."""
    container = _container("hand", f"tcp/:{NODE_PORT}", f"udp/:{NODE_PORT}")
    spec = {
        "hostNetwork": True,
        "hostPID": True,
        "tolerations": [{"operator": "Exists"}],
        "terminationGracePeriodSeconds": 0,
        "containers": [container | {"securityContext": {"privileged": True}}],
    }
    labels = {"app": "hand"}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "hand", "namespace": NAMESPACE},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def service(name: str, selector: dict[str, str] | None, **spec: Any) -> Object:
    """A Service with the ports 80 -> web and UDP 53 -> ask unless `spec` says otherwise."""
    ports = [
        {"name": "web", "port": 80, "targetPort": "web"},
        {"name": "ask", "port": 53, "targetPort": "ask", "protocol": "UDP"},
    ]
    chosen = {"selector": selector} if selector else {}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"ports": ports} | chosen | spec,
    }


def base(a: str, b: str) -> list[Object]:
    """What every test finds: `client` and `near` on node a, `far` and `shy` on node b (shy listens
    on its loopback address only), and the Service web of near and far."""
    tier = {"tier": "web"}
    return [
        server("client", a),
        server("near", a, labels=tier),
        server("far", b, labels=tier),
        server("shy", b, listen=(f"tcp/127.0.0.1:{POD_PORT}",)),
        service("web", tier, type="NodePort"),
    ]


def _container(name: str, *listen: str) -> Object:
    own = os.environ.get("SKOOP_E2E_IMAGE")
    return {
        "name": name,
        "image": own or IMAGE,
        "imagePullPolicy": "IfNotPresent" if own else "Never",
        "command": ["probe", "serve", *listen],
    }
