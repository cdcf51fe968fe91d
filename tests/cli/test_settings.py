"""Defaults from a file and from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from skoop.cli.main import main

QUESTION = ["demo", "fdb-missing"]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("SKOOP_CONFIG", raising=False)
    path = tmp_path / "skoop" / "config.toml"
    path.parent.mkdir()
    return path


@pytest.mark.parametrize(
    ("text", "environment", "flags", "begins"),
    [
        ("", {}, [], "PARTIAL: pod default/cli -> "),
        ("[defaults]\nquiet = true", {}, [], "PARTIAL: pod default/cli reaches"),
        ('[demo]\noutput = ["dot"]', {}, [], "digraph"),
        ('[defaults]\noutput = ["d2"]\n[demo]\noutput = ["dot"]', {}, [], "digraph"),
        ('[demo]\noutput = ["dot"]', {"SKOOP_OUTPUT": "mermaid"}, [], "flowchart"),
        ('[demo]\noutput = ["dot"]', {"SKOOP_OUTPUT": "mermaid"}, ["-o", "json"], "{"),
        ('[diagnose]\noutput = ["dot"]', {}, [], "PARTIAL"),
        ("", {"SKOOP_QUIET": "1"}, [], "PARTIAL: pod default/cli reaches"),
    ],
    ids=[
        "nothing", "defaults", "a command", "command over defaults", "environment over file",
        "flag over all", "another command", "a switch",
    ],
)  # fmt: skip
def test_order(text, environment, flags, begins, config: Path, monkeypatch, capsys) -> None:
    config.write_text(text)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main([*QUESTION, *flags]) == 1
    assert capsys.readouterr().out.startswith(begins)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[demo]\nfish = 1", "[demo]: there is no option --fish"),
        ("[defaults]\nfish = 1", "[defaults]: there is no option --fish"),
        ("[fish]\nquiet = true", "[fish] is no command"),
        ("[demo\n", "not TOML"),
        ("defaults = 1", "[defaults] must be a table"),
        ("[demo]\nquiet = 1979-05-27", "quiet must be"),
    ],
)
def test_mistakes_are_named(text: str, said: str, config: Path, capsys) -> None:
    config.write_text(text)
    assert main(QUESTION) == 2
    message = capsys.readouterr().err
    assert str(config) in message and said in message


def test_a_file_that_was_named_must_be_there(monkeypatch, capsys) -> None:
    monkeypatch.setenv("SKOOP_CONFIG", "/nonexistent.toml")
    assert main(QUESTION) == 2
    assert "Cannot read /nonexistent.toml" in capsys.readouterr().err
