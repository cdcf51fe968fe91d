from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from skoop.cluster.detect import Cni, FlannelConfig, detect
from skoop.cluster.detect.arguments import flags
from skoop.cluster.detect.flannel import parse_net_conf
from skoop.cluster.detect.kubeproxy import parse_configuration
from skoop.errors import UsageError
from skoop.model.address import Family, parse_ip, parse_prefix
from skoop.model.kube import (
    ConfigMap,
    Container,
    Inventory,
    Node,
    Pod,
    PodContainer,
    Service,
    ServiceCidr,
    Workload,
    build_inventory,
)
from skoop.model.kube.calico import CalicoObjects, FelixConfiguration
from skoop.model.request import Overrides
from skoop.netstack.netfilter import Ruleset
from skoop.netstack.state import Link, Namespace
from skoop.service.config import ProxyConfig, ProxyMode


def daemon_set(name: str, *args: str, desired: int = 3) -> Workload:
    return Workload(
        kind="DaemonSet",
        namespace="kube-system",
        name=name,
        desired=desired,
        containers=(Container(name="c", command=args),),
    )


def system_pod(name: str, *command: str) -> Pod:
    container = PodContainer(name=name, command=command)
    return Pod(namespace="kube-system", name=f"{name}-k1", containers=(container,))


def config_map(name: str, **data: str) -> ConfigMap:
    return ConfigMap(
        "kube-system", name, {key.replace("_", "."): value for key, value in data.items()}
    )


def proxy_map(text: str) -> ConfigMap:
    return config_map("kube-proxy", config_conf=f"kind: KubeProxyConfiguration\n{text}")


def host(*links: str) -> Namespace:
    return Namespace(
        id="node/k1",
        links=tuple(
            Link(index=number + 1, name=name, kind="", mtu=1500, up=True)
            for number, name in enumerate(links)
        ),
    )


def test_a_real_cluster(corpus: Inventory) -> None:
    facts = detect(corpus, {})
    assert facts.cni.value is Cni.FLANNEL
    assert "kube-flannel-cfg" in facts.cni.source
    assert facts.proxy_mode.value is ProxyMode.IPTABLES
    assert facts.proxy_mode.certain
    assert facts.proxy.value.cluster_cidrs == (parse_prefix("10.244.0.0/16"),)
    assert facts.pod_cidrs.value == (parse_prefix("10.244.0.0/16"),)
    assert facts.flannel.value == FlannelConfig(
        network=parse_prefix("10.244.0.0/16"), backend="vxlan", vni=1, port=8472
    )
    assert not facts.service_cidrs.certain
    for service in corpus.services:
        for _, value in service.cluster_ips:
            assert facts.service_cidrs.value[0].contains(value)
    assert parse_prefix("10.96.0.0/16").contains(facts.service_cidrs.value[0].network)
    assert facts.cluster_domain.value == "cluster.local"
    assert facts.notes == ()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["kube-flannel-ds"], Cni.FLANNEL),
        (["kube-flannel-ds", "calico-node"], Cni.CANAL),
        (["canal"], Cni.CANAL),
        (["calico-node"], Cni.CALICO),
        (["kindnet"], Cni.KINDNET),
        (["cilium", "cilium-envoy"], Cni.CILIUM),
        (["antrea-agent"], Cni.ANTREA),
        (["kube-router"], Cni.KUBE_ROUTER),
        (["kube-ovn-cni"], Cni.KUBE_OVN),
        (["terway-eniip"], Cni.TERWAY),
        (["weave-net"], Cni.WEAVE),
        (["aws-node", "calico-node"], Cni.AWS_VPC),
        (["kube-proxy", "node-exporter"], Cni.UNKNOWN),
    ],
    ids=str,
)
def test_cni_by_daemon_set(names: list[str], expected: Cni) -> None:
    inventory = build_inventory(daemon_sets=[daemon_set(name) for name in names])
    assert detect(inventory, {}).cni.value is expected


