"""Debian's kernel, unpacked beside the checkout: what the machine of `tests.guest.machine` boots.

`python -m tests.guest.kernel` fetches it (90 MB, Debian, no root needed). Nothing is installed.
"""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "linux-image-amd64"
BUSYBOX = "busybox-static"
FOLDER = Path(__file__).parents[2] / ".peers" / "kernel"
FIRST = ("virtio_pci", "9pnet_virtio", "9p")
"""Modules that the root file system needs."""
_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


def modules_folder() -> Path:
    """Where the kernel's modules are, a folder per release."""
    return FOLDER / "root" / "lib" / "modules"


def image() -> Path | None:
    """The kernel, None while it was not fetched."""
    found = sorted((FOLDER / "root" / "boot").glob("vmlinuz-*"))
    return found[-1] if found and initrd().exists() else None


def initrd() -> Path:
    """The first file system: just enough to mount this machine's."""
    return FOLDER / "initrd.gz"


def fetch() -> None:
    """Download and unpack the kernel, say what its modules need, and make the initrd."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    depends = _run("apt-cache", "show", PACKAGE)
    named = re.search(r"^Depends: (linux-image-\S+)", depends, re.MULTILINE)
    if named is None:
        raise SystemExit(f"{PACKAGE} is not known to apt")
    for package in (named[1], BUSYBOX):
        _run("apt-get", "download", package)
        (file,) = FOLDER.glob(f"{package}_*.deb")
        _run("dpkg-deb", "-x", file.name, "root")
        file.unlink()
    (release,) = modules_folder().iterdir()
    paths = {each.stem.replace("-", "_"): each for each in release.rglob("*.ko")}
    needs = {name: _needs(path) for name, path in paths.items()}
    inside = {name: str(path.relative_to(release)) for name, path in paths.items()}
    lines = (
        " ".join([f"{inside[name]}:", *(inside[each] for each in _in_order(needs, name)[-2::-1])])
        for name in paths
    )
    (release / "modules.dep").write_text("\n".join(lines) + "\n")
    wanted = dict.fromkeys(name for first in FIRST for name in _in_order(needs, first))
    files = {
        "bin/busybox": (FOLDER / "root" / "bin" / "busybox").read_bytes(),
        **{f"m/{n:02}.ko": paths[name].read_bytes() for n, name in enumerate(wanted)},
        "init": INIT.encode(),
    }
    initrd().write_bytes(gzip.compress(b"".join(_archive(files)), 1))


INIT = """#!/bin/busybox sh
B=/bin/busybox
$B mount -t proc proc /proc
$B mount -t devtmpfs dev /dev
for M in /m/*.ko; do $B insmod $M; done
OPTIONS=trans=virtio,version=9p2000.L,msize=524288
$B mount -t 9p -o ro,cache=loose,$OPTIONS root /root
$B mount -t proc proc /root/proc
$B mount -t sysfs sys /root/sys
$B mount -t tmpfs tmpfs /root/run
$B mount -t devtmpfs dev /root/dev
$B ln -s /proc/self/fd /dev/fd
$B ln -s /proc/self/fd/0 /dev/stdin
$B mount -t 9p -o $OPTIONS shared /root/mnt
exec $B chroot /root /mnt/init
"""
"""The guest sees this machine's files, read-only, and one folder that it may write to."""


def _needs(module: Path) -> list[str]:
    """What a module says it depends on; without depmod nothing else does."""
    found = _DEPENDS.search(b"\0" + module.read_bytes())
    names = found[1].decode().split(",") if found else []
    return [name.replace("-", "_") for name in names if name]


def _in_order(needs: dict[str, list[str]], name: str) -> list[str]:
    """A module after everything it needs."""
    found: dict[str, None] = {}

    def add(one: str) -> None:
        for each in needs.get(one, ()):
            add(each)
        if one in needs:
            found.setdefault(one)

    add(name)
    return list(found)


def _archive(files: dict[str, bytes]) -> Iterator[bytes]:
    """As cpio's "newc", which kernels unpack."""
    for name in ("bin", "dev", "m", "proc", "root", "sys"):
        yield _member(name, b"", 0o40755)
    for name, data in files.items():
        yield _member(name, data, 0o100755)
    yield _member("TRAILER!!!", b"", 0)


def _member(name: str, data: bytes, mode: int) -> bytes:
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % each for each in fields) + name.encode() + b"\0"
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def _run(*command: str) -> str:
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    fetch()
    print(image(), file=sys.stderr)
