"""The lists of a running cluster, also of one that does not give them all."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from skoop.cluster.api import ApiClient, UnauthorizedError, UnreachableError
from skoop.cluster.detect import Cni, detect
from skoop.cluster.fetch import (
    NAMED,
    REFERRED,
    TABLE,
    fetch_lists,
    fetch_settings,
    needed,
    require,
    rules,
)
from skoop.cluster.inventory import from_documents
from skoop.errors import AccessError
from skoop.model.kube import Inventory
from skoop.model.progress import ListFailed, ListFinished, ListStarted, Progress
from tests.apiserver import ApiServer, Fault, Kind

ALWAYS = ("pods", "nodes", "services", "endpointslices", "namespaces", "networkpolicies",
          "daemonsets")  # fmt: skip


def whole(client: ApiClient) -> Inventory:
    lists = fetch_lists(client, named=NAMED)
    maps = fetch_settings(client, needed(from_documents(lists.documents)))
    return from_documents(lists.with_more(maps).documents)


def test_a_cluster_is_what_its_snapshot_is(client: ApiClient, corpus: Inventory) -> None:
    found = whole(client)
    for name in ("nodes", "services", "endpoint_slices", "namespaces", "network_policies"):
        assert getattr(found, name) == getattr(corpus, name), name
    assert [(pod.name, pod.ips, pod.ready) for pod in found.pods] == [
        (pod.name, pod.ips, pod.ready) for pod in corpus.pods
    ]
    facts, recorded = detect(found, {}), detect(corpus, {})
    assert facts.cni == recorded.cni
    assert facts.cni.value is Cni.FLANNEL
    assert (facts.proxy, facts.flannel, facts.pod_cidrs) == (
        recorded.proxy, recorded.flannel, recorded.pod_cidrs,
    )  # fmt: skip


def test_one_request_a_list(client: ApiClient, server: ApiServer) -> None:
    lists = fetch_lists(client)
    assert set(lists.documents) == set(ALWAYS)
    assert lists.absent == ()
    assert client.requests == len(ALWAYS) + 1
    assert server.asked("list", "deployments") == 0


def test_only_referenced_config_maps(client: ApiClient, server: ApiServer) -> None:
    whole(client)
    fetched = {
        path.rpartition("/")[2] for verb, resource, path in server.log if resource == "configmaps"
    }
    assert fetched == {"kube-proxy", "kube-flannel-cfg"}
    assert server.asked("list", "configmaps") == 0
    assert not any(resource == "secrets" for _, resource, _ in server.log)


@pytest.mark.parametrize("resource", ALWAYS)
def test_a_forbidden_list_names_the_verb(
    client: ApiClient, server: ApiServer, resource: str
) -> None:
    server.faults.add(Fault("forbidden", verb="list", resource=resource, times=0))
    events: list[Progress] = []
    lists = fetch_lists(client, observe=events.append)
    absent = [each for each in lists.absent if each.what == resource]
    assert len(absent) == 1
    full = next(each.resource.rbac for each in TABLE if each.file == resource)
    assert f'the RBAC verb "list" on "{full}" in all namespaces is missing' in absent[0].why
    assert resource not in lists.documents
    assert len(lists.documents) == len(ALWAYS) - (resource != "endpointslices")
    assert ListFailed(resource, absent[0].why) in events
    with pytest.raises(AccessError, match=f"The {resource} of the cluster cannot be listed"):
        require(lists.absent, (resource,))


def test_endpoints_stand_in_for_slices(client: ApiClient, server: ApiServer) -> None:
    server.faults.add(Fault("forbidden", resource="endpointslices", times=0))
    assert "endpoints" in fetch_lists(client).documents


@pytest.mark.parametrize("kind", ["throttle", "error", "reset", "truncate", "cut", "unavailable"])
def test_trouble_that_passes(client: ApiClient, server: ApiServer, kind: str) -> None:
    server.faults.add(Fault(kind, times=4))
    lists = fetch_lists(client)
    assert set(lists.documents) == set(ALWAYS)


@pytest.mark.parametrize("kind", ["error", "truncate", "timeout", "throttle"])
def test_a_list_that_never_comes_is_left_out(
    client: ApiClient, server: ApiServer, kind: str
) -> None:
    server.faults.add(Fault(kind, resource="networkpolicies", times=0))
    lists = fetch_lists(client)
    assert [each.what for each in lists.absent] == ["networkpolicies"]


@pytest.mark.parametrize(
    ("kind", "expected"), [("reset", UnreachableError), ("unauthorized", UnauthorizedError)]
)
@pytest.mark.parametrize("skip", [0, 3])
def test_a_server_that_goes_away(
    client: ApiClient, server: ApiServer, kind: str, expected: type[AccessError], skip: int
) -> None:
    server.faults.add(Fault(kind, times=0, skip=skip))
    with pytest.raises(expected):
        fetch_lists(client)


def test_custom_resources_where_they_are(client: ApiClient, server: ApiServer) -> None:
    group = "crd.projectcalico.org"
    server.resources["ippools"] = Kind("ippools", "IPPool", group, namespaced=False)
    pool = {"metadata": {"name": "main"}, "spec": {"cidr": "10.1.0.0/16", "ipipMode": "Always"}}
    server.load([{"kind": "IPPool", **pool}])
    lists = fetch_lists(client)
    assert lists.absent == ()
    assert [each.name for each in from_documents(lists.documents).calico.pools] == ["main"]
    assert not any("policy.networking" in path for _, _, path in server.log)


CALICO = "crd.projectcalico.org"
CALICO_KINDS = {
    "ippools": "IPPool",
    "blockaffinities": "BlockAffinity",
    "ipamblocks": "IPAMBlock",
    "felixconfigurations": "FelixConfiguration",
    "bgppeers": "BGPPeer",
    "bgpconfigurations": "BGPConfiguration",
    "globalnetworkpolicies": "GlobalNetworkPolicy",
    "tiers": "Tier",
    "networksets": "NetworkSet",
    "globalnetworksets": "GlobalNetworkSet",
    "hostendpoints": "HostEndpoint",
}
BGP = frozenset({f"bgppeers.{CALICO}", f"bgpconfigurations.{CALICO}"})
TIERS = frozenset({f"tiers.{CALICO}"})
SETS = frozenset({f"networksets.{CALICO}", f"globalnetworksets.{CALICO}"})
ACCOUNTS = frozenset({"serviceaccounts"})
ALWAYS_OF_CALICO = {f"{plural}.{CALICO}" for plural in CALICO_KINDS if plural != "ipamblocks"} - (
    BGP | TIERS | SETS
)


def policy(**spec: Any) -> dict[str, Any]:
    return {"kind": "GlobalNetworkPolicy", "metadata": {"name": "all"}, "spec": spec}


def rule(**source: Any) -> dict[str, Any]:
    return policy(selector="all()", ingress=[{"action": "Allow", "source": source}])


def pool(name: str, **spec: str) -> dict[str, Any]:
    number = sum(name.encode()) % 256
    return {
        "kind": "IPPool",
        "metadata": {"name": name},
        "spec": {"cidr": f"10.{number}.0.0/16", **spec},
    }


VXLAN = pool("vxlan", vxlanMode="Always")
NEEDS = {
    "policies-of-the-default-tier": ([VXLAN, policy(selector="all()", tier="default")], set()),
    "another-tier": ([VXLAN, policy(selector="all()", tier="security")], TIERS),
    "a-rule-by-labels": ([VXLAN, rule(selector="role == 'db'")], SETS),
    "a-rule-by-other-labels": ([VXLAN, rule(notSelector="has(out)")], SETS),
    "a-rule-by-namespaces": ([VXLAN, rule(namespaceSelector="all()")], SETS),
    "a-rule-by-networks": ([VXLAN, rule(nets=["192.0.2.0/24"])], set()),
    "accounts-by-name": ([VXLAN, rule(serviceAccounts={"names": ["web"]})], set()),
    "accounts-by-labels": ([VXLAN, rule(serviceAccounts={"selector": "has(team)"})], ACCOUNTS),
    "subjects-by-accounts": ([VXLAN, policy(serviceAccountSelector="has(team)")], ACCOUNTS),
    "vxlan-in-part": ([pool("cross", vxlanMode="CrossSubnet")], set()),
    "ipip": ([VXLAN, pool("ipip", ipipMode="Always")], BGP),
    "no-tunnel": ([VXLAN, pool("plain")], BGP),
    "pools-from-elsewhere": ([], BGP),
}


@pytest.fixture
def calico(server: ApiServer) -> ApiServer:
    for plural, kind in CALICO_KINDS.items():
        server.resources[plural] = Kind(plural, kind, CALICO, namespaced=False)
    server.resources["serviceaccounts"] = Kind("serviceaccounts", "ServiceAccount", "")
    return server


def of_calico(client: ApiClient, **more: Any) -> set[str]:
    return set(fetch_lists(client, **more).documents) - set(ALWAYS)


@pytest.mark.parametrize("name", NEEDS)
def test_what_is_referred_to_is_listed(client: ApiClient, calico: ApiServer, name: str) -> None:
    objects, expected = NEEDS[name]
    calico.load(objects)
    assert of_calico(client) == ALWAYS_OF_CALICO | expected


def test_what_policies_to_be_tried_refer_to(client: ApiClient, calico: ApiServer) -> None:
    calico.load([VXLAN])
    assert of_calico(client, named=REFERRED) == ALWAYS_OF_CALICO | TIERS | SETS | ACCOUNTS


def test_a_whole_snapshot_has_all(client: ApiClient, calico: ApiServer) -> None:
    calico.load([VXLAN])
    assert of_calico(client, named=NAMED) >= BGP | TIERS | SETS | ACCOUNTS


def test_what_unseen_pools_may_need(client: ApiClient, calico: ApiServer) -> None:
    calico.load([VXLAN])
    calico.faults.add(Fault("forbidden", resource="ippools", times=0))
    assert of_calico(client) >= BGP


def test_what_unseen_policies_may_refer_to_is_listed(client: ApiClient, calico: ApiServer) -> None:
    calico.faults.add(Fault("forbidden", resource="globalnetworkpolicies", times=0))
    assert of_calico(client) >= TIERS | SETS | ACCOUNTS


def test_blocks_stand_in_for_their_affinities(client: ApiClient, calico: ApiServer) -> None:
    calico.faults.add(Fault("forbidden", resource="blockaffinities", times=0))
    assert f"ipamblocks.{CALICO}" in of_calico(client)


def test_a_server_that_does_not_tell_its_groups(client: ApiClient, server: ApiServer) -> None:
    server.faults.add(Fault("forbidden", resource="/apis"))
    lists = fetch_lists(client)
    assert set(lists.documents) == set(ALWAYS)
    assert lists.absent == ()


def test_progress_is_told(client: ApiClient, corpus: Inventory) -> None:
    events: list[Progress] = []
    fetch_lists(client, observe=events.append)
    assert ListStarted("pods") in events
    assert ListFinished("pods", len(corpus.pods)) in events


def test_the_rights_it_takes(server: ApiServer, client: ApiClient) -> None:
    """What was asked for is granted by the rules, and no more than reading is."""
    whole(client)
    granted = {
        (verb, plural, group)
        for rule in rules()
        for verb in rule["verbs"]
        for plural in rule["resources"]
        for group in rule["apiGroups"]
    }
    for verb, resource, _ in server.log:
        if not resource.startswith("/"):
            assert (verb, resource, server.resources[resource].group) in granted
    assert {verb for verb, _, _ in granted} == {"get", "list"}
    assert ("list", "configmaps", "") not in granted
    assert not any(plural == "secrets" for _, plural, _ in granted)
    msgspec.json.encode(rules())
