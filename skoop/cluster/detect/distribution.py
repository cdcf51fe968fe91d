"""Distributions that run Kubernetes' components inside their own process: k3s and RKE2.

Each writes the command line of its server into an annotation of the node (pkg/nodeconfig in k3s);
what it does not name has k3s' defaults.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from skoop.model.kube import Inventory

_ANNOTATIONS = ("k3s.io/node-args", "rke2.io/node-args")


class ServerArguments(Struct, frozen=True):
    """Flags of a server process by name, each with every value it was given."""

    flags: dict[str, tuple[str, ...]]
    source: str

    def get(self, name: str) -> str:
        """The last value, "" without one."""
        return self.flags.get(name, ("",))[-1]

    def component(self, name: str) -> tuple[str, ...]:
        """A component's own flags, as it takes them: --kube-proxy-arg proxy-mode=ipvs."""
        return tuple(f"--{each.removeprefix('--')}" for each in self.flags.get(f"{name}-arg", ()))


def server_arguments(inventory: Inventory) -> ServerArguments | None:
    """The arguments of the first node that runs such a server; agents do not know them all."""
    for node in inventory.nodes:
        for key in _ANNOTATIONS:
            words = _words(node.annotations.get(key, ""))
            if "server" in words[:1] or (words and key.startswith("rke2")):
                return ServerArguments(_flags(words), f"annotation {key} of node {node.name}")
    return None


def _words(text: str) -> tuple[str, ...]:
    try:
        return msgspec.json.decode(text or "[]", type=tuple[str, ...])
    except msgspec.MsgspecError:
        return ()


def _flags(words: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in _pairs(words):
        found[name] = (*found.get(name, ()), value)
    return found


def _pairs(words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for number, word in enumerate(words):
        if not word.startswith("--"):
            continue
        name, equals, value = word[2:].partition("=")
        following = words[number + 1] if number + 1 < len(words) else "--"
        yield name, value if equals or following.startswith("--") else following
