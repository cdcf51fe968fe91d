"""The guest's first process: loads modules, runs the command, leaves its status, switches off."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

from tests.guest.boot import SHARED

_POWER_OFF = 0x4321FEDC
_FINIT_MODULE = 313

_libc = ctypes.CDLL(None, use_errno=True)


class Modules:
    """The kernel's modules, loaded by name with what they depend on. There is no modprobe here,
    and the kernel finds none of its own accord."""

    def __init__(self) -> None:
        self._folder = Path((SHARED / "modules-of").read_text()) / os.uname().release
        self._needs: dict[str, list[str]] = {}
        self._paths: dict[str, Path] = {}
        for line in (self._folder / "modules.dep").read_text().splitlines():
            path, _, needs = line.partition(":")
            name = _name(path)
            self._paths[name] = self._folder / path
            self._needs[name] = [_name(each) for each in needs.split()]
        self._done: set[str] = set()

    def load(self, name: str) -> None:
        """Load one; a module that is built in or unknown is passed over."""
        name = name.replace("-", "_")
        if name in self._done or name not in self._paths:
            return
        self._done.add(name)
        for each in reversed(self._needs[name]):
            self.load(each)
        with self._paths[name].open("rb") as file:
            if _libc.syscall(_FINIT_MODULE, file.fileno(), b"", 0):
                number = ctypes.get_errno()
                print(f"module {name}: {os.strerror(number)}", file=sys.stderr)

    def matching(self, word: str) -> list[str]:
        """Names that begin with a word that ends in "*"; else the word itself."""
        if not word.endswith("*"):
            return [word]
        return sorted(name for name in self._paths if name.startswith(word[:-1]))


def _name(path: str) -> str:
    return Path(path).name.partition(".")[0].replace("-", "_")


def main() -> None:
    """Never returns: the guest is switched off."""
    status = -1
    try:
        modules = Modules()
        for word in (SHARED / "modules").read_text().split():
            for name in modules.matching(word):
                modules.load(name)
        arguments = (SHARED / "arguments").read_text().split("\0")
        Path("/run/netns").mkdir(exist_ok=True)
        with (SHARED / "output").open("wb") as output:
            done = subprocess.run(
                [sys.executable, *arguments], stdout=output, stderr=subprocess.STDOUT, check=False
            )
        status = done.returncode
    finally:
        (SHARED / "status").write_text(str(status))
        os.sync()
        _libc.reboot(_POWER_OFF)


if __name__ == "__main__":
    main()
