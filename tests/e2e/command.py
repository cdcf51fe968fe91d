"""skoop as its users run it: as a program, with compiled modules."""

from __future__ import annotations

import os
import sys

from tests.e2e import binaries

SKOOP = (sys.executable, "-m", "skoop")


def environment() -> dict[str, str]:
    """The environment, with a place for bytecode: compiling it again for each run would take
    longer than a diagnosis."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(binaries.cache() / "pycache")}
