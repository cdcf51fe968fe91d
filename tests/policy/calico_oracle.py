"""Calico's documentation as the plainest program: raw objects, one pair at a time.

Written from docs.tigera.io (Network policy, Global network policy, Tiers, Network sets, Host
endpoint) without anything of skoop's. Selectors are turned into Python and evaluated.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.policy.oracle import Oracle

Object = Mapping[str, Any]
Labels = Mapping[str, str]
NUMBERS = {"TCP": 6, "UDP": 17, "SCTP": 132}
LAST = float("inf")
FAILSAFE_IN = {("TCP", p) for p in (22, 179, 2379, 2380, 5473, 6443, 6666, 6667)} | {("UDP", 68)}
FAILSAFE_OUT = {("TCP", p) for p in (179, 2379, 2380, 5473, 6443, 6666, 6667)}
FAILSAFE_OUT |= {("UDP", p) for p in (53, 67)}


def matches(selector: str, labels: Labels) -> bool:
    """Evaluate a selector by rewriting it in Python."""
    if not selector.strip():
        return True
    names = "L"
    text = selector
    literals: list[str] = []

    def keep(match: re.Match[str]) -> str:
        literals.append(match[1] if match[1] is not None else match[2])
        return f"\0{len(literals) - 1}\0"

    text = re.sub(r"\"([^\"]*)\"|'([^']*)'", keep, text)
    text = re.sub(r"all\(\)", "True", text)
    text = re.sub(r"global\(\)", f"('projectcalico.org/namespace' not in {names})", text)
    text = re.sub(r"has\(([\w./-]+)\)", rf"('\1' in {names})", text)
    word, lit = r"([\w./-]+)", "(\0\\d+\0)"
    text = re.sub(rf"{word}\s*==\s*{lit}", r"(L.get('\1') == \2)", text)
    text = re.sub(rf"{word}\s*!=\s*{lit}", r"(L.get('\1') != \2)", text)
    text = re.sub(rf"{word}\s+starts\s+with\s+{lit}", r"(L.get('\1', '\\n').startswith(\2))", text)
    text = re.sub(rf"{word}\s+ends\s+with\s+{lit}", r"(L.get('\1', '\\n').endswith(\2))", text)
    text = re.sub(rf"{word}\s+contains\s+{lit}", r"(\2 in L.get('\1', '\\n'))", text)
    text = re.sub(rf"{word}\s+not\s+in\s+\{{([^}}]*)\}}", r"(L.get('\1') not in [\2])", text)
    text = re.sub(rf"{word}\s+in\s+\{{([^}}]*)\}}", r"(L.get('\1') in [\2])", text)
    text = text.replace("||", " or ").replace("&&", " and ")
    text = re.sub(r"!(?!=)", " not ", text)
    text = re.sub("\0(\\d+)\0", lambda match: repr(literals[int(match[1])]), text)
    return bool(eval(text, {"__builtins__": {}}, {"L": labels}))


class CalicoOracle:
    """Answers for one list of objects."""

    def __init__(self, objects: Sequence[Object]) -> None:
        def kind(name: str, group: str = "") -> list[Object]:
            return [
                o for o in objects
                if o["kind"] == name and (not group or group in o.get("apiVersion", ""))
            ]  # fmt: skip

        self.kubernetes = Oracle(
            [o for o in objects if "projectcalico" not in o.get("apiVersion", "")]
        )
        self.own = kind("NetworkPolicy", "projectcalico") + kind("GlobalNetworkPolicy")
        self.knp = kind("NetworkPolicy", "networking.k8s.io")
        self.tiers = {o["metadata"]["name"]: o["spec"] for o in kind("Tier")}
        self.tiers.setdefault("default", {"order": 1_000_000})
        self.sets = kind("NetworkSet") + kind("GlobalNetworkSet")
        self.hosts = kind("HostEndpoint")
        self.accounts = {
            (o["metadata"]["namespace"], o["metadata"]["name"]): o["metadata"].get("labels", {})
            for o in kind("ServiceAccount")
        }
        self.spaces = {o["metadata"]["name"]: o["metadata"]["labels"] for o in kind("Namespace")}

    def allowed(self, source: Object, destination: Object, protocol: str, port: int) -> bool:
        """Whether both ends let it pass."""
        if source is destination:
            return True
        packet = (source, destination, protocol, port)
        hosts = [bool(o["spec"].get("hostNetwork")) for o in (source, destination)]
        own = source["spec"]["nodeName"] == destination["spec"]["nodeName"]
        if all(hosts) and own:
            return True
        leaves = self.end("egress", source, packet)
        enters = (hosts[0] and not hosts[1] and own) or self.end("ingress", destination, packet)
        return leaves and enters

    def end(self, way: str, subject: Object, packet: tuple[Any, ...]) -> bool:
        on_host = bool(subject["spec"].get("hostNetwork"))
        endpoints = self.endpoints_of(subject) if on_host else []
        if on_host and not endpoints:
            return True
        if on_host:
            safe = FAILSAFE_IN if way == "ingress" else FAILSAFE_OUT
            if (packet[2], packet[3]) in safe:
                return True
        mine = (
            [e["metadata"].get("labels", {}) for e in endpoints]
            if on_host
            else [self.workload(subject)]
        )
        for name in sorted(self.tiers, key=lambda n: (self.tiers[n].get("order", LAST), n)):
            verdict = self.tier(name, way, subject, mine, packet, on_host)
            if verdict in ("Allow", "Deny"):
                return verdict == "Allow"
        if not on_host:
            return True
        profiles = [p for e in endpoints for p in e["spec"].get("profiles", [])]
        return "projectcalico-default-allow" in profiles

    def tier(
        self,
        name: str,
        way: str,
        subject: Object,
        mine: list[Labels],
        packet: tuple[Any, ...],
        on_host: bool,
    ) -> str:
        candidates: list[tuple[float, str, Object]] = []
        for policy in self.own:
            spec, meta = policy["spec"], policy["metadata"]
            if spec.get("tier", "default") == name and self.has_type(spec, way):
                key = f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else meta["name"]
                candidates.append((spec.get("order", LAST), key, policy))
        if name == "default":
            for policy in self.knp:
                meta = policy["metadata"]
                key = f"{meta['namespace']}/knp.default.{meta['name']}"
                candidates.append((1000.0, key, policy))
        applied = False
        for _, _, policy in sorted(candidates, key=lambda c: c[:2]):
            if "projectcalico" not in policy["apiVersion"]:
                if on_host or not self.kubernetes.isolates(policy, way, subject):
                    continue
                applied = True
                peer = packet[0] if way == "ingress" else packet[1]
                for rule in policy["spec"].get(way) or []:
                    if self.kubernetes.rule_allows(policy, rule, way, peer, packet[1], *packet[2:]):
                        return "Allow"
                continue
            if not self.selects(policy, mine):
                continue
            applied = True
            for rule in policy["spec"].get(way, []):
                if self.rule(rule, policy["metadata"].get("namespace", ""), packet):
                    if rule["action"] == "Log":
                        continue
                    return rule["action"]
        if applied and self.tiers[name].get("defaultAction", "Deny") == "Deny":
            return "Deny"
        return "Pass"

    @staticmethod
    def has_type(spec: Object, way: str) -> bool:
        if spec.get("types"):
            return way.capitalize() in spec["types"]
        if way == "egress":
            return bool(spec.get("egress"))
        return bool(spec.get("ingress")) or not spec.get("egress")

    def selects(self, policy: Object, mine: list[Labels]) -> bool:
        spec, space = policy["spec"], policy["metadata"].get("namespace", "")

        def one(labels: Labels, test: str, prefix: str = "") -> bool:
            if prefix:
                if "all()" in test:
                    return "projectcalico.org/namespace" in labels
                labels = {k[len(prefix) :]: v for k, v in labels.items() if k.startswith(prefix)}
            return matches(test, labels)

        return (
            any(one(labels, spec.get("selector", "")) for labels in mine)
            and (
                not space or any(each.get("projectcalico.org/namespace") == space for each in mine)
            )
            and (
                bool(space)
                or not spec.get("namespaceSelector")
                or any(one(labels, spec["namespaceSelector"], "pcns.") for labels in mine)
            )
            and (
                not spec.get("serviceAccountSelector")
                or any(one(labels, spec["serviceAccountSelector"], "pcsa.") for labels in mine)
            )
        )

    def rule(self, rule: Object, space: str, packet: tuple[Any, ...]) -> bool:
        source, destination, protocol, _ = packet
        if rule.get("protocol") and rule["protocol"] != protocol:
            return False
        if rule.get("notProtocol") and rule["notProtocol"] == protocol:
            return False
        if rule.get("ipVersion", 4) != 4:
            return False
        there = rule.get("destination", {})
        named = rule.get("protocol")
        if there.get("ports") and not self.any_port(there["ports"], destination, packet, named):
            return False
        if there.get("notPorts") and self.any_port(there["notPorts"], destination, packet, named):
            return False
        return self.entity(rule.get("source", {}), source, space) and self.entity(
            there, destination, space
        )

    @staticmethod
    def any_port(
        ports: Sequence[Any], destination: Object, packet: tuple[Any, ...], protocol: str | None
    ) -> bool:
        for wanted in ports:
            text = str(wanted)
            if ":" in text or text.isdigit():
                low, _, high = text.partition(":")
                if int(low) <= packet[3] <= int(high or low):
                    return True
            elif Oracle.named(destination, text, packet[2], packet[3]):
                return True
        return False

    def entity(self, entity: Object, who: Object, space: str) -> bool:
        address = ipaddress.ip_address(who["status"]["podIPs"][0]["ip"])
        nets = entity.get("nets")
        if nets and not any(address in ipaddress.ip_network(n) for n in nets):
            return False
        if any(address in ipaddress.ip_network(n) for n in entity.get("notNets", [])):
            return False
        found = self.identities(who)
        if entity.get("notSelector") and any(
            matches(entity["notSelector"], each) for each in found
        ):
            return False
        selector, spaces = entity.get("selector", ""), entity.get("namespaceSelector", "")
        names = entity.get("serviceAccounts", {}).get("names", [])
        accounts = entity.get("serviceAccounts", {}).get("selector", "")
        if not (selector or spaces or names or accounts or (space and entity.get("notSelector"))):
            return True
        return any(self.chosen(each, selector, spaces, names, accounts, space) for each in found)

    @staticmethod
    def chosen(
        labels: Labels, selector: str, spaces: str, names: Sequence[str], accounts: str, space: str
    ) -> bool:
        namespace = labels.get("projectcalico.org/namespace")
        if spaces:
            if spaces == "global()":
                if namespace is not None:
                    return False
            elif spaces == "all()":
                if namespace is None:
                    return False
            else:
                own = {k[5:]: v for k, v in labels.items() if k.startswith("pcns.")}
                if not matches(spaces, own):
                    return False
        elif space and namespace != space:
            return False
        if names and labels.get("projectcalico.org/serviceaccount") not in names:
            return False
        if accounts:
            own = {k[5:]: v for k, v in labels.items() if k.startswith("pcsa.")}
            if not matches(accounts, own):
                return False
        return matches(selector, labels)

    def identities(self, who: Object) -> list[Labels]:
        if who["spec"].get("hostNetwork"):
            own = [e["metadata"].get("labels", {}) for e in self.endpoints_of(who)]
        else:
            own = [self.workload(who)]
        return [*own, *self.sets_of(who)]

    def workload(self, pod: Object) -> Labels:
        meta = pod["metadata"]
        space, account = meta["namespace"], pod["spec"]["serviceAccountName"]
        found = dict(meta["labels"])
        found["projectcalico.org/namespace"] = space
        found["projectcalico.org/orchestrator"] = "k8s"
        found["projectcalico.org/serviceaccount"] = account
        found["pcns.projectcalico.org/name"] = space
        found["pcsa.projectcalico.org/name"] = account
        found |= {f"pcns.{k}": v for k, v in self.spaces[space].items()}
        found |= {f"pcsa.{k}": v for k, v in self.accounts.get((space, account), {}).items()}
        return found

    def sets_of(self, who: Object) -> list[Labels]:
        address = ipaddress.ip_address(who["status"]["podIPs"][0]["ip"])
        found: list[Labels] = []
        for each in self.sets:
            if not any(address in ipaddress.ip_network(n) for n in each["spec"]["nets"]):
                continue
            labels = dict(each["metadata"].get("labels", {}))
            space = each["metadata"].get("namespace")
            if space:
                labels["projectcalico.org/namespace"] = space
                labels["pcns.projectcalico.org/name"] = space
                labels |= {f"pcns.{k}": v for k, v in self.spaces[space].items()}
            found.append(labels)
        return found

    def endpoints_of(self, who: Object) -> list[Object]:
        return [e for e in self.hosts if e["spec"]["node"] == who["spec"]["nodeName"]]
