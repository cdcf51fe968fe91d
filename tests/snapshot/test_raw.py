from __future__ import annotations

import json
from pathlib import Path

import pytest

from skoop.errors import SnapshotError
from skoop.netstack.dump import Output, ReadCache
from skoop.snapshot import NamespaceDump, NamespaceKind, from_raw, load, namespaces, save
from skoop.snapshot.nsids import with_nsids

CORPUS = Path(__file__).parent.parent / "data" / "corpus"


@pytest.fixture(scope="module", params=["iptables-clean", "foreign-nft-drop"])
def corpus(request: pytest.FixtureRequest) -> Path:
    return CORPUS / f"{request.param}.tar.gz"


def test_a_real_cluster_is_read_whole(corpus: Path) -> None:
    found = from_raw(corpus)
    assert sorted(found.nodes) == ["k1", "k2", "k3"]
    assert {"pods", "services", "nodes", "endpointslices.discovery.k8s.io"} <= set(found.cluster)
    pods = json.loads(found.cluster["pods"])["items"]
    expected = {
        (p["spec"]["nodeName"], p["metadata"]["namespace"], p["metadata"]["name"])
        for p in pods
        if not p["spec"].get("hostNetwork") and p["status"]["phase"] == "Running"
    }
    collected = {
        (node, dump.namespace, dump.pod)
        for node, document in found.nodes.items()
        for dump in document.namespaces
        if dump.kind is NamespaceKind.POD
    }
    assert collected == expected


def test_every_part_of_it_is_understood(corpus: Path) -> None:
    cache = ReadCache()
    for document in from_raw(corpus).nodes.values():
        host, *pods = namespaces(document, cache=cache)
        assert host.gaps == ()
        assert host.conntrack.count > 0
        assert {gap.part for pod in pods for gap in pod.gaps} <= {"conntrack"}
        assert all(pod.addresses and pod.routes and pod.rules for pod in pods)


def test_every_veth_leads_somewhere_and_back(corpus: Path) -> None:
    for document in from_raw(corpus).nodes.values():
        host, *pods = namespaces(document)
        by_inode = {pod.inode: pod for pod in pods}
        host_nsids = dict(host.nsids)
        veths = [link for link in host.links if link.kind == "veth" and link.master == "cni0"]
        assert len(veths) == len(pods)
        for veth in veths:
            pod = by_inode[host_nsids[veth.peer_nsid]]
            (eth0,) = [link for link in pod.links if link.index == veth.peer_index]
            assert eth0.peer_index == veth.index
            assert dict(pod.nsids)[eth0.peer_nsid] == host.inode


def test_it_survives_saving(corpus: Path, tmp_path: Path) -> None:
    first = from_raw(corpus)
    save(first, tmp_path / "s.tar.gz")
    second = load(tmp_path / "s.tar.gz")
    assert dict(second.nodes) == dict(first.nodes)
    assert dict(second.cluster) == dict(first.cluster)


def raw_node(root: Path, **files: str) -> Path:
    for name, text in files.items():
        file = root / "nodes/k1" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def test_files_alone_are_enough(tmp_path: Path) -> None:
    root = raw_node(
        tmp_path,
        **{
            "host/ip_-j_addr": "[]",
            "host/ip_-j_addr.after": "later",
            "host/proc_net_ip_tables_names": "nat\n",
            "pods/shop_web-1/sysctl": "a = 1\n",
        },
    )
    document = from_raw(root).nodes["k1"]
    host, pod = document.namespaces
    assert host.outputs == {
        "ip -j addr": Output("[]"),
        "/proc/net/ip_tables_names": Output("nat\n"),
    }
    assert (pod.namespace, pod.pod) == ("shop", "web-1")
    assert "netns.json is missing" in document.notes[0]


