"""The documentation is there, complete where it must be, and as new as the code."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from skoop.model.disposition import Disposition, Result, Verdict

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
GENERATED = runpy.run_path(str(DOCS / "generate.py"))["pages"]()


HELP = ("commands.md", "skoop.1")
"""How help is laid out differs between versions of the library that prints it."""


@pytest.mark.parametrize("name", sorted(GENERATED.keys() - set(HELP)))
def test_generated_pages_are_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == GENERATED[name](), "python docs/generate.py"


@pytest.mark.parametrize("name", HELP)
def test_commands_and_their_options_are_up_to_date(name: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert _spoken(page) == _spoken(GENERATED[name]()), "python docs/generate.py"


def _spoken(page: str) -> list[str]:
    """Headings, option names and command lines, in their order."""
    plain = page.replace("\\-", "-")
    found = re.findall(r"^(?:##|\.SS|\$) .*|^ +(?:-\w, )?--[\w-]+", plain, re.MULTILINE)
    return [" ".join(one.split()) for one in found]


def test_the_site_can_be_built(tmp_path: Path) -> None:
    """Strictly: a broken link or a page outside of the navigation is an error."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "findings" / "index.html").is_file()


@pytest.mark.parametrize(
    "word", [one.value for kind in (Disposition, Result, Verdict) for one in kind]
)
def test_every_answer_has_its_condition(word: str) -> None:
    page = (DOCS / "how-it-decides.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| `{word}` \| .+ \|", page, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda one: one.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (page.parent / target).is_file(), target


def test_navigation_lists_every_page() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    listed = {file for entry in nav for file in entry.values()}
    assert listed == {page.name for page in DOCS.glob("*.md")}


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [one for group in project["optional-dependencies"].values() for one in group]
    page = (DOCS / "dependencies.md").read_text(encoding="utf-8")
    for requirement in [*project["dependencies"], *extras]:
        name = re.split(r"[^\w-]", requirement)[0]
        assert re.search(rf"^\| {re.escape(name)}\b", page, re.MULTILINE), name


@pytest.mark.parametrize("script", ["check", ".ci/run"])
def test_scripts_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)


def test_ci_runs_what_the_readme_says() -> None:
    assert "./check" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "\n./check\n" in (ROOT / "README.md").read_text(encoding="utf-8")
