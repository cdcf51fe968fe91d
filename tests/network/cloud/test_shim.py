"""What the shim does besides naming causes: gaps, one more look, records, tunnels, hops."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from skoop.infra.capability import Capability
from skoop.infra.store import Answers
from skoop.model.diagnosis import Diagnosis, PathNodeKind
from skoop.model.disposition import Direction
from skoop.model.kube import ServicePort
from skoop.model.request import Overrides, Request
from skoop.network import cloud as network_cloud
from skoop.report.emulated import without_emulated
from tests.diagnose.worlds import change, cluster, with_rules
from tests.netstack.builders import iptables
from tests.network.cloud import kit
from tests.network.cloud.kit import (
    REGION,
    WEB,
    ask,
    changed,
    first,
    inventory,
    plus_part,
    session,
    with_fields,
    with_part,
    without_part,
)
from tests.network.cloud.test_situations import CASES

RULES = ("security_groups", "sg-1", "rules")
PLAIN = Overrides(network_plugin="kindnet")


def why(found: Diagnosis, what: str) -> str:
    """Why something was not checked, "" when it was."""
    return next((each.why for each in found.not_checked if each.what == what), "")


@pytest.mark.parametrize("area", list(Capability))
def test_what_cannot_be_asked_is_said(area: Capability, tmp_path: Path) -> None:
    """Each area in turn: the reason is in the answer, and the rest is diagnosed."""
    found = ask(tmp_path, changed(lambda d: d.update(forbidden=[area.value])), "a1", "b1")
    assert why(found, f"{area.value} of TestCloud") == "Forbidden: grant testcloud:ReadFile"
    assert found.verdict.value == "reachable"


OF_AREA = {
    Capability.INSTANCES: "instance stopped",
    Capability.SOURCE_CHECK: "source check",
    Capability.ROUTES: "black hole",
    Capability.PEERINGS: "peering not active",
    Capability.SECURITY_GROUPS: "no ingress rule",
    Capability.NETWORK_ACLS: "ACL in",
    Capability.NAT: "no SNAT entry for the node",
    Capability.PUBLIC_ADDRESSES: "EIP bound to nothing",
    Capability.LOAD_BALANCERS: "balancer inactive",
}
"""A situation of each area that stops packets by itself."""


@pytest.mark.parametrize("area", OF_AREA)
def test_what_a_provider_does_not_look_at_is_not_judged(
    area: Capability, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of capabilities is what drives the checks: without one its finding is gone, and
    the answer says that it was not looked at."""
    changes, ends, cause, *_ = CASES[OF_AREA[area]]
    left = tuple(each for each in Capability if each is not area)
    monkeypatch.setattr(type(kit.provider()), "capabilities", left)
    found = ask(tmp_path, changed(*changes), ends[0], ends[1], int(ends[2]))
    assert cause not in [each.name for each in found.suspicions]
    assert why(found, f"{area.value} of TestCloud") == "its provider does not look at them"


def test_every_area_is_judged_somewhere() -> None:
    """Prefix lists only leave rules open, and subscriptions only give remarks."""
    rest = {Capability.PREFIX_LISTS, Capability.SUBSCRIPTIONS}
    assert set(Capability) == set(OF_AREA) | rest
    code = "".join(path.read_text() for path in Path(network_cloud.__file__).parent.glob("*.py"))
    assert [each for each in Capability if f"Capability.{each.name}" not in code] == []


def test_a_gap_is_never_a_finding(tmp_path: Path) -> None:
    """Groups that drop everything are not judged when they could not be asked."""
    made = changed(
        with_fields("security_groups", "sg-1", rules=[]),
        lambda d: d.update(forbidden=["security groups"]),
    )
    found = ask(tmp_path, made, "k1", "k2")
    assert (found.verdict.value, found.suspicions) == ("reachable", ())
    assert why(found, "security groups of TestCloud")


