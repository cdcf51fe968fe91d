"""Calico's objects from files, and what kind of Calico it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from skoop.cluster.calico import calico_objects
from skoop.cluster.detect import detect
from skoop.cluster.detect.calico_facts import CalicoConfig
from skoop.cluster.inventory import from_documents
from skoop.errors import InputError
from skoop.model.address import Family, parse_ip, parse_prefix
from skoop.model.kube.calico import CalicoObjects, IpPool, Tunnelling
from skoop.model.request import Overrides
from skoop.service.config import ProxyMode


def listed(*items: dict[str, Any], name: str = "default") -> bytes:
    """A List whose items have just a spec."""
    named = [{"metadata": {"name": name}, **item} for item in items]
    return json.dumps({"kind": "List", "items": named}).encode()


def read(**lists: bytes) -> CalicoObjects:
    return calico_objects({f"{name}.crd.projectcalico.org": text for name, text in lists.items()})


POOL = {"cidr": "10.244.0.0/16", "ipipMode": "CrossSubnet", "natOutgoing": True}


def test_pools() -> None:
    six = {"cidr": "fd00:244::/48", "vxlanMode": "Always", "blockSize": 120, "disabled": True}
    objects = read(ippools=listed({"spec": POOL}, {"spec": six}))
    assert objects.pools == (
        IpPool(
            name="default",
            cidr=parse_prefix("10.244.0.0/16"),
            ipip=Tunnelling.CROSS_SUBNET,
            nat_outgoing=True,
        ),
        IpPool(
            name="default",
            cidr=parse_prefix("fd00:244::/48"),
            vxlan=Tunnelling.ALWAYS,
            disabled=True,
            block_size=120,
        ),
    )
    assert objects.known == ("ippools",)


@pytest.mark.parametrize("key", ["ippools", "ippools.projectcalico.org"])
def test_lists_by_other_names(key: str) -> None:
    assert len(calico_objects({key: listed({"spec": POOL})}).pools) == 1


def test_a_refused_list_is_not_known() -> None:
    refusal = json.dumps({"kind": "Status", "message": "forbidden"}).encode()
    assert read(ippools=refusal).known == ()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"cidr": "10.244.0.0/99"}, "spec.cidr"),
        ({"cidr": "10.244.0.0/16", "ipipMode": "Sometimes"}, "spec.ipipMode"),
        ({}, "cidr"),
    ],
)
def test_a_pool_that_cannot_be_read(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(ippools=listed({"spec": spec}))


def test_affinities_that_are_being_deleted_do_not_count() -> None:
    objects = read(
        blockaffinities=listed(
            {"spec": {"cidr": "10.244.0.0/26", "node": "k1", "deleted": "false"}},
            {"spec": {"cidr": "10.244.0.64/26", "node": "k2", "deleted": "true"}},
            {"spec": {"cidr": "10.244.0.128/26", "node": "k3", "deleted": True}},
        )
    )
    assert [each.node for each in objects.affinities] == ["k1"]


def test_addresses_of_a_block_that_other_nodes_use() -> None:
    spec = {
        "cidr": "10.244.0.0/26",
        "affinity": "host:k1",
        "allocations": [0, None, 1, 7],
        "attributes": [{"secondary": {"node": "k1"}}, {"secondary": {"node": "k2"}}],
    }
    (block,) = read(ipamblocks=listed({"spec": spec})).blocks
    assert block.node == "k1"
    assert block.borrowed == ((parse_ip("10.244.0.2"), "k2"),)


@pytest.mark.parametrize(
    ("written", "ip"),
    [("10.0.0.1", "10.0.0.1"), ("10.0.0.1:1790", "10.0.0.1"), ("[fd00::1]:179", "fd00::1")],
)
def test_peers_with_and_without_port(written: str, ip: str) -> None:
    (peer,) = read(bgppeers=listed({"spec": {"peerIP": written}})).peers
    assert peer.peer_ip == ip


@pytest.mark.parametrize("mesh", [True, False, None])
def test_the_mesh(mesh: bool | None) -> None:
    spec = {} if mesh is None else {"nodeToNodeMeshEnabled": mesh}
    assert read(bgpconfigurations=listed({"spec": spec})).mesh is mesh


def test_nodes_of_calicos_own() -> None:
    spec = {"bgp": {"ipv4Address": "10.0.0.1/24", "ipv4IPIPTunnelAddr": "10.244.0.1"}}
    (node,) = read(nodes=listed({"spec": spec}, name="k1")).nodes
    assert (node.name, node.ipv4, node.ipip_address) == ("k1", "10.0.0.1/24", "10.244.0.1")


def manifest(env: dict[str, str], **data: str) -> dict[str, bytes]:
    """A cluster installed by the manifest, with settings of calico-node and of calico-config."""
    container = {
        "name": "calico-node",
        "env": [{"name": key, "value": value} for key, value in env.items()],
    }
    agent = {
        "metadata": {"name": "calico-node", "namespace": "kube-system"},
        "spec": {"template": {"spec": {"containers": [container]}}},
        "status": {"desiredNumberScheduled": 1},
    }
    config = {"metadata": {"name": "calico-config", "namespace": "kube-system"}, "data": data}
    return {
        "daemonsets": json.dumps({"items": [agent]}).encode(),
        "configmaps": json.dumps({"items": [config]}).encode(),
    }


def config(documents: dict[str, bytes]) -> CalicoConfig:
    return detect(from_documents(documents), {}).calico.value


def test_the_manifest_tells_the_pool_it_makes() -> None:
    env = {"CALICO_IPV4POOL_CIDR": "10.50.0.0/16", "CALICO_IPV4POOL_IPIP": "Always"}
    facts = detect(from_documents(manifest(env)), {})
    (pool,) = facts.calico.value.pools
    assert (pool.cidr, pool.ipip) == (parse_prefix("10.50.0.0/16"), Tunnelling.ALWAYS)
    assert not facts.calico.certain
    assert facts.pod_cidrs.value == (parse_prefix("10.50.0.0/16"),)


def test_pools_count_more_than_the_manifest() -> None:
    documents = manifest({"CALICO_IPV4POOL_CIDR": "10.50.0.0/16"})
    documents["ippools"] = listed({"spec": POOL})
    facts = detect(from_documents(documents), {})
    assert [pool.cidr for pool in facts.calico.value.pools] == [parse_prefix("10.244.0.0/16")]
    assert facts.calico.certain


@pytest.mark.parametrize(
    ("encapsulation", "ipip", "vxlan"),
    [
        ("IPIP", Tunnelling.ALWAYS, Tunnelling.NEVER),
        ("VXLANCrossSubnet", Tunnelling.NEVER, Tunnelling.CROSS_SUBNET),
        ("None", Tunnelling.NEVER, Tunnelling.NEVER),
    ],
)
def test_the_operator(encapsulation: str, ipip: Tunnelling, vxlan: Tunnelling) -> None:
    network = {
        "ipPools": [{"cidr": "10.60.0.0/16", "encapsulation": encapsulation}],
        "linuxDataplane": "BPF",
    }
    documents = manifest({})
    documents["installations.operator.tigera.io"] = listed({"spec": {"calicoNetwork": network}})
    found = config(documents)
    (pool,) = found.pools
    assert (pool.ipip, pool.vxlan, pool.nat_outgoing) == (ipip, vxlan, True)
    assert found.ebpf_on("k1")


def test_settings_of_felix_in_the_order_in_which_it_takes_them() -> None:
    documents = manifest({"FELIX_VXLANPORT": "1", "FELIX_IPINIPMTU": "1400"})
    felix = [
        {"metadata": {"name": name}, "spec": spec}
        for name, spec in (
            ("default", {"vxlanPort": 2, "vxlanVNI": 3, "bpfEnabled": True, "other": {"x": 1}}),
            ("node.k2", {"vxlanVNI": 4, "bpfEnabled": False, "interfacePrefix": "cali,tap"}),
        )
    ]
    documents["felixconfigurations"] = json.dumps({"items": felix}).encode()
    found = config(documents)
    one, two = found.felix_on("k1"), found.felix_on("k2")
    assert (one.vxlan_port, one.vxlan_vni, one.bpf, one.ipip_mtu) == (1, 3, True, 1400)
    assert (two.vxlan_port, two.vxlan_vni, two.bpf) == (1, 4, False)
    assert two.interface_prefixes == ("cali", "tap")


def test_a_setting_that_is_no_number_is_noted() -> None:
    facts = detect(from_documents(manifest({"FELIX_VXLANPORT": "many"})), {})
    assert facts.calico.value.felix.vxlan_port == 4789
    assert any("vxlanport" in note.what for note in facts.notes)


@pytest.mark.parametrize("kind", ["host-local", "calico-ipam"])
def test_who_gives_out_addresses(kind: str) -> None:
    text = f'{{"plugins": [{{"mtu": __CNI_MTU__, "ipam": {{"type": "{kind}"}}}}]}}'
    documents = manifest({}, cni_network_config=text)
    facts = detect(from_documents(documents), {})
    assert facts.calico.value.host_local is (kind == "host-local")
    assert facts.node_cidrs is (kind == "host-local")


def test_the_most_specific_pool_holds_an_address() -> None:
    wide = IpPool(name="wide", cidr=parse_prefix("10.0.0.0/8"))
    narrow = IpPool(name="narrow", cidr=parse_prefix("10.1.0.0/16"))
    found = CalicoConfig(pools=(wide, narrow))
    assert found.pool_of(*parse_ip("10.1.2.3")) == narrow
    assert found.pool_of(*parse_ip("10.2.2.3")) == wide
    assert found.pool_of(Family.V4, 1) is None


def test_ebpf_replaces_kube_proxy_and_is_not_followed() -> None:
    documents = manifest({})
    documents["felixconfigurations"] = listed({"spec": {"bpfEnabled": True}})
    facts = detect(from_documents(documents), {})
    assert facts.proxy_mode.value is ProxyMode.EBPF
    assert any("eBPF" in note.what for note in facts.notes)
    asked = detect(from_documents(documents), {}, overrides=Overrides(proxy_mode="iptables"))
    assert asked.proxy_mode.value is ProxyMode.IPTABLES


def test_wireguard_is_not_followed() -> None:
    documents = manifest({"FELIX_WIREGUARDENABLED": "true"})
    facts = detect(from_documents(documents), {})
    assert any("WireGuard" in note.what for note in facts.notes)
    assert not any("WireGuard" in note.what for note in detect(from_documents({}), {}).notes)
