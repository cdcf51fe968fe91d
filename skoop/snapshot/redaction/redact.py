"""Snapshot -> a snapshot that can be shared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256

import msgspec

from skoop.errors import SnapshotError
from skoop.model.address import Family
from skoop.netstack.dump import Output
from skoop.snapshot.document import NamespaceDump, NodeDocument, encode_document
from skoop.snapshot.manifest import LeftOut, Manifest
from skoop.snapshot.redaction.accounts import anonymous
from skoop.snapshot.redaction.addresses import AddressMap
from skoop.snapshot.redaction.chains import chain_names
from skoop.snapshot.redaction.names import SYSTEM, NameMap, new_names, objects, renamed
from skoop.snapshot.redaction.text import (
    ranges_in,
    replace_addresses,
    replace_hex_addresses,
    without_marks,
)
from skoop.snapshot.snapshot import Snapshot

_RULES = ("iptables", "ip6tables", "nft", "ipset")


def redact(snapshot: Snapshot) -> Snapshot:
    """The same state under other names and addresses: a diagnosis of the same two ends comes to the
    same verdict. The same snapshot gives the same result, and only its owner can undo it.

    Replaced: the names of namespaces, nodes, and of objects outside the system namespaces,
    addresses (`addresses.py` says how, and which stay), and account numbers of clouds. Left out:
    environment variables, commands, images and volumes of pods, the cluster's name, and names and
    descriptions of cloud resources. Left as they are: MAC addresses, label keys, port names, host
    names outside the cluster. A Calico selector for a part of a value (contains, starts with, ends
    with) may find others afterwards. Raises SnapshotError.
    """
    lists = {
        name: _decoded(f"cluster/{name}.json", data) for name, data in snapshot.cluster.items()
    }
    names, addresses = replacements(snapshot)
    return Snapshot(
        manifest=_manifest(snapshot.manifest, names),
        cluster={
            resource: _json(_renamed_list(resource, content, names), addresses)
            for resource, content in lists.items()
        },
        nodes={
            names.one(node): _document(document, names, addresses)
            for node, document in snapshot.nodes.items()
        },
        cloud={
            provider: _json(
                renamed(_cloud(provider, data, _key(snapshot)), names, system=True), addresses
            )
            for provider, data in snapshot.cloud.items()
        },
        warnings=snapshot.warnings,
    )


def _cloud(provider: str, data: bytes, key: bytes) -> object:
    return anonymous(_decoded(f"cloud/{provider}.json", data), key)


def replacements(snapshot: Snapshot) -> tuple[NameMap, AddressMap]:
    """What `redact` replaces by what."""
    lists = {
        name: _decoded(f"cluster/{name}.json", data) for name, data in snapshot.cluster.items()
    }
    dumps = [dump for document in snapshot.nodes.values() for dump in document.namespaces]
    addresses = AddressMap(_key(snapshot), sorted(_ranges(snapshot)))
    collected = {dump.pod for dump in dumps if dump.namespace not in SYSTEM}
    spaces = {dump.namespace for dump in dumps}
    table = new_names(lists, {*snapshot.nodes, *collected, *spaces})
    return NameMap(table, chain_names(lists, table, addresses)), addresses


def _decoded(source: str, data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"{source}: {error}") from error


def _key(snapshot: Snapshot) -> bytes:
    """A digest of everything: known to who has the original, to nobody else."""
    digest = sha256()
    for data in _texts(snapshot):
        digest.update(data)
    return digest.digest()


def _texts(snapshot: Snapshot) -> Iterator[bytes]:
    for resource in sorted(snapshot.cluster):
        yield snapshot.cluster[resource]
    for node in sorted(snapshot.nodes):
        yield encode_document(snapshot.nodes[node])
    for provider in sorted(snapshot.cloud):
        yield snapshot.cloud[provider]


def _ranges(snapshot: Snapshot) -> set[tuple[Family, int, int]]:
    found: set[tuple[Family, int, int]] = set()
    for document in snapshot.nodes.values():
        for dump in document.namespaces:
            for command, output in dump.outputs.items():
                if command.startswith(_RULES):
                    found |= ranges_in(output.stdout)
    for data in snapshot.cloud.values():
        found |= ranges_in(data.decode("utf-8", "replace"))
    return found


def _renamed_list(resource: str, content: object, names: NameMap) -> object:
    if not isinstance(content, dict) or not isinstance(content.get("items"), list):
        return content
    items = []
    for _, item in objects({resource: content}):
        metadata = item.get("metadata")
        namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
        items.append(renamed(item, names, system=namespace in SYSTEM or not namespace))
    return {**content, "items": items}


def _json(value: object, addresses: AddressMap) -> bytes:
    text = msgspec.json.encode(value).decode()
    return without_marks(replace_addresses(text, addresses)).encode()


def _document(document: NodeDocument, names: NameMap, addresses: AddressMap) -> NodeDocument:
    return NodeDocument(
        node=names.one(document.node),
        collector=document.collector,
        notes=tuple(
            without_marks(replace_addresses(names.in_rules(note), addresses))
            for note in document.notes
        ),
        namespaces=tuple(_dump(dump, names, addresses) for dump in document.namespaces),
    )


def _manifest(manifest: Manifest, names: NameMap) -> Manifest:
    """Why something was left out is what servers said, and may name anything."""
    left_out = []
    for one in manifest.left_out:
        kind, space, name = one.what.partition(" ")
        what = f"{kind}{space}{names.in_rules(names.one(name))}"
        left_out.append(LeftOut(what, "not collected; the reason was taken out"))
    return msgspec.structs.replace(manifest, cluster="", left_out=tuple(left_out))


_COMPARED = re.compile(r'"(value|mask)":\s*"[0-9a-f]*"')
"""What u32 filters compare, which may be addresses; no diagnosis reads it."""


def _dump(dump: NamespaceDump, names: NameMap, addresses: AddressMap) -> NamespaceDump:
    return msgspec.structs.replace(
        dump,
        namespace=names.one(dump.namespace),
        pod=names.one(dump.pod),
        outputs={
            command: Output(
                _output(command, output.stdout, names, addresses),
                output.rc,
                _output(command, output.stderr, names, addresses),
            )
            for command, output in dump.outputs.items()
        },
    )


def _output(command: str, text: str, names: NameMap, addresses: AddressMap) -> str:
    if command.startswith(("/proc/net/tcp", "/proc/net/udp")):
        return replace_hex_addresses(text, addresses)
    if command.startswith("tc -j filter"):
        text = _COMPARED.sub(r'"\1":"0"', text)
    if command.startswith(_RULES):
        text = names.in_rules(text)
    return without_marks(replace_addresses(text, addresses))
