"""Terway's rules and tables: quiet when they are right, named when one is missing."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.cluster.detect import detect
from skoop.model.disposition import Level
from skoop.netstack.state import Namespace, RouteType
from skoop.plugin.base import ClusterView, Expectation
from skoop.plugin.terway import TerwayPlugin
from tests.aliyun.matrix.lab import Lab
from tests.netstack.builders import link, route, rule


def view(change: object = None) -> ClusterView:
    """The lab's cluster with Terway, with node k2's namespace changed."""
    lab = Lab()
    lab.use_terway()
    machines = lab.machines()
    hosts = {name: each.host for name, each in machines.items()}
    if callable(change):
        hosts["k2"] = change(hosts["k2"])
    pods = {pod.id: pod for each in machines.values() for pod in each.pods}
    inventory = lab.inventory()
    return ClusterView(inventory, detect(inventory, hosts), hosts, pods)


def found(change: object = None) -> list[Expectation]:
    every = TerwayPlugin().expectations(view(change), "k2")
    return [each for each in every if each.suspicion.level is not Level.INFO]


def without_rule(space: Namespace) -> Namespace:
    return replace(space, rules=tuple(one for one in space.rules if one.priority != 2048))


def without_default(space: Namespace) -> Namespace:
    return replace(space, routes=tuple(one for one in space.routes if one.table != "1003"))


def eth1_down(space: Namespace) -> Namespace:
    links = tuple(replace(one, up=False) if one.name == "eth1" else one for one in space.links)
    return replace(space, links=links)


def with_foreign_rule(space: Namespace) -> Namespace:
    foreign = rule(100, target="77")
    lost = next(one for one in space.routes if one.destination.length == 0)
    extra = replace(lost, table="77", type=RouteType.BLACKHOLE, nexthops=())
    return replace(space, rules=(*space.rules, foreign), routes=(*space.routes, extra))


def test_what_is_right_is_not_remarked() -> None:
    assert [each.suspicion.message for each in found()] == []


@pytest.mark.parametrize(
    ("change", "names"),
    [
        pytest.param(without_default, {"route-missing"}, id="no-default-in-the-table"),
        pytest.param(eth1_down, {"route-via-down-link"}, id="interface-down"),
        pytest.param(with_foreign_rule, {"policy-rule-captures"}, id="a-rule-of-somebody-else"),
    ],
)
def test_what_is_wrong_is_named(change: object, names: set[str]) -> None:
    assert names <= {each.suspicion.name for each in found(change)}


def second_pod() -> ClusterView:
    """k2 has another pod, b2, for which only the rule towards it is there."""
    lab = Lab()
    lab.use_terway()
    lab.pods["b2"] = ("k2", "10.0.1.51")
    machines = lab.machines()
    host, (b1, b2) = machines["k2"].host, machines["k2"].pods
    device = replace(next(one for one in b2.links if one.name == "eth0"), peer_index=12)
    loopback = next(one for one in b2.links if one.name == "lo")
    b2 = replace(b2, inode=202, links=(loopback, device))
    host = replace(
        host,
        nsids=(*host.nsids, (2, 202)),
        links=(*host.links, link("cali2", 12, peer_index=2, peer_nsid=2)),
        routes=(*host.routes, route("10.0.1.51 dev cali2 scope link")),
        rules=(*host.rules, rule(512, destination="10.0.1.51/32", target="main")),
    )
    hosts = {"k1": machines["k1"].host, "k2": host}
    pods = {pod.id: pod for pod in (*machines["k1"].pods, b1, b2)}
    inventory = lab.inventory()
    return ClusterView(inventory, detect(inventory, hosts), hosts, pods)


def test_a_pod_without_its_rule_is_named_where_others_have_one() -> None:
    wrong = [
        each
        for each in TerwayPlugin().expectations(second_pod(), "k2")
        if each.suspicion.name == "policy-rule-missing"
    ]
    (found_one,) = wrong
    assert "pod t/b2" in found_one.suspicion.message
    assert "lookup 1003" in found_one.suspicion.fix
    assert found_one.repair is not None


def test_without_any_such_rule_nothing_tells_that_the_node_uses_them() -> None:
    assert all(each.suspicion.name != "policy-rule-missing" for each in found(without_rule))
