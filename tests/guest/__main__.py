"""`python -m tests.guest [--timeout S] -- ARGUMENTS OF PYTHON`: run something in a guest."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.guest.boot import Ended, available, run
from tests.guest.command import command
from tests.guest.modules import ALL


def _play(arguments: list[str], folder: Path, timeout: float) -> Ended:
    return run(arguments, folder, modules=ALL, timeout=timeout)


if __name__ == "__main__":
    sys.exit(command("python -m tests.guest", __doc__, available(), _play))
