"""`skoop collect node`: the agent run on this machine, on network namespaces given by path."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from skoop.collector.document import parse_agent_output
from skoop.collector.script import agent_script
from skoop.errors import AccessError, UsageError
from skoop.snapshot import NodeDocument

_NETNS_FOLDERS = (Path("/run/netns"), Path("/var/run/netns"))
_TIMEOUT = 120


def collect_node(
    node: str,
    netns: str | None,
    pods: Mapping[str, str],
    *,
    shell: tuple[str, ...] = ("sh",),
) -> NodeDocument:
    """Collect a node's host namespace and its pods'.

    `netns` is the host namespace's path or its name under /run/netns (None: where skoop runs);
    `pods` maps "namespace/name" to a path or name. `shell` is what runs the agent. Raises
    UsageError on a path or pod id that is none, AccessError when nothing could be collected.
    """
    arguments: list[str] = []
    if netns is not None:
        arguments += ["--host", _path(netns)]
    for pod, path in pods.items():
        namespace, slash, name = pod.partition("/")
        if not slash or not namespace or not name or "/" in name:
            raise UsageError(f"{pod!r} is not NAMESPACE/NAME")
        arguments += ["--netns", f"{pod}={_path(path)}"]
    return parse_agent_output(_run(arguments, shell), node, f"the collector on {node}")


def _path(name: str) -> str:
    candidates = [Path(name)] if "/" in name else [folder / name for folder in _NETNS_FOLDERS]
    for path in candidates:
        if path.exists():
            return str(path.absolute())
    raise UsageError(f"{name}: no such network namespace")


def _run(arguments: list[str], shell: tuple[str, ...]) -> bytes:
    try:
        done = subprocess.run(
            [*shell, "-s", "--", *arguments],
            input=agent_script().encode(),
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
            env={"SKOOP_SHELL": " ".join(shell), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
    except OSError as error:
        raise AccessError(f"{shell[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise AccessError(f"the collector did not finish within {_TIMEOUT} s") from error
    if done.returncode:
        message = done.stderr.decode("utf-8", "replace").strip()[-500:]
        raise AccessError(f"the collector failed with status {done.returncode}: {message}")
    return done.stdout
