"""Random policies, each as the API has it and as Felix gets it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tests.felix.people import SPACE_VALUES, VALUES, Chosen, People, Person, choose
from tests.felix.words import IpSet, Match, Policy, Rule

Object = dict[str, Any]
_NETS = ("10.244.1.0/26", "10.244.2.0/26", "10.244.0.0/16", "172.30.0.0/16", "0.0.0.0/0")
_PORTS = ("8080", "5353", "8081", "8000:8090", "53:5400", "9")
_NAMES = ("http", "dns", "alt")
_NUMBERS = {"tcp": "TCP", "udp": "UDP"}


class Written(Struct, frozen=True, kw_only=True):
    """A policy in both forms. `resource` is its list; `subjects` are the pods it applies to."""

    resource: str
    item: Object
    policy: Policy
    tier: str
    order: float
    subjects: tuple[Person, ...]


class Sets:
    """Sets of addresses by what is in them. `mark` keeps those of one round apart from others."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self.made: dict[str, IpSet] = {}

    def of_pods(self, pods: Iterable[Person]) -> str:
        """The set of pods' addresses."""
        return self._set("s", "hash:net", tuple(sorted({pod.ip for pod in pods})))

    def of_port(self, people: People, name: str, protocol: str) -> str:
        """The set of addresses with the number that each gives a port of this name."""
        members = {
            f"{pod.ip},{protocol}:{pod.ports[name][1]}"
            for pod in people.pods
            if name in pod.ports and pod.ports[name][0] == protocol
        }
        return self._set("n", "hash:ip,port", tuple(sorted(members)))

    def _set(self, prefix: str, kind: str, members: tuple[str, ...]) -> str:
        digest = hashlib.sha256(f"{self._mark}{kind}{members}".encode()).hexdigest()[:16]
        name = f"{prefix}:{digest}"
        self.made[name] = IpSet(name, kind, members)
        return name


