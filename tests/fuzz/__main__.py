"""Coverage-guided fuzzing of the readers: `python -m tests.fuzz [NAME...]`, after `pip install
atheris` where it runs. Not part of the suite, which tries the same readers with hypothesis.

A finding is printed with its traceback; the input that made it stays in the working directory.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.targets import READERS, examples


def main() -> int:
    """Fuzz the readers named, or all, one process each; exit code 1 when one raised."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("reader", nargs="*", help=f"default: all of {', '.join(READERS)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each reader")
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="skoop-fuzz-") as folder:
        for number, data in enumerate(examples()):
            (Path(folder) / str(number)).write_bytes(data)
        names = arguments.reader or list(READERS)
        failed = [name for name in names if not _is_sound(name, arguments.seconds, folder)]
    print(f"raised: {', '.join(failed)}" if failed else "every input was read or refused")
    return 1 if failed else 0


def _is_sound(name: str, seconds: int, folder: str) -> bool:
    print(f"== {name}", flush=True)
    with TemporaryDirectory(prefix="skoop-fuzz-found-") as found:
        limits = (f"-max_total_time={seconds}", "-timeout=20", "-print_final_stats=1")
        command = (sys.executable, "-m", "tests.fuzz.one", name, *limits, found, folder)
        return subprocess.run(command, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
