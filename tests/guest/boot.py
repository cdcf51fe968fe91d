"""Starts the guest and waits for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

KERNEL = "linux.uml"
MODULES = Path("/usr/lib/uml/modules")
ROOT = Path(__file__).parents[2]
SHARED = Path("/mnt")
"""Where the guest sees the one folder it may write to."""


class Ended(Struct, frozen=True):
    """How the command in the guest ended. `status` is -1 when the guest ended without it."""

    status: int
    output: str
    console: str


def available() -> str:
    """ "" if a guest can be started here, else what is missing."""
    if shutil.which(KERNEL) is None:
        return f"{KERNEL} is not installed (package user-mode-linux)"
    if not MODULES.is_dir():
        return f"{MODULES} does not exist (package user-mode-linux)"
    return "" if os.geteuid() == 0 else "needs root"


def run(
    arguments: Sequence[str], folder: Path, *, modules: Sequence[str] = (), timeout: float = 120
) -> Ended:
    """Run `python ARGUMENTS` in a fresh guest, in the project's root folder.

    The guest sees this machine's files, but writes only to `folder`, which is `SHARED` there.
    `modules` are kernel modules by name, loaded with what they need. Raises
    subprocess.TimeoutExpired after `timeout` seconds; the guest is gone then.
    """
    folder = folder.resolve()
    script = folder / "init"
    script.write_text(_script(folder))
    script.chmod(0o755)
    (folder / "modules").write_text("\n".join(modules))
    (folder / "modules-of").write_text(str(MODULES))
    (folder / "arguments").write_text("\0".join(arguments))
    command = [
        KERNEL, "mem=768M", "rootfstype=hostfs", "rootflags=/", "ro", "quiet",
        f"init={script}", "con0=fd:0,fd:1", "con=null", "ssl=null",
    ]  # fmt: skip
    environment = {**os.environ, "TMPDIR": str(folder), "HOME": str(folder)}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=environment, start_new_session=True,
    ) as guest:  # fmt: skip
        try:
            console, _ = guest.communicate(timeout=timeout)
        except BaseException:
            os.killpg(guest.pid, 9)
            raise
    status = folder / "status"
    output = folder / "output"
    return Ended(
        int(status.read_text()) if status.exists() else -1,
        output.read_text(errors="replace") if output.exists() else "",
        console.decode(errors="replace"),
    )


def _script(folder: Path) -> str:
    """What the guest's first process does. Nothing of this machine is written to."""
    return f"""#!/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH PYTHONDONTWRITEBYTECODE=1 TMPDIR=/run
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmpfs /run
mount -t hostfs -o {folder} none {SHARED}
cd {ROOT}
exec {sys.executable} -m tests.guest.inside
"""
