"""A guest's command line: `[--timeout S] [--folder PATH] -- ARGUMENTS OF PYTHON`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.guest.boot import Ended

Play = Callable[[list[str], Path, float], Ended]
"""Runs Python's arguments in a guest that may write to a folder, for so many seconds."""


def command(prog: str, about: str | None, missing: str, play: Play) -> int:
    """Run what was asked for; the status is the command's, 2 when there is no guest."""
    parser = argparse.ArgumentParser(prog=prog, description=about)
    parser.add_argument("--timeout", type=float, default=600)
    parser.add_argument("--folder", type=Path, help="what the guest may write to, as /mnt")
    parser.add_argument("arguments", nargs="+")
    given = parser.parse_args()
    if missing:
        print(missing, file=sys.stderr)
        return 2
    with TemporaryDirectory(prefix="skoop-guest-") as folder:
        ended = play(given.arguments, given.folder or Path(folder), given.timeout)
    print(ended.output, end="")
    if ended.status < 0:
        print(ended.console, file=sys.stderr)
    return ended.status if ended.status >= 0 else 2
