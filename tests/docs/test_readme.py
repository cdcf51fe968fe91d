"""The README shows what skoop says."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_example_is_what_the_demo_says() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("## What an answer looks like")[2].split("```\n")[1]
    said = (ROOT / "tests" / "demo" / "golden" / "fdb-missing.txt").read_text(encoding="utf-8")
    assert shown.startswith("PARTIAL: ")
    assert said.startswith(shown)
