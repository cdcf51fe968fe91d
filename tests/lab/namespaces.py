"""Network namespaces without names and without forks.

A namespace lives as long as this process holds its file descriptor, so whatever way the process
ends the kernel takes the namespace away; there is nothing to sweep. Other programs reach it by
`Netns.path`, which iproute2, nsenter and the CNI plugins all accept.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000
MNT_DETACH = 2
MS_BIND = 4096
RUN = Path("/run/netns")
KEPT = "skoop-lab-"

_libc = ctypes.CDLL(None, use_errno=True)


class Netns:
    """One network namespace. `label` is for people ("node/k1")."""

    def __init__(self, label: str, fd: int) -> None:
        self.label = label
        self.fd = fd

    @property
    def path(self) -> str:
        """A path that any process of this machine can open while this one lives."""
        return f"/proc/{os.getpid()}/fd/{self.fd}"

    @property
    def inode(self) -> int:
        """The number that tells this namespace from all others."""
        return os.fstat(self.fd).st_ino

    def close(self) -> None:
        """Let go of the namespace; its devices and sockets' last users decide when it ends."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def create(labels: tuple[str, ...]) -> dict[str, Netns]:
    """Make one empty namespace for each label."""
    made: dict[str, Netns] = {}
    failure: list[OSError] = []

    def work() -> None:
        try:
            for label in labels:
                _check(_libc.unshare(CLONE_NEWNET), "unshare")
                fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
                made[label] = Netns(label, fd)
        except OSError as error:
            failure.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failure:
        for namespace in made.values():
            namespace.close()
        raise failure[0]
    return made


@contextmanager
def inside(namespace: Netns) -> Iterator[None]:
    """Run the body with this thread in the namespace. Sockets and child processes made there stay
    there."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.setns(namespace.fd, CLONE_NEWNET), f"setns {namespace.label}")
        try:
            yield
        finally:
            _check(_libc.setns(home, CLONE_NEWNET), "setns back")
    finally:
        os.close(home)


def keep(namespaces: tuple[Netns, ...]) -> tuple[str, ...]:
    """Give namespaces names for `ip netns`, so that they outlive this process."""
    RUN.mkdir(parents=True, exist_ok=True)
    names = []
    for namespace in namespaces:
        name = KEPT + namespace.label.replace("/", "-")
        target = RUN / name
        target.touch()
        source = namespace.path.encode()
        _check(_libc.mount(source, str(target).encode(), b"none", MS_BIND, None), f"mount {name}")
        names.append(name)
    return tuple(names)


def forget_kept() -> tuple[str, ...]:
    """Remove every name `keep` ever gave, also those of processes long gone."""
    names = tuple(sorted(p.name for p in RUN.glob(KEPT + "*"))) if RUN.is_dir() else ()
    for name in names:
        _libc.umount2(str(RUN / name).encode(), MNT_DETACH)
        (RUN / name).unlink(missing_ok=True)
    return names
