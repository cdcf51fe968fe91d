"""snapshot.json: what a snapshot is and what was left out."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from skoop.errors import SnapshotError

FORMAT = 1
"""Version of the layout; a reader refuses a later one."""
NAME = "snapshot.json"


class LeftOut(Struct, frozen=True):
    """Something that is not in the snapshot, and why."""

    what: str
    why: str


class Manifest(Struct, frozen=True, kw_only=True):
    """`created` is RFC 3339 text, "" unknown."""

    format: int = FORMAT
    created: str = ""
    tool_version: str = ""
    cluster: str = ""
    left_out: tuple[LeftOut, ...] = ()


_DECODER = msgspec.json.Decoder(Manifest)


def decode_manifest(data: bytes, source: str) -> Manifest:
    """Raises SnapshotError that names the file and the field."""
    if not data.strip():
        raise SnapshotError(f"{source}: empty")
    try:
        manifest = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"{source}: {error}") from error
    if not 1 <= manifest.format <= FORMAT:
        raise SnapshotError(
            f"{source}: format {manifest.format} is not one this skoop reads ({FORMAT})"
        )
    return manifest


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest's file."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
