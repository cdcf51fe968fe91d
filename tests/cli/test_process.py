"""The program as a process: exit codes, pipes, colours, encodings."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def skoop(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "skoop", *arguments],
        capture_output=True, text=True, check=False, env={**os.environ, **environment}, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--version"], 0), (["explain", "nope"], 2), (["--nope"], 2), (["diagnose", "a", "b"], 4)],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_exit_code(arguments: list[str], code: int) -> None:
    result = skoop(*arguments)
    assert result.returncode == code
    assert "Traceback" not in result.stderr
    assert bool(result.stdout) is (code == 0)


def test_a_closed_pipe_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        result = subprocess.run(
            [sys.executable, "-m", "skoop", "explain"],
            stdout=write, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
        )  # fmt: skip
    finally:
        os.close(write)
    assert (result.returncode, result.stderr) == (0, "")


def test_ascii_only_stdout() -> None:
    result = skoop("explain", "fdb-missing", PYTHONIOENCODING="ascii")
    assert result.returncode == 0
    result.stdout.encode("ascii")


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from skoop.cli.main import main; main(['--help']);"
        "heavy = {'networkx', 'kubernetes', 'aliyunsdkcore', 'msgspec', 'yaml', 'skoop.netstack'};"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert (result.returncode, result.stderr) == (0, "")
