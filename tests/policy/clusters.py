"""Small clusters as raw API objects, and questions about them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from skoop.cluster.inventory import from_documents
from skoop.cluster.manifests import list_documents
from skoop.model.address import Family, parse_ip
from skoop.model.kube import Inventory
from skoop.policy import (
    Engine,
    Flow,
    Parties,
    Party,
    PolicyVerdict,
    Traffic,
    compile_policies,
    evaluate,
)

Object = Mapping[str, Any]
PROTOCOLS = {"TCP": 6, "UDP": 17, "SCTP": 132, "ICMP": 1}


def pod(
    namespace: str,
    name: str,
    *,
    labels: Mapping[str, str] | None = None,
    ip: str = "",
    node: str = "",
    ports: Iterable[tuple[str, str, int]] = (),
    host: bool = False,
    account: str = "default",
) -> Object:
    """A running pod; ports are (name, protocol, number)."""
    listed = [{"name": n, "protocol": p, "containerPort": c} for n, p, c in ports]
    return {
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "labels": dict(labels or {})},
        "spec": {
            "nodeName": node,
            "hostNetwork": host,
            "serviceAccountName": account,
            "containers": [{"name": "main", "ports": listed}],
        },
        "status": {"phase": "Running", "podIPs": [{"ip": ip}] if ip else []},
    }


def namespace(name: str, **labels: str) -> Object:
    """A namespace, with the label that the API server gives it."""
    labels = {"kubernetes.io/metadata.name": name, **labels}
    return {"kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def node(name: str, ip: str, **labels: str) -> Object:
    """A node."""
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"addresses": [{"type": "InternalIP", "address": ip}]},
    }


def policy(space: str, name: str, **spec: Any) -> Object:
    """A NetworkPolicy."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"namespace": space, "name": name},
        "spec": {"podSelector": {}, **spec},
    }


def calico(kind: str, name: str, space: str = "", **spec: Any) -> Object:
    """A resource of Calico; its labels are given as `labels`."""
    metadata: dict[str, Any] = {"name": name, "labels": spec.pop("labels", {})}
    if space:
        metadata["namespace"] = space
    return {"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": metadata, "spec": spec}


def inventory(*objects: Object) -> Inventory:
    """The objects as skoop reads them."""
    return from_documents(list_documents(objects))


def xyz() -> tuple[Object, ...]:
    """The conformance suite's cluster: namespaces x, y, z with pods a, b, c, which serve ports 80
    and 81 by every protocol under the names serve-80-tcp and so on."""
    serves = tuple(
        (f"serve-{port}-{protocol.lower()}", protocol, port)
        for port in (80, 81)
        for protocol in ("TCP", "UDP", "SCTP")
    )
    spaces = tuple(namespace(name, ns=name) for name in "xyz")
    pods = tuple(
        pod(space, name, labels={"pod": name}, ip=f"10.{i}.0.{j}", node=f"n{j}", ports=serves)
        for i, space in enumerate("xyz", 1)
        for j, name in enumerate("abc", 1)
    )
    return spaces + pods


class Asking:
    """Compiled policies, ready for questions."""

    def __init__(self, found: Inventory, engine: Engine = Engine.KUBERNETES) -> None:
        self.inventory = found
        self.policies = compile_policies(found, engine)
        self.parties = Parties(found)

    def party(self, text: str, family: Family | None = None) -> Party:
        """ "NS/POD", "node/NAME" or an address."""
        if text.startswith("node/"):
            found = self.inventory.node(text.removeprefix("node/"))
            assert found is not None
            return self.parties.of_node(found, family)
        if "/" in text:
            one = self.inventory.pod(*text.split("/"))
            assert one is not None
            return self.parties.of_pod(one, family)
        return self.parties.of_address(parse_ip(text))

    def ask(
        self, source: str, destination: str, port: int = 80, protocol: str = "TCP"
    ) -> PolicyVerdict:
        """The verdict on a connection."""
        traffic = Traffic(PROTOCOLS[protocol], port)
        return evaluate(self.policies, Flow(self.party(source), self.party(destination), traffic))


def within(address: str, cidr: str) -> bool:
    """Whether an address lies in a network, by the standard library."""
    return ipaddress.ip_address(address) in ipaddress.ip_network(cidr, strict=False)
