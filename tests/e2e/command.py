"""skoop as its users run it: as a program, with compiled modules."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.e2e import binaries

SKOOP = (sys.executable, "-m", "skoop")


def environment() -> dict[str, str]:
    """The environment, with a place for bytecode: compiling it again for each run would take
    longer than a diagnosis."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(binaries.cache() / "pycache")}


def skoop(
    *arguments: str, text: str = "", seconds: float = 120, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run skoop on the cluster of KUBECONFIG, with a text as its stdin and more environment."""
    return subprocess.run(
        [*SKOOP, *arguments],
        env=environment() | more,
        input=text,
        text=True,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
