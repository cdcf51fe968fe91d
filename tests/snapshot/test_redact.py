from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skoop.errors import SnapshotError
from skoop.model.address import Family, format_ip, parse_ip, parse_prefix
from skoop.netstack.dump import Output
from skoop.snapshot import (
    NamespaceDump,
    NamespaceKind,
    NodeDocument,
    Snapshot,
    encode_document,
    from_raw,
    namespaces,
    redact,
)
from skoop.snapshot.redaction.addresses import AddressMap
from skoop.snapshot.redaction.redact import replacements
from skoop.snapshot.redaction.text import (
    ranges_in,
    replace_addresses,
    replace_hex_addresses,
    without_marks,
)

CORPUS = Path(__file__).parent.parent / "data" / "corpus"
MAP = AddressMap(b"a fixed key")
V4 = st.integers(0, 2**32 - 1)
V6 = st.integers(0, 2**128 - 1)


def shared_bits(one: int, two: int, bits: int) -> int:
    return bits - (one ^ two).bit_length()


@settings(max_examples=200)
@given(V4, V4)
def test_v4_prefixes_are_kept(one: int, two: int) -> None:
    mapped = MAP.map(Family.V4, one), MAP.map(Family.V4, two)
    assert shared_bits(*mapped, 32) == shared_bits(one, two, 32)
    assert mapped[0] & 0xFF == one & 0xFF


@settings(max_examples=100)
@given(V6, V6, st.integers(0, 128))
def test_v6_prefixes_are_kept(one: int, tail: int, length: int) -> None:
    """Neighbours that share `length` bits, whatever the rest."""
    two = one >> (128 - length) << (128 - length) | tail & ((1 << (128 - length)) - 1)
    if any(n >> 32 == 0xFFFF for n in (one, two)):
        return
    mapped = MAP.map(Family.V6, one), MAP.map(Family.V6, two)
    assert shared_bits(*mapped, 128) == shared_bits(one, two, 128)


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0",
        "127.0.0.1",
        "169.254.1.1",
        "224.0.0.22",
        "255.255.255.0",
        "100.100.2.136",
        "::",
        "::1",
        "fe80::1",
        "ff02::1",
    ],
)
def test_addresses_with_a_meaning_stay(text: str) -> None:
    assert replace_addresses(text, MAP) == text


@pytest.mark.parametrize("network", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"])
@settings(max_examples=50)
@given(number=V4)
def test_private_stays_private_and_public_public(network: str, number: int) -> None:
    prefix = parse_prefix(network)
    assert prefix.contains(MAP.map(Family.V4, number)) == prefix.contains(number)


def test_a_range_keeps_its_order() -> None:
    text = "-m iprange --src-range 10.1.0.0-10.77.3.9 -j DROP"
    ((family, low, high),) = ranges_in(text)
    addresses = AddressMap(b"key", [(family, low, high)])
    inside, outside = parse_ip("10.50.1.2")[1], parse_ip("10.200.0.1")[1]
    start, end = (addresses.map(family, value) for value in (low, high))
    assert start <= addresses.map(family, inside) <= end
    assert not start <= addresses.map(family, outside) <= end
    assert ranges_in("10.1.2.3-10.1.2.200") == set()
    assert len(ranges_in('{"range": ["10.1.0.0", "10.2.0.0"]}')) == 1
    assert ranges_in('["10.1.0.0", "10.2.0.0"]') == set()


def mapped(text: str) -> str:
    return format_ip(*(parse_ip(text)[0], MAP.map(*parse_ip(text))))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("via 10.9.8.7 dev", f"via {mapped('10.9.8.7')} dev"),
        ("10.9.8.7/24", f"{mapped('10.9.8.7')}/24"),
        ('"10.9.8.7:80"', f'"{mapped("10.9.8.7")}:80"'),
        ("src=fd12:3456::7 dst", f"src={mapped('fd12:3456::7')} dst"),
        ("[fd12:3456::7]:80", f"[{mapped('fd12:3456::7')}]:80"),
        ("::ffff:10.9.8.7", f"::ffff:{mapped('10.9.8.7')}"),
        ("v1.36.2 1.2.3 1.2.3.4.5 999.1.1.1 05:22:14 02:42:0a:f4:01:00", None),
        ("*:80 [::]:22 [0:0] 1:2 fe80::/64 0.0.0.0/0 ::/0", None),
    ],
)
def test_addresses_in_text(text: str, expected: str | None) -> None:
    assert replace_addresses(text, MAP) == (expected or text)


