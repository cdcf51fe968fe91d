"""Addresses at which no Service answers: gone, of the other IP version, or not given yet."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from skoop.errors import UsageError
from skoop.model.address import Family, parse_ip
from skoop.model.diagnosis import Diagnosis, NotChecked, Suspicion
from skoop.model.disposition import Verdict
from skoop.model.kube import Ingress, Inventory, NodeAddress, Service, ServicePort, build_inventory
from skoop.model.request import Overrides, Request
from skoop.network.session import Session
from tests.diagnose.diagnosed import inventory, session
from tests.diagnose.worlds import Spaces, change, cluster, with_rules
from tests.netstack.builders import address, connected, iptables, nft
from tests.scenarios import corpus

GONE, USED, RANGE = "10.96.7.7", "10.96.0.9", "10.96.0.0/12"
PORTS = (ServicePort(80, target_port=80, node_port=30080),)
SERVICE = Service(
    namespace="t",
    name="web",
    cluster_ips=(parse_ip(USED),),
    ip_families=(Family.V4,),
    ports=PORTS,
    selector={"app": "web"},
)
ON_SIX = replace(SERVICE, cluster_ips=(parse_ip("fd00:96::9"),), ip_families=(Family.V6,))
BALANCED = replace(SERVICE, type="LoadBalancer")
UNALLOCATED = (
    "table ip kube-proxy { chain cluster-ips-check { ip daddr 10.96.0.0/12 drop }\n"
    "chain filter-forward { type filter hook forward priority -110; "
    "ct state new jump cluster-ips-check } }"
)


def known(*services: Service) -> Inventory:
    made = inventory()
    return build_inventory(nodes=made.nodes, pods=made.pods, services=services)


def asked(
    dst: str, *services: Service, src: str = "pod/t/a1", port: int = 80,
    spaces: Spaces | None = None, objects: Inventory | None = None,
) -> Diagnosis:  # fmt: skip
    plain = Overrides(network_plugin="kindnet", proxy_mode="iptables", service_cidr=RANGE)
    opened: Session = session(spaces or cluster(), objects or known(*services))
    return opened.diagnose(Request(src=src, dst=dst, port=port, overrides=plain))


def owning(spaces: Spaces, place: str, text: str) -> Spaces:
    """A namespace with one more address, and the routes that it brings."""
    made, own = spaces[place], address(text)
    return change(
        spaces, place, addresses=(*made.addresses, own), routes=(*made.routes, *connected([own]))
    )


def told(made: Diagnosis, name: str) -> list[Suspicion]:
    return [each for each in made.suspicions if each.name == name]


# --- service-missing -------------------------------------------------------------------------


def test_an_address_of_the_range_that_no_service_has_comes_first() -> None:
    made = asked(GONE, SERVICE)
    first = made.suspicions[0]
    assert made.verdict is Verdict.UNREACHABLE
    assert (first.name, first.where.name, first.blocking) == ("service-missing", GONE, True)
    assert [each.source for each in first.evidence] == ["the user", "Services of the cluster"]


def test_kube_proxy_may_drop_it_in_nftables_mode() -> None:
    made = asked(GONE, SERVICE, spaces=change(cluster(), "node/k1", with_rules(nft(UNALLOCATED))))
    assert (made.suspicions[0].name, made.suspicions[0].blocking) == ("service-missing", True)
    assert "filter-drop" not in {each.name for each in made.suspicions}


def test_what_stops_the_packet_before_comes_first() -> None:
    drop = with_rules(iptables("-A FORWARD -s 10.244.1.2/32 -j DROP"))
    made = asked(GONE, SERVICE, spaces=change(cluster(), "node/k1", drop))
    assert made.suspicions[0].name == "filter-drop"
    assert [each.blocking for each in told(made, "service-missing")] == [False]


@pytest.mark.parametrize(
    ("dst", "objects"),
    [
        ("192.0.2.7", known(SERVICE)),
        (USED, known(SERVICE)),
        (GONE, msgspec.structs.replace(known(), absent=(NotChecked("services", "forbidden"),))),
    ],
    ids=["another range", "a Service has it", "Services were not collected"],
)
def test_no_address_is_missed_that_may_be_in_use(dst: str, objects: Inventory) -> None:
    assert not told(asked(dst, objects=objects), "service-missing")


def test_a_host_may_have_it_itself() -> None:
    spaces = owning(cluster(), "node/k1", f"{GONE}/32 cni0")
    assert not told(asked(GONE, spaces=spaces), "service-missing")


def test_the_kernel_agrees() -> None:
    """Recorded: nobody answered for an address that no Service of the cluster had."""
    probes = corpus.scenario("iptables-clean").probes
    one = next(each for each in probes if each.dst.ip == "10.96.255.254")
    made = corpus.session("iptables-clean").diagnose(one.request())
    assert one.results == {made.outcomes[0].result.value} == {"timeout"}
    assert made.suspicions[0].name == "service-missing"


# --- service-family-mismatch -----------------------------------------------------------------


def test_a_service_of_the_other_ip_version_is_told_not_refused() -> None:
    made = asked("svc/t/web", ON_SIX)
    first = made.suspicions[0]
    assert made.verdict is Verdict.UNREACHABLE
    assert (first.name, first.where.name, first.blocking) == (
        "service-family-mismatch", "t/web", True,
    )  # fmt: skip
    assert "fd00:96::9" in first.evidence[0].text
    assert "pod t/a1 has only IPv4 addresses" in made.summary


def test_two_pods_of_different_versions_remain_a_bad_question() -> None:
    with pytest.raises(UsageError, match="no IP version in common"):
        asked("fd00::1")


def from_six(dst: str, service: Service, port: int) -> Diagnosis:
    """Asked by k1, which has an IPv6 address too."""
    spaces = owning(cluster(), "node/k1", "fd30::1/64 eth0")
    nodes = [
        replace(each, addresses=(*each.addresses, NodeAddress("InternalIP", parse_ip("fd30::1"))))
        for each in inventory().nodes
        if each.name == "k1"
    ]
    objects = build_inventory(nodes=nodes, services=[service])
    return asked(dst, service, src="node/k1", port=port, spaces=spaces, objects=objects)


def test_a_node_port_at_an_address_of_the_other_version() -> None:
    made = from_six("fd30::1", SERVICE, 30080)
    assert made.suspicions[0].name == "service-family-mismatch"
    assert "fd30::1" in made.suspicions[0].message
    assert not told(from_six("fd30::1", SERVICE, 30081), "service-family-mismatch")


OUTER = parse_ip("fd00:ee::1")
OUTERS = {
    "an external address": replace(SERVICE, external_ips=(OUTER,)),
    "a load balancer's": replace(BALANCED, ingress=(Ingress(ip=OUTER),)),
}


@pytest.mark.parametrize("service", OUTERS.values(), ids=OUTERS.keys())
def test_an_outer_address_without_a_cluster_ip_of_its_version(service: Service) -> None:
    """kube-proxy's half for IPv6 passes over a Service that has no ClusterIP of IPv6."""
    first = from_six("fd00:ee::1", service, 80).suspicions[0]
    assert (first.name, first.blocking) == ("service-family-mismatch", True)
    assert "has only IPv4" in first.message
    both = replace(service, cluster_ips=(*service.cluster_ips, *ON_SIX.cluster_ips))
    assert not told(from_six("fd00:ee::1", both, 80), "service-family-mismatch")


