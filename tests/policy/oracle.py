"""The specification's text as the plainest program: raw API objects, one pair of pods at a time.

Written from the API reference of networking.k8s.io/v1 and policy.networking.k8s.io and from
KEP-2091, sentence by sentence, without anything of skoop's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

Object = Mapping[str, Any]


class Oracle:
    """Answers for one list of objects."""

    def __init__(self, objects: Sequence[Object]) -> None:
        self.spaces = {o["metadata"]["name"]: o for o in objects if o["kind"] == "Namespace"}
        self.policies = [o for o in objects if o["kind"] == "NetworkPolicy"]
        self.admin = [o for o in objects if o["kind"] == "AdminNetworkPolicy"]
        self.admin += [
            o
            for o in objects
            if o["kind"] == "ClusterNetworkPolicy" and o["spec"]["tier"] == "Admin"
        ]
        self.baseline = [o for o in objects if o["kind"] == "BaselineAdminNetworkPolicy"]
        self.baseline += [
            o
            for o in objects
            if o["kind"] == "ClusterNetworkPolicy" and o["spec"]["tier"] == "Baseline"
        ]
        self.nodes = {o["metadata"]["name"]: o for o in objects if o["kind"] == "Node"}

    def allowed(self, source: Object, destination: Object, protocol: str, port: int) -> bool:
        """Whether both ends let it pass."""
        if source is destination:
            return True
        same_node = source["spec"].get("nodeName") and source["spec"].get(
            "nodeName"
        ) == destination["spec"].get("nodeName")
        on_host = [bool(o["spec"].get("hostNetwork")) for o in (source, destination)]
        own_node = bool(same_node) and sum(on_host) == 1
        leaves = on_host[0] or self.direction(
            "egress", source, destination, destination, protocol, port, own_node=own_node
        )
        enters = (
            on_host[1]
            or (own_node and on_host[0])
            or self.direction("ingress", destination, source, destination, protocol, port)
        )
        return leaves and enters

    def direction(
        self,
        way: str,
        subject: Object,
        peer: Object,
        destination: Object,
        protocol: str,
        port: int,
        *,
        own_node: bool = False,
    ) -> bool:
        """One end's policies: admin, then NetworkPolicies, then baseline, then allowed. Between a
        pod and its own node NetworkPolicies say nothing."""
        first = self.ordered(self.admin, way, subject, peer, destination, protocol, port)
        if first in ("Allow", "Deny"):
            return first == "Allow"
        selecting = [p for p in self.policies if self.isolates(p, way, subject)]
        if selecting and not own_node:
            return any(
                self.rule_allows(p, rule, way, peer, destination, protocol, port)
                for p in selecting
                for rule in p["spec"].get(way) or []
            )
        last = self.ordered(self.baseline, way, subject, peer, destination, protocol, port)
        return last != "Deny"

    def isolates(self, policy: Object, way: str, subject: Object) -> bool:
        spec = policy["spec"]
        if policy["metadata"]["namespace"] != subject["metadata"]["namespace"]:
            return False
        if not self.selects(spec.get("podSelector") or {}, subject["metadata"].get("labels")):
            return False
        types = spec.get("policyTypes")
        if types:
            return way.capitalize() in types
        return way == "ingress" or bool(spec.get("egress"))

    def rule_allows(
        self,
        policy: Object,
        rule: Object,
        way: str,
        peer: Object,
        destination: Object,
        protocol: str,
        port: int,
    ) -> bool:
        peers = rule.get("from" if way == "ingress" else "to")
        ports = rule.get("ports")
        if peers and not any(self.peer_matches(policy, p, peer) for p in peers):
            return False
        return not ports or any(self.port_matches(p, destination, protocol, port) for p in ports)

    def peer_matches(self, policy: Object, wanted: Object, peer: Object) -> bool:
        block = wanted.get("ipBlock")
        if block is not None:
            return self.in_block(peer, block["cidr"], block.get("except") or [])
        if peer["spec"].get("hostNetwork"):
            return False
        pods, spaces = wanted.get("podSelector"), wanted.get("namespaceSelector")
        if pods is None and spaces is None:
            return False
        namespace = peer["metadata"]["namespace"]
        if spaces is None:
            if namespace != policy["metadata"]["namespace"]:
                return False
        elif not self.selects(spaces, self.spaces[namespace]["metadata"].get("labels")):
            return False
        return pods is None or self.selects(pods, peer["metadata"].get("labels"))

    @staticmethod
    def in_block(peer: Object, cidr: str, excepts: Sequence[str]) -> bool:
        for each in peer["status"]["podIPs"][:1]:
            address = ipaddress.ip_address(each["ip"])
            if address in ipaddress.ip_network(cidr):
                return not any(address in ipaddress.ip_network(e) for e in excepts)
        return False

    @staticmethod
    def port_matches(wanted: Object, destination: Object, protocol: str, port: int) -> bool:
        if (wanted.get("protocol") or "TCP") != protocol:
            return False
        number = wanted.get("port")
        if number is None:
            return True
        if isinstance(number, str):
            return Oracle.named(destination, number, protocol, port)
        return number <= port <= (wanted.get("endPort") or number)

    @staticmethod
    def named(destination: Object, name: str, protocol: str | None, port: int) -> bool:
        if destination["spec"].get("hostNetwork"):
            return False
        return any(
            each.get("name") == name
            and each["containerPort"] == port
            and (protocol is None or each.get("protocol", "TCP") == protocol)
            for container in destination["spec"]["containers"]
            for each in container.get("ports") or []
        )

    @staticmethod
    def selects(selector: Object, labels: Mapping[str, str] | None) -> bool:
        labels = labels or {}
        for key, value in (selector.get("matchLabels") or {}).items():
            if key not in labels or labels[key] != value:
                return False
        for each in selector.get("matchExpressions") or []:
            key, operator, values = each["key"], each["operator"], each.get("values") or []
            if operator == "In" and not (key in labels and labels[key] in values):
                return False
            if operator == "NotIn" and key in labels and labels[key] in values:
                return False
            if operator == "Exists" and key not in labels:
                return False
            if operator == "DoesNotExist" and key in labels:
                return False
        return True

    # Policies of the administrator.

    def ordered(
        self,
        policies: Sequence[Object],
        way: str,
        subject: Object,
        peer: Object,
        destination: Object,
        protocol: str,
        port: int,
    ) -> str:
        """The action of the first rule that matches, "" for none."""
        for policy in sorted(policies, key=lambda p: p["spec"].get("priority", 0)):
            if not self.namespaced_pods(policy["spec"]["subject"], subject):
                continue
            for rule in policy["spec"].get(way) or []:
                peers = rule["from" if way == "ingress" else "to"]
                if not any(self.admin_peer(p, peer) for p in peers):
                    continue
                if self.admin_ports(rule, destination, protocol, port):
                    return {"Accept": "Allow"}.get(rule["action"], rule["action"])
        return ""

    def namespaced_pods(self, wanted: Object, pod: Object) -> bool:
        if pod["spec"].get("hostNetwork"):
            return False
        labels = self.spaces[pod["metadata"]["namespace"]]["metadata"].get("labels")
        if wanted.get("namespaces") is not None:
            return self.selects(wanted["namespaces"], labels)
        pods = wanted.get("pods")
        if pods is None:
            return False
        return self.selects(pods.get("namespaceSelector") or {}, labels) and self.selects(
            pods["podSelector"], pod["metadata"].get("labels")
        )

    def admin_peer(self, wanted: Object, peer: Object) -> bool:
        if wanted.get("networks"):
            return any(self.in_block(peer, cidr, []) for cidr in wanted["networks"])
        if wanted.get("nodes") is not None:
            if not peer["spec"].get("hostNetwork"):
                return False
            node = self.nodes.get(peer["spec"].get("nodeName", ""), {"metadata": {}})
            return self.selects(wanted["nodes"], node["metadata"].get("labels"))
        return self.namespaced_pods(wanted, peer)

    def admin_ports(self, rule: Object, destination: Object, protocol: str, port: int) -> bool:
        if "protocols" in rule:
            return any(
                self.protocol_matches(p, destination, protocol, port) for p in rule["protocols"]
            )
        if "ports" not in rule:
            return True
        for each in rule["ports"]:
            if "portNumber" in each:
                wanted = each["portNumber"]
                if wanted["protocol"] == protocol and wanted["port"] == port:
                    return True
            elif "portRange" in each:
                wanted = each["portRange"]
                if wanted["protocol"] == protocol and wanted["start"] <= port <= wanted["end"]:
                    return True
            elif self.named(destination, each["namedPort"], protocol, port):
                return True
        return False

    def protocol_matches(
        self, wanted: Object, destination: Object, protocol: str, port: int
    ) -> bool:
        if "destinationNamedPort" in wanted:
            return self.named(destination, wanted["destinationNamedPort"], protocol, port)
        layer = wanted.get(protocol.lower())
        if layer is None:
            return False
        where = layer.get("destinationPort")
        if where is None:
            return True
        if "number" in where:
            return where["number"] == port
        return where["range"]["start"] <= port <= where["range"]["end"]
