"""Rules about a NodePort are told by that name; rules that stop other packets too are not."""

from __future__ import annotations

import pytest

from skoop.model.address import Family, parse_ip
from skoop.model.diagnosis import Diagnosis
from skoop.model.disposition import Verdict
from skoop.model.kube import (
    ConfigMap,
    EndpointPort,
    EndpointSlice,
    Service,
    ServicePort,
    SliceEndpoint,
    build_inventory,
)
from skoop.model.request import Overrides, Request
from skoop.netstack.netfilter import Ruleset
from tests.diagnose.diagnosed import inventory, session
from tests.diagnose.worlds import B1, K1, K2, change, cluster, with_rules
from tests.netstack.builders import iptables, nft

DOOR = 30080
SERVICE = Service(
    namespace="t", name="web", type="NodePort", cluster_ips=(parse_ip("10.96.0.9"),),
    ip_families=(Family.V4,), ports=(ServicePort(80, target_port=80, node_port=DOOR),),
)  # fmt: skip
SLICE = EndpointSlice(
    namespace="t", name="web-1", service="web", ports=(EndpointPort(80),),
    endpoints=(SliceEndpoint(addresses=(parse_ip(B1),), target=("Pod", "t", "b1")),),
)  # fmt: skip
DNAT = (
    f"-t nat -A PREROUTING -p tcp -m tcp --dport {DOOR} -j KUBE-EXT-A",
    "-t nat -A KUBE-EXT-A -j KUBE-SEP-A",
    f"-t nat -A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination {B1}:80",
)


def asked(
    *rules: str | Ruleset,
    port: int = DOOR,
    dnat: bool = True,
    mode: str = "ebpf",
    to: str = K1,
    **settings: str,
) -> Diagnosis:
    """A pod of the other node asks a node for a port. Its rules are written by hand, so they are
    not held against what kube-proxy would write (as for a proxy that is not kube-proxy)."""
    texts = [each for each in rules if isinstance(each, str)]
    others = [each for each in rules if not isinstance(each, str)]
    made = iptables(*(DNAT if dnat else ()), *texts)
    spaces = change(cluster(), "node/k1", with_rules(made, *others))
    known = inventory()
    head = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration"
    config = "\n".join((head, *(f"{k}: {v}" for k, v in settings.items())))
    full = build_inventory(
        nodes=known.nodes, pods=known.pods, services=[SERVICE], endpoint_slices=[SLICE],
        config_maps=[
            ConfigMap(namespace="kube-system", name="kube-proxy", data={"config.conf": config})
        ],
    )  # fmt: skip
    plain = Overrides(network_plugin="kindnet", proxy_mode=mode)
    return session(spaces, full).diagnose(
        Request(src="pod/t/b2" if to == K1 else "pod/t/a1", dst=to, port=port, overrides=plain)
    )


GUARD = "table inet guard {{ chain pre {{ type filter hook prerouting priority -300; {} }} }}"
BLOCKED: dict[str, str | Ruleset] = {
    "raw": f"-t raw -A PREROUTING -p tcp -m tcp --dport {DOOR} -j DROP",
    "mangle, a range": "-t mangle -A PREROUTING -p tcp -m tcp --dport 30000:32767 -j DROP",
    "by the port asked for": f"-A FORWARD -m conntrack --ctorigdstport {DOOR} -j REJECT",
    "a foreign table": nft(GUARD.format(f"tcp dport {DOOR} drop")),
    "a foreign table's policy": nft(GUARD.format("policy drop; tcp dport 22 accept")),
}  # fmt: skip


@pytest.mark.parametrize("rule", BLOCKED.values(), ids=BLOCKED.keys())
def test_a_rule_about_the_port(rule: str | Ruleset) -> None:
    made = asked(rule)
    first = made.suspicions[0]
    assert made.verdict is Verdict.UNREACHABLE
    assert (first.name, first.where.name, first.blocking) == ("nodeport-blocked", "k1", True)
    assert first.evidence[0].text == f"nodePort: {DOOR}"
    assert "t/web" in first.message


def test_the_clients_node_may_stop_it_too() -> None:
    rule = f"-t raw -A PREROUTING -p tcp -m tcp --dport {DOOR} -j DROP"
    made = asked(rule, to=K2)
    assert (made.suspicions[0].name, made.suspicions[0].where.name) == ("nodeport-blocked", "k1")


OTHERS: dict[str, tuple[str | Ruleset, str]] = {
    "by source": ("-t raw -A PREROUTING -s 10.244.2.3/32 -j DROP", "raw-drop"),
    "the backend's port": ("-A FORWARD -p tcp -m tcp --dport 80 -j DROP", "filter-drop"),
    "a foreign table, by source": (nft(GUARD.format("ip saddr 10.244.2.3 drop")),
                                   "foreign-firewall"),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "name"), OTHERS.values(), ids=OTHERS.keys())
def test_a_rule_about_something_else(rule: str | Ruleset, name: str) -> None:
    names = [each.name for each in asked(rule).suspicions]
    assert names[0] == name
    assert "nodeport-blocked" not in names


def test_what_the_clients_node_does_not_forward_at_all_is_not_about_the_port() -> None:
    policy = nft(
        "table inet guard { chain f { type filter hook forward priority 0; policy drop; } }"
    )
    assert asked(policy, to=K2).suspicions[0].name == "foreign-firewall"


def test_a_port_of_the_node_itself_is_no_node_port() -> None:
    made = asked("-t raw -A PREROUTING -p tcp -m tcp --dport 10250 -j DROP", port=10250)
    assert made.suspicions[0].name == "raw-drop"


def test_where_nothing_blocks_there_is_none() -> None:
    made = asked()
    assert "nodeport-blocked" not in {each.name for each in made.suspicions}


def test_an_address_on_which_kube_proxy_serves_none() -> None:
    made = asked(dnat=False, mode="iptables", nodePortAddresses="[192.0.2.0/24]")
    first = made.suspicions[0]
    assert (first.name, first.where.name) == ("nodeport-blocked", "k1")
    assert "192.0.2.0/24" in first.evidence[0].text


def test_it_is_silent_where_no_endpoint_may_be_used_and_none_is_served() -> None:
    """iptables mode refuses a NodePort without local endpoints at every address of the node."""
    refused = (
        "-A INPUT -j KUBE-EXTERNAL-SERVICES",
        f"-A KUBE-EXTERNAL-SERVICES -p tcp -m addrtype --dst-type LOCAL --dport {DOOR} -j DROP",
    )
    made = asked(*refused, dnat=False, mode="iptables", nodePortAddresses="[192.0.2.0/24]")
    first = made.suspicions[0]
    assert (first.name, first.blocking) == ("nodeport-blocked", True)


def test_an_address_that_is_listed_is_served() -> None:
    made = asked(dnat=False, mode="iptables", nodePortAddresses="[172.30.0.0/24]")
    assert "nodeport-blocked" not in {each.name for each in made.suspicions}