@pytest.mark.parametrize(
    ("inventory", "hosts", "expected", "source"),
    [
        (
            build_inventory(daemon_sets=[daemon_set("calico-node", desired=0)]),
            {},
            Cni.UNKNOWN,
            "nothing",
        ),
        (
            build_inventory(config_maps=[config_map("cilium-config")]),
            {},
            Cni.CILIUM,
            "kube-system/cilium-config",
        ),
        (
            build_inventory(
                nodes=[Node(name="k1", annotations={"projectcalico.org/IPv4Address": "x"})]
            ),
            {},
            Cni.CALICO,
            "node k1",
        ),
        (build_inventory(), {"k1": host("lo", "eth0", "flannel.1")}, Cni.FLANNEL, "flannel.1"),
    ],
    ids=["idle DaemonSet", "ConfigMap", "annotation", "device"],
)
def test_cni_by_other_traces(
    inventory: Inventory, hosts: dict[str, Namespace], expected: Cni, source: str
) -> None:
    cni = detect(inventory, hosts).cni
    assert cni.value is expected
    assert source in cni.source


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('mode: ""', ProxyConfig()),
        ("mode: nftables", ProxyConfig(mode=ProxyMode.NFTABLES)),
        ("mode: ipvs\niptables: {masqueradeAll: true}",
         ProxyConfig(mode=ProxyMode.IPVS, masquerade_all=True)),
        ("iptables: {masqueradeBit: 5, localhostNodePorts: false}",
         ProxyConfig(masquerade_bit=5, localhost_node_ports=False)),
        ("nftables: {masqueradeAll: true}", ProxyConfig()),
        ("mode: nftables\nnftables: {masqueradeAll: true}",
         ProxyConfig(mode=ProxyMode.NFTABLES, masquerade_all=True)),
        ("clusterCIDR: 10.244.0.0/16,fd00::/48\nnodePortAddresses: null",
         ProxyConfig(cluster_cidrs=(parse_prefix("10.244.0.0/16"), parse_prefix("fd00::/48")))),
        ("nodePortAddresses: [primary, 10.0.0.0/8]\ndetectLocalMode: NodeCIDR",
         ProxyConfig(detect_local_mode="NodeCIDR", primary_node_ports=True,
                     node_port_addresses=(parse_prefix("10.0.0.0/8"),))),
        ("detectLocalMode: BridgeInterface\ndetectLocal: {bridgeInterface: cni0}",
         ProxyConfig(detect_local_mode="BridgeInterface", pod_interface="cni0")),
        ("detectLocalMode: InterfaceNamePrefix\ndetectLocal: {interfaceNamePrefix: veth}",
         ProxyConfig(detect_local_mode="InterfaceNamePrefix", pod_interface="veth*")),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_kube_proxy_configuration(text: str, expected: ProxyConfig) -> None:
    found = detect(build_inventory(config_maps=[proxy_map(text)]), {}).proxy
    assert found.value == expected
    assert found.certain


@pytest.mark.parametrize(
    "text",
    ["mode: userspace", "mode: [", "mode: 3", "- a", "clusterCIDR: 10.0.0.0/99", "a: 2026-99-99"],
)
def test_a_bad_kube_proxy_configuration_is_a_note(text: str) -> None:
    facts = detect(build_inventory(config_maps=[proxy_map(text)]), {})
    assert facts.proxy_mode.value is ProxyMode.UNKNOWN
    assert facts.notes[0].what == "config.conf of ConfigMap kube-system/kube-proxy"


def test_kube_proxy_by_its_command_line() -> None:
    words = ("/usr/local/bin/kube-proxy", "--proxy-mode=ipvs", "--cluster-cidr", "10.1.0.0/16")
    facts = detect(build_inventory(daemon_sets=[daemon_set("kube-proxy", *words)]), {})
    assert facts.proxy_mode.value is ProxyMode.IPVS
    assert facts.proxy.value.cluster_cidrs == (parse_prefix("10.1.0.0/16"),)
    assert "DaemonSet kube-system/kube-proxy" in facts.proxy.source


def host_with(mode: str) -> Namespace:
    """A node with the traces of a proxy mode."""
    rules = {
        "iptables": Ruleset(family=Family.V4, engine="nft", text="*nat\n:KUBE-SERVICES - [0:0]\n"),
        "ipvs": Ruleset(family=Family.V4, engine="nft", text="*nat\n:KUBE-SERVICES - [0:0]\n"),
        "nftables": Ruleset(chains=(SimpleNamespace(name="ip kube-proxy nat-prerouting"),)),
        "nothing": Ruleset(family=Family.V4, engine="nft", text="*nat\n:OTHER - [0:0]\n"),
    }  # fmt: skip
    found = host("kube-ipvs0" if mode == "ipvs" else "eth0")
    return structs.replace(found, rulesets=(rules[mode],))