class Draw:
    """Draws policies about some people."""

    def __init__(self, rng: random.Random, people: People, sets: Sets) -> None:
        self._rng, self._people, self._sets = rng, people, sets

    def kubernetes(self, number: int) -> Written:
        """A NetworkPolicy."""
        rng, space = self._rng, self._rng.choice(tuple(self._people.spaces))
        subject = choose(rng, VALUES)
        types = rng.choice((("Ingress",), ("Egress",), ("Ingress", "Egress"), ("Ingress",)))
        spec: Object = {"podSelector": subject.kubernetes(), "policyTypes": list(types)}
        rules: dict[str, list[Rule]] = {"ingress": [], "egress": []}
        for direction in (each.lower() for each in types):
            written = [self._kubernetes_rule(direction, space) for _ in range(rng.randrange(3))]
            spec[direction] = [item for item, _ in written]
            rules[direction] = [rule for _, found in written for rule in found]
        name = f"np{number}"
        return Written(
            resource="networkpolicies",
            item={"metadata": {"name": name, "namespace": space}, "spec": spec},
            policy=_policy(f"knp.default.{space}.{name}", types, rules),
            tier="default",
            order=1000,
            subjects=self._people.chosen(subject, None, space),
        )

    def _kubernetes_rule(self, direction: str, space: str) -> tuple[Object, list[Rule]]:
        rng, item = self._rng, {}
        side = "src" if direction == "ingress" else "dst"
        peers = [self._kubernetes_peer(side, space) for _ in range(rng.choice((0, 1, 1, 2)))]
        if peers:
            item["from" if direction == "ingress" else "to"] = [written for written, _ in peers]
        ports = [self._kubernetes_port() for _ in range(rng.choice((0, 0, 1, 2)))]
        if ports:
            item["ports"] = [written for written, _ in ports]
        matches = [match for _, match in peers] or [Match()]
        rules = [
            Rule("allow", _joined(match, port))
            for match in matches
            for port in [each for _, each in ports] or [Match()]
        ]
        return item, rules

    def _kubernetes_peer(self, side: str, space: str) -> tuple[Object, Match]:
        rng = self._rng
        if rng.random() < 0.3:
            net, inner = self._net()
            written: Object = {"ipBlock": {"cidr": net} | ({"except": [inner]} if inner else {})}
            fields: Object = {f"{side}_nets": (net,)}
            return written, Match(**fields | ({f"not_{side}_nets": (inner,)} if inner else {}))
        pods = choose(rng, VALUES) if rng.random() < 0.8 else None
        spaces = choose(rng, SPACE_VALUES) if pods is None or rng.random() < 0.5 else None
        written = {} if pods is None else {"podSelector": pods.kubernetes()}
        if spaces is not None:
            written["namespaceSelector"] = spaces.kubernetes()
        found = self._people.chosen(pods, spaces, space)
        return written, Match(**{f"{side}_sets": (self._sets.of_pods(found),)})

    def _kubernetes_port(self) -> tuple[Object, Match]:
        rng, protocol = self._rng, self._rng.choice(("tcp", "tcp", "udp"))
        written: Object = {"protocol": _NUMBERS[protocol]}
        kind = rng.random()
        if kind < 0.15:
            return written, Match(protocol=protocol)
        if kind < 0.35:
            name = rng.choice(_NAMES)
            named = self._sets.of_port(self._people, name, protocol)
            return written | {"port": name}, Match(protocol=protocol, dst_named=(named,))
        low, _, high = rng.choice(_PORTS).partition(":")
        written["port"] = int(low)
        if high:
            written["endPort"] = int(high)
        return written, Match(protocol=protocol, dst_ports=(f"{low}:{high}" if high else low,))

    def _net(self) -> tuple[str, str]:
        """A network, and often a part of it to leave out ("" for none)."""
        rng = self._rng
        net = rng.choice((*_NETS, f"{rng.choice(self._people.pods).ip}/32"))
        inside = [pod.ip for pod in self._people.pods if ip_address(pod.ip) in ip_network(net)]
        if net.endswith("/32") or not inside or rng.random() < 0.5:
            return net, ""
        return net, f"{rng.choice(inside)}/32"

    def calico(self, number: int, tiers: tuple[str, ...]) -> Written:
        """A NetworkPolicy or GlobalNetworkPolicy of Calico's."""
        rng = self._rng
        space = rng.choice((*self._people.spaces, "", ""))
        tier = rng.choice(tiers)
        subject = choose(rng, VALUES)
        types = rng.choice((("Ingress",), ("Egress",), ("Ingress", "Egress")))
        order = float(10 * rng.randrange(1, 80) + number % 10)
        name = f"{tier}.cnp{number}"
        spec: Object = {
            "tier": tier,
            "order": order,
            "selector": subject.calico(),
            "types": list(types),
        }
        rules: dict[str, list[Rule]] = {"ingress": [], "egress": []}
        for direction in (each.lower() for each in types):
            written = [self._calico_rule(space) for _ in range(rng.randrange(4))]
            spec[direction] = [item for item, _ in written]
            rules[direction] = [rule for _, rule in written]
        meta = {"name": name, "namespace": space} if space else {"name": name}
        group = "crd.projectcalico.org"
        return Written(
            resource=f"{'' if space else 'global'}networkpolicies.{group}",
            item={"metadata": meta, "spec": spec},
            policy=_policy(f"{space}/{name}", types, rules),
            tier=tier,
            order=order,
            subjects=self._people.chosen(subject, None, space),
        )

    def _calico_rule(self, space: str) -> tuple[Object, Rule]:
        rng = self._rng
        action = rng.choice(("Allow", "Allow", "Allow", "Deny", "Pass", "Log"))
        item: Object = {"action": action}
        match = Match()
        if rng.random() < 0.6:
            protocol = rng.choice(("tcp", "tcp", "udp"))
            negated = rng.random() < 0.15
            item["notProtocol" if negated else "protocol"] = _NUMBERS[protocol]
            match = Match(not_protocol=protocol) if negated else Match(protocol=protocol)
        for side, field in (("src", "source"), ("dst", "destination")):
            entity, part = self._entity(side, space, match.protocol)
            if entity:
                item[field] = entity
                match = _joined(match, part)
        return item, Rule(action.lower(), match)

    def _entity(self, side: str, space: str, protocol: str) -> tuple[Object, Match]:
        rng = self._rng
        item: Object = {}
        match: Object = {}
        if rng.random() < 0.4:
            pods, spaces = choose(rng, VALUES), None
            if rng.random() < 0.3:
                spaces = choose(rng, SPACE_VALUES)
                item["namespaceSelector"] = spaces.calico()
            item["selector"] = pods.calico()
            match[f"{side}_sets"] = (self._chosen(pods, spaces, space),)
        if rng.random() < 0.15:
            pods = choose(rng, VALUES)
            if pods.terms:
                item["notSelector"] = pods.calico()
                unlike = self._people.chosen(pods, None, "")
                match[f"not_{side}_sets"] = (self._sets.of_pods(unlike),)
                if space and f"{side}_sets" not in match:
                    # Any selector limits a rule of a namespaced policy to its namespace.
                    match[f"{side}_sets"] = (self._chosen(Chosen(), None, space),)
        if rng.random() < 0.3:
            nets = tuple(dict.fromkeys(self._net()[0] for _ in range(rng.choice((1, 2)))))
            item["nets"], match[f"{side}_nets"] = list(nets), nets
        if rng.random() < 0.2:
            nets = (f"{rng.choice(self._people.pods).ip}/32", "10.244.2.0/27")[: rng.choice((1, 2))]
            item["notNets"], match[f"not_{side}_nets"] = list(nets), nets
        if side == "dst" and protocol:
            self._ports(item, match, protocol)
        return item, Match(**match)

    def _chosen(self, pods: Chosen, spaces: Chosen | None, space: str) -> str:
        return self._sets.of_pods(self._people.chosen(pods, spaces, space))

    def _ports(self, item: Object, match: Object, protocol: str) -> None:
        rng = self._rng
        if rng.random() < 0.5:
            numbers = tuple(dict.fromkeys(rng.choice(_PORTS) for _ in range(rng.choice((1, 2)))))
            names = (rng.choice(_NAMES),) if rng.random() < 0.3 else ()
            item["ports"] = [*(_calico_port(each) for each in numbers), *names]
            match["dst_ports"] = numbers
            match["dst_named"] = tuple(
                self._sets.of_port(self._people, name, protocol) for name in names
            )
        elif rng.random() < 0.2:
            port = rng.choice(_PORTS)
            item["notPorts"], match["not_dst_ports"] = [_calico_port(port)], (port,)


def _calico_port(text: str) -> int | str:
    return text if ":" in text else int(text)


def _policy(name: str, types: Iterable[str], rules: dict[str, list[Rule]]) -> Policy:
    return Policy(
        name=name,
        types=tuple(each.lower() for each in types),
        ingress=tuple(rules["ingress"]),
        egress=tuple(rules["egress"]),
    )


def _joined(one: Match, other: Match) -> Match:
    """Both conditions."""
    fields = {
        name: getattr(other, name) for name in Match.__struct_fields__ if getattr(other, name)
    }
    return replace(one, **fields)
