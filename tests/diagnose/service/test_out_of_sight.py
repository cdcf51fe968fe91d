"""Services that something else than kube-proxy serves: no verdict where the walk cannot follow."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from skoop.model.disposition import Verdict
from skoop.model.request import Request
from skoop.network.session import Session
from skoop.snapshot import Snapshot
from tests.scenarios import corpus

CLEAN = "stale-vip-on-lo"
ROUTER = {
    "metadata": {"namespace": "kube-system", "name": "kube-router"},
    "spec": {"template": {"spec": {"containers": [{"name": "r", "args": ["--run-router"]}]}}},
}
CILIUM = {
    "metadata": {"namespace": "kube-system", "name": "cilium-config"},
    "data": {"kube-proxy-replacement": "true"},
}
REPLACED = {"kube-router": ("daemonsets", ROUTER), "Cilium": ("configmaps", CILIUM)}


def without_rules(resource: str, item: dict[str, Any]) -> Snapshot:
    """The recorded cluster without kube-proxy, and with something in its place."""
    snapshot = corpus.snapshot(CLEAN)
    whole = json.loads(snapshot.cluster[resource])
    kept = [each for each in whole["items"] if each["metadata"]["name"] != "kube-proxy"]
    cluster = {**snapshot.cluster, resource: json.dumps({**whole, "items": [*kept, item]}).encode()}
    nodes = {}
    for name, document in snapshot.nodes.items():
        host, *pods = document.namespaces
        listing = replace(host.outputs["nft -j list ruleset"], stdout='{"nftables": []}')
        outputs = {**host.outputs, "nft -j list ruleset": listing}
        nodes[name] = replace(document, namespaces=(replace(host, outputs=outputs), *pods))
    return replace(snapshot, cluster=cluster, nodes=nodes)


@pytest.mark.parametrize("who", REPLACED)
@pytest.mark.parametrize("source", ["default/cli", "node/k2"])
def test_the_answer_is_unknown_and_says_who_serves(who: str, source: str) -> None:
    session = Session.open(without_rules(*REPLACED[who]))
    found = session.diagnose(Request(src=source, dst="svc/shop/web", port=80))
    assert found.verdict is Verdict.UNKNOWN
    (note,) = [each for each in found.not_checked if each.what.startswith("the translation")]
    assert "3 endpoints of it are ready" in note.why
    assert who.lower() in note.why.lower()


def test_a_pod_is_asked_directly_as_ever() -> None:
    session = Session.open(without_rules(*REPLACED["Cilium"]))
    pods = json.loads(corpus.snapshot(CLEAN).cluster["pods"])["items"]
    web = next(p for p in pods if p["metadata"]["labels"].get("app") == "web")["metadata"]["name"]
    found = session.diagnose(Request(src="default/cli", dst=f"pod/shop/{web}", port=8080))
    assert found.verdict is Verdict.REACHABLE
