"""A folder of raw command outputs -> Snapshot, for people who can only send text files.

cluster/<resource>.json                          kubectl get <resource> -A -o json
nodes/<node>.agent                               what agent.sh printed, instead of the following
nodes/<node>/netns.json                          inodes and ids of namespaces (may be missing)
nodes/<node>/host/<command>                      e.g. host/ip_-j_-d_link, host/sysctl
nodes/<node>/pods/<namespace>_<pod>/<command>    a Kubernetes namespace has no "_" in its name
.../commands.json                                return codes and messages (may be missing)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from skoop.errors import SnapshotError
from skoop.netstack.dump import Output
from skoop.snapshot.document import NamespaceDump, NamespaceKind, NodeDocument
from skoop.snapshot.files import open_files
from skoop.snapshot.limits import DEFAULT_LIMITS, Limits
from skoop.snapshot.nsids import with_nsids
from skoop.snapshot.paths import safe_name, section
from skoop.snapshot.snapshot import Lazy, Snapshot, check_list

_T = TypeVar("_T")
MARKERS = frozenset(("cluster", "nodes", "outside"))
Reader = Callable[[bytes, str, str], NodeDocument]
"""A node's document from a file's bytes, the node's name, and what errors call the file."""
_NONE: Mapping[str, Reader] = {}
_FILES = ("commands.json", "netns.json")


class _Command(Struct, frozen=True):
    rc: int = 0
    stderr: str = ""


class _Netns(Struct, frozen=True):
    inode: int = 0
    nsid: int = -1


class _Inodes(Struct, frozen=True):
    host: _Netns = _Netns()
    pods: dict[str, _Netns] = {}


def from_raw(
    path: str | Path, limits: Limits = DEFAULT_LIMITS, *, readers: Mapping[str, Reader] = _NONE
) -> Snapshot:
    """A snapshot from the folder or an archive of it. Files taken after the fact (`*.after`) and
    what lies outside `cluster` and `nodes` are left out. `readers` are for files that hold a whole
    node, nodes/<node><suffix>, by their suffix. Raises SnapshotError, and what readers raise."""
    root = Path(path)
    files = open_files(root, MARKERS, limits)
    cluster: dict[str, str] = {}
    nodes: dict[str, dict[str, str]] = defaultdict(dict)
    for name in files:
        parts = name.split("/")
        if parts[0] == "cluster" and len(parts) == 2 and name.endswith(".json"):
            cluster[parts[1].removesuffix(".json")] = name
        elif parts[0] == "nodes" and len(parts) > 2 and not name.endswith(".after"):
            nodes[safe_name(parts[1], "a node")]["/".join(parts[2:])] = name
    whole = _whole(files, readers)
    if not nodes and not whole:
        endings = "".join(f" and no nodes/<node>{suffix}" for suffix in readers)
        raise SnapshotError(f"{root}: no nodes/<node>/host/<command>{endings} in it")
    for node in sorted(set(nodes) & set(whole)):
        raise SnapshotError(
            f"{root}: nodes/{node} is there twice, as a folder and as {whole[node]}"
        )
    cluster.pop("secrets", None)

    def raw(name: str, file: str) -> bytes:
        return check_list(files[file], f"{root}/{file}", name)

    def document(name: str, file: str) -> NodeDocument:
        if name in whole:
            return readers[Path(file).suffix](files[file], name, f"{root}/{file}")
        return _document(name, nodes[name], files, f"{root}/{file}")

    places = {**{name: f"nodes/{name}" for name in nodes}, **whole}
    return Snapshot(
        cluster=Lazy(dict(sorted(cluster.items())), raw),
        nodes=Lazy(dict(sorted(places.items())), document),
    )


def _whole(files: Iterable[str], readers: Mapping[str, Reader]) -> dict[str, str]:
    """{node: file} of the files that hold a whole node each."""
    return {
        safe_name(name, "a node"): file
        for suffix in readers
        for name, file in section(files, "nodes", suffix).items()
    }


def _document(
    node: str, names: Mapping[str, str], files: Mapping[str, bytes], source: str
) -> NodeDocument:
    inodes = _Inodes()
    notes: list[str] = []
    if "netns.json" in names:
        inodes = _decode(files[names["netns.json"]], _Inodes, f"{source}/netns.json")
    else:
        notes.append("netns.json is missing: which pod a veth leads to follows from its ends only")
    folders: dict[str, dict[str, bytes]] = defaultdict(dict)
    for name, file in names.items():
        folder, slash, command = name.rpartition("/")
        if slash:
            folders[folder][command] = files[file]
    dumps = []
    for folder, texts in sorted(folders.items()):
        dumps.append(_dump(folder, texts, inodes, f"{source}/{folder}"))
    if not any(dump.kind is NamespaceKind.HOST for dump in dumps):
        raise SnapshotError(f"{source}: no host/<command> in it")
    return NodeDocument(
        node=node, collector="from-raw", notes=tuple(notes), namespaces=with_nsids(tuple(dumps))
    )


def _dump(folder: str, texts: Mapping[str, bytes], inodes: _Inodes, source: str) -> NamespaceDump:
    outputs = _outputs(texts, source)
    if folder == "host":
        known = {netns.nsid: netns.inode for netns in inodes.pods.values() if netns.nsid >= 0}
        return NamespaceDump(
            kind=NamespaceKind.HOST,
            outputs=outputs,
            inode=inodes.host.inode,
            nsids=tuple(sorted(known.items())),
        )
    kind, _, name = folder.partition("/")
    namespace, underscore, pod = name.partition("_")
    if kind != "pods" or not underscore or "/" in name or not namespace or not pod:
        raise SnapshotError(f"{source}: neither host nor pods/<namespace>_<pod>")
    return NamespaceDump(
        kind=NamespaceKind.POD,
        outputs=outputs,
        namespace=namespace,
        pod=pod,
        inode=inodes.pods.get(name, _Netns()).inode,
    )


def _outputs(texts: Mapping[str, bytes], source: str) -> dict[str, Output]:
    results: dict[str, _Command] = {}
    if "commands.json" in texts:
        raw = _decode(texts["commands.json"], dict[str, msgspec.Raw], f"{source}/commands.json")
        for command, text in raw.items():
            if bytes(text).lstrip().startswith(b"{"):
                results[command] = _decode(bytes(text), _Command, f"{source}/commands.json")
    typed = {file_name(command): command for command in results}
    outputs = {command: Output("", result.rc, result.stderr) for command, result in results.items()}
    for name, data in sorted(texts.items()):
        if name in _FILES:
            continue
        command = typed.get(name) or _typed(name)
        result = results.get(command, _Command())
        outputs[command] = Output(data.decode("utf-8", "replace"), result.rc, result.stderr)
    return outputs


def file_name(command: str) -> str:
    """The file a command's output lies in: "ip -j link" -> "ip_-j_link", "/proc/net/tcp" ->
    "proc_net_tcp"."""
    return command.strip("/").replace("/", "_").replace(" ", "_")


def _typed(name: str) -> str:
    """A command from its file's name. Paths keep the "_" of their last parts."""
    if name.startswith("proc_net_"):
        return "/proc/net/" + name.removeprefix("proc_net_")
    return name.replace("_", " ")


def _decode(data: bytes, kind: type[_T], source: str) -> _T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"{source}: {error}") from error
