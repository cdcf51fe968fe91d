"""nodes/<node>.json: what the collector saw on one node, as the tools printed it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec
from msgspec import Struct

from skoop.errors import SnapshotError
from skoop.netstack.dump import Output, ReadCache, read_namespace
from skoop.netstack.state import Namespace

FORMAT = 1
"""Version of the document; a reader refuses a later one."""
PROXY_MODE = "http://127.0.0.1:10249/proxyMode"


class NamespaceKind(Enum):
    """Whose network namespace it is."""

    HOST = "host"
    POD = "pod"


class NamespaceDump(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One network namespace.

    `namespace`, `pod` and `uid` are Kubernetes' (empty for the host). `inode` is the namespace's
    number on its machine (0 unknown); `nsids` pairs the ids it uses for others with their inodes.
    `outputs` is keyed by the command as typed ("ip -j -d link"), by path for files
    ("/proc/net/tcp"), by address for what a program of the node says (PROXY_MODE), and "sysctl" for
    settings as `key = value` lines.
    """

    kind: NamespaceKind
    outputs: dict[str, Output]
    namespace: str = ""
    pod: str = ""
    uid: str = ""
    inode: int = 0
    nsids: tuple[tuple[int, int], ...] = ()

    def id(self, node: str) -> str:
        """ "node/NAME" or "pod/NAMESPACE/NAME"."""
        if self.kind is NamespaceKind.HOST:
            return f"node/{node}"
        return f"pod/{self.namespace}/{self.pod}"


class NodeDocument(Struct, frozen=True, kw_only=True):
    """One node. `collector` is the version of what wrote it; `notes` are plain sentences about what
    could not be collected."""

    node: str
    format: int = FORMAT
    collector: str = ""
    notes: tuple[str, ...] = ()
    namespaces: tuple[NamespaceDump, ...] = ()


_DECODER = msgspec.json.Decoder(NodeDocument)
_ENCODER = msgspec.json.Encoder(order="deterministic")


def decode_document(data: bytes, source: str, *, node: str = "") -> NodeDocument:
    """A document from its file. `node` is the name it has to have ("" for any). Raises
    SnapshotError that names the file and the field."""
    if not data.strip():
        raise SnapshotError(f"{source}: empty")
    try:
        document = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"{source}: {error}") from error
    if document.format > FORMAT:
        raise SnapshotError(
            f"{source}: format {document.format} is newer than this skoop, which reads {FORMAT}"
        )
    if node and document.node != node:
        raise SnapshotError(f"{source}: field node says {document.node!r}, the file name {node!r}")
    _check_namespaces(document, source)
    return document


def _check_namespaces(document: NodeDocument, source: str) -> None:
    seen: set[str] = set()
    for number, dump in enumerate(document.namespaces):
        field = f"{source}: namespaces[{number}]"
        if dump.kind is NamespaceKind.POD and not (dump.namespace and dump.pod):
            raise SnapshotError(f"{field}: a pod without namespace and name")
        identity = dump.id(document.node)
        if identity in seen:
            raise SnapshotError(f"{field}: {identity} is there twice")
        seen.add(identity)


def encode_document(document: NodeDocument) -> bytes:
    """The document's file; the same bytes for the same document."""
    return msgspec.json.format(_ENCODER.encode(document), indent=1) + b"\n"


def namespaces(document: NodeDocument, *, cache: ReadCache | None = None) -> tuple[Namespace, ...]:
    """The namespaces as state, the host's first. Pass one cache for all nodes of a snapshot: equal
    texts are then read once."""
    shared = cache or ReadCache()
    ordered = sorted(document.namespaces, key=lambda dump: dump.kind is not NamespaceKind.HOST)
    return tuple(_namespace(dump, document, shared) for dump in ordered)


def proxy_mode(document: NodeDocument) -> str:
    """The mode that the node's kube-proxy says it works in; "" when it was not asked or is silent
    (cmd/kube-proxy/app/server.go, serveMetrics)."""
    for dump in document.namespaces:
        if dump.kind is NamespaceKind.HOST and PROXY_MODE in dump.outputs:
            return dump.outputs[PROXY_MODE].stdout.strip()
    return ""


def _namespace(dump: NamespaceDump, document: NodeDocument, cache: ReadCache) -> Namespace:
    identity = dump.id(document.node)
    source = identity if dump.kind is NamespaceKind.HOST else f"{identity} on {document.node}"
    outputs: Mapping[str, Output] = dump.outputs
    return read_namespace(
        identity, outputs, inode=dump.inode, nsids=dump.nsids, source=source, cache=cache
    )
