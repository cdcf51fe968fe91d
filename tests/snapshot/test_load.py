from __future__ import annotations

import contextlib
import gzip
import io
import json
import tarfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skoop.errors import SnapshotError
from skoop.netstack.dump import Output
from skoop.snapshot import (
    LeftOut,
    Limits,
    Manifest,
    NamespaceDump,
    NamespaceKind,
    NodeDocument,
    Snapshot,
    decode_document,
    encode_document,
    load,
    namespaces,
    save,
)

LINKS = '[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP"],"link_type":"loopback"}]'
HOST = NamespaceDump(
    kind=NamespaceKind.HOST, outputs={"ip -j -d link": Output(LINKS)}, inode=1, nsids=((0, 2),)
)
POD = NamespaceDump(
    kind=NamespaceKind.POD,
    outputs={"ip -j -d link": Output("", 1, "no ns")},
    namespace="shop",
    pod="web",
    uid="u-1",
    inode=2,
)
DOCUMENT = NodeDocument(node="k1.example", collector="1", notes=("n",), namespaces=(POD, HOST))
SNAPSHOT = Snapshot(
    manifest=Manifest(created="2026-01-01T00:00:00Z", left_out=(LeftOut("pods", "forbidden"),)),
    cluster={"pods": b'{"kind":"List","items":[]}', "version": b'{"gitVersion":"v1"}'},
    nodes={"k1.example": DOCUMENT},
    cloud={"aliyun": b"{}"},
)
FORMS = ["folder", "s.tar.gz", "s.tgz", "s.tar.zst", "s.tar"]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_saved_is_loaded(tmp_path: Path, form: str) -> None:
    if form.endswith("zst"):
        pytest.importorskip("zstandard")
    save(SNAPSHOT, tmp_path / form)
    found = load(tmp_path / form)
    assert found.manifest == SNAPSHOT.manifest
    assert dict(found.cluster) == dict(SNAPSHOT.cluster)
    assert dict(found.nodes) == dict(SNAPSHOT.nodes)
    assert dict(found.cloud) == dict(SNAPSHOT.cloud)
    assert found.warnings == ()


def test_an_archive_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("a.tar.gz", "b.tar.gz"):
        save(SNAPSHOT, tmp_path / name)
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()
    assert (tmp_path / "a.tar.gz").stat().st_mode & 0o077 == 0


def test_a_folder_with_something_in_it_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(SnapshotError, match="exists already"):
        save(SNAPSHOT, tmp_path)


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".hidden", "x" * 300])
def test_names_that_cannot_be_files_are_not_saved(tmp_path: Path, name: str) -> None:
    with pytest.raises(SnapshotError, match="file name"):
        save(Snapshot(nodes={name: DOCUMENT}), tmp_path / "s.tar.gz")
    assert list(tmp_path.iterdir()) == []


def test_secrets_are_neither_saved_nor_loaded(tmp_path: Path) -> None:
    save(Snapshot(cluster={"pods": b'{"items":[]}', "secrets": b'{"items":[1]}'}), tmp_path / "s")
    assert not (tmp_path / "s/cluster/secrets.json").exists()
    (tmp_path / "s/cluster/secrets.json").write_text('{"items":[]}')
    found = load(tmp_path / "s")
    assert "secrets" not in found.cluster
    assert any("secrets" in warning for warning in found.warnings)


def test_a_hand_made_folder_only_warns(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster/pods.json").write_text('{"items":[]}')
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / ".DS_Store").write_text("x")
    found = load(tmp_path)
    assert found.manifest == Manifest()
    assert [w.split(": ", 1)[1].split()[0] for w in found.warnings] == [
        "notes.txt",
        "snapshot.json",
    ]


