"""Random clusters with random policies: raw API objects from a seed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from tests.policy.clusters import Object, calico, namespace, node, pod

KEYS = ("app", "tier", "env")
VALUES = ("a", "p1", "x")
PORTS = (79, 80, 81, 82, 443)
NAMES = ("http", "dns", "metrics")
PROTOCOLS = ("TCP", "UDP", "SCTP")


class Dice:
    """What a seed leads to."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def pick(self, values: Any) -> Any:
        return self.random.choice(values)

    def some(self, values: Any, most: int) -> list[Any]:
        return [self.pick(values) for _ in range(self.random.randint(0, most))]

    def cluster(self) -> list[Object]:
        """Namespaces, nodes and pods, some of these on their node's network."""
        spaces = [namespace(name, **self.labels()) for name in ("x", "y", "z")]
        nodes = [node(f"n{i}", f"192.168.0.{i}", **self.labels()) for i in (1, 2)]
        pods = []
        for index in range(self.random.randint(3, 7)):
            on_host = self.chance(0.1)
            at = self.pick((1, 2))
            ports = [
                (name, self.pick(PROTOCOLS), self.pick(PORTS)) for name in NAMES if self.chance(0.5)
            ]
            ip = f"192.168.0.{at}" if on_host else f"10.0.{self.pick((0, 1))}.{index + 1}"
            pods.append(
                pod(
                    self.pick("xyz"),
                    f"p{index}",
                    labels=self.labels(),
                    ip=ip,
                    node=f"n{at}",
                    ports=ports,
                    host=on_host,
                )
            )
        return [*spaces, *nodes, *pods]

    def labels(self) -> dict[str, str]:
        return {key: self.pick(VALUES) for key in KEYS if self.chance(0.7)}

    def selector(self) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        if self.chance(0.5):
            found["matchLabels"] = {self.pick(KEYS): self.pick(VALUES)}
        if self.chance(0.4):
            found["matchExpressions"] = [self.expression() for _ in range(self.pick((1, 1, 2)))]
        return found

    def expression(self) -> Mapping[str, Any]:
        operator = self.pick(("In", "NotIn", "Exists", "DoesNotExist"))
        found: dict[str, Any] = {"key": self.pick(KEYS), "operator": operator}
        if operator in ("In", "NotIn"):
            found["values"] = sorted({self.pick(VALUES), self.pick(VALUES)})
        return found

    def cidr(self) -> str:
        return self.pick(
            ("10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", "10.0.0.0/30", "192.168.0.0/16",
             "0.0.0.0/0", "10.0.1.4/31", "::/0")
        )  # fmt: skip

    # networking.k8s.io

    def network_policy(self, index: int) -> Object:
        spec: dict[str, Any] = {"podSelector": self.selector()}
        if self.chance(0.6):
            spec["policyTypes"] = self.pick((["Ingress"], ["Egress"], ["Ingress", "Egress"], []))
        for way, word in (("ingress", "from"), ("egress", "to")):
            if self.chance(0.6):
                spec[way] = [self.rule(word) for _ in range(self.random.randint(0, 3))]
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"namespace": self.pick("xyz"), "name": f"np{index}"},
            "spec": spec,
        }

    def rule(self, word: str) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        if self.chance(0.8):
            found[word] = [self.peer() for _ in range(self.random.randint(0, 2))]
        if self.chance(0.7):
            found["ports"] = [self.port() for _ in range(self.random.randint(0, 2))]
        return found

    def peer(self) -> Mapping[str, Any]:
        if self.chance(0.25):
            block: dict[str, Any] = {"cidr": self.cidr()}
            if self.chance(0.4) and "." in block["cidr"]:
                block["except"] = [self.pick(("10.0.0.0/30", "10.0.1.0/25", "10.0.0.2/32"))]
            return {"ipBlock": block}
        found: dict[str, Any] = {}
        if self.chance(0.6):
            found["podSelector"] = self.selector()
        if self.chance(0.5):
            found["namespaceSelector"] = self.selector()
        return found

    def port(self) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        if self.chance(0.7):
            found["protocol"] = self.pick(PROTOCOLS)
        if self.chance(0.25):
            found["port"] = self.pick(NAMES)
        elif self.chance(0.8):
            found["port"] = self.pick(PORTS)
            if self.chance(0.3):
                found["endPort"] = found["port"] + self.pick((0, 1, 2, 300))
        return found

    # policy.networking.k8s.io

    def admin_policy(self, index: int, kind: str) -> Object:
        spec: dict[str, Any] = {"subject": self.selected()}
        actions = ["Accept" if kind == "ClusterNetworkPolicy" else "Allow", "Deny", "Pass"]
        if kind == "BaselineAdminNetworkPolicy":
            actions.remove("Pass")
        else:
            spec["priority"] = index
        if kind == "ClusterNetworkPolicy":
            spec["tier"] = self.pick(("Admin", "Baseline"))
        for way, word in (("ingress", "from"), ("egress", "to")):
            rules = [self.admin_rule(kind, word, actions) for _ in range(self.pick((0, 1, 2, 3)))]
            if rules:
                spec[way] = rules
        api = "v1alpha2" if kind == "ClusterNetworkPolicy" else "v1alpha1"
        return {
            "apiVersion": f"policy.networking.k8s.io/{api}",
            "kind": kind,
            "metadata": {"name": f"{kind.lower()}-{index}"},
            "spec": spec,
        }

    def selected(self) -> Mapping[str, Any]:
        if self.chance(0.5):
            return {"namespaces": self.selector()}
        found: dict[str, Any] = {"podSelector": self.selector()}
        if self.chance(0.8):
            found["namespaceSelector"] = self.selector()
        return {"pods": found}

    def admin_rule(self, kind: str, word: str, actions: list[str]) -> Mapping[str, Any]:
        peers = [self.admin_peer(word) for _ in range(self.pick((1, 1, 2)))]
        found: dict[str, Any] = {"action": self.pick(actions), word: peers}
        if self.chance(0.5):
            many = range(self.pick((1, 2)))
            if kind == "ClusterNetworkPolicy":
                found["protocols"] = [self.protocol() for _ in many]
            else:
                found["ports"] = [self.admin_port() for _ in many]
        return found

    def admin_peer(self, word: str) -> Mapping[str, Any]:
        if word == "to" and self.chance(0.2):
            return {"networks": [self.cidr()]}
        if word == "to" and self.chance(0.15):
            return {"nodes": self.selector()}
        return self.selected()

    def admin_port(self) -> Mapping[str, Any]:
        kind = self.pick(("portNumber", "portRange", "namedPort"))
        if kind == "namedPort":
            return {"namedPort": self.pick(NAMES)}
        if kind == "portNumber":
            number = {"protocol": self.pick(PROTOCOLS), "port": self.pick(PORTS)}
            return {"portNumber": number}
        start = self.pick(PORTS)
        return {"portRange": {"protocol": self.pick(PROTOCOLS), "start": start, "end": start + 2}}

    def protocol(self) -> Mapping[str, Any]:
        if self.chance(0.2):
            return {"destinationNamedPort": self.pick(NAMES)}
        layer: dict[str, Any] = {}
        if self.chance(0.5):
            layer["destinationPort"] = {"number": self.pick(PORTS)}
        elif self.chance(0.7):
            start = self.pick(PORTS)
            layer["destinationPort"] = {"range": {"start": start, "end": start + 2}}
        return {self.pick(PROTOCOLS).lower(): layer}

    def objects(self) -> list[Object]:
        """A cluster and its policies; no two of an administrator have the same priority."""
        found = self.cluster()
        found += [self.network_policy(i) for i in range(self.random.randint(0, 5))]
        if self.chance(0.5):
            old = self.chance(0.5)
            kind = "AdminNetworkPolicy" if old else "ClusterNetworkPolicy"
            found += [self.admin_policy(i, kind) for i in range(self.random.randint(1, 4))]
            if old and self.chance(0.5):
                found.append(self.admin_policy(0, "BaselineAdminNetworkPolicy"))
        return found

    # Calico

    def calico_objects(self) -> list[Object]:
        """A cluster under Calico: its policies and Kubernetes' own in tiers, network sets, and
        nodes of which some have a HostEndpoint."""
        found = self.cluster()
        found += [self.network_policy(i) for i in range(self.random.randint(0, 2))]
        tiers = [f"t{i}" for i in range(self.random.randint(0, 2))]
        for name in tiers:
            order = self.pick((10, 20, 2_000_000))
            spec = {"order": order, "defaultAction": self.pick(("Deny", "Pass"))}
            found.append(calico("Tier", name, **spec))
        tiers.append("default")
        found += [self.calico_policy(i, tiers) for i in range(self.random.randint(1, 5))]
        found += [self.network_set(i) for i in range(self.random.randint(0, 2))]
        for index in (1, 2):
            if self.chance(0.4):
                allow = ["projectcalico-default-allow"] if self.chance(0.5) else []
                found.append(
                    calico("HostEndpoint", f"h{index}", node=f"n{index}", interfaceName="*",
                           labels=self.labels(), profiles=allow)
                )  # fmt: skip
        accounts = [
            {"kind": "ServiceAccount",
             "metadata": {"namespace": space, "name": "default", "labels": self.labels()}}
            for space in "xyz"
        ]  # fmt: skip
        return [*found, *accounts]

    def calico_policy(self, index: int, tiers: list[str]) -> Object:
        is_global = self.chance(0.5)
        spec: dict[str, Any] = {"tier": self.pick(tiers), "selector": self.expr()}
        if self.chance(0.8):
            spec["order"] = self.pick((1, 5, 1000, 1001.5))
        if is_global and self.chance(0.3):
            spec["namespaceSelector"] = self.pick((self.expr(), "all()"))
        if self.chance(0.2):
            spec["serviceAccountSelector"] = self.simple()
        if self.chance(0.6):
            spec["types"] = self.pick((["Ingress"], ["Egress"], ["Ingress", "Egress"]))
        for way in ("ingress", "egress"):
            if self.chance(0.7):
                spec[way] = [self.calico_rule() for _ in range(self.random.randint(0, 3))]
        kind = "GlobalNetworkPolicy" if is_global else "NetworkPolicy"
        name = f"{self.pick('abc')}{index}"
        return calico(kind, name, "" if is_global else self.pick("xyz"), **spec)

    def calico_rule(self) -> Mapping[str, Any]:
        found: dict[str, Any] = {"action": self.pick(("Allow", "Allow", "Deny", "Pass", "Log"))}
        if self.chance(0.5):
            found["protocol"] = self.pick(PROTOCOLS)
        elif self.chance(0.2):
            found["notProtocol"] = self.pick(PROTOCOLS)
        if self.chance(0.1):
            found["ipVersion"] = self.pick((4, 6))
        for side in ("source", "destination"):
            if self.chance(0.6):
                found[side] = self.entity(ports=side == "destination" and "protocol" in found)
        return found

    def entity(self, *, ports: bool) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        if self.chance(0.5):
            found["selector"] = self.expr()
        if self.chance(0.15):
            found["notSelector"] = self.expr()
        if self.chance(0.25):
            found["namespaceSelector"] = self.pick((self.expr(), "all()", "global()"))
        if self.chance(0.2):
            found["nets"] = [self.v4() for _ in range(self.pick((1, 2)))]
        if self.chance(0.15):
            found["notNets"] = [self.v4()]
        if self.chance(0.1):
            found["serviceAccounts"] = self.pick(
                ({"names": ["default"]}, {"names": ["other"]}, {"selector": self.simple()})
            )
        if ports and self.chance(0.6):
            found["ports"] = [self.pick((*PORTS, "80:81", *NAMES)) for _ in range(2)]
        if ports and self.chance(0.2):
            found["notPorts"] = [self.pick((*PORTS, "80:81", *NAMES))]
        return found

    def v4(self) -> str:
        return self.pick(("10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", "192.168.0.1/32",
                          "0.0.0.0/0", "10.0.1.4/31"))  # fmt: skip

    def network_set(self, index: int) -> Object:
        nets = [self.v4() for _ in range(self.pick((1, 2)))]
        if self.chance(0.5):
            return calico("GlobalNetworkSet", f"s{index}", nets=nets, labels=self.labels())
        return calico("NetworkSet", f"s{index}", self.pick("xyz"), nets=nets, labels=self.labels())

    def expr(self) -> str:
        """A selector."""
        kind = self.random.randrange(6)
        if kind == 0:
            return "all()"
        if kind == 1:
            return f"{self.simple()} && {self.simple()}"
        if kind == 2:
            return f"({self.simple()} || {self.simple()}) && {self.simple()}"
        if kind == 3:
            return f"!({self.simple()})"
        return self.simple()

    def simple(self) -> str:
        key, value, other = self.pick(KEYS), self.pick(VALUES), self.pick(VALUES)
        return self.pick((
            f"{key} == '{value}'", f'{key} != "{value}"', f"has({key})", f"!has({key})",
            f"{key} in {{'{value}', '{other}'}}", f"{key} not in {{'{value}'}}",
            f"{key} contains '{value}'", f"{key} starts with '{value}'",
            f"{key} ends with '{value}'",
        ))  # fmt: skip
