from __future__ import annotations

import pytest

from skoop.model.address import parse_ip
from skoop.model.kube import (
    LabelSelector,
    Node,
    NodeAddress,
    Pod,
    Requirement,
    Service,
    build_inventory,
)

IP = parse_ip("10.0.0.1")


@pytest.mark.parametrize(
    ("requirement", "labels", "holds"),
    [
        (Requirement("app", "In", ("a", "b")), {"app": "b"}, True),
        (Requirement("app", "In", ("a", "b")), {"app": "c"}, False),
        (Requirement("app", "In", ("a",)), {}, False),
        (Requirement("app", "NotIn", ("a",)), {"app": "a"}, False),
        (Requirement("app", "NotIn", ("a",)), {"app": "b"}, True),
        (Requirement("app", "NotIn", ("a",)), {}, True),
        (Requirement("app", "Exists"), {"app": ""}, True),
        (Requirement("app", "Exists"), {}, False),
        (Requirement("app", "DoesNotExist"), {"app": ""}, False),
        (Requirement("app", "DoesNotExist"), {}, True),
    ],
    ids=str,
)
def test_requirement(requirement: Requirement, labels: dict[str, str], holds: bool) -> None:
    assert LabelSelector(expressions=(requirement,)).matches(labels) is holds


def test_empty_selector_selects_all_and_labels_are_a_conjunction() -> None:
    assert LabelSelector().matches({})
    both = LabelSelector({"a": "1", "b": "2"})
    assert both.matches({"a": "1", "b": "2", "c": "3"})
    assert not both.matches({"a": "1"})


@pytest.mark.parametrize(
    ("pod", "found"),
    [
        (Pod(namespace="a", name="plain", ips=(IP,), phase="Running"), True),
        (Pod(namespace="a", name="on-node", ips=(IP,), host_network=True), False),
        (Pod(namespace="a", name="done", ips=(IP,), phase="Succeeded"), False),
        (Pod(namespace="a", name="failed", ips=(IP,), phase="Failed"), False),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_only_pods_that_own_an_address_have_it(pod: Pod, found: bool) -> None:
    assert build_inventory(pods=[pod]).pods_with_ip(IP) == ((pod,) if found else ())


def test_lookups_by_name_node_and_address() -> None:
    first = Pod(namespace="a", name="x", ips=(IP,), node="n1")
    second = Pod(namespace="b", name="x", ips=(IP,), node="n1")
    node = Node(name="n1", addresses=(NodeAddress("InternalIP", parse_ip("192.0.2.1")),))
    service = Service(namespace="a", name="s", external_ips=(parse_ip("192.0.2.9"),))
    inventory = build_inventory(pods=[first, second], nodes=[node], services=[service])
    assert inventory.pod("b", "x") == second
    assert inventory.pod("c", "x") is None
    assert inventory.pods_with_ip(IP) == (first, second)
    assert inventory.pods_on_node("n1") == (first, second)
    assert inventory.node_with_ip(parse_ip("192.0.2.1")) == node
    assert inventory.services_with_ip(parse_ip("192.0.2.9")) == (service,)


def test_node_addresses_prefer_internal_ones() -> None:
    outer, inner = parse_ip("203.0.113.1"), parse_ip("192.0.2.1")
    node = Node(
        name="n", addresses=(NodeAddress("ExternalIP", outer), NodeAddress("InternalIP", inner))
    )
    assert node.ips == (inner, outer)