def test_a_service_of_both_versions_has_none() -> None:
    both = replace(SERVICE, cluster_ips=(*SERVICE.cluster_ips, *ON_SIX.cluster_ips))
    assert not told(asked("svc/t/web", both), "service-family-mismatch")


# --- lb-ip-pending ---------------------------------------------------------------------------


def test_a_client_outside_has_no_address_to_ask() -> None:
    made = asked("svc/t/web", BALANCED, src="203.0.113.7")
    (first,) = told(made, "lb-ip-pending")
    assert made.suspicions[0] is first
    assert "30080" in first.message
    assert made.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("service", "src"),
    [
        (BALANCED, "pod/t/a1"),
        (SERVICE, "203.0.113.7"),
        (replace(BALANCED, external_ips=(parse_ip("198.51.100.9"),)), "203.0.113.7"),
        (replace(BALANCED, ingress=(Ingress(parse_ip("198.51.100.9")),)), "203.0.113.7"),
        (replace(BALANCED, ingress=(Ingress(hostname="lb.example.com"),)), "203.0.113.7"),
    ],
    ids=["asked from inside", "no load balancer", "an external IP", "an address", "a name"],
)
def test_an_address_is_not_missed(service: Service, src: str) -> None:
    assert not told(asked("svc/t/web", service, src=src), "lb-ip-pending")
