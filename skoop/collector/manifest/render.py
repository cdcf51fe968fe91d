"""Objects -> YAML text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from skoop.collector.manifest.load import Manifest


def render(manifests: Iterable[Manifest]) -> str:
    """One document for each object, for `kubectl apply -f -` or a folder of static pods."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes texts of several lines as blocks, and repeats what is the same object."""

        def ignore_aliases(self, data: Any) -> bool:
            del data
            return True

    def text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
        style = "|" if "\n" in data else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    Dumper.add_representer(str, text)
    return "---\n".join(
        yaml.dump(manifest.content, Dumper=Dumper, sort_keys=False, width=100)
        for manifest in manifests
    )
