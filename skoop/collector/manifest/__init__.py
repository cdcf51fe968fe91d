"""Manifests of collectors that stay: read strictly, given namespace and images, checked, applied.

They lie in `skoop/collector/manifests`: `assets` run in the cluster, `bootstrap` are static pods
for when it is not up, `images.json` maps a container's name to its image.
"""

from skoop.collector.manifest.lint import lint
from skoop.collector.manifest.load import (
    Manifest,
    get_bootstrap_resources,
    get_resources,
    load,
    read,
)
from skoop.collector.manifest.render import render
from skoop.collector.manifest.substitute import Substitution, read_images, substitute

__all__ = [
    "Manifest",
    "Substitution",
    "get_bootstrap_resources",
    "get_resources",
    "lint",
    "load",
    "read",
    "read_images",
    "render",
    "substitute",
]
