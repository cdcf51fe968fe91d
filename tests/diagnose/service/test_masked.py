"""A server that denies the node's address where the client's would do."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skoop.cluster.inventory import from_documents
from skoop.model.address import Family, parse_ip
from skoop.model.diagnosis import Diagnosis, Suspicion
from skoop.model.disposition import Level, Verdict
from skoop.model.kube import (
    EndpointPort,
    EndpointSlice,
    NetworkPolicy,
    Service,
    ServicePort,
    SliceEndpoint,
    build_inventory,
)
from skoop.model.request import Overrides, Request
from skoop.netstack.netfilter import Ruleset
from tests.cluster.test_calico import listed
from tests.diagnose.diagnosed import inventory, session
from tests.diagnose.worlds import B1, K1, change, cluster, with_rules
from tests.netstack.builders import iptables, nft

CLIENT, DOOR = "172.30.0.250", 30080
SERVICE = Service(
    namespace="t", name="web", type="NodePort", cluster_ips=(parse_ip("10.96.0.9"),),
    ip_families=(Family.V4,), ports=(ServicePort(80, target_port=80, node_port=DOOR),),
)  # fmt: skip
DNAT = (
    f"-t nat -A PREROUTING -p tcp -m tcp --dport {DOOR} -j KUBE-EXT-A",
    "-t nat -A KUBE-EXT-A -j MARK --set-xmark 0x4000/0x4000",
    "-t nat -A KUBE-EXT-A -j KUBE-SEP-A",
    f"-t nat -A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination {B1}:80",
    "-t nat -A POSTROUTING -j KUBE-POSTROUTING",
)
MASQUERADE = "-t nat -A KUBE-POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE"
ONLY_THE_CLIENT = f"-A INPUT -p tcp ! -s {CLIENT}/32 -j DROP"


def asked(
    *pod_rules: str, masquerade: str | Ruleset = MASQUERADE, on_node: tuple[str, ...] = (),
    policies: tuple[NetworkPolicy, ...] = (), **fields: Any,
) -> Diagnosis:  # fmt: skip
    """A client outside asks node k1 for a NodePort whose backend is on k2, where a node's rules
    may stop it too."""
    nats = (iptables(*DNAT, masquerade),) if isinstance(masquerade, str) else (
        iptables(*DNAT[:-1]), masquerade,
    )  # fmt: skip
    spaces = change(cluster(), "node/k1", with_rules(*nats))
    spaces = change(spaces, "node/k2", with_rules(iptables(*on_node)))
    spaces = change(spaces, "pod/t/b1", with_rules(iptables(*pod_rules)))
    made = inventory()
    behind = EndpointSlice(
        namespace="t", name="web-1", service="web", ports=(EndpointPort(80),),
        endpoints=(SliceEndpoint(addresses=(parse_ip(B1),), target=("Pod", "t", "b1")),),
    )  # fmt: skip
    full = build_inventory(
        nodes=made.nodes, pods=made.pods, services=[replace(SERVICE, **fields)],
        endpoint_slices=[behind], network_policies=policies,
    )  # fmt: skip
    plain = Overrides(network_plugin="kindnet", proxy_mode="iptables")
    request = Request(src=CLIENT, dst=K1, port=DOOR, overrides=plain)
    return session(spaces, full).diagnose(request)


def told(made: Diagnosis) -> list[Suspicion]:
    return [each for each in made.suspicions if each.name == "client-ip-lost"]


def test_an_allow_list_that_the_client_is_on() -> None:
    made = asked(ONLY_THE_CLIENT)
    (found,) = told(made)
    assert made.verdict is Verdict.UNREACHABLE
    assert (found.level, found.blocking, found.where.name) == (Level.WARNING, False, "t/web")
    assert f"instead of {CLIENT}" in found.message
    texts = [each.text for each in found.evidence]
    assert texts[0] == "externalTrafficPolicy: Cluster"
    assert "-j MASQUERADE" in texts[1]
    assert ONLY_THE_CLIENT.split()[0] in texts[2]


def test_it_follows_the_rule_that_denies() -> None:
    names = [each.name for each in asked(ONLY_THE_CLIENT).suspicions]
    assert names.index("filter-drop") < names.index("client-ip-lost")


CASES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "nobody is let in": (("-A INPUT -p tcp -j DROP",), {}),
    "another client is": (("-A INPUT -p tcp ! -s 192.0.2.1/32 -j DROP",), {}),
    "the server lets all in": ((), {}),
    "the policy is Local": ((ONLY_THE_CLIENT,), {"external_traffic_policy": "Local"}),
    "somebody else masquerades": (
        (ONLY_THE_CLIENT,), {"masquerade": "-t nat -A POSTROUTING -o flannel.1 -j MASQUERADE"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "fields"), CASES.values(), ids=CASES.keys())
def test_where_the_clients_address_would_not_help(
    rules: tuple[str, ...], fields: dict[str, Any]
) -> None:
    assert not told(asked(*rules, **fields))


IN_NFTABLES = nft("""table ip kube-proxy {
    chain masquerading { meta mark & 0x4000 == 0x4000 masquerade }
    chain nat-postrouting { type nat hook postrouting priority 100; jump masquerading }
}""")
POD_WALL = (
    f"-A FORWARD -d {B1}/32 -j KUBE-POD-FW-B1",
    f"-A KUBE-POD-FW-B1 ! -s {CLIENT}/32 -j REJECT",
)


def policy_for(client: str) -> NetworkPolicy:
    spec = {
        "podSelector": {}, "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"ipBlock": {"cidr": f"{client}/32"}}]}],
    }  # fmt: skip
    document = listed({"metadata": {"name": "p", "namespace": "t"}, "spec": spec})
    (made,) = from_documents({"networkpolicies": document}).network_policies
    return made


@pytest.mark.parametrize(("client", "expected"), [(CLIENT, 1), ("192.0.2.1", 0)])
def test_policies_are_asked_where_the_rule_cannot_be_left_out(client: str, expected: int) -> None:
    made = asked(masquerade=IN_NFTABLES, on_node=POD_WALL, policies=(policy_for(client),))
    assert made.verdict is Verdict.UNREACHABLE
    assert len(told(made)) == expected


def test_without_a_policy_nftables_rules_prove_nothing() -> None:
    assert not told(asked(ONLY_THE_CLIENT, masquerade=IN_NFTABLES))