@pytest.mark.parametrize("mode", ["iptables", "ipvs", "nftables", "nothing"])
def test_proxy_mode_by_what_is_on_the_nodes(mode: str) -> None:
    found = detect(build_inventory(), {"k1": host_with(mode)}).proxy_mode
    assert found.value is (ProxyMode.UNKNOWN if mode == "nothing" else ProxyMode(mode))
    assert not found.certain


@pytest.mark.parametrize(
    ("configured", "nodes", "expected"),
    [
        ("iptables", ["iptables"], "iptables"),
        ("nftables", ["iptables", "iptables"], "iptables"),
        ("nftables", ["iptables", "nothing"], "nftables"),
        ("iptables", ["ipvs"], "ipvs"),
        ("ipvs", ["nothing"], "ipvs"),
        ("ipvs", [], "ipvs"),
        ("iptables", ["nftables", "nftables"], "nftables"),
    ],
    ids=str,
)
def test_a_mode_that_no_node_shows(configured: str, nodes: list[str], expected: str) -> None:
    """Configured, but kube-proxy has not been restarted since."""
    hosts = {f"k{number}": host_with(mode) for number, mode in enumerate(nodes)}
    facts = detect(build_inventory(config_maps=[proxy_map(f"mode: {configured}")]), hosts)
    assert facts.proxy_mode.value is ProxyMode(expected)
    assert facts.proxy.value.mode is ProxyMode(expected)
    notes = [each for each in facts.notes if each.what == "kube-proxy's mode"]
    assert bool(notes) is (configured != expected)


@pytest.mark.parametrize(
    ("configured", "said", "expected"),
    [
        ("iptables", {"k1": "nftables", "k2": "nftables"}, "nftables"),
        ("iptables", {"k1": "nftables", "k2": "iptables"}, "iptables"),
        ("", {"k1": "ipvs"}, "ipvs"),
        ("", {"k1": "404 page not found"}, "iptables"),
    ],
    ids=str,
)
def test_a_mode_that_kube_proxy_says(configured: str, said: dict[str, str], expected: str) -> None:
    """It is believed before what is on the nodes, which may be left from another mode."""
    maps = [proxy_map(f"mode: {configured}")] if configured else []
    hosts = {name: host_with("iptables") for name in said}
    facts = detect(build_inventory(config_maps=maps), hosts, proxies=said)
    assert facts.proxy_mode.value is ProxyMode(expected)


K3S = Node(
    name="server",
    pod_cidrs=(parse_prefix("10.42.0.0/24"),),
    annotations={
        "k3s.io/node-args": json.dumps(
            ["server", "--flannel-backend", "host-gw", "--kube-proxy-arg", "proxy-mode=ipvs",
             "--service-cidr=10.9.0.0/16", "--cluster-domain", "corp.example"]
        ),
        "flannel.alpha.coreos.com/backend-type": "host-gw",
    },
)  # fmt: skip


def test_k3s() -> None:
    facts = detect(build_inventory(nodes=[Node(name="agent"), K3S]), {})
    assert facts.cni.value is Cni.FLANNEL
    assert facts.flannel.value.backend == "host-gw"
    assert facts.proxy_mode.value is ProxyMode.IPVS
    assert "k3s.io/node-args of node server" in facts.proxy_mode.source
    assert [str(each) for each in facts.pod_cidrs.value] == ["10.42.0.0/16"]
    assert [str(each) for each in facts.service_cidrs.value] == ["10.9.0.0/16"]
    assert facts.cluster_domain.value == "corp.example"
    assert facts.notes == ()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["server"], ProxyMode.IPTABLES),
        (["server", "--disable-kube-proxy"], ProxyMode.UNKNOWN),
        (["server", "--disable-kube-proxy=false"], ProxyMode.IPTABLES),
        (["server", "--kube-proxy-arg=proxy-mode=nonsense"], ProxyMode.UNKNOWN),
        (["agent", "--kube-proxy-arg=proxy-mode=ipvs"], ProxyMode.UNKNOWN),
        ("not json", ProxyMode.UNKNOWN),
    ],
    ids=str,
)
def test_k3s_kube_proxy(arguments: object, expected: ProxyMode) -> None:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    node = Node(name="a", annotations={"k3s.io/node-args": text})
    assert detect(build_inventory(nodes=[node]), {}).proxy_mode.value is expected


