"""A question about a name: the name first, over the same walk to port 53, then the connection."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from skoop.errors import EndpointError
from skoop.model.diagnosis import Diagnosis
from skoop.model.disposition import Disposition, Result, Verdict
from skoop.model.request import Request
from skoop.network.session import Session
from tests.scenarios import corpus

Objects = dict[str, Any]
CLEAN = "stale-vip-on-lo"


def diagnose(session: Session, src: str, dst: str, port: int | None = 80) -> Diagnosis:
    return session.diagnose(Request(src=src, dst=dst, port=port))


def edited(resource: str, change: Callable[[list[Objects]], None], name: str = CLEAN) -> Session:
    """The recorded cluster with other objects."""
    snapshot = corpus.snapshot(name)
    whole = json.loads(snapshot.cluster[resource])
    change(whole["items"])
    cluster = {**snapshot.cluster, resource: json.dumps(whole).encode()}
    return Session.open(replace(snapshot, cluster=cluster))


def codes(found: Diagnosis) -> list[str]:
    return [each.name for each in found.suspicions]


@pytest.mark.parametrize(
    "name", ["dns:web.shop:80", "dns:web.shop", "dns:web.shop.svc.cluster.local.", "web.shop.svc"]
)
def test_a_name_that_resolves_is_connected_to(name: str) -> None:
    found = diagnose(corpus.session(CLEAN), "default/cli", name)
    assert found.verdict is Verdict.REACHABLE
    assert found.destination.name == "web"
    assert any("resolves to 10.96." in each for each in found.assumptions)


def test_a_short_name_is_of_the_pods_own_namespace() -> None:
    session = corpus.session(CLEAN)
    own = next(
        pod for pod in json.loads(corpus.snapshot(CLEAN).cluster["pods"])["items"]
        if pod["metadata"]["namespace"] == "shop"
    )["metadata"]["name"]  # fmt: skip
    assert diagnose(session, f"shop/{own}", "dns:web").verdict is Verdict.REACHABLE
    found = diagnose(session, "default/cli", "dns:web")
    assert found.verdict is Verdict.UNREACHABLE
    assert codes(found)[0] == "dns-wrong-search"
    assert "shop" in found.suspicions[0].message


def test_a_name_nobody_has() -> None:
    found = diagnose(corpus.session(CLEAN), "default/cli", "dns:nosuch.shop.svc")
    assert found.verdict is Verdict.UNREACHABLE
    assert codes(found)[0] == "dns-nxdomain"


def test_a_rule_against_port_53() -> None:
    """k1 rejects UDP to port 53 of CoreDNS (injected in the recorded cluster)."""
    found = diagnose(corpus.session("output-reject-udp53"), "default/cli", "dns:web.shop")
    assert found.verdict is Verdict.UNREACHABLE
    assert codes(found) == ["policy-blocks-53"]
    assert "53" in found.suspicions[0].evidence[0].text
    assert str(found.destination) == "service shop/web"
    assert {each.result for each in found.outcomes} == {Result.REFUSED}
    assert {each.disposition for each in found.traces} >= {Disposition.REJECTED}


def _policy(policy: str, **config: Any) -> Callable[[list[Objects]], None]:
    def change(pods: list[Objects]) -> None:
        for pod in pods:
            if pod["metadata"]["name"] == "cli":
                pod["spec"]["dnsPolicy"] = policy
                pod["spec"]["dnsConfig"] = config

    return change


def test_a_pod_that_asks_only_another_server() -> None:
    session = edited("pods", _policy("None", nameservers=["172.30.0.250"]))
    found = diagnose(session, "default/cli", "dns:web.shop.svc.cluster.local")
    assert found.verdict is Verdict.UNREACHABLE
    assert {"dnspolicy-wrong", "dns-bad-nameserver"} <= set(codes(found))


def test_a_pod_with_the_nodes_resolver_is_not_decided_for_it() -> None:
    session = edited("pods", _policy("Default"))
    found = diagnose(session, "default/cli", "dns:web.shop.svc.cluster.local")
    assert "dnspolicy-wrong" in codes(found)
    assert any(each.what == "name resolution" for each in found.not_checked)


def _dns_slices(ready: list[bool]) -> Callable[[list[Objects]], None]:
    def change(slices: list[Objects]) -> None:
        for each in slices:
            if each["metadata"]["labels"].get("kubernetes.io/service-name") == "kube-dns":
                for endpoint, state in zip(each["endpoints"], ready, strict=True):
                    endpoint["conditions"] = {"ready": state, "serving": state}

    return change


@pytest.mark.parametrize(
    ("ready", "name"),
    [([False, True], "coredns-unready"), ([False, False], "coredns-no-endpoints")],
)
def test_servers_that_are_not_ready(ready: list[bool], name: str) -> None:
    session = edited("endpointslices.discovery.k8s.io", _dns_slices(ready))
    found = diagnose(session, "default/cli", "dns:web.shop")
    assert name in codes(found)


def test_an_external_name_is_followed_and_ndots_told() -> None:
    def change(services: list[Objects]) -> None:
        services.append(
            {
                "metadata": {"namespace": "shop", "name": "far"},
                "spec": {"type": "ExternalName", "externalName": "web.shop.svc.cluster.local"},
            }
        )

    found = diagnose(edited("services", change), "default/cli", "dns:far.shop")
    assert found.destination.name == "web"


def test_a_source_without_a_pod_is_asked_by_what_is_known() -> None:
    found = diagnose(corpus.session(CLEAN), "node/k1", "dns:web.shop.svc.cluster.local")
    assert any(each.what == "name resolution" for each in found.not_checked)


@pytest.mark.parametrize("text", ["dns:", "dns:.", "dns:a..b"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(EndpointError, match="not a name"):
        diagnose(corpus.session(CLEAN), "default/cli", text)