def pack(path: Path, *entries: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for info, data in entries:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def entry(name: str, data: bytes = b"{}", kind: bytes = tarfile.REGTYPE, link: str = ""):  # type: ignore[no-untyped-def]
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info, data


PODS = entry("cluster/pods.json", b'{"items":[]}')


def test_a_folder_around_everything_is_taken_off(tmp_path: Path) -> None:
    path = pack(tmp_path / "s.tar.gz", entry("./case-7/cluster/pods.json", b'{"items":[]}'))
    assert list(load(path).cluster) == ["pods"]


@pytest.mark.parametrize(
    ("evil", "problem"),
    [
        pytest.param(entry("../../etc/passwd"), "leads out", id="dot-dot"),
        pytest.param(entry("cluster/../../x"), "leads out", id="dot-dot-inside"),
        pytest.param(entry("/etc/passwd"), "leads out", id="absolute"),
        pytest.param(entry("nodes/a.json", b"", tarfile.SYMTYPE, "/etc/passwd"), "link", id="sym"),
        pytest.param(entry("nodes/a.json", b"", tarfile.LNKTYPE, "x"), "link", id="hard"),
        pytest.param(entry("nodes/a.json", b"", tarfile.CHRTYPE), "special", id="device"),
        pytest.param(entry("nodes/a.json", b"", tarfile.FIFOTYPE), "special", id="fifo"),
        pytest.param(entry("cluster/pods.json"), "twice", id="twice"),
        pytest.param(entry("nodes/x.json", b"0" * 5000), "more than", id="big"),
    ],
)
def test_hostile_archives_are_refused(tmp_path: Path, evil, problem: str) -> None:  # type: ignore[no-untyped-def]
    path = pack(tmp_path / "s.tar.gz", PODS, evil)
    with pytest.raises(SnapshotError, match=problem):
        load(path, Limits(file=4000, total=100_000, files=5))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    many = [entry(f"nodes/n{i}.json", b"0" * 4000) for i in range(40)]
    path = pack(tmp_path / "s.tar.gz", *many)
    with pytest.raises(SnapshotError, match="unpacks to more"):
        load(path, Limits(file=4000, total=50_000, files=1000))
    with pytest.raises(SnapshotError, match="more than 5 files"):
        load(path, Limits(file=4000, total=500_000, files=5))


def test_a_huge_header_is_not_read_to_its_end(tmp_path: Path) -> None:
    """tarfile keeps a pax header whole in memory: it counts like any other byte."""
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 1 << 24
    path = tmp_path / "s.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf() + b"\0" * (1 << 24)))
    with pytest.raises(SnapshotError, match="unpacks to more"):
        load(path, Limits(file=1 << 20, total=1 << 22, files=10))


def test_a_link_out_of_a_folder_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "s"
    (root / "cluster").mkdir(parents=True)
    (tmp_path / "outside.json").write_text('{"items":[]}')
    (root / "cluster/pods.json").symlink_to(tmp_path / "outside.json")
    with pytest.raises(SnapshotError, match="leads out"):
        load(root)


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("cluster/pods.json", b"", "cluster/pods.json: empty"),
        ("cluster/pods.json", b'{"items":[{"a"', "cluster/pods.json"),
        ("cluster/pods.json", b'{"kind":"Pod"}', "not a Kubernetes List.*items"),
        ("cluster/pods.json", b"apiVersion: v1", "cluster/pods.json"),
        ("snapshot.json", b'{"format":2}', "snapshot.json: format 2"),
        ("snapshot.json", b'{"left_out":[{"what":1}]}', r"snapshot.json.*left_out\[0\].what"),
        ("snapshot.json", b"", "snapshot.json: empty"),
        ("nodes/k1.json", b" ", "nodes/k1.json: empty"),
        ("nodes/k1.json", b'{"node":"k1","format":9}', "format 9 is newer"),
        ("nodes/k1.json", b'{"node":"k2"}', "field node says 'k2'"),
        ("nodes/k1.json", b'{"node":"k1","namespaces":[{"kind":"host"}]}', "outputs"),
        (
            "nodes/k1.json",
            b'{"node":"k1","namespaces":[{"kind":"vm","outputs":{}}]}',
            r"\[0\].kind",
        ),
        (
            "nodes/k1.json",
            b'{"node":"k1","namespaces":[{"kind":"pod","outputs":{}}]}',
            r"namespaces\[0\]: a pod without",
        ),
        (
            "nodes/k1.json",
            b'{"node":"k1","namespaces":[{"kind":"host","outputs":{}},{"kind":"host","outputs":{}}]}',
            r"namespaces\[1\]: node/k1 is there twice",
        ),
        ("cloud/aliyun.json", b"[]", "cloud/aliyun.json"),
        ("cluster/pods.json", b'{"items":[],"\xff":1}', "cluster/pods.json"),
        ("nodes/k1/host/sysctl", b"", "from-raw"),
        ("README", b"", "no cluster"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, data: bytes, problem: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_bytes(data)
    if name == "snapshot.json":
        (tmp_path / "cluster").mkdir()
        (tmp_path / "cluster/pods.json").write_text('{"items":[]}')
    if name.startswith("cloud"):
        (tmp_path / "nodes").mkdir()
        (tmp_path / "nodes/k1.json").write_text('{"node":"k1"}')
    with pytest.raises(SnapshotError, match=problem) as caught:
        found = load(tmp_path)
        _ = (dict(found.cluster), dict(found.nodes), dict(found.cloud))
    assert str(tmp_path) in str(caught.value)


def test_documents_are_decoded_only_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes/bad.json").write_text("{")
    (tmp_path / "nodes/good.json").write_bytes(
        encode_document(NodeDocument(node="good", namespaces=(HOST,)))
    )
    found = load(tmp_path)
    assert list(found.nodes) == ["bad", "good"]
    assert found.nodes["good"] is found.nodes["good"]
    with pytest.raises(SnapshotError, match=r"bad\.json"):
        found.nodes["bad"]
    with pytest.raises(KeyError):
        found.nodes["absent"]


@pytest.mark.parametrize("path", ["/nonexistent/x", "/dev/null"])
def test_no_snapshot_at_all(path: str) -> None:
    with pytest.raises(SnapshotError, match=path):
        load(path)


def test_zstd_without_the_library_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    path = tmp_path / "s.tar.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd....")
    with pytest.raises(SnapshotError, match="zstandard"):
        load(path)
    with pytest.raises(SnapshotError, match="zstandard"):
        save(SNAPSHOT, tmp_path / "new.tar.zst")


def test_the_host_comes_first_and_gaps_name_their_place() -> None:
    host, pod = namespaces(DOCUMENT)
    assert (host.id, host.inode, host.nsids) == ("node/k1.example", 1, ((0, 2),))
    assert [link.name for link in host.links] == ["lo"]
    assert pod.id == "pod/shop/web"
    assert "pod/shop/web on k1.example: ip -j -d link failed with status 1 (no ns)" in {
        gap.why for gap in pod.gaps
    }


def test_a_later_collector_may_add_fields() -> None:
    data = json.loads(encode_document(DOCUMENT))
    data["load_average"] = 1
    assert decode_document(json.dumps(data).encode(), "x") == DOCUMENT


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_any_bytes_as_a_document(data: bytes) -> None:
    with contextlib.suppress(SnapshotError):
        decode_document(data, "x")


GOOD = io.BytesIO()
with tarfile.open(fileobj=GOOD, mode="w") as _archive:
    for _info, _data in (PODS, entry("nodes/k1.json", encode_document(DOCUMENT))):
        _info.size = len(_data)
        _archive.addfile(_info, io.BytesIO(_data))


@settings(max_examples=150)
@given(st.data())
def test_a_damaged_archive_is_an_error_or_a_snapshot(data: st.DataObject) -> None:
    raw = bytearray(GOOD.getvalue()[:4096])
    for _ in range(data.draw(st.integers(0, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    packed = gzip.compress(bytes(raw)) if data.draw(st.booleans()) else bytes(raw)
    cut = packed[: data.draw(st.integers(0, len(packed)))]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(__import__("tempfile").TemporaryDirectory()))
        (folder / "s.tar.gz").write_bytes(cut)
        with contextlib.suppress(SnapshotError):
            found = load(folder / "s.tar.gz", Limits(file=1 << 20, total=1 << 21, files=100))
            for name in (*found.cluster, *found.nodes):
                with contextlib.suppress(SnapshotError, KeyError):
                    assert found.cluster[name]
                with contextlib.suppress(SnapshotError, KeyError):
                    assert isinstance(found.nodes[name], msgspec.Struct)
