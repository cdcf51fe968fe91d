"""Findings about names that need objects the recorded clusters lack."""

from __future__ import annotations

import json
from typing import Any

from msgspec.structs import replace

from skoop.model.address import parse_ip
from skoop.model.request import Request
from skoop.network.build import read
from skoop.network.generic import generic_network
from skoop.network.session import Session
from skoop.snapshot import Snapshot
from tests.scenarios import corpus

CLEAN = "stale-vip-on-lo"


def _with(snapshot: Snapshot, resource: str, *items: dict[str, Any]) -> Snapshot:
    whole = json.loads(snapshot.cluster[resource])
    whole["items"] += items
    return replace(
        snapshot, cluster={**snapshot.cluster, resource: json.dumps(whole).encode()}
    )  # fmt: skip


def test_a_cache_of_the_node_that_does_not_run() -> None:
    kubelet = {
        "metadata": {"namespace": "kube-system", "name": "kubelet-config"},
        "data": {"kubelet": "clusterDNS:\n- 169.254.20.10\n"},
    }
    containers = [{"name": "node-cache", "args": ["-localip", "169.254.20.10"]}]
    cache = {
        "metadata": {"namespace": "kube-system", "name": "node-local-dns"},
        "spec": {"template": {"spec": {"containers": containers}}},
    }
    snapshot = _with(corpus.snapshot(CLEAN), "configmaps", kubelet)
    session = Session.open(_with(snapshot, "daemonsets", cache))
    found = session.diagnose(Request(src="default/cli", dst="dns:web.shop", port=80))
    told = {each.name: each for each in found.suspicions}
    assert "node-local-dns-down" in told
    assert "169.254.20.10" in told["node-local-dns-down"].message


def test_a_name_of_the_world_outside_is_asked_for_with_every_search_domain() -> None:
    session = Session(
        read(corpus.snapshot(CLEAN)), generic_network, lambda _: (parse_ip("172.30.0.250"),)
    )
    found = session.diagnose(Request(src="default/cli", dst="dns:example.com", port=9999))
    assert "dns-ndots" in {each.name for each in found.suspicions}
