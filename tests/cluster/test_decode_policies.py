from __future__ import annotations

import json
from typing import Any

import pytest

from skoop.cluster.inventory import from_documents
from skoop.errors import InputError
from skoop.model.kube import Inventory


def read(resource: str, *specs: dict[str, Any], **metadata: Any) -> Inventory:
    items = [
        {"metadata": {"name": f"one-{index}", **metadata}, "spec": spec}
        for index, spec in enumerate(specs)
    ]
    return from_documents({resource: json.dumps({"kind": "List", "items": items}).encode()})


def test_an_admin_policy_of_both_versions_is_the_same_policy() -> None:
    peer = {"pods": {"namespaceSelector": {"matchLabels": {"a": "b"}}, "podSelector": {}}}
    old = read(
        "adminnetworkpolicies",
        {
            "priority": 5,
            "subject": {"namespaces": {}},
            "egress": [
                {
                    "name": "n",
                    "action": "Allow",
                    "to": [peer, {"networks": ["10.0.0.0/8"]}],
                    "ports": [
                        {"portNumber": {"protocol": "TCP", "port": 80}},
                        {"portRange": {"protocol": "UDP", "start": 1, "end": 9}},
                        {"namedPort": "http"},
                    ],
                }
            ],
        },
    )
    new = read(
        "clusternetworkpolicies.policy.networking.k8s.io",
        {
            "tier": "Admin",
            "priority": 5,
            "subject": {"namespaces": {}},
            "egress": [
                {
                    "name": "n",
                    "action": "Accept",
                    "to": [peer, {"networks": ["10.0.0.0/8"]}],
                    "protocols": [
                        {"tcp": {"destinationPort": {"number": 80}}},
                        {"udp": {"destinationPort": {"range": {"start": 1, "end": 9}}}},
                        {"destinationNamedPort": "http"},
                    ],
                }
            ],
        },
    )
    (first,), (second,) = old.cluster_policies, new.cluster_policies
    assert (first.kind, second.kind) == ("AdminNetworkPolicy", "ClusterNetworkPolicy")
    assert (first.egress, first.tier, first.priority) == (second.egress, "Admin", 5)
    assert second.tier == "Admin"


@pytest.mark.parametrize("group", ["crd.projectcalico.org", "projectcalico.org"])
def test_calico_is_read_from_its_crds_or_its_api_server(group: str) -> None:
    rule = {
        "action": "Deny",
        "protocol": "TCP",
        "source": {"selector": "has(app)", "ports": [1, "80:90", "http"]},
        "icmp": {"type": 8},
    }
    spec = {"order": 3, "selector": "all()", "types": ["Ingress"], "ingress": [rule]}
    found = read(f"networkpolicies.{group}", spec, namespace="x").calico_policies.policies[0]
    assert (found.namespace, found.tier, found.order) == ("x", "default", 3.0)
    assert found.ingress[0].source.ports == ((1, 1), (80, 90), "http")
    assert (found.ingress[0].protocol, found.ingress[0].icmp) != (0, None)
    assert read(f"globalnetworkpolicies.{group}", spec).calico_policies.policies[0].namespace == ""


@pytest.mark.parametrize(
    ("resource", "spec", "problem"),
    [
        ("clusternetworkpolicies", {"tier": "Top", "subject": {}}, "spec.tier"),
        (
            "adminnetworkpolicies",
            {"subject": {}, "ingress": [{"action": "Shrug", "from": []}]},
            r"spec.ingress\[0\].action",
        ),
        (
            "adminnetworkpolicies",
            {"subject": {}, "egress": [{"action": "Deny", "to": [{"networks": ["10.0.0/8"]}]}]},
            "networks",
        ),
        ("globalnetworkpolicies", {"ingress": [{"action": "Maybe"}]}, r"spec.ingress\[0\].action"),
        (
            "globalnetworkpolicies",
            {"egress": [{"action": "Deny", "protocol": "tpc"}]},
            r"spec.egress\[0\].protocol",
        ),
        (
            "globalnetworkpolicies",
            {"egress": [{"action": "Deny", "destination": {"ports": ["9:1"]}}]},
            r"spec.egress\[0\].destination.ports",
        ),
        ("globalnetworksets", {"nets": ["10.0.0.0/99"]}, "spec.nets"),
        ("hostendpoints", {"expectedIPs": ["x"]}, "spec.expectedIPs"),
        ("tiers", {"defaultAction": "Allow"}, "spec.defaultAction"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_field_is_named_with_its_resource(
    resource: str, spec: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InputError, match=rf"{resource}.*one-0.*{problem}"):
        read(resource, spec)


def test_policies_that_are_not_installed_are_no_gap_but_forbidden_ones_are() -> None:
    assert not any("policies" in each.what for each in read("networkpolicies").absent)
    missing = b'{"kind":"Status","message":"the server could not find the requested resource"}'
    refused = b'{"kind":"Status","message":"tiers is forbidden"}'
    found = from_documents({"adminnetworkpolicies": missing, "tiers": refused})
    assert not found.is_absent("adminnetworkpolicies")
    assert found.is_absent("tiers")


def test_a_service_account_is_its_name_and_labels() -> None:
    found = from_documents(
        {
            "serviceaccounts": b'{"items":[{"metadata":{"name":"a","namespace":"x","labels":'
            b'{"role":"db"}},"secrets":[{"name":"s"}]}]}'
        }
    )
    (account,) = found.service_accounts
    assert (account.namespace, account.name, account.labels) == ("x", "a", {"role": "db"})
