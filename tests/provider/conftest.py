"""Command lines, with captured output."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from skoop.cli.main import main

Run = Callable[..., SimpleNamespace]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line; gives code, out and err."""

    def call(*arguments: str) -> SimpleNamespace:
        code = main(arguments)
        captured = capsys.readouterr()
        return SimpleNamespace(code=code, out=captured.out, err=captured.err)

    return call
