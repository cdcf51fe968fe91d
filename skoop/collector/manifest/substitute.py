"""The namespace and the images that manifests are given."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from skoop.collector.manifest.load import PACKAGE, Manifest
from skoop.collector.manifest.strict import ManifestError

IMAGES = "images.json"
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}\Z")
GENERIC = "generic"


class Substitution(Struct, frozen=True, kw_only=True):
    """`namespace` for every object that is in one; `images` by container name, which come from
    `source`; `provider` whose manifests they are; `agent` takes the place of the argument AGENT."""

    namespace: str
    images: Mapping[str, str]
    source: str = IMAGES
    provider: str = GENERIC
    agent: str = ""

    def __post_init__(self) -> None:
        if not _NAMESPACE.match(self.namespace):
            raise ManifestError(f"{self.namespace!r} is not the name of a namespace")


def read_images(path: Path | None = None) -> Mapping[str, str]:
    """An images file, {container: image}; None is the package's. Raises ManifestError."""
    file = path or PACKAGE / IMAGES
    try:
        found = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except OSError as error:
        raise ManifestError(f"{file}: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ManifestError(f"{file}: not a JSON object of images by container ({error})") from None
    for container, image in found.items():
        if not _IMAGE.match(image):
            raise ManifestError(f"{file}: {container}: {image[:100]!r} is not an image")
    return found


def substitute(
    manifests: Iterable[Manifest], substitution: Substitution
) -> tuple[Manifest, ...]:  # fmt: skip
    """Copies with namespace and images in place. Raises ManifestError for a container without an
    image."""
    made = []
    for manifest in manifests:
        content = copy.deepcopy(manifest.content)
        _set_namespace(manifest, content, substitution.namespace)
        for container in containers(content):
            container["image"] = _image(manifest, container["name"], substitution)
            if substitution.agent and "args" in container:
                container["args"] = [
                    substitution.agent if word == "AGENT" else word for word in container["args"]
                ]
        made.append(Manifest(manifest.file, content))
    return tuple(made)


def containers(content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The containers of a pod or of a workload's template."""
    spec = content.get("spec", {})
    if "template" in spec:
        spec = spec["template"]["spec"]
    yield from spec.get("containers", ())
    yield from spec.get("initContainers", ())


def _set_namespace(manifest: Manifest, content: dict[str, Any], namespace: str) -> None:
    if content["kind"] == "Namespace":
        content["metadata"]["name"] = namespace
    if manifest.kind.namespaced:
        content["metadata"]["namespace"] = namespace
    for subject in content.get("subjects", ()):
        if subject["kind"] == "ServiceAccount":
            subject["namespace"] = namespace


def _image(manifest: Manifest, container: str, substitution: Substitution) -> str:
    image = substitution.images.get(container)
    if image is None:
        raise ManifestError(
            f"{substitution.source} of provider {substitution.provider} has no key {container!r}"
            f" for container {container} of {manifest.file}"
        )
    return image
