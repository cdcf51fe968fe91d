"""Running tools and setting sysctls inside a namespace."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab.namespaces import Netns, inside


class CommandError(RuntimeError):
    """A tool of the lab failed: the lab itself, not the cluster under test, is wrong."""


def run(
    namespace: Netns,
    argv: Sequence[str],
    *,
    text: str = "",
    env: Mapping[str, str] | None = None,
) -> str:
    """Run a program in the namespace and give its stdout; CommandError when it fails."""
    with inside(namespace):
        done = subprocess.run(
            argv, input=text, capture_output=True, text=True, env=env, check=False
        )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise CommandError(f"{namespace.label}: {' '.join(argv)}: {said}\n{text}")
    return done.stdout


def ip(namespace: Netns, *lines: str) -> None:
    """Run lines of `ip` in one batch, stopping at the first that fails."""
    if lines:
        run(namespace, ("ip", "-batch", "-"), text="\n".join(lines) + "\n")


def bridge(namespace: Netns, *lines: str) -> None:
    """Run lines of `bridge` in one batch."""
    if lines:
        run(namespace, ("bridge", "-batch", "-"), text="\n".join(lines) + "\n")


def nft(namespace: Netns, ruleset: str) -> None:
    """Add an nftables ruleset."""
    run(namespace, ("nft", "-f", "-"), text=ruleset)


def sysctl(namespace: Netns, settings: Mapping[str, object]) -> None:
    """Write settings below net/, with "/" between the parts: {"ipv4/ip_forward": 1}."""
    with inside(namespace):
        for key, value in settings.items():
            Path("/proc/sys/net", key).write_text(f"{value}\n")