def test_kube_proxy_as_a_static_pod() -> None:
    """RKE2 and GKE."""
    command = ("kube-proxy", "--proxy-mode=ipvs", "--cluster-cidr=10.42.0.0/16")
    facts = detect(build_inventory(pods=[system_pod("kube-proxy", *command)]), {})
    assert facts.proxy_mode.value is ProxyMode.IPVS
    assert "pod kube-system/kube-proxy-k1" in facts.proxy_mode.source


@pytest.mark.parametrize(
    ("name", "key"),
    [("kube-proxy-config", "config"), ("kube-proxy-worker", "config.conf")],
    ids=["EKS", "ACK"],
)
def test_config_maps_of_clouds(name: str, key: str) -> None:
    text = "kind: KubeProxyConfiguration\nmode: ipvs\n"
    found = detect(build_inventory(config_maps=[ConfigMap("kube-system", name, {key: text})]), {})
    assert found.proxy_mode.value is ProxyMode.IPVS


def test_calico_without_kube_proxy() -> None:
    settings = FelixConfiguration("default", {"bpfEnabled": "true"})
    calico = CalicoObjects(felix=(settings,))
    facts = detect(build_inventory(daemon_sets=[daemon_set("calico-node")], calico=calico), {})
    assert facts.proxy_mode.value is ProxyMode.EBPF


@pytest.mark.parametrize("name", ["rke2-canal", "anetd", "terway-eni", "kindnet", "weave-net"])
def test_plugins_of_distributions(name: str) -> None:
    found = detect(build_inventory(daemon_sets=[daemon_set(name)]), {})
    assert found.cni.value is not Cni.UNKNOWN
    assert found.cni.source == f"DaemonSet kube-system/{name}"


def test_an_unknown_plugin_is_said_and_can_be_named() -> None:
    facts = detect(build_inventory(), {})
    assert facts.cni.value is Cni.UNKNOWN
    assert "--network-plugin" in facts.notes[-1].why
    assert detect(build_inventory(), {}, overrides=Overrides(network_plugin="unknown")).notes == ()


def test_the_backend_can_be_named() -> None:
    overrides = Overrides(flannel_backend="Host-GW")
    facts = detect(build_inventory(nodes=[K3S]), {}, overrides=overrides)
    assert facts.flannel.value.backend == "host-gw"
    assert facts.flannel.source == "the user"


def test_cilium_replaces_kube_proxy() -> None:
    cilium = ConfigMap("kube-system", "cilium-config", {"kube-proxy-replacement": "true"})
    assert detect(build_inventory(config_maps=[cilium]), {}).proxy_mode.value is ProxyMode.EBPF


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        ({}, FlannelConfig()),
        ({"Backend": {"Type": "vxlan"}}, FlannelConfig(backend="vxlan")),
        (
            {
                "Network": "10.1.0.0/16",
                "IPv6Network": "fd00::/48",
                "EnableIPv6": True,
                "Backend": {
                    "Type": "vxlan",
                    "VNI": 4096,
                    "Port": 4789,
                    "DirectRouting": True,
                    "MTU": 1400,
                },
            },
            FlannelConfig(
                network=parse_prefix("10.1.0.0/16"),
                ipv6_network=parse_prefix("fd00::/48"),
                enable_ipv6=True,
                backend="vxlan",
                vni=4096,
                port=4789,
                direct_routing=True,
                mtu=1400,
            ),
        ),
        ({"Backend": {"Type": "host-gw"}}, FlannelConfig(backend="host-gw")),
        ({"Backend": {"Type": "wireguard"}}, FlannelConfig(backend="wireguard", port=51820)),
    ],
    ids=["empty", "defaults", "all", "host-gw", "wireguard"],
)
def test_net_conf(conf: object, expected: FlannelConfig) -> None:
    data = {"net-conf.json": json.dumps(conf)}
    any_namespace = ConfigMap("kube-flannel", "kube-flannel-cfg", data)
    assert detect(build_inventory(config_maps=[any_namespace]), {}).flannel.value == expected


def test_a_bad_net_conf_is_a_note_and_annotations_stand_in() -> None:
    broken = ConfigMap("kube-flannel", "kube-flannel-cfg", {"net-conf.json": "{"})
    node = Node(name="k1", annotations={"flannel.alpha.coreos.com/backend-type": "host-gw"})
    facts = detect(build_inventory(config_maps=[broken], nodes=[node]), {})
    assert facts.flannel.value.backend == "host-gw"
    assert not facts.flannel.certain
    assert "net-conf.json" in facts.notes[0].what