@pytest.mark.parametrize("text", ["10.0.0.0/8", "10.96.0.0/12", "fd12::/32", "10.9.0.0/16"])
def test_a_network_has_no_host_bits(text: str) -> None:
    replaced = replace_addresses(text, MAP)
    assert str(parse_prefix(replaced)) == replaced


def test_nft_writes_the_length_apart() -> None:
    text = '{"prefix": {"addr": "10.0.0.0", "len": 8}}'
    found = json.loads(without_marks(replace_addresses(text, MAP)))["prefix"]
    network = parse_prefix(f"{found['addr']}/{found['len']}")
    assert str(network) == f"{found['addr']}/8"
    assert network.contains(MAP.map(*parse_ip("10.9.8.7")))


def test_hexadecimal_socket_tables() -> None:
    text = " 1: 0708090A:0053 00000000:0000 0A 00000000:00000000 00:00000000"
    value = MAP.map(Family.V4, parse_ip("10.9.8.7")[1])
    swapped = value.to_bytes(4, "little").hex().upper()
    assert replace_hex_addresses(text, MAP) == text.replace("0708090A", swapped)


@pytest.fixture(scope="module", params=["iptables-clean", "foreign-nft-drop"])
def original(request: pytest.FixtureRequest) -> Snapshot:
    return from_raw(CORPUS / f"{request.param}.tar.gz")


def everything(snapshot: Snapshot) -> str:
    nodes = [encode_document(document).decode() for document in snapshot.nodes.values()]
    return "".join([data.decode() for data in snapshot.cluster.values()] + nodes)


def words_of(text: str) -> set[str]:
    """Every run of letters, digits, "." and "-", also as far as each of its dots: "web.shop.svc"
    is "web", "web.shop" and "web.shop.svc"."""
    runs = set(re.findall(r"[\w.-]+", text))
    return {run[:end] for run in runs for end in (*_dots(run), len(run))}


def _dots(text: str) -> list[int]:
    return [at for at, character in enumerate(text) if character == "."]


def test_nothing_of_the_original_is_left(original: Snapshot) -> None:
    text = everything(redact(original))
    names, addresses = replacements(original)
    # The pod "loopback" is named like a type of link and a plugin of CoreDNS.
    telling = {one for one in names.names if len(one) > 6 and one != "loopback"}
    telling |= {"shop", "billing"}
    assert telling & words_of(text) == set()
    assert words_of(" ".join(telling)) >= telling
    assert telling & words_of(everything(original)) > {"shop", "billing"}
    for kept in ("172.30.0.11", "10.244.1.6", "10.96.0.1"):
        assert addresses.map(*parse_ip(kept)) != parse_ip(kept)[1]
        assert not re.search(rf"(?<![\d.]){re.escape(kept)}(?![\d.])", text)
    assert "last-applied-configuration" not in text


def test_the_same_snapshot_gives_the_same_result(original: Snapshot) -> None:
    assert everything(redact(original)) == everything(redact(original))