def test_a_wireguard_device_in_files(tmp_path: Path) -> None:
    """What `wg show all WORD` printed, in files of that name."""
    key = 43 * "k" + "="
    link = '{"ifindex":4,"ifname":"wg0","flags":["UP"],"linkinfo":{"info_kind":"wireguard"}}'
    texts = {
        "ip_-j_-d_link": f"[{link}]",
        "wg_show_all_public-key": f"wg0\t{key}\n",
        "wg_show_all_listen-port": "wg0\t51820\n",
        "wg_show_all_fwmark": "wg0\toff\n",
        "wg_show_all_endpoints": f"wg0\t{key}\t10.0.0.2:51820\n",
        "wg_show_all_allowed-ips": f"wg0\t{key}\t10.244.2.0/24\n",
    }
    host = tmp_path / "nodes" / "k1" / "host"
    host.mkdir(parents=True)
    for name, text in texts.items():
        (host / name).write_text(text)
    (found,) = namespaces(from_raw(tmp_path).nodes["k1"], cache=ReadCache())
    device = found.links[0].wireguard
    assert device is not None
    assert (device.port, [peer.met for peer in device.peers]) == (51820, [None])


def test_return_codes_and_messages(tmp_path: Path) -> None:
    commands = {
        "nft -j list ruleset": {"rc": 127, "stderr": "not found"},
        "ip -j rule": {"rc": 0},
        "netns_inode": 7,
    }
    root = raw_node(
        tmp_path, **{"host/commands.json": json.dumps(commands), "host/ip_-j_rule": "[]"}
    )
    (host,) = from_raw(root).nodes["k1"].namespaces
    assert host.outputs == {
        "nft -j list ruleset": Output("", 127, "not found"),
        "ip -j rule": Output("[]"),
    }


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"host/commands.json": "{", "host/sysctl": ""}, "commands.json"),
        ({"host/commands.json": '{"ip": {"rc": "x"}}'}, "commands.json"),
        ({"netns.json": '{"pods": 3}', "host/sysctl": ""}, "netns.json"),
        ({"pods/shop_web/sysctl": ""}, "no host"),
        ({"host/sysctl": "", "pods/web/sysctl": ""}, "neither host nor pods"),
        ({"host/sysctl": "", "elsewhere/sysctl": ""}, "neither host nor pods"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    found = from_raw(raw_node(tmp_path, **files))
    with pytest.raises(SnapshotError, match=problem):
        found.nodes["k1"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="no nodes"):
        from_raw(tmp_path)


def veth(index: int, peer: int, nsid: int) -> str:
    link = {"ifindex": index, "ifname": f"v{index}", "link_index": peer, "link_netnsid": nsid}
    return json.dumps([{**link, "linkinfo": {"info_kind": "veth"}}])


def dump(pod: str, inode: int, links: str) -> NamespaceDump:
    kind = NamespaceKind.POD if pod else NamespaceKind.HOST
    outputs = {"ip -j -d link": Output(links)}
    return NamespaceDump(kind=kind, outputs=outputs, namespace=pod and "ns", pod=pod, inode=inode)


def test_ends_that_name_each_other_belong_together() -> None:
    host, a, b = with_nsids(
        (dump("", 1, veth(5, 2, 3)), dump("a", 10, veth(2, 5, 0)), dump("b", 11, veth(9, 5, 0)))
    )
    assert (host.nsids, a.nsids, b.nsids) == (((3, 10),), ((0, 1),), ())


def test_two_claims_on_one_end_settle_nothing() -> None:
    host, a, b = with_nsids(
        (dump("", 1, veth(5, 2, 3)), dump("a", 10, veth(2, 5, 0)), dump("b", 11, veth(2, 5, 0)))
    )
    assert (host.nsids, a.nsids, b.nsids) == ((), (), ())


def test_unreadable_links_settle_nothing() -> None:
    dumps = (dump("", 1, "garbage"), dump("a", 10, veth(2, 5, 0)))
    assert with_nsids(dumps) == dumps
