"""The guest boots and has what this machine's kernel lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guest import available, run
from tests.guest.modules import IPVS

pytestmark = pytest.mark.skipif(bool(available()), reason=available() or "-")


def test_it_has_ipvs_and_ipip_and_changes_nothing_here(tmp_path: Path) -> None:
    code = (
        "import pathlib, subprocess\n"
        "print(pathlib.Path('/proc/net/ip_vs').read_text().split()[0])\n"
        "for kind in ('dummy', 'ipip remote 192.0.2.1', 'veth'):\n"
        "    subprocess.run(f'ip link add x type {kind}'.split(), check=True)\n"
        "    subprocess.run('ip link del x'.split(), check=True)\n"
        "try:\n"
        "    pathlib.Path('/etc/written-by-a-guest').write_text('')\n"
        "except OSError:\n"
        "    print('read-only')\n"
    )
    ended = run(["-c", code], tmp_path, modules=IPVS, timeout=60)
    assert ended.output.split() == ["IP", "read-only"], ended
    assert ended.status == 0
