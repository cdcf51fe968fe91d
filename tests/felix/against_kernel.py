"""Random policies on the real kernel: what is declared, what a connection finds, what skoop walks.

`python -m tests.felix.against_kernel --cases 1000`. A case is a set of random policies and one
question. With `--broken` one rule, chain or member of a set is left out of what is programmed, or a
rule added, and where that changes a connection's fate skoop must say so first.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from skoop.cluster.inventory import from_documents
from skoop.model.address import parse_ip
from skoop.model.packet import Proto
from skoop.model.request import Request
from skoop.network.base import Context
from skoop.network.build import read
from skoop.network.generic import generic_network
from skoop.network.session import Session
from skoop.policy import Engine, Flow, Parties, Traffic, compile_policies, evaluate
from skoop.snapshot import load
from tests.felix.breaking import Written as Writing
from tests.felix.breaking import broken
from tests.felix.nft import nft_text
from tests.felix.people import People, Person
from tests.felix.policies import Draw, Sets, Written
from tests.felix.tables import filter_text, sets_text
from tests.felix.words import Endpoint, Node, Policy, Rule, Tier, veth
from tests.lab import commands
from tests.lab.build import build
from tests.lab.capture import capture
from tests.lab.lab import Lab
from tests.lab.probe import Shot, shoot
from tests.lab.serve import Servers
from tests.lab.topology import CLUSTER_CIDR, Calico, Cluster, Listener, Pod
from tests.lab.topology import Node as LabNode

PATIENT = 1.3
SPACES = {"x": {"team": "red"}, "y": {"team": "blue"}}
LISTENERS = (Listener("tcp", 8080), Listener("tcp", 8081), Listener("udp", 5353))
PORTS = {"http": ("tcp", 8080), "alt": ("tcp", 8081), "dns": ("udp", 5353)}
WANTED = {"allowed": "ok", "denied": "timeout"}
NAMES = ("declared-but-not-programmed", "programmed-but-not-declared")
_TIERS = {"security": (100.0, "Deny"), "soft": (200.0, "Pass"), "default": (1_000_000.0, "Deny")}
_ROUNDS_A_LAB = 20


class Asked(Struct, frozen=True):
    """One question and the three answers; `first` is skoop's first suspicion."""

    question: str
    declared: str
    real: str
    walked: str
    first: str


class Round(Struct, frozen=True, kw_only=True):
    """Random policies, and what each node is given for them."""

    policies: tuple[Written, ...]
    nodes: dict[str, Node]


def cluster(rng: random.Random) -> Cluster:
    """Two nodes with three pods each, in two namespaces."""
    nodes = tuple(LabNode(name=f"k{i}", index=i) for i in (1, 2))
    pods = tuple(
        Pod(
            name=f"p{n}",
            node=nodes[n % 2].name,
            ip=f"10.244.{nodes[n % 2].index}.{10 + n}",
            namespace=rng.choice(tuple(SPACES)),
            listeners=LISTENERS,
        )
        for n in range(6)
    )
    tunnel = rng.choice(("", "vxlan"))
    return Cluster(
        nodes=nodes,
        pods=pods,
        iptables=rng.choice(("legacy", "nft")),
        calico=Calico(tunnel, cross=False, nft=rng.random() < 0.35),
    )


def people_of(found: Cluster, rng: random.Random) -> People:
    """Labels and port names for the pods. A name may mean another port in another pod."""
    people = []
    for pod in found.pods:
        labels = {"app": rng.choice("abc")}
        if rng.random() < 0.6:
            labels["tier"] = rng.choice(("web", "db"))
        ports = {name: PORTS[name] for name in PORTS if rng.random() < 0.8}
        if "alt" in ports and rng.random() < 0.3:
            ports["http"], ports["alt"] = PORTS["alt"], PORTS["http"]
        people.append(
            Person(
                namespace=pod.namespace,
                name=pod.name,
                node=pod.node,
                ip=pod.ip,
                labels=labels,
                ports=ports,
            )
        )
    return People(tuple(people), SPACES)


def draw(rng: random.Random, people: People, mark: str) -> Round:
    """Random policies about some people."""
    sets = Sets(mark)
    drawing = Draw(rng, people, sets)
    found = [drawing.kubernetes(n) for n in range(rng.choice((0, 1, 2, 3)))]
    found += [drawing.calico(n, tuple(_TIERS)) for n in range(rng.choice((0, 1, 2, 3)))]
    allow = (Rule("allow"),)
    profiles = tuple(Policy(name=f"kns.{s}", ingress=allow, egress=allow) for s in SPACES)
    nodes = {
        name: Node(
            endpoints=tuple(
                Endpoint(
                    interface=veth(pod.namespace, pod.name),
                    tiers=tuple(_tiers(found, pod)),
                    profiles=(f"kns.{pod.namespace}",),
                )
                for pod in people.pods
                if pod.node == name
            ),
            policies=tuple(each.policy for each in found),
            profiles=profiles,
            sets=tuple(sets.made.values()),
            to_host="ACCEPT",
        )
        for name in sorted({pod.node for pod in people.pods})
    }
    return Round(policies=tuple(found), nodes=nodes)