def test_the_state_is_the_same_but_for_the_addresses(original: Snapshot) -> None:
    names, addresses = replacements(original)
    shared = redact(original)
    for node, document in original.nodes.items():
        for before, after in zip(
            namespaces(document), namespaces(shared.nodes[names.one(node)]), strict=True
        ):
            assert (before.inode, before.nsids) == (after.inode, after.nsids)
            assert [link.name for link in before.links] == [link.name for link in after.links]
            assert [addresses.map_prefix(route.destination) for route in before.routes] == [
                route.destination for route in after.routes
            ]
            assert [addresses.map(s.family, s.address) for s in before.sockets] == [
                s.address for s in after.sockets
            ]
            assert len(before.conntrack.entries) == len(after.conntrack.entries)
            assert [len(r.chains) for r in before.rulesets] == [
                len(r.chains) for r in after.rulesets
            ]
            assert len(before.gaps) == len(after.gaps)


def test_kube_proxy_s_chains_fit_the_new_names(original: Snapshot) -> None:
    """Every chain that the old names and addresses explain is explained by the new ones."""
    names, _ = replacements(original)
    found = {
        chain
        for document in redact(original).nodes.values()
        for dump in document.namespaces
        if dump.kind is NamespaceKind.HOST
        for chain in re.findall(
            r"(?<=KUBE-SVC-)[A-Z2-7]{16}", dump.outputs["iptables-legacy-save"].stdout
        )
    }
    assert found
    assert found <= set(names.chains.values())


def test_what_decides_nothing_is_dropped() -> None:
    pod = {
        "metadata": {
            "name": "w",
            "namespace": "shop",
            "labels": {"app": "w"},
            "managedFields": [1],
        },
        "spec": {
            "nodeName": "node-a",
            "volumes": ["secret"],
            "containers": [
                {
                    "name": "c",
                    "env": [{"name": "PASSWORD"}],
                    "args": ["x"],
                    "ports": [{"name": "w"}],
                }
            ],
        },
    }
    node = {"metadata": {"name": "node-a"}}
    snapshot = Snapshot(
        cluster={
            "pods": json.dumps({"kind": "List", "items": [pod]}).encode(),
            "nodes": json.dumps({"items": [node]}).encode(),
            "version": b'{"gitVersion":"v1.36.2"}',
        },
        nodes={
            "node-a": NodeDocument(
                node="node-a",
                namespaces=(
                    NamespaceDump(kind=NamespaceKind.HOST, outputs={"x": Output("10.9.8.7")}),
                ),
            )
        },
        cloud={"aliyun": b'{"PrivateIp":"10.9.8.7"}'},
    )
    shared = redact(snapshot)
    (found,) = json.loads(shared.cluster["pods"])["items"]
    name = found["metadata"]["name"]
    assert found["metadata"]["labels"] == {"app": name}
    assert found["spec"] == {
        "nodeName": next(iter(shared.nodes)),
        "containers": [{"name": "c", "ports": [{"name": "w"}]}],
    }
    assert shared.cluster["version"] == snapshot.cluster["version"]
    (document,) = shared.nodes.values()
    address = document.namespaces[0].outputs["x"].stdout
    assert shared.cloud["aliyun"].decode() == f'{{"PrivateIp":"{address}"}}'
    assert address != "10.9.8.7"


def test_what_tc_compares_in_hexadecimal_is_taken_out() -> None:
    command = "tc -j filter show dev eth0 ingress"
    match = '[{"kind":"u32","options":{"match":{"value":"a090807","mask":"ffffffff","off":16}}}]'
    dump = NamespaceDump(kind=NamespaceKind.HOST, outputs={command: Output(match)})
    shared = redact(
        Snapshot(
            cluster={"nodes": b'{"items":[{"metadata":{"name":"node-a"}}]}'},
            nodes={"node-a": NodeDocument(node="node-a", namespaces=(dump,))},
        )
    )
    (document,) = shared.nodes.values()
    found = json.loads(document.namespaces[0].outputs[command].stdout)
    assert found[0]["options"]["match"] == {"value": "0", "mask": "0", "off": 16}


def test_what_cannot_be_read_cannot_be_redacted() -> None:
    with pytest.raises(SnapshotError, match="cluster/pods"):
        redact(Snapshot(cluster={"pods": b'{"items":["\xff"]}'}))
