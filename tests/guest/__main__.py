"""`python -m tests.guest [--timeout S] -- ARGUMENTS OF PYTHON`: run something in a guest."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.guest.boot import available, run
from tests.guest.modules import ALL


def main() -> int:
    """The status is the command's."""
    parser = argparse.ArgumentParser(prog="python -m tests.guest", description=__doc__)
    parser.add_argument("--timeout", type=float, default=600)
    parser.add_argument("--folder", type=Path, help="what the guest may write to, as /mnt")
    parser.add_argument("arguments", nargs="+")
    given = parser.parse_args()
    missing = available()
    if missing:
        print(missing, file=sys.stderr)
        return 2
    with TemporaryDirectory(prefix="skoop-guest-") as folder:
        chosen = given.folder or Path(folder)
        ended = run(given.arguments, chosen, modules=ALL, timeout=given.timeout)
    print(ended.output, end="")
    if ended.status < 0:
        print(ended.console, file=sys.stderr)
    return ended.status if ended.status >= 0 else 2


if __name__ == "__main__":
    sys.exit(main())
