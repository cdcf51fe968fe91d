"""Manifest files -> objects, strictly."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from skoop.collector.manifest import schema
from skoop.collector.manifest.strict import ManifestError, documents

PACKAGE = Path(__file__).parent.parent / "manifests"
ASSETS, BOOTSTRAP = "assets", "bootstrap"
_KUSTOMIZATION = "kustomization.yaml"
"""Makes the folder a base of kustomize, and is no object."""
_FIELD = re.compile(r"unknown field `([^`]*)`(?: - at `\$\.?([^`]*)`)?")


class Manifest(Struct, frozen=True):
    """An object and the file it stands in."""

    file: str
    content: dict[str, Any]

    @property
    def kind(self) -> schema.Kind:
        """What it is."""
        return schema.KINDS[self.content["kind"]]

    @property
    def name(self) -> str:
        """ "DaemonSet skoop/skoop-collector"."""
        metadata = self.content["metadata"]
        space = metadata.get("namespace", "")
        return f"{self.content['kind']} {f'{space}/' if space else ''}{metadata['name']}"

    @property
    def model(self) -> schema.Known:
        """Its fields."""
        return schema.read(self.content, self.kind)


def load(folder: Path) -> tuple[Manifest, ...]:
    """Every object of the folder's *.yaml files, in the order of their names. Raises ManifestError
    for what is not known: a kind, a field, a key that is there twice."""
    try:
        files = sorted(file for file in folder.glob("*.yaml") if file.name != _KUSTOMIZATION)
        texts = [(file.name, file.read_text(encoding="utf-8")) for file in files]
    except (OSError, UnicodeError) as error:
        raise ManifestError(f"{folder}: {error}") from None
    if not texts:
        raise ManifestError(f"{folder}: there is no .yaml file in it")
    return read(texts)


def read(texts: Iterable[tuple[str, str]]) -> tuple[Manifest, ...]:
    """Every object of files that are given by name and text. Raises ManifestError likewise."""
    found = [
        _checked(content, file)
        for file, text in texts
        for content in documents(text, file)
        if content is not None
    ]
    names = [manifest.name for manifest in found]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ManifestError(f"{found[number].file}: {name} is there twice")
    return tuple(found)


def get_resources(folder: Path = PACKAGE) -> tuple[Manifest, ...]:
    """What runs in the cluster; copies."""
    return copy.deepcopy(load(folder / ASSETS))


def get_bootstrap_resources(folder: Path = PACKAGE) -> tuple[Manifest, ...]:
    """The static pods for when the cluster is not up; copies."""
    return copy.deepcopy(load(folder / BOOTSTRAP))


def _checked(content: Any, file: str) -> Manifest:
    if not isinstance(content, dict):
        raise ManifestError(f"{file}: not an object")
    kind = schema.KINDS.get(str(content.get("kind", "")))
    if kind is None:
        known = ", ".join(schema.KINDS)
        raise ManifestError(
            f"{file}: field kind: {content.get('kind')!r} is not known; these are: {known}"
        )
    if content.get("apiVersion") != kind.api_version:
        raise ManifestError(
            f"{file}: field apiVersion: {content['kind']} is of {kind.api_version},"
            f" not {content.get('apiVersion')!r}"
        )
    try:
        schema.read(content, kind)
    except msgspec.ValidationError as error:
        raise ManifestError(f"{file}: {_shown(str(error))}") from None
    return Manifest(file, content)


def _shown(message: str) -> str:
    match = _FIELD.search(message)
    if match is None:
        text, _, path = message.partition(" - at `$.")
        return f"field {path.rstrip('`')}: {text}" if path else message
    field = ".".join(filter(None, (match[2], match[1])))
    return f"field {field} is not known"