def test_pod_cidrs_fall_back_to_the_nodes_and_contradictions_are_noted() -> None:
    nodes = [
        Node(name="a", pod_cidrs=(parse_prefix("10.244.1.0/24"),)),
        Node(name="b", pod_cidrs=(parse_prefix("10.244.2.0/24"),)),
    ]
    facts = detect(build_inventory(nodes=nodes), {})
    assert [str(each) for each in facts.pod_cidrs.value] == ["10.244.1.0/24", "10.244.2.0/24"]
    wrong = proxy_map("clusterCIDR: 10.9.0.0/16")
    facts = detect(build_inventory(nodes=nodes, config_maps=[wrong]), {})
    assert [str(each) for each in facts.pod_cidrs.value] == ["10.9.0.0/16"]
    assert "podCIDRs of the nodes" in facts.notes[0].why


def test_service_cidrs_from_the_api_server_and_from_objects() -> None:
    command = ("kube-apiserver", "--service-cluster-ip-range=10.96.0.0/12,fd00::/108")
    inventory = build_inventory(pods=[system_pod("kube-apiserver", *command)])
    assert detect(inventory, {}).service_cidrs.value == (
        parse_prefix("10.96.0.0/12"),
        parse_prefix("fd00::/108"),
    )
    inventory = build_inventory(service_cidrs=[ServiceCidr("k", (parse_prefix("10.7.0.0/16"),))])
    facts = detect(inventory, {})
    assert facts.service_cidrs.value == (parse_prefix("10.7.0.0/16"),)
    assert facts.service_cidrs.certain


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (["10.96.0.1"], ["10.96.0.1/32"]),
        (["10.96.0.1", "10.96.0.10"], ["10.96.0.0/28"]),
        (["10.96.0.1", "10.96.255.1", "fd00::1"], ["10.96.0.0/16", "fd00::1/128"]),
    ],
    ids=str,
)
def test_service_cidrs_inferred(addresses: list[str], expected: list[str]) -> None:
    services = [
        Service(namespace="a", name=text, cluster_ips=(parse_ip(text),)) for text in addresses
    ]
    found = detect(build_inventory(services=services), {}).service_cidrs
    assert [str(each) for each in found.value] == expected
    assert not found.certain


def test_the_user_has_the_last_word() -> None:
    overrides = Overrides(
        network_plugin="Calico",
        proxy_mode="ipvs",
        cluster_cidr="10.1.0.0/16, fd00::/48",
        service_cidr="10.2.0.0/16",
        cluster_domain="corp.local",
    )
    facts = detect(build_inventory(), {}, overrides=overrides)
    assert facts.cni.value is Cni.CALICO
    assert facts.proxy_mode.value is facts.proxy.value.mode is ProxyMode.IPVS
    assert len(facts.pod_cidrs.value) == 2
    assert facts.service_cidrs.value == (parse_prefix("10.2.0.0/16"),)
    assert facts.cluster_domain.value == "corp.local"
    assert facts.cni.source == facts.service_cidrs.source == "the user"


@pytest.mark.parametrize(
    "overrides",
    [
        Overrides(network_plugin="nonsense"),
        Overrides(proxy_mode="nonsense"),
        Overrides(cluster_cidr="10.0.0.0/99"),
        Overrides(service_cidr="x"),
        Overrides(flannel_backend="x"),
    ],
)
def test_meaningless_overrides_are_usage_errors(overrides: Overrides) -> None:
    with pytest.raises(UsageError):
        detect(build_inventory(), {}, overrides=overrides)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["kube-proxy", "--a=1", "--b", "2", "--c"], {"a": "1", "b": "2", "c": ""}),
        (["--a", "--b"], {"a": "", "b": ""}),
        (["sh", "-c", "exec kube-proxy --a=1 --b='2'"], {"a": "1", "b": "2"}),
        ([], {}),
    ],
    ids=str,
)
def test_flags(words: list[str], expected: dict[str, str]) -> None:
    assert flags(words) == expected


@given(st.text(max_size=60) | st.text(alphabet='{}[]":,&*!- \nmode0', max_size=40))
def test_configuration_parsers_are_total(text: str) -> None:
    for parse in (parse_configuration, parse_net_conf):
        try:
            parse(text)
        except ValueError as error:
            assert str(error)


def test_another_cluster_domain() -> None:
    corefile = config_map("coredns", Corefile=".:53 {\n  kubernetes corp.example in-addr.arpa {\n")
    assert (
        detect(build_inventory(config_maps=[corefile]), {}).cluster_domain.value == "corp.example"
    )
