"""Pods, nodes and addresses of an inventory, as the ends of connections."""

from __future__ import annotations

from collections.abc import Mapping

from skoop.model.address import Family, format_ip
from skoop.model.kube import Address, HostEndpoint, Inventory, Node, Pod
from skoop.policy.labelled import ACCOUNT_PREFIX, NAMESPACE_PREFIX
from skoop.policy.party import NAMES, NamedPort, Party, PartyKind
from skoop.policy.peers import METADATA_NAME
from skoop.policy.selector.tree import NAMESPACE

_OWN_NAME = "projectcalico.org/name"
_DEFAULT_ACCOUNT = "default"


class Parties:
    """Makes ends of an inventory's objects. Labels are gathered once."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._calico = bool(inventory.calico_policies)
        self._spaces: dict[str, Mapping[str, str] | None] = {}
        self._accounts = {
            (each.namespace, each.name): each.labels for each in inventory.service_accounts
        }
        self._endpoints: dict[str, list[HostEndpoint]] = {}
        for endpoint in inventory.calico_policies.host_endpoints:
            self._endpoints.setdefault(endpoint.node, []).append(endpoint)

    def of_pod(self, pod: Pod, family: Family | None = None) -> Party:
        """A pod, in a family or in that of its first address. A hostNetwork pod is its node."""
        family = family or (pod.ips[0][0] if pod.ips else Family.V4)
        ip = next((value for each, value in pod.ips if each is family), -1)
        if pod.host_network:
            return self._host(f"{pod.namespace}/{pod.name} on {pod.node or 'a node'}", pod.node,
                              (family, ip))  # fmt: skip
        spaces = self._namespace(pod.namespace)
        return Party(
            kind=PartyKind.POD, name=pod.name, namespace=pod.namespace, family=family, ip=ip,
            node=pod.node, labels=pod.labels, namespace_labels=spaces,
            service_account=pod.service_account or _DEFAULT_ACCOUNT,
            ports=tuple(
                NamedPort(port.name, NAMES.get(port.protocol, 0), port.port)
                for container in pod.containers for port in container.ports if port.name
            ),
            identities=self._identities(pod, spaces, (family, ip)), endpoints=int(self._calico),
            host=self._node_of(pod, family),
        )  # fmt: skip

    def of_node(self, node: Node, family: Family | None = None) -> Party:
        """A node itself."""
        addresses = node.internal_ips or node.ips
        family = family or (addresses[0][0] if addresses else Family.V4)
        ip = next((value for each, value in addresses if each is family), -1)
        return self._host(node.name, node.name, (family, ip))

    def of_address(self, address: Address) -> Party:
        """Whoever has an address: a pod, a node, or somebody outside."""
        pods = self._inventory.pods_with_ip(address)
        if pods:
            return self.of_pod(pods[0], address[0])
        node = self._inventory.node_with_ip(address)
        if node is not None:
            return self._host(node.name, node.name, address)
        return Party(
            kind=PartyKind.ADDRESS, name=format_ip(*address), family=address[0], ip=address[1],
            identities=self._sets_of(address),
        )  # fmt: skip

    def _host(self, name: str, node: str, address: Address) -> Party:
        found = self._inventory.node(node)
        endpoints = [each for each in self._endpoints.get(node, ()) if _covers(each, address)]
        return Party(
            kind=PartyKind.HOST, name=name, family=address[0], ip=address[1], node=node,
            labels=found.labels if found else {},
            identities=(*(each.labels for each in endpoints), *self._sets_of(address)),
            endpoints=len(endpoints),
            protected=bool(endpoints),
            profiles=tuple(profile for each in endpoints for profile in each.profiles),
            all_interfaces=any(each.interface == "*" for each in endpoints),
        )  # fmt: skip

    def _node_of(self, pod: Pod, family: Family) -> Party | None:
        """A pod's node, where a HostEndpoint covers it."""
        if pod.node not in self._endpoints:
            return None
        found = self._inventory.node(pod.node)
        addresses = found.internal_ips if found else ()
        ip = next((value for each, value in addresses if each is family), -1)
        host = self._host(pod.node, pod.node, (family, ip))
        return host if host.protected else None

    def _namespace(self, name: str) -> Mapping[str, str] | None:
        """The labels of a namespace; the one with its name is there even where a hand-written
        object leaves it out. None when namespaces were not collected."""
        if name not in self._spaces:
            found = self._inventory.namespace(name)
            absent = found is None and self._inventory.is_absent("namespaces")
            labels = found.labels if found else {}
            self._spaces[name] = None if absent else {METADATA_NAME: name, **labels}
        return self._spaces[name]

    def _identities(
        self, pod: Pod, spaces: Mapping[str, str] | None, address: Address
    ) -> tuple[Mapping[str, str], ...]:
        """The labels of Calico's WorkloadEndpoint, and of the network sets with its address."""
        if not self._calico:
            return ()
        account = pod.service_account or _DEFAULT_ACCOUNT
        own = {
            **pod.labels,
            NAMESPACE: pod.namespace,
            "projectcalico.org/orchestrator": "k8s",
            "projectcalico.org/serviceaccount": account,
            **_under(NAMESPACE_PREFIX, pod.namespace, spaces or {METADATA_NAME: pod.namespace}),
            **_under(ACCOUNT_PREFIX, account, self._accounts.get((pod.namespace, account), {})),
        }
        return (own, *self._sets_of(address))

    def _sets_of(self, address: Address) -> tuple[Mapping[str, str], ...]:
        """The labels of every network set that holds an address."""
        family, value = address
        if value < 0:
            return ()
        return tuple(
            self._set_labels(each.namespace, each.labels)
            for each in self._inventory.calico_policies.network_sets
            if any(net.family is family and net.contains(value) for net in each.nets)
        )

    def _set_labels(self, namespace: str, labels: Mapping[str, str]) -> Mapping[str, str]:
        if not namespace:
            return labels
        spaces = self._namespace(namespace) or {METADATA_NAME: namespace}
        return {**labels, NAMESPACE: namespace, **_under(NAMESPACE_PREFIX, namespace, spaces)}


def _under(prefix: str, name: str, labels: Mapping[str, str]) -> dict[str, str]:
    return {f"{prefix}{_OWN_NAME}": name, **{prefix + key: labels[key] for key in labels}}


def _covers(endpoint: HostEndpoint, address: Address) -> bool:
    """Whether a HostEndpoint is for a node's address. One that names an interface is taken to be,
    since the API does not tell which address the interface has."""
    if endpoint.interface or not endpoint.expected_ips:
        return True
    family, value = address
    return any(net.family is family and net.contains(value) for net in endpoint.expected_ips)
