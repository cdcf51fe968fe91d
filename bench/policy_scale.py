"""All pairs of a large cluster under many policies, and one explanation.

    python bench/policy_scale.py [--analyzer PYTHON]

Two clusters: 2,000 pods under 500 NetworkPolicies, and 10,000 pods under 1,000. Every ordered pair
is judged for all traffic; a sample of pairs is judged again one by one, and must agree. PYTHON is
an interpreter that has network-config-analyzer (PyPI, 2.1.0): it judges the same policies from the
same files in the same run. Times are of the processor, memory is the highest of the process.
Fails above 1 s, 5 s and 1 GB, or when one explanation takes more than 5 ms, or on a difference.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from skoop.cluster.inventory import from_documents
from skoop.cluster.manifests import list_documents
from skoop.model.kube import Inventory
from skoop.policy import Flow, Parties, Traffic, compile_policies, evaluate
from skoop.policy.pairs import Space, connectivity

Object = Mapping[str, Any]
SIZES = ((2_000, 500, 1.0), (10_000, 1_000, 5.0))
MEMORY_MB = 1024.0
EXPLAIN_SECONDS = 0.005
SAMPLE = 3_000
PORTS = (80, 443, 8080, 8443, 9090, 5432, 6379, 53)
TIERS = ("web", "api", "worker", "db", "cache")


def cluster(pods: int, policies: int, seed: int = 7) -> list[Object]:
    """Namespaces of twenty applications of five tiers each, in several versions."""
    dice = random.Random(seed)
    spaces = max(10, pods // 100)
    found: list[Object] = [_namespace(i) for i in range(spaces)]
    found += [_pod(i, spaces, dice) for i in range(pods)]
    found += [_policy(i, spaces, dice) for i in range(policies)]
    return found


def _namespace(index: int) -> Object:
    name = f"team-{index}"
    labels = {
        "kubernetes.io/metadata.name": name,
        "stage": ("dev", "test", "prod")[index % 3],
        "unit": f"u{index % 7}",
    }
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": labels},
    }


def _pod(index: int, spaces: int, dice: random.Random) -> Object:
    tier = dice.choice(TIERS)
    labels = {
        "app": f"app-{dice.randrange(20)}",
        "tier": tier,
        "version": f"v{dice.randrange(3)}",
        "pod-template-hash": f"{dice.randrange(16**6):06x}",
    }
    ports = [{"name": "serve", "containerPort": dice.choice(PORTS), "protocol": "TCP"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": f"team-{index % spaces}", "name": f"p{index}", "labels": labels},
        "spec": {
            "nodeName": f"n{index % 100}",
            "containers": [{"name": "c", "image": "i", "ports": ports}],
        },
        "status": {
            "phase": "Running",
            "hostIP": f"192.168.1.{index % 100 + 1}",
            "podIP": f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}",
            "podIPs": [{"ip": f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}"}],
        },
    }


def _policy(index: int, spaces: int, dice: random.Random) -> Object:
    spec: dict[str, Any] = {
        "podSelector": _selector(dice) if dice.random() < 0.8 else {},
        "policyTypes": dice.choice((["Ingress"], ["Ingress"], ["Egress"], ["Ingress", "Egress"])),
    }
    for way, word in (("Ingress", "from"), ("Egress", "to")):
        if way in spec["policyTypes"]:
            spec[way.lower()] = [_rule(word, dice) for _ in range(dice.randint(1, 3))]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"namespace": f"team-{dice.randrange(spaces)}", "name": f"np-{index}"},
        "spec": spec,
    }


def _selector(dice: random.Random) -> Mapping[str, Any]:
    kind = dice.randrange(3)
    if kind == 0:
        return {"matchLabels": {"app": f"app-{dice.randrange(20)}"}}
    if kind == 1:
        return {"matchLabels": {"tier": dice.choice(TIERS)}}
    values = sorted({dice.choice(TIERS), dice.choice(TIERS)})
    operator = dice.choice(("In", "NotIn"))
    return {"matchExpressions": [{"key": "tier", "operator": operator, "values": values}]}


def _rule(word: str, dice: random.Random) -> Mapping[str, Any]:
    peers: list[Mapping[str, Any]] = []
    for _ in range(dice.randint(1, 3)):
        kind = dice.randrange(4)
        if kind == 0:
            peers.append({"podSelector": _selector(dice)})
        elif kind == 1:
            stage = {"matchLabels": {"stage": dice.choice(("dev", "test", "prod"))}}
            peers.append({"namespaceSelector": stage, "podSelector": _selector(dice)})
        elif kind == 2:
            unit = {"matchLabels": {"unit": f"u{dice.randrange(7)}"}}
            peers.append({"namespaceSelector": unit})
        else:
            block = {"cidr": f"10.0.{dice.randrange(40)}.0/24"}
            peers.append({"ipBlock": block})
    ports: list[Mapping[str, Any]] = [
        {"protocol": dice.choice(("TCP", "TCP", "UDP")), "port": dice.choice(PORTS)}
        for _ in range(dice.randint(1, 3))
    ]
    if dice.random() < 0.15:
        ports.append({"protocol": "TCP", "port": 8000, "endPort": 8100})
    return {word: peers, "ports": ports}


def measure(pods: int, policies: int, limit: float) -> bool:
    """Judge all pairs of one cluster; whether it was fast enough and right."""
    inventory = from_documents(list_documents(cluster(pods, policies)))
    start = time.process_time()
    compiled = compile_policies(inventory)
    parties = Parties(inventory)
    ends = [parties.of_pod(pod) for pod in inventory.pods]
    space = Space.of(ends, [compiled])
    found = connectivity(space, compiled)
    seconds = time.process_time() - start
    allowed = found.allowed_pairs(space.atoms.index_of(6, 80))
    dice = random.Random(1)
    wrong = 0
    for _ in range(SAMPLE):
        traffic = Traffic(dice.choice((6, 6, 17)), dice.choice((*PORTS, 8050, 22)))
        flow = Flow(dice.choice(ends), dice.choice(ends), traffic)
        wrong += found.outcome(flow) is not evaluate(compiled, flow).outcome
    each = explanation(inventory)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{pods} pods, {policies} policies: {seconds:.2f} s (limit {limit}), "
        f"{len(space.classes)} classes, {len(space.atoms.all)} kinds of traffic, "
        f"{allowed} of {pods * (pods - 1)} pairs by TCP 80, {memory:.0f} MB, "
        f"{wrong} of {SAMPLE} differ, an explanation {each * 1000:.2f} ms"
    )
    return seconds < limit and not wrong and memory < MEMORY_MB and each < EXPLAIN_SECONDS


def explanation(inventory: Inventory) -> float:
    """Seconds for one verdict with its reasons, when the policies have been read."""
    compiled, parties, dice = compile_policies(inventory), Parties(inventory), random.Random(2)
    pairs = [(dice.choice(inventory.pods), dice.choice(inventory.pods)) for _ in range(200)]
    start = time.process_time()
    for source, destination in pairs:
        flow = Flow(parties.of_pod(source), parties.of_pod(destination), Traffic(6, 80))
        evaluate(compiled, flow)
    return (time.process_time() - start) / len(pairs)


def analyzer(python: str, pods: int, policies: int, limit: float) -> None:
    """The time network-config-analyzer takes for the same objects, from files."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        kinds: dict[str, list[Object]] = {}
        for each in cluster(pods, policies):
            kinds.setdefault(each["kind"], []).append(each)
        for kind, items in kinds.items():
            text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
            (path / f"{kind.lower()}.json").write_text(text)
        command = [
            python, "-m", "nca", "--connectivity", str(path / "networkpolicy.json"),
            "--ns_list", str(path / "namespace.json"), "--pod_list", str(path / "pod.json"),
            "--file_out", str(path / "out.txt"),
        ]  # fmt: skip
        print(f"network-config-analyzer, {pods} pods, {policies} policies: {spent(command, limit)}")
        size = (path / "out.txt").stat().st_size if (path / "out.txt").exists() else 0
        print(f"  wrote {size} bytes")
        skoop = [sys.executable, __file__, "--files", folder]
        print(f"skoop, the same files and a process of its own: {spent(skoop, limit)}")


def spent(command: list[str], limit: float) -> str:
    """The processor time of a program, and how it ended."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run(command, timeout=limit, capture_output=True, check=False)
        ended = f"exit code {done.returncode}"
    except subprocess.TimeoutExpired:
        ended = f"stopped after {limit:.0f} s"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"{seconds:.1f} s, {ended}"


def from_files(folder: str) -> None:
    """Read a folder and judge all pairs."""
    from skoop.cluster.manifests import read_objects

    inventory = from_documents(list_documents(read_objects(Path(folder))))
    compiled, parties = compile_policies(inventory), Parties(inventory)
    ends = [parties.of_pod(pod) for pod in inventory.pods]
    connectivity(Space.of(ends, [compiled]), compiled)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--analyzer", metavar="PYTHON", default="")
    parser.add_argument("--analyzer-limit", type=float, default=600.0)
    parser.add_argument("--analyzer-size", type=int, nargs=2, default=(2_000, 500))
    parser.add_argument("--files", default="")
    given = parser.parse_args()
    if given.files:
        from_files(given.files)
        return 0
    good = [measure(*size) for size in SIZES]
    if given.analyzer:
        analyzer(given.analyzer, *given.analyzer_size, given.analyzer_limit)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