def _tiers(found: list[Written], pod: Person) -> Iterator[Tier]:
    for name, (_, default) in sorted(_TIERS.items(), key=lambda each: each[1][0]):
        chosen = sorted(
            (each for each in found if each.tier == name and pod in each.subjects),
            key=lambda each: (each.order, each.policy.name),
        )
        if chosen:
            yield Tier(name, tuple(each.policy.name for each in chosen), default.lower())


def written(lab: Lab, node: Node) -> Writing:
    """What Felix puts on a node of this cluster."""
    if lab.cluster.calico is not None and lab.cluster.calico.nft:
        pooled = replace(node, pools=(CLUSTER_CIDR,), masqueraded=(CLUSTER_CIDR,))
        return Writing(nft_text(pooled), "", nft=True)
    return Writing(filter_text(node), sets_text(node), nft=False)


def program(lab: Lab, node: str, found: Writing) -> None:
    """Put Felix' rules and sets on a node. Old sets of ipset stay."""
    namespace = lab.node(node)
    if found.nft:
        commands.nft(namespace, found.rules)
        return
    commands.run(namespace, ("ipset", "restore", "-exist"), text=found.sets)
    restore = f"iptables-{lab.cluster.iptables}-restore"
    commands.run(namespace, (restore, "--noflush", "-w", "5"), text=found.rules)


def write_objects(folder: Path, played: Round, people: People) -> None:
    """The API's side of a round, over the lab's own lists."""
    group = "crd.projectcalico.org"
    lists: dict[str, list[Any]] = {
        "networkpolicies": [],
        f"networkpolicies.{group}": [],
        f"globalnetworkpolicies.{group}": [],
        f"tiers.{group}": [
            {"metadata": {"name": name}, "spec": {"order": order, "defaultAction": default}}
            for name, (order, default) in _TIERS.items()
        ],
    }
    for each in played.policies:
        lists[each.resource].append(each.item)
    for name, items in lists.items():
        _write(folder, name, items)
    spaces = _read(folder, "namespaces")
    for space in spaces:
        space["metadata"]["labels"] |= SPACES.get(space["metadata"]["name"], {})
    _write(folder, "namespaces", spaces)
    pods = _read(folder, "pods")
    by_name = {(pod.namespace, pod.name): pod for pod in people.pods}
    for pod in pods:
        person = by_name[pod["metadata"]["namespace"], pod["metadata"]["name"]]
        pod["metadata"]["labels"] = dict(person.labels)
        pod["spec"]["containers"][0]["ports"] = [
            {"name": name, "containerPort": number, "protocol": protocol.upper()}
            for name, (protocol, number) in person.ports.items()
        ]
    _write(folder, "pods", pods)


def _read(folder: Path, name: str) -> list[Any]:
    items: list[Any] = json.loads((folder / "cluster" / f"{name}.json").read_bytes())["items"]
    return items


def _write(folder: Path, name: str, items: list[Any]) -> None:
    text = json.dumps({"kind": "List", "apiVersion": "v1", "items": items})
    (folder / "cluster" / f"{name}.json").write_text(text)


def questions(rng: random.Random, found: Cluster, count: int) -> list[tuple[str, str, int, str]]:
    """Source, destination, port and protocol: mostly from pod to pod."""
    asked: dict[tuple[str, str, int, str], None] = {}
    while len(asked) < count:
        listener = rng.choice(LISTENERS)
        src, dst = rng.choice(found.pods).id, rng.choice(found.pods).id
        if rng.random() < 0.12:
            src = rng.choice(found.nodes).id
        if rng.random() < 0.06:
            asked[src, rng.choice(found.nodes).id, 10250, "tcp"] = None
        elif src != dst:
            asked[src, dst, listener.port, listener.protocol] = None
    return list(asked)


def ask(
    lab: Lab, folder: Path, asked: list[tuple[str, str, int, str]], *, only_changed: bool
) -> list[Asked]:
    """All three answers to every question, or to those whose answer is not the declared one."""
    snapshot = load(folder)
    inventory = from_documents(snapshot.cluster)
    session = Session.open(snapshot)
    policies, parties = compile_policies(inventory, Engine.CALICO), Parties(inventory)
    shots = [_shot(lab, *each) for each in asked]
    hits = shoot(shots)
    found = []
    for (src, dst, port, protocol), shot, hit in zip(asked, shots, hits, strict=True):
        flow = Flow(
            parties.of_address(parse_ip(_source(lab, src, dst))),
            parties.of_address(parse_ip(_ip(lab, dst))),
            Traffic(int(Proto[protocol.upper()]), port),
        )
        declared = evaluate(policies, flow).outcome.value
        if only_changed and hit.result == WANTED[declared]:
            continue
        answer = session.diagnose(Request(src=src, dst=dst, port=port, protocol=protocol))
        walked = "+".join(sorted({each.result.value for each in answer.outcomes}))
        real = hit.result
        if (real, walked) not in (("ok", "ok"), ("timeout", "timeout")):
            real = shoot([shot], timeout=PATIENT)[0].result
        first = answer.suspicions[0].name if answer.suspicions else ""
        found.append(Asked(f"{src} -> {dst} {protocol}/{port}", declared, real, walked, first))
    return found


