"""A whole machine with Debian's kernel, emulated by qemu: what neither this machine's kernel nor
user-mode Linux has, WireGuard. It boots in ten seconds, and is some twenty times slower than here.

`python -m tests.guest.machine -- ARGUMENTS OF PYTHON`; the kernel comes by `tests.guest.kernel`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.guest.boot import ROOT, SHARED, Ended
from tests.guest.command import command
from tests.guest.kernel import image, initrd, modules_folder
from tests.guest.modules import WIREGUARD

QEMU = "qemu-system-x86_64"
_SHARE = "security_model=none,multidevs=remap"


def available() -> str:
    """ "" if the machine can be started here, else what is missing."""
    if shutil.which(QEMU) is None:
        return f"{QEMU} is not installed (package qemu-system-x86)"
    if shutil.which("wg") is None:
        return "wg is not installed (package wireguard-tools)"
    if image() is None:
        return "no kernel was fetched (python -m tests.guest.kernel)"
    return "" if os.geteuid() == 0 else "needs root"


def run(
    arguments: Sequence[str], folder: Path, *, modules: Sequence[str] = (), timeout: float = 300
) -> Ended:
    """As `tests.guest.run`, on the emulated machine."""
    folder = folder.resolve()
    script = folder / "init"
    script.write_text(_SCRIPT)
    script.chmod(0o755)
    (folder / "modules").write_text("\n".join(modules))
    (folder / "modules-of").write_text(str(modules_folder()))
    (folder / "arguments").write_text("\0".join(arguments))
    command = [
        QEMU, "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "1536", "-smp", "2",
        "-nographic", "-no-reboot", "-nic", "none",
        "-kernel", str(image()), "-initrd", str(initrd()),
        "-append", "console=ttyS0 quiet panic=-1 mitigations=off",
        "-virtfs", f"local,path=/,mount_tag=root,readonly=on,{_SHARE}",
        "-virtfs", f"local,path={folder},mount_tag=shared,{_SHARE}",
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as guest:  # fmt: skip
        try:
            console, _ = guest.communicate(timeout=timeout)
        except BaseException:
            os.killpg(guest.pid, 9)
            raise
    status, output = folder / "status", folder / "output"
    return Ended(
        int(status.read_text()) if status.exists() else -1,
        output.read_text(errors="replace") if output.exists() else "",
        console.decode(errors="replace"),
    )


_SCRIPT = f"""#!/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH PYTHONDONTWRITEBYTECODE=1 TMPDIR=/run HOME={SHARED}
cd {ROOT}
exec {sys.executable} -m tests.guest.inside
"""


def _play(arguments: list[str], folder: Path, timeout: float) -> Ended:
    return run(arguments, folder, modules=WIREGUARD, timeout=timeout)


if __name__ == "__main__":
    sys.exit(command("python -m tests.guest.machine", __doc__, available(), _play))
