"""Real connections on a real cluster: who answered, and which source address the server saw."""

from __future__ import annotations

from typing import Any

import pytest

from skoop.model.address import format_ip, parse_ip, parse_prefix
from skoop.model.kube import Inventory
from skoop.service import (
    Client,
    ClientKind,
    Effect,
    ProxyConfig,
    Question,
    ServiceView,
    expected_backends,
    find_destination,
)

KINDS = ("service", "loadbalancer", "externalip", "nodeport")
# Addresses outside the cluster whose servers go by another name there.
OUTSIDE = {"172.30.0.250": "ext"}
POD_NETWORK = parse_prefix("10.244.0.0/16")


def expected(inventory: Inventory, config: ProxyConfig, probe: Any) -> ServiceView | None:
    """What the sender's own node should do; None when no Service has the destination."""
    source, target = probe["src"], probe["dst"]
    node = source.get("node") or source["name"]
    address = parse_ip(target["ip"])
    owner = inventory.node_with_ip(address)
    local = owner is not None and owner.name == node
    found = find_destination(
        inventory, address, target["port"], probe["proto"].upper(), local=local
    )
    if found is None:
        return None
    on_node = source["kind"] == "node" or source.get("hostNetwork", False)
    question = Question(
        service=found.service,
        port=found.port,
        via=found.via,
        family=address[0],
        node=node,
        client=Client(ClientKind.NODE if on_node else ClientKind.POD, parse_ip(source["ip"])),
        address=address,
        local=local,
    )
    return expected_backends(inventory, question, config)


def judged(probe: Any) -> bool:
    """Packets that the sender's own node translates."""
    source, target = probe["src"], probe["dst"]
    if source["kind"] == "external" or target["kind"] not in KINDS:
        return False
    return target["kind"] != "nodeport" or target["node"] == (source.get("node") or source["name"])


@pytest.fixture(scope="module")
def views(recorded: Any) -> list[tuple[Any, ServiceView | None]]:
    return [
        (probe, expected(recorded.inventory, recorded.config, probe))
        for probe in recorded.truth
        if judged(probe)
    ]


def test_effects(views: list[tuple[Any, ServiceView | None]]) -> None:
    allowed = {
        Effect.BACKENDS: {"ok", "refused", "timeout", "unreachable"},
        Effect.REJECT: {"refused"},
        Effect.DROP: {"timeout"},
        None: {"timeout", "unreachable", "refused"},
    }
    seen = set()
    for probe, view in views:
        effect = view.effect if view else None
        results = {attempt["result"] for attempt in probe["attempts"]}
        assert results <= allowed[effect], (probe["id"], view)
        seen.add(effect)
    assert seen == set(allowed)


def test_only_expected_backends_answer(views: list[tuple[Any, ServiceView | None]]) -> None:
    answers = 0
    for probe, view in views:
        if view is None:
            continue
        names = {each.endpoint.pod[1] or _outside(each.endpoint.address) for each in view.backends}
        servers = {
            attempt["server"]
            for attempt in probe["attempts"]
            if attempt["result"] == "ok" and attempt.get("server")
        }
        assert servers <= names, (probe["id"], view)
        answers += len(servers)
    assert answers > 1000


def test_sources_are_rewritten_where_expected(
    views: list[tuple[Any, ServiceView | None]],
) -> None:
    """Towards pods only: what leaves the pod network is masqueraded by flannel anyway. A node keeps
    its own address towards other nodes, so only pods can tell."""
    masqueraded = kept = 0
    for probe, view in views:
        if view is None or probe["src"]["kind"] != "pod" or probe["src"].get("hostNetwork"):
            continue
        by_server = {
            each.endpoint.pod[1]: each.masqueraded
            for each in view.backends
            if POD_NETWORK.contains(each.endpoint.address[1])
        }
        for attempt in probe["attempts"]:
            if attempt["result"] != "ok" or not attempt.get("seen_source_ip"):
                continue
            if attempt["server"] not in by_server:
                continue
            rewritten = attempt["seen_source_ip"] != probe["src"]["ip"]
            assert rewritten == by_server[attempt["server"]], (probe["id"], attempt)
            masqueraded += rewritten
            kept += not rewritten
    assert masqueraded > 100
    assert kept > 100


def _outside(address: Any) -> str:
    return OUTSIDE.get(format_ip(*address), format_ip(*address))
