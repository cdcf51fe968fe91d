"""A port of a node that is wanted more than once."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.model.address import Family, parse_ip
from skoop.model.diagnosis import Diagnosis
from skoop.model.disposition import Level, Verdict
from skoop.model.kube import ContainerPort, PodContainer, Service, ServicePort, build_inventory
from skoop.model.request import Overrides, Request
from tests.diagnose.diagnosed import inventory, session
from tests.diagnose.worlds import A1, A2, K1, change, cluster, with_rules
from tests.netstack.builders import iptables, listen

DOOR = 8088
Ports = dict[str, ContainerPort]


def mapped(container: int, **fields: str) -> ContainerPort:
    return ContainerPort(container, host_port=DOOR, **fields)


def asked(
    ports: Ports, *, to: str = f"{A1}:80", on_node: bool = False, node_port: int = 0,
    port: int = DOOR,
) -> Diagnosis:  # fmt: skip
    """Pod b2 asks node k1 for the port, which a rule of the CNI sends to a pod."""
    rules = (
        "-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
        f"-t nat -A CNI-HOSTPORT-DNAT -p tcp -m multiport --dports {DOOR} -j CNI-DN-A",
        f"-t nat -A CNI-DN-A -p tcp -m tcp --dport {DOOR} -j DNAT --to-destination {to}",
    )
    spaces = change(cluster(), "node/k1", with_rules(iptables(*(rules if to else ()))))
    if on_node:
        sockets = (*spaces["node/k1"].sockets, listen(f"tcp *:{DOOR}"))
        spaces = change(spaces, "node/k1", sockets=sockets)
    known = inventory()
    pods = [
        replace(each, containers=(PodContainer(name="c", ports=(ports[each.name],)),))
        if each.name in ports
        else each
        for each in known.pods
    ]
    service = Service(
        namespace="t", name="web", type="NodePort", cluster_ips=(parse_ip("10.96.0.9"),),
        ip_families=(Family.V4,), ports=(ServicePort(80, node_port=node_port),),
    )  # fmt: skip
    full = build_inventory(nodes=known.nodes, pods=pods, services=[service] if node_port else [])
    plain = Overrides(network_plugin="kindnet", proxy_mode="ebpf")
    return session(spaces, full).diagnose(
        Request(src="pod/t/b2", dst=K1, port=port, overrides=plain)
    )


def test_the_pods_rule_hides_a_process_of_the_node() -> None:
    made = asked({"a1": mapped(81)}, to=f"{A1}:81", on_node=True)
    first = made.suspicions[0]
    assert made.verdict is Verdict.UNREACHABLE
    assert (first.name, first.where.name, first.blocking) == ("hostport-conflict", "k1", True)
    assert "go to the hostPort of pod t/a1" in first.message
    texts = [each.text for each in first.evidence]
    assert texts[0] == f"c: hostPort {DOOR} -> 81/TCP"
    assert texts[1] == f"tcp *:{DOOR}"
    assert "-j DNAT" in texts[2]


WANTED: dict[str, tuple[Ports, dict[str, int]]] = {
    "two pods": ({"a1": mapped(80), "a2": mapped(80)}, {}),
    "a pod and a NodePort": ({"a1": mapped(80)}, {"node_port": DOOR}),
    "one at the address asked for": (
        {"a1": mapped(80), "a2": mapped(80, host_ip=K1)}, {},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("ports", "fields"), WANTED.values(), ids=WANTED.keys())
def test_where_the_packet_gets_through_it_is_a_warning(
    ports: Ports, fields: dict[str, int]
) -> None:
    made = asked(ports, **fields)
    (found,) = [each for each in made.suspicions if each.name == "hostport-conflict"]
    assert made.verdict is Verdict.REACHABLE
    assert (found.level, found.blocking) == (Level.WARNING, False)


ALONE: dict[str, tuple[Ports, dict[str, int]]] = {
    "one pod": ({"a1": mapped(80)}, {}),
    "another node": ({"a1": mapped(80), "b1": mapped(80)}, {}),
    "another protocol": ({"a1": mapped(80), "a2": mapped(80, protocol="UDP")}, {}),
    "another address": ({"a1": mapped(80), "a2": mapped(80, host_ip="192.0.2.1")}, {}),
    "another port is asked for": ({"a1": mapped(80), "a2": mapped(80)}, {"port": 80}),
    "no pod has a part in it": ({}, {"node_port": DOOR}),
}


@pytest.mark.parametrize(("ports", "fields"), ALONE.values(), ids=ALONE.keys())
def test_a_port_that_is_wanted_once(ports: Ports, fields: dict[str, int]) -> None:
    made = asked(ports, **fields)
    assert "hostport-conflict" not in {each.name for each in made.suspicions}


def test_what_fails_on_the_way_there_is_told_first() -> None:
    made = asked({"a1": mapped(80), "a2": mapped(80)}, to=f"{A2}:80")
    assert "go to the hostPort of pod t/a2" in made.suspicions[0].message
