from __future__ import annotations

import gc

import pytest

from skoop.cluster.inventory import from_documents
from skoop.errors import InputError
from skoop.model.address import parse_ip

EMPTY = b'{"kind":"List","items":[]}'
LISTS = (
    "pods",
    "nodes",
    "services",
    "endpointslices",
    "namespaces",
    "networkpolicies",
    "configmaps",
    "daemonsets",
    "deployments",
)


def test_missing_lists_are_named_once_each() -> None:
    inventory = from_documents({})
    assert [each.what for each in inventory.absent] == list(LISTS)
    assert inventory.is_absent("pods")
    assert from_documents(dict.fromkeys(LISTS, EMPTY)).absent == ()


@pytest.mark.parametrize(
    "key",
    [
        "endpointslices.discovery.k8s.io",
        "networkpolicies.networking.k8s.io",
        "daemonsets.apps",
        "deployments.apps",
    ],
)
def test_resources_may_be_named_with_their_group(key: str) -> None:
    assert not from_documents({key: EMPTY}).is_absent(key.partition(".")[0])


def test_a_refused_list_is_absent_with_the_servers_words() -> None:
    refusal = b'{"kind":"Status","status":"Failure","message":"nodes is forbidden"}'
    inventory = from_documents({"nodes": refusal, "pods": EMPTY})
    assert [each.why for each in inventory.absent if each.what == "nodes"] == ["nodes is forbidden"]


def test_endpoints_stand_in_for_slices_and_say_so() -> None:
    endpoints = b"""{"items":[{"metadata":{"name":"web","namespace":"shop"},"subsets":[
        {"addresses":[{"ip":"10.0.0.1"}],"notReadyAddresses":[{"ip":"10.0.0.2"}],
         "ports":[{"name":"http","port":80}]}]}]}"""
    inventory = from_documents({"endpoints": endpoints})
    (found,) = inventory.slices_of("shop", "web")
    assert [(each.addresses, each.ready) for each in found.endpoints] == [
        ((parse_ip("10.0.0.1"),), True),
        ((parse_ip("10.0.0.2"),), False),
    ]
    assert inventory.is_absent("endpointslices")


def test_an_unreadable_list_is_an_error_and_the_collector_runs_on() -> None:
    with pytest.raises(InputError, match="services"):
        from_documents({"services": b"nonsense"})
    assert gc.isenabled()
