"""The agent with its arguments as one text for a shell's standard input."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from msgspec import Struct

from skoop.errors import UsageError

_NAME = re.compile(r"[0-9A-Za-z._-]+\Z")


class PodOnNode(Struct, frozen=True, order=True):
    """A pod whose network namespace is wanted; `uid` is how the agent finds its processes. A static
    pod's processes carry the hash of its file: the annotation kubernetes.io/config.hash."""

    namespace: str
    name: str
    uid: str


@cache
def agent_script() -> str:
    """The text of agent.sh, to be piped into `sh -s -- ARGUMENTS` on a node."""
    return (Path(__file__).parent / "agent.sh").read_text(encoding="utf-8")


def agent_input(pods: Iterable[PodOnNode]) -> bytes:
    """What to write to `sh -s` in a container of the node. The arguments travel inside: in a URL,
    as exec has them, a hundred pods would be too long for some proxies."""
    arguments = ["--pack"]
    for pod in pods:
        if not all(_NAME.match(part) for part in (pod.namespace, pod.name, pod.uid)):
            raise UsageError(f"{pod.namespace}/{pod.name} ({pod.uid}) is not a pod's identity.")
        arguments += ["--pod", f"{pod.namespace}/{pod.name}={pod.uid}"]
    return f"set -- {shlex.join(arguments)}\n{agent_script()}".encode()


def agent_argument() -> str:
    """The agent's text as an argument in a manifest. The kubelet reads "$$" as "$" and "$(NAME)" as
    a variable (k8s.io/kubernetes third_party/forked/golang/expansion), so each "$" is doubled."""
    return agent_script().replace("$", "$$")
