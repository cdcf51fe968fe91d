"""Findings about a Service's own addresses."""

from __future__ import annotations

import json
import re
from typing import Any

from msgspec.structs import replace

from skoop.model.request import Request
from skoop.network.session import Session
from skoop.snapshot import Snapshot
from tests.scenarios import corpus

CLEAN = "stale-vip-on-lo"


def names(snapshot: Snapshot, dst: str) -> set[str]:
    found = Session.open(snapshot).diagnose(Request(src="default/cli", dst=dst, port=80))
    return {each.name for each in found.suspicions}


def without_element(snapshot: Snapshot, address: str) -> Snapshot:
    """The element of one address gone from kube-proxy's map of Services, on every node."""
    nodes = {}
    for name, document in snapshot.nodes.items():
        host, *pods = document.namespaces
        dump = host.outputs["nft -j list ruleset"]
        listing = json.loads(dump.stdout)
        for entry in listing["nftables"]:
            if entry.get("map", {}).get("name") == "service-ips":
                kept = [one for one in entry["map"]["elem"] if address not in json.dumps(one)]
                entry["map"]["elem"] = kept
        output = replace(dump, stdout=json.dumps(listing))
        outputs = {**host.outputs, "nft -j list ruleset": output}
        nodes[name] = replace(document, namespaces=(replace(host, outputs=outputs), *pods))
    return replace(snapshot, nodes=nodes)


def test_an_external_address_that_no_node_translates() -> None:
    snapshot = corpus.snapshot(CLEAN)
    assert "externalip-unprogrammed" not in names(snapshot, "172.30.8.8")
    assert "externalip-unprogrammed" in names(without_element(snapshot, "172.30.8.8"), "172.30.8.8")


def moved(snapshot: Snapshot) -> Snapshot:
    """The cluster's Service range is another one now."""

    def change(text: str) -> bytes:
        return re.sub(r"10\.96\.0\.0/(12|16)", "10.200.0.0/16", text).encode()

    item: dict[str, Any] = {
        "apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR",
        "metadata": {"name": "kubernetes"}, "spec": {"cidrs": ["10.200.0.0/16"]},
    }  # fmt: skip
    cluster = {name: change(text.decode()) for name, text in snapshot.cluster.items()}
    cluster["servicecidrs"] = json.dumps({"items": [item]}).encode()
    return replace(snapshot, cluster=cluster)


def test_a_cluster_ip_of_a_range_that_is_no_more() -> None:
    snapshot = corpus.snapshot(CLEAN)
    assert "clusterip-outside-cidr" not in names(snapshot, "svc/shop/web")
    assert "clusterip-outside-cidr" in names(moved(snapshot), "svc/shop/web")
