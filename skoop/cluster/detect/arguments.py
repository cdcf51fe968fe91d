"""Flags of a component's command line."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from skoop.model.kube import Inventory


def flags(words: Iterable[str]) -> dict[str, str]:
    """Go-style flags: --name=value, --name value, and a bare --name as "". Words inside a shell
    command line (`sh -c "kube-proxy --x=y"`) count too."""
    flat = [part for word in words for part in word.split()]
    found: dict[str, str] = {}
    for word, following in pairwise([*flat, "-"]):
        if not word.startswith("--"):
            continue
        name, equals, value = word[2:].partition("=")
        if not equals and not following.startswith("-"):
            value = following
        found[name] = value.strip("\"'")
    return found


def component_flag(inventory: Inventory, component: str, flag: str) -> tuple[str, str]:
    """A flag of a control plane component run as a pod, and which pod; ("", "") if not found."""
    for pod in inventory.pods:
        if pod.namespace != "kube-system":
            continue
        for container in pod.containers:
            if component not in " ".join((container.name, *container.command[:3])):
                continue
            value = flags(container.command).get(flag, "")
            if value:
                return value, f"--{flag} of pod {pod.namespace}/{pod.name}"
    return "", ""
