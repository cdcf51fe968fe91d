"""A cluster's state as files: format, load, save, redact."""

from skoop.snapshot.document import (
    NamespaceDump,
    NamespaceKind,
    NodeDocument,
    decode_document,
    encode_document,
    namespaces,
    proxy_mode,
)
from skoop.snapshot.limits import Limits
from skoop.snapshot.manifest import LeftOut, Manifest
from skoop.snapshot.raw import from_raw
from skoop.snapshot.redaction import redact
from skoop.snapshot.save import save
from skoop.snapshot.snapshot import Snapshot, load

__all__ = [
    "LeftOut",
    "Limits",
    "Manifest",
    "NamespaceDump",
    "NamespaceKind",
    "NodeDocument",
    "Snapshot",
    "decode_document",
    "encode_document",
    "from_raw",
    "load",
    "namespaces",
    "proxy_mode",
    "redact",
    "save",
]
