"""Questions to a running cluster, also one that does not give everything."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from skoop.cluster.api import UnauthorizedError, UnreachableError
from skoop.errors import AccessError, EndpointError
from skoop.model.disposition import Verdict
from skoop.model.progress import ListFinished, NodeFailed, NodeFinished
from skoop.model.request import Overrides, Request
from tests.apiserver import Fault
from tests.network.live import running
from tests.scenarios import corpus

CLEAN = "iptables-clean"


def told(diagnosis) -> dict[str, str]:
    return {each.what: each.why for each in diagnosis.not_checked}


def pod_to_pod() -> Request:
    return next(
        one.request()
        for one in corpus.scenario(CLEAN).probes
        if one.src.kind == one.dst.kind == "pod" and one.results == {"ok"}
        and node_of(one.src) != node_of(one.dst)
    )  # fmt: skip


def node_of(end: corpus.End) -> str:
    inventory = corpus.session(CLEAN)._collected.inventory
    pod = inventory.pod(end.ns, end.name)
    return pod.node if pod else ""


@pytest.mark.parametrize("name", ["fdb-missing", "nft-service-element-missing"])
def test_a_running_cluster_is_answered_as_its_snapshot(name: str, tmp_path: Path) -> None:
    with running(corpus.snapshot(name), tmp_path) as cluster:
        probes = [one for one in corpus.scenario(name).probes if one.changed][:2]
        for probe in [*probes, corpus.scenario(name).probes[0]]:
            live = cluster.session.diagnose(probe.request())
            expected = corpus.session(name).diagnose(probe.request())
            assert (live.verdict, live.outcomes) == (expected.verdict, expected.outcomes), probe
            assert [each.code for each in live.suspicions if each.blocking] == [
                each.code for each in expected.suspicions if each.blocking
            ]


def test_only_the_nodes_of_the_question(tmp_path: Path) -> None:
    request = pod_to_pod()
    with running(corpus.snapshot(CLEAN), tmp_path) as cluster:
        diagnosis = cluster.session.diagnose(request)
        assert diagnosis.verdict is Verdict.REACHABLE
        (asked,) = cluster.source.asked
        assert set(asked) == {diagnosis.source.node, diagnosis.destination.node}
        assert not any(what.startswith("node") for what in told(diagnosis))
        assert cluster.client.requests <= 25 - 7  # What two collectors take.
        assert ListFinished("pods", len(corpus.session(CLEAN)._collected.inventory.pods)) in (
            cluster.events
        )
        assert NodeFinished(asked[0], 1) in cluster.events


def test_a_second_question_asks_for_nothing_again(tmp_path: Path) -> None:
    request = pod_to_pod()
    with running(corpus.snapshot(CLEAN), tmp_path) as cluster:
        first = cluster.session.diagnose(request)
        requests = cluster.client.requests
        assert cluster.session.diagnose(request) == first
        assert cluster.client.requests == requests
        assert len(cluster.source.asked) == 1


def test_a_node_that_cannot_be_collected(tmp_path: Path) -> None:
    request = pod_to_pod()
    broken = corpus.session(CLEAN).diagnose(request).destination.node
    with running(corpus.snapshot(CLEAN), tmp_path, broken=[broken]) as cluster:
        diagnosis = cluster.session.diagnose(request)
        assert diagnosis.verdict is Verdict.UNKNOWN
        assert told(diagnosis)[f"node {broken}"] == "it is gone"
        assert NodeFailed(broken, "it is gone") in cluster.events
        assert sum(asked.count(broken) for asked in cluster.source.asked) == 1


def test_no_more_nodes_than_allowed(tmp_path: Path) -> None:
    request = pod_to_pod()
    with running(corpus.snapshot(CLEAN), tmp_path, nodes=1) as cluster:
        diagnosis = cluster.session.diagnose(request)
        assert diagnosis.verdict is Verdict.UNKNOWN
        assert sum(map(len, cluster.source.asked)) == 1
        why = next(why for what, why in told(diagnosis).items() if what.startswith("nodes "))
        assert "at most 1 nodes" in why


def test_a_node_that_the_walk_turns_out_to_need(tmp_path: Path) -> None:
    """A NodePort by number of a third node: its backends are known only by the rules."""
    snapshot = corpus.snapshot(CLEAN)
    inventory = corpus.session(CLEAN)._collected.inventory
    service = next(s for s in inventory.services if s.cluster_ips and inventory.slices_of(
        s.namespace, s.name) and s.ports)  # fmt: skip
    backends = {
        endpoint.node
        for each in inventory.slices_of(service.namespace, service.name)
        for endpoint in each.endpoints
    }
    source = next(
        pod for pod in inventory.pods
        if pod.ready and not pod.host_network and backends - {pod.node}
    )  # fmt: skip
    request = Request(
        src=f"pod/{source.namespace}/{source.name}",
        dst=f"svc/{service.namespace}/{service.name}",
        port=service.ports[0].port,
    )
    with running(snapshot, tmp_path) as cluster:
        diagnosis = cluster.session.diagnose(request)
        collected = {node for asked in cluster.source.asked for node in asked}
        assert collected >= backends | {source.node}
        assert diagnosis.verdict == corpus.session(CLEAN).diagnose(request).verdict


@pytest.mark.parametrize(
    "resource",
    ["nodes", "services", "endpointslices", "namespaces", "networkpolicies", "daemonsets",
     "configmaps"],
)  # fmt: skip
def test_a_forbidden_list_is_said(resource: str, tmp_path: Path) -> None:
    request = pod_to_pod()
    with running(corpus.snapshot(CLEAN), tmp_path) as cluster:
        cluster.server.faults.add(Fault("forbidden", resource=resource, times=0))
        diagnosis = cluster.session.diagnose(request)
        notes = [f"{what}: {why}" for what, why in told(diagnosis).items()]
        assert any(resource in note and "RBAC verb" in note for note in notes), notes
        assert diagnosis.verdict in (Verdict.REACHABLE, Verdict.UNKNOWN)


def test_pods_of_the_own_namespaces_only(tmp_path: Path) -> None:
    request = pod_to_pod()
    with running(corpus.snapshot(CLEAN), tmp_path) as cluster:
        cluster.server.faults.add(Fault("forbidden", verb="list", resource="pods"))
        diagnosis = cluster.session.diagnose(request)
        assert diagnosis.verdict is Verdict.REACHABLE
        assert "only namespace" in told(diagnosis)["pods"]
        assert 'the RBAC verb "list" on "pods" in all namespaces' in told(diagnosis)["pods"]


def test_no_pods_at_all(tmp_path: Path) -> None:
    with running(corpus.snapshot(CLEAN), tmp_path) as cluster:
        cluster.server.faults.add(Fault("forbidden", resource="pods", times=0))
        with pytest.raises(AccessError, match=r"pods of the cluster cannot be listed.* RBAC verb"):
            cluster.session.diagnose(pod_to_pod())


def test_an_unknown_name_is_a_usage_error(tmp_path: Path) -> None:
    with running(corpus.snapshot(CLEAN), tmp_path) as cluster:
        with pytest.raises(EndpointError, match=r"did you mean|there is no"):
            cluster.session.diagnose(Request(src="pod/shop/nobody", dst="10.0.0.1", port=80))
        assert cluster.source.asked == []


@pytest.mark.parametrize(
    ("kind", "expected"), [("reset", UnreachableError), ("unauthorized", UnauthorizedError)]
)
def test_a_server_that_cannot_be_asked(
    kind: str, expected: type[AccessError], tmp_path: Path
) -> None:
    with running(corpus.snapshot(CLEAN), tmp_path) as cluster:
        cluster.server.faults.add(Fault(kind, times=0))
        with pytest.raises(expected) as caught:
            cluster.session.diagnose(pod_to_pod())
        assert caught.value.exit_code == 4


@pytest.mark.parametrize("kind", ["throttle", "error", "reset", "truncate", "cut", "slow"])
def test_trouble_that_passes(kind: str, tmp_path: Path) -> None:
    request = pod_to_pod()
    with running(corpus.snapshot(CLEAN), tmp_path) as cluster:
        cluster.server.faults.add(Fault(kind, times=4, seconds=0.05))
        assert cluster.session.diagnose(request) == corpus_live(request, tmp_path)


def corpus_live(request: Request, folder: Path):
    with running(corpus.snapshot(CLEAN), folder) as cluster:
        return cluster.session.diagnose(request)


def test_settings_come_while_nodes_are_collected(tmp_path: Path) -> None:
    request = pod_to_pod()
    with running(corpus.snapshot(CLEAN), tmp_path) as cluster:
        collect = cluster.source.collect

        def slowly(*arguments):
            until = time.monotonic() + 5
            while not cluster.server.asked("get", "configmaps") and time.monotonic() < until:
                time.sleep(0.01)
            assert cluster.server.asked("get", "configmaps")
            return collect(*arguments)

        cluster.source.collect = slowly
        cluster.session.diagnose(request)


@pytest.mark.parametrize("dst", ["dns:web.shop:80", "web.shop.svc.cluster.local:80"])
def test_a_name_is_followed_over_the_dns_servers(dst: str, tmp_path: Path) -> None:
    request = Request(src=pod_to_pod().src, dst=dst)
    with running(corpus.snapshot(CLEAN), tmp_path) as cluster:
        diagnosis = cluster.session.diagnose(request)
        assert diagnosis.verdict == corpus.session(CLEAN).diagnose(request).verdict
        assert cluster.server.asked("get", "configmaps")


def test_overrides_hold(tmp_path: Path) -> None:
    from msgspec.structs import replace

    request = replace(pod_to_pod(), overrides=Overrides(network_plugin="cilium"))
    with running(corpus.snapshot(CLEAN), tmp_path) as cluster:
        assert cluster.session.diagnose(request).verdict is Verdict.REACHABLE


def test_the_source_is_closed(tmp_path: Path) -> None:
    with running(corpus.snapshot(CLEAN), tmp_path) as cluster:
        pass
    assert cluster.source.closed == 1
