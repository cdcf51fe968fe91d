"""The walk-through does what it says: its commands are run, and what it shows is printed."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from skoop.cli.main import main

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "add-a-provider.md"
CODES = {"InvalidAccessKey": 5, "PARTIAL": 1}
"""What a shown line says of the exit code; 0 otherwise."""


def _steps() -> Iterator[tuple[str, list[str]]]:
    """Each command with the lines shown under it."""
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        command, shown = "", []
        for line in block.splitlines():
            if not line.startswith("$ "):
                shown.append(line)
                continue
            if command:
                yield command, shown
            command, shown = line.removeprefix("$ "), []
        yield command, shown


def test_the_walk_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (ROOT / "examples" / "testcloud").iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
            (tmp_path / file.name).chmod(0o600)
    tmp_path.chmod(0o700)
    monkeypatch.chdir(tmp_path)
    ran = 0
    for command, shown in _steps():
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            monkeypatch.setenv(name, _shell(f'printf %s "{value}"'))
            continue
        if not command.startswith("skoop "):
            _shell(command)
            continue
        code = main(shlex.split(command)[1:])
        printed = capsys.readouterr()
        text = re.sub(r"\s+", " ", printed.out + printed.err)
        assert code == next((CODES[line] for line in shown if line in CODES), 0), command
        for line in shown:
            assert line in text, f"{command}: {line!r} is not in {text[:2000]}"
        ran += 1
    assert ran >= 9


def _shell(command: str) -> str:
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    return done.stdout
