"""A cluster without faults: every way through it works, and skoop says how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.e2e.answers import diagnose, observe
from tests.e2e.site import Place, Site, Target, pod_address, service
from tests.e2e.workload import NODE_PORT, POD_PORT, UDP_PORT


@dataclass(frozen=True)
class Way:
    """A connection: from where, to what (in skoop's words), and the address that really means."""

    source: Callable[[Site], Place]
    destination: Callable[[Site], str]
    address: Callable[[Site], str]
    port: Callable[[Site], int]
    protocol: str = "tcp"


def _fixed(port: int) -> Callable[[Site], int]:
    return lambda _: port


def _client(site: Site) -> Place:
    return site.pod("client")


def _node_port(_: Site) -> int:
    return int(service("web")["ports"][0]["nodePort"])


def _pod(name: str) -> tuple[Callable[[Site], str], Callable[[Site], str]]:
    return lambda _: f"pod/e2e/{name}", lambda _: pod_address(name)


def _service(_: Site) -> str:
    return "svc/e2e/web"


def _cluster_ip(_: Site) -> str:
    return str(service("web")["clusterIP"])


def _far_node(site: Site) -> str:
    return f"node/{site.b}"


def _far_address(site: Site) -> str:
    return site.addresses[site.b]


WAYS = {
    "pod-to-pod-one-node": Way(_client, *_pod("near"), _fixed(POD_PORT)),
    "pod-to-pod-two-nodes": Way(_client, *_pod("far"), _fixed(POD_PORT)),
    "pod-to-pod-udp": Way(_client, *_pod("far"), _fixed(UDP_PORT), "udp"),
    "pod-to-closed-port": Way(_client, *_pod("far"), _fixed(9)),
    "pod-to-service": Way(_client, _service, _cluster_ip, _fixed(80)),
    "pod-to-service-udp": Way(_client, _service, _cluster_ip, _fixed(53), "udp"),
    "pod-to-itself-by-service": Way(lambda s: s.pod("near"), _service, _cluster_ip, _fixed(80)),
    "pod-to-own-node": Way(
        _client, lambda s: f"node/{s.a}", lambda s: s.addresses[s.a], _fixed(NODE_PORT)
    ),
    "pod-to-other-node": Way(_client, _far_node, _far_address, _fixed(NODE_PORT)),
    "node-to-own-pod": Way(lambda s: s.node(s.a), *_pod("near"), _fixed(POD_PORT)),
    "node-to-pod-of-another": Way(lambda s: s.node(s.a), *_pod("far"), _fixed(POD_PORT)),
    "node-to-service": Way(lambda s: s.node(s.a), _service, _cluster_ip, _fixed(80)),
    "node-to-node": Way(lambda s: s.node(s.a), _far_node, _far_address, _fixed(NODE_PORT)),
    "pod-to-node-port": Way(_client, _far_address, _far_address, _node_port),
    "outside-to-node-port": Way(lambda s: s.client, _far_address, _far_address, _node_port),
    "outside-to-node": Way(lambda s: s.client, _far_node, _far_address, _fixed(NODE_PORT)),
}


@pytest.mark.parametrize("name", WAYS)
def test_the_way_is_told_as_it_is(cluster: Site, name: str) -> None:
    way = WAYS[name]
    source, port = way.source(cluster), way.port(cluster)
    answer = diagnose(
        source.name, way.destination(cluster), "-p", str(port), "--protocol", way.protocol
    )
    hits = observe(source, Target(way.address(cluster), port, way.protocol), answer)
    assert answer.agrees(hits), f"{answer}, and observed {sorted(map(str, hits))}"
    works = {hit.result for hit in hits} == {"ok"}
    assert answer.verdict == ("reachable" if works else "unreachable")
    assert answer.code == (0 if works else 1)
