"""A recorded cluster in ipvs mode, with one thing broken on the node that balances."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from skoop.model.diagnosis import Diagnosis
from skoop.model.request import Request
from skoop.network.session import Session
from skoop.snapshot import NamespaceDump, Snapshot, load
from tests.lab import recorded

ROUND = recorded.FOLDER / "seed-501-services-ipvs.tar.gz"
TABLE = "/proc/net/ip_vs"

Break = Callable[[str], str]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("ipvs")
    recorded.load(ROUND, folder)
    return load(Path(folder) / "snapshot")


def _web(snapshot: Snapshot) -> tuple[str, str, str]:
    """A Service with a real server: its name, its ClusterIP in hexadecimal, and a pod that asks."""
    pods = json.loads(snapshot.cluster["pods"])["items"]
    client = next(p for p in pods if not p["spec"].get("hostNetwork"))
    for item in json.loads(snapshot.cluster["services"])["items"]:
        ip = item["spec"]["clusterIP"]
        word = "".join(f"{int(part):02X}" for part in ip.split("."))
        table = _host(snapshot, client["spec"]["nodeName"]).outputs[TABLE].stdout
        if "->" in _block(table, word):
            return item["metadata"]["name"], word, client["metadata"]["name"]
    raise AssertionError("no Service with a real server")


def _block(table: str, word: str) -> str:
    found = re.search(rf"TCP  {word}:0050 .*\n(?:  -> .*\n)*", table)
    return found[0] if found else ""


def _host(snapshot: Snapshot, node: str) -> NamespaceDump:
    return snapshot.nodes[node].namespaces[0]


def _broken(snapshot: Snapshot, command: str, change: Break) -> Snapshot:
    """The same command's output changed on every node."""
    nodes = {}
    for name, document in snapshot.nodes.items():
        host, *pods = document.namespaces
        key = next(each for each in host.outputs if each == command)
        output = replace(host.outputs[key], stdout=change(host.outputs[key].stdout))
        changed = replace(host, outputs={**host.outputs, key: output})
        nodes[name] = replace(document, namespaces=(changed, *pods))
    return replace(snapshot, nodes=nodes)


def _ask(snapshot: Snapshot, name: str, pod: str) -> Diagnosis:
    request = Request(src=f"pod/lab/{pod}", dst=f"svc/lab/{name}", port=80)
    return Session.open(snapshot).diagnose(request)


def _names(found: Diagnosis) -> set[str]:
    return {each.name for each in found.suspicions}


def test_the_recorded_cluster_is_as_it_should_be(snapshot: Snapshot) -> None:
    name, _, pod = _web(snapshot)
    assert not {each for each in _names(_ask(snapshot, name, pod)) if each.startswith("ipvs")}


FAULTS: dict[str, Callable[[str, str], str]] = {
    "ipvs-service-missing": lambda text, word: text.replace(_block(text, word), ""),
    "ipvs-weight-zero": lambda text, word: text.replace(
        _block(text, word), re.sub(r"(Masq +)1 ", r"\g<1>0 ", _block(text, word))
    ),
    "ipvs-real-server-missing": lambda text, word: text.replace(
        _block(text, word), re.sub(r"  -> .*\n", "", _block(text, word), count=1)
    ),
}


@pytest.mark.parametrize("finding", FAULTS)
def test_a_fault_of_the_table(snapshot: Snapshot, finding: str) -> None:
    name, word, pod = _web(snapshot)
    broken = _broken(snapshot, TABLE, lambda text: FAULTS[finding](text, word))
    assert finding in _names(_ask(broken, name, pod))


def test_an_address_that_is_not_on_kube_ipvs0(snapshot: Snapshot) -> None:
    name, word, pod = _web(snapshot)
    ip = ".".join(str(int(word[n : n + 2], 16)) for n in range(0, 8, 2))
    command = next(each for each in _host(snapshot, next(iter(snapshot.nodes))).outputs
                   if each.startswith("ip ") and each.endswith("addr"))  # fmt: skip
    broken = _broken(snapshot, command, lambda text: text.replace(f'"{ip}"', '"198.51.100.7"'))
    assert "vip-not-on-kube-ipvs0" in _names(_ask(broken, name, pod))


SETS = "ipset save"


def _without_member(snapshot: Snapshot, set_name: str, start: str) -> Snapshot:
    line = re.compile(rf"^add {set_name} {re.escape(start)}[,:].*\n", re.MULTILINE)
    assert any(
        line.search(document.namespaces[0].outputs[SETS].stdout)
        for document in snapshot.nodes.values()
    )
    return _broken(snapshot, SETS, lambda text: line.sub("", text))


def test_a_set_that_lacks_the_cluster_ip(snapshot: Snapshot) -> None:
    """The node rejects what is for an IPVS address in none of its sets (KUBE-IPVS-FILTER)."""
    name, word, pod = _web(snapshot)
    ip = ".".join(str(int(word[n : n + 2], 16)) for n in range(0, 8, 2))
    found = _ask(_without_member(snapshot, "KUBE-CLUSTER-IP", ip), name, pod)
    first = found.suspicions[0]
    assert (first.name, first.blocking) == ("ipset-member-missing", True)
    assert f"{ip}:80, tcp" in first.evidence[0].text


def test_a_set_that_lacks_a_pods_way_to_itself(snapshot: Snapshot) -> None:
    name, _, pod = _web(snapshot)
    text = next(iter(snapshot.nodes.values())).namespaces[0].outputs[SETS].stdout
    start = re.search(r"^add KUBE-LOOP-BACK ([\d.]+),", text, re.MULTILINE)
    if start is None:
        pytest.skip("no local endpoint on the first node")
    broken = _without_member(snapshot, "KUBE-LOOP-BACK", start[1])
    assert "ipset-member-missing" not in _names(_ask(broken, name, pod))


def test_sets_that_are_as_they_should_be(snapshot: Snapshot) -> None:
    name, _, pod = _web(snapshot)
    assert not {"ipset-member-missing", "kernel-module-missing"} & _names(_ask(snapshot, name, pod))


def test_a_kernel_without_ipvs(snapshot: Snapshot) -> None:
    name, _, pod = _web(snapshot)
    nodes = {}
    for node, document in snapshot.nodes.items():
        host, *pods = document.namespaces
        outputs = {key: each for key, each in host.outputs.items() if "ip_vs" not in key}
        lines = [each for each in outputs["sysctl"].stdout.splitlines() if ".vs." not in each]
        lines.append("net.ipv4.neigh.default.gc_thresh3 = 1024")
        outputs["sysctl"] = replace(outputs["sysctl"], stdout="\n".join(lines))
        nodes[node] = replace(document, namespaces=(replace(host, outputs=outputs), *pods))
    found = _ask(replace(snapshot, nodes=nodes), name, pod)
    (told,) = [each for each in found.suspicions if each.name == "kernel-module-missing"]
    assert told.where.kind == "node"
    assert "net.ipv4.vs." in told.evidence[1].text
