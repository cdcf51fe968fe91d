"""The guest has what this machine's kernel lacks, and agrees about it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.guest import available, run
from tests.guest.boot import SHARED
from tests.guest.modules import IPVS, SCTP, SHAPING
from tests.lab.faults.guest import FAULTS

pytestmark = pytest.mark.skipif(bool(available()), reason=available() or "-")


def test_ipvs_and_ipip_are_there_and_nothing_is_written_here(tmp_path: Path) -> None:
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


@pytest.mark.lab
def test_services_in_ipvs_mode(tmp_path: Path) -> None:
    """A round of random Services: the same backends, outcomes and source addresses, and no
    difference between the virtual servers written and those expected."""
    asked = ["--services", "--proxy", "ipvs", "--seed", "501", "--queries", "8", "--cases", "8"]
    results = ["--no-shrink", "--results", str(SHARED / "results")]
    command = ["-m", "tests.lab", "fresh", *asked, *results]
    ended = run(command, tmp_path, modules=IPVS, timeout=180)
    assert ended.status == 0, ended.output
    assert "8 cases: " in ended.output
    assert "rules: 0 differences" in ended.output


@pytest.mark.lab
def test_services_by_sctp(tmp_path: Path) -> None:
    """Associations through Services, and what a client hears when none comes about."""
    asked = ["--sctp", "--seed", "94000", "--queries", "8", "--cases", "8"]
    results = ["--no-shrink", "--results", str(SHARED / "results")]
    command = ["-m", "tests.lab", "fresh", *asked, *results]
    ended = run(command, tmp_path, modules=SCTP, timeout=180)
    assert ended.status == 0, ended.output
    assert "agree" in ended.output
    assert "rules: 0 differences" in ended.output


SAMPLE = ("bridge-port-in-another-vlan", "veth-filter-drops-everything", "conntrack-full")
"""One of each kind; building a cluster takes the guest 20 seconds. SKOOP_GUEST=all plays all."""
PLAYED = [
    each.name
    for each in FAULTS
    if not each.harmless
    and not each.unmodelled
    and (each.name in SAMPLE or os.environ.get("SKOOP_GUEST") == "all")
]


@pytest.mark.lab
@pytest.mark.parametrize("fault", PLAYED)
def test_a_fault_that_needs_the_guest(fault: str, tmp_path: Path) -> None:
    """VLANs in bridges, traffic control, full tables: the simulator agrees with the guest's
    kernel."""
    asked = ["--fault", fault, "--seed", "71", "--queries", "20", "--cases", "20"]
    results = ["--no-shrink", "--results", str(SHARED / "results")]
    command = ["-m", "tests.lab", "fresh", *asked, *results]
    ended = run(command, tmp_path, modules=SHAPING, timeout=180)
    assert ended.status == 0, ended.output
    assert "20 cases: " in ended.output