REFUSED = {
    "a wrong token": ({"token": "x"}, "InvalidAccessKey"),
    "a section that there is not": ({"moons": []}, "no section 'moons'"),
    "a field that there is not": ({"vpcs": [{"id": "v", "size": 1}]}, "vpcs[0]"),
    "an address that is none": ({"eips": [{"id": "e", "address": "x"}]}, "eips[0].address"),
    "an id that is there twice": (
        {"vpcs": [{"id": "v"}, {"id": "v"}]}, "TestCloud/moon-1/v is there twice",
    ),
    "an id of two kinds": (
        {"vpcs": [{"id": "v"}], "subnets": [{"id": "v"}]}, "TestCloud/moon-1/v is there twice",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("sections", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_cloud_that_cannot_be_read(sections: dict[str, Any], said: str, tmp_path: Path) -> None:
    """One clear reason, and the nodes are diagnosed all the same."""
    found = ask(tmp_path, {**copy.deepcopy(kit.BASE), **sections}, "k1", "k2")
    assert said in why(found, "instances of TestCloud")
    assert found.verdict.value == "reachable"
    assert "machine was not found" in why(found, "the cloud under node k1")


def test_no_secret_is_told(tmp_path: Path) -> None:
    found = ask(tmp_path, changed(lambda d: d.update(token="planted-secret")), "k1", "k2",
                token="planted-guess")  # fmt: skip
    assert "planted" not in repr(found)


# --- one more look ---------------------------------------------------------------------------


def _changing(monkeypatch: pytest.MonkeyPatch, *later: kit.Document) -> list[int]:
    """The cloud as it is for the second, third, ... reading; counts the readings."""
    module = _globals()
    read, seen = module["read_file"], [0]

    def reading(path: str) -> dict[str, object]:
        seen[0] += 1
        if seen[0] > 1 and later:
            return dict(later[min(seen[0] - 2, len(later) - 1)])
        return read(path)

    monkeypatch.setitem(module, "read_file", reading)
    return seen


def _globals() -> dict[str, Any]:
    return vars(type(kit.provider()))["verify"].__globals__


def test_what_is_gone_is_not_blamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = changed(without_part(*RULES, "nodes", "web"))
    gone = changed(lambda d: d.update(security_groups=[]))
    _changing(monkeypatch, gone)
    found = ask(tmp_path, broken, "k1", "k2")
    assert (found.verdict.value, *first(found)) == (
        "unknown", "cloud-nic-vanished-during-diagnosis", f"{REGION}/sg-1",
    )  # fmt: skip
    assert "vanished during diagnosis" in found.suspicions[0].message


def test_what_was_mended_meanwhile_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = changed(without_part(*RULES, "nodes", "web"))
    _changing(monkeypatch, changed())
    assert ask(tmp_path, broken, "k1", "k2").verdict.value == "reachable"


def test_a_resource_is_asked_again_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = changed(without_part(*RULES, "nodes", "web"))
    seen = _changing(monkeypatch)
    assert ask(tmp_path, broken, "k1", "k2").verdict.value == "unreachable"
    assert seen == [2], "once for the tree, once before the group was blamed"


# --- records ---------------------------------------------------------------------------------


def test_a_record_gives_the_same_answer_without_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = changed(
        without_part(*RULES, "nodes", "web"), lambda d: d.update(token="planted-secret")
    )
    live = session(broken, tmp_path, token="planted-secret")
    request = Request(src="node/k1", dst="node/k2", port=80, overrides=PLAIN)
    asked = live.diagnose(request)
    (data,) = live._network(PLAIN).infra.recorded().values()
    assert b"planted-secret" not in data

    def never(path: str) -> None:
        raise AssertionError(f"asked {path}")

    monkeypatch.setitem(_globals(), "read_file", never)
    answers = Answers.decode(data, "cloud/testcloud.json")
    assert session(broken, tmp_path, answers=answers).diagnose(request) == asked


def test_a_snapshot_without_the_cloud_says_so(tmp_path: Path) -> None:
    made = ask(tmp_path, changed(), "k1", "k2", answers=Answers())
    assert made.verdict.value == "reachable"
    assert "holds no answers of TestCloud" in why(made, "routes of TestCloud")


# --- packets ---------------------------------------------------------------------------------


def test_a_tunnel_is_judged_by_its_outer_packet(tmp_path: Path) -> None:
    """The inner packet is tcp 80, which every group admits."""
    spaces = cluster("vxlan")
    made = changed(without_part(*RULES, "nodes", "pods"))
    found = ask(tmp_path, made, "a1", "b1", spaces=spaces)
    assert first(found) == ("cloud-sg-no-ingress-rule", f"{REGION}/sg-1")
    assert "udp port 8472 from 172.30.0.1" in found.suspicions[0].message
    allowed = plus_part(*RULES, id="vxlan", way="ingress", protocol=17, ports="8472")
    assert ask(tmp_path, changed(allowed), "a1", "b1", spaces=spaces).verdict.value == "reachable"


def test_pods_behind_a_tunnel_need_no_route(tmp_path: Path) -> None:
    made = changed(without_part("route_tables", "vtb-1", "routes", "pods-1", "pods-2"))
    spaces = cluster("vxlan")
    assert ask(tmp_path, made, "a1", "b1", spaces=spaces).verdict.value == "reachable"


NODE_PORT = (
    "-t nat -A PREROUTING -p tcp -m tcp --dport 30080 -j DNAT --to-destination 10.244.2.2:80",
    "-t nat -A POSTROUTING -d 10.244.2.2/32 -p tcp -j MASQUERADE",
)


def test_from_the_internet_to_a_pod(tmp_path: Path) -> None:
    """Client, load balancer, node port, the pod on the other node, and the same way back."""
    spaces = cluster("host-gw")
    for node in ("node/k1", "node/k2"):
        spaces = change(spaces, node, with_rules(iptables(*NODE_PORT)))
    made = changed(
        *(with_part("server_groups", "rsp-1", "backends", each, port=30080)
          for each in ("i-1", "i-2")),
        plus_part(*RULES, id="np", way="ingress", protocol=6, ports="30080"),
    )  # fmt: skip
    web = replace(WEB, ports=(ServicePort(port=80, target_port=80, node_port=30080),))
    found = ask(tmp_path, made, "internet", "svc/t/web", 80, spaces=spaces, objects=inventory(web))
    assert found.verdict.value == "reachable"
    assert {each.server.name for each in found.outcomes if each.server} == {"b1"}
    hops = [hop.node for hop in found.traces[0].hops]
    assert hops[0] == "external/1.1.1.1" and hops[-1] == "pod/t/b1"
    assert f"{REGION}/lb-1" in hops
    back = next(each for each in found.traces if each.direction is Direction.RETURN)
    assert [hop.node for hop in back.hops][-2:] == [f"{REGION}/lb-1", "external/1.1.1.1"]
    assert back.hops[-1].packet_in.source == "47.0.0.9"


def test_several_next_hops_share_the_connections(tmp_path: Path) -> None:
    made = changed(
        with_part("route_tables", "vtb-1", "routes", "pods-2", next_hops=[
            {"kind": "instance", "id": "i-2", "weight": 3}, {"kind": "blackhole", "id": "bh"}])
    )  # fmt: skip
    found = ask(tmp_path, made, "a1", "b1")
    assert found.verdict.value == "partial"
    assert sorted((each.weight, each.result.value) for each in found.outcomes) == [
        (0.25, "timeout"), (0.75, "ok"),
    ]  # fmt: skip
    assert first(found) == ("cloud-route-blackhole", f"{REGION}/vtb-1/pods-2")


def test_a_port_that_is_drawn_leaves_a_rule_open(tmp_path: Path) -> None:
    rule = {"id": "half", "action": "accept", "protocol": 6, "ports": "40000-65535"}
    made = changed(with_fields("network_acls", "acl-a", ingress=[rule]))
    found = ask(tmp_path, made, "a1", "b1")
    assert found.verdict.value == "unknown"
    assert any("acl-a/half" in each.why for each in found.not_checked)


def test_a_list_that_was_not_read_leaves_a_rule_open(tmp_path: Path) -> None:
    rule = {"id": "pl", "way": "ingress", "peer": {"kind": "prefix list", "id": "pl-9"}}
    made = changed(with_fields("security_groups", "sg-1", rules=[rule]))
    found = ask(tmp_path, made, "k1", "k2")
    assert found.verdict.value == "unknown"
    assert any("prefix list pl-9" in each.why for each in found.not_checked)


def test_devices_are_nodes_of_the_path(tmp_path: Path) -> None:
    found = ask(tmp_path, changed(), "k1", "internet", 443)
    clouds = {each.id: each.name for each in found.path.nodes if each.kind is PathNodeKind.CLOUD}
    assert clouds[f"{REGION}/ngw-1"] == "NAT gateway ngw-1"
    assert clouds[f"{REGION}/vtb-1"] == "route table vtb-1"
    assert {each.type for each in found.path.links if each.target in clouds} == {"cloud"}


def test_what_the_cloud_has_no_object_for_is_hidden(tmp_path: Path) -> None:
    """A public address that an instance was born with is no resource."""
    born = [{"private": "172.30.0.1", "public": "47.0.0.7"}]
    found = ask(tmp_path, changed(with_fields("interfaces", "eni-1", publics=born)),
                "k1", "internet", 443)  # fmt: skip
    (made_up,) = [each for each in found.path.nodes if each.emulated]
    shown = without_emulated(found)
    assert made_up.id not in {each.id for each in shown.path.nodes}
    ends = {each.id for each in shown.path.nodes}
    assert all({each.source, each.target} <= ends for each in shown.path.links)
    assert all(hop.node != made_up.id for trace in shown.traces for hop in trace.hops)
    assert found.outcomes[0].seen_source == "47.0.0.7"


def test_a_node_that_is_no_machine_of_the_cloud(tmp_path: Path) -> None:
    """It is taken as on a plain network, and that is said."""
    document = json.loads(json.dumps(kit.BASE))
    document["instances"] = [each for each in document["instances"] if each["id"] != "i-1"]
    document["interfaces"] = [each for each in document["interfaces"] if each["id"] != "eni-1"]
    found = ask(tmp_path, document, "k1", "k2")
    assert found.verdict.value == "reachable"
    assert why(found, "the cloud under node k1")


def test_what_was_mended_stays_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second question of a session is answered from what the first one learned."""
    seen = _changing(monkeypatch, changed())
    asking = session(changed(without_part(*RULES, "nodes", "web")), tmp_path)
    request = Request(src="node/k1", dst="node/k2", port=80, overrides=PLAIN)
    verdicts = [asking.diagnose(request).verdict.value for _ in range(2)]
    assert (verdicts, seen) == (["reachable", "reachable"], [2])
