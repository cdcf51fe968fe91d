"""Fuzz one reader in this process: `python -m tests.fuzz.one NAME [libFuzzer's arguments]`."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["skoop"]):
    from tests.fuzz.targets import READERS, REFUSALS

from skoop.errors import SkoopError


def main() -> None:
    """Never returns: libFuzzer ends the process, with 0 when its time is up."""
    program, name, *rest = sys.argv
    read = READERS[name]

    def total(data: bytes) -> None:
        try:
            read(data)
        except (SkoopError, *REFUSALS.get(name, ())):
            return

    atheris.Setup([program, *rest], total)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