def audited(folder: Path) -> list[str]:
    """What skoop says of the policies on the nodes without being asked about a connection."""
    network = generic_network(Context(collected=read(load(folder))))
    return [
        each.suspicion.message
        for node in network.cluster.machines
        for each in network.cluster.expected.on(node)
        if each.suspicion.name in NAMES
    ]


def _ip(lab: Lab, endpoint: str) -> str:
    kind, _, name = endpoint.partition("/")
    if kind == "pod":
        return lab.cluster.pod(name.partition("/")[2]).ip
    return lab.cluster.node(name).ip


def _source(lab: Lab, src: str, dst: str) -> str:
    """The address that policies see: a node sends into a tunnel from the tunnel's address."""
    kind, _, name = src.partition("/")
    tunnel = lab.cluster.calico is not None and lab.cluster.calico.tunnel
    if kind == "pod" or not tunnel or not dst.startswith("pod/"):
        return _ip(lab, src)
    remote = lab.cluster.pod(dst.rpartition("/")[2]).node != name
    return lab.cluster.node(name).vtep if remote else _ip(lab, src)


def _shot(lab: Lab, src: str, dst: str, port: int, protocol: str) -> Shot:
    kind, _, name = src.partition("/")
    namespace = lab.pod(name.partition("/")[2]) if kind == "pod" else lab.node(name)
    return Shot(namespace=namespace, address=_ip(lab, dst), port=port, protocol=protocol)


def agrees(asked: Asked) -> bool:
    """Whether all three are of one mind."""
    return asked.real == asked.walked == WANTED.get(asked.declared)


class Count(Struct):
    """What was counted."""

    cases: Counter[str] = msgspec.field(default_factory=Counter)
    wrong: list[str] = msgspec.field(default_factory=list)


def play(seed: int, cases: int, *, with_broken: bool, count: Count) -> None:
    """Rounds until so many cases were asked."""
    rng = random.Random(seed)
    number = 0
    while count.cases["asked"] < cases:
        found = cluster(rng)
        people = people_of(found, rng)
        with build(found) as lab, Servers(lab):
            for _ in range(_ROUNDS_A_LAB):
                if count.cases["asked"] >= cases:
                    return
                number += 1
                played = draw(rng, people, f"{seed}-{number}")
                play_round(rng, lab, people, played, with_broken=with_broken, count=count)


def play_round(
    rng: random.Random, lab: Lab, people: People, played: Round, *, with_broken: bool, count: Count
) -> None:
    """Ten questions of one set of policies, and sixty of the same with something amiss."""
    for name, node in played.nodes.items():
        program(lab, name, written(lab, node))
    asked = questions(rng, lab.cluster, 10)
    found, said = _asked(lab, people, played, asked)
    count.wrong += [f"without reason: {text} with {_names(played)}" for text in said]
    for each in found:
        count.cases["asked"] += 1
        count.cases[each.declared] += 1
        if not agrees(each):
            count.wrong.append(f"{each} with {_names(played)}")
    if with_broken and played.policies:
        name = rng.choice(tuple(played.nodes))
        gone, rest = broken(rng, written(lab, played.nodes[name]))
        program(lab, name, rest)
        many = questions(rng, lab.cluster, 60)
        found, said = _asked(lab, people, played, many, only_changed=True)
        for each in found:
            _judge(each, f"{gone} on {name}", count)
        count.cases["rounds with something left out that shows"] += bool(found)
        count.cases["of which the node's audit says so too"] += bool(found and said)


def _judge(each: Asked, gone: str, count: Count) -> None:
    if each.real != each.walked:
        count.wrong.append(f"{each} without {gone}")
    elif each.real != WANTED[each.declared]:
        count.cases["changed by what was left out"] += 1
        count.cases[f"blamed: {each.first}"] += 1
        if each.first not in NAMES:
            count.wrong.append(f"{each} blamed wrongly, without {gone}")


def _asked(
    lab: Lab,
    people: People,
    played: Round,
    asked: list[tuple[str, str, int, str]],
    *,
    only_changed: bool = False,
) -> tuple[list[Asked], list[str]]:
    with TemporaryDirectory(prefix="skoop-felix-") as name:
        folder = Path(name) / "snapshot"
        capture(lab, folder)
        write_objects(folder, played, people)
        return ask(lab, folder, asked, only_changed=only_changed), audited(folder)


def _names(played: Round) -> str:
    return json.dumps([each.item for each in played.policies])


def main() -> int:
    """Run and report; the exit code is 1 when something disagreed."""
    parser = argparse.ArgumentParser(prog="tests.felix.against_kernel", description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--broken", action="store_true")
    given = parser.parse_args()
    count = Count()
    play(given.seed, given.cases, with_broken=given.broken, count=count)
    for name, number in sorted(count.cases.items()):
        print(f"{number:6} {name}")
    for text in count.wrong:
        print(f"WRONG {text}")
    print(f"{len(count.wrong)} disagreements")
    return 1 if count.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
