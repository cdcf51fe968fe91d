"""A provider in a file: loaded when all is right, refused with a sentence of its own otherwise."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.provider.conftest import Run
from tests.provider.plugins import SMALL, flags, written


def _symlink(folder: Path) -> list[str]:
    written(folder)
    link = folder / "link.py"
    link.symlink_to(folder / "small.py")
    return flags(link)


def _mode(mode: int, what: str) -> object:
    def arrange(folder: Path) -> list[str]:
        made = written(folder)
        (folder / what if what else folder).chmod(mode)
        return made

    return arrange


def _text(text: str, name: str = "small.py") -> object:
    return lambda folder: written(folder, text, name)


REFUSED = {
    "no hash": (lambda folder: written(folder)[:2], "is disabled", 4),
    "a hash but no file": (lambda folder: written(folder)[2:], "needs --provider-plugin PATH", 2),
    "a hash that is none": (
        lambda folder: [*written(folder)[:3], "abc"], "64 hexadecimal digits", 2,
    ),
    "missing": (lambda folder: [*flags_of_missing(folder)], "is missing", 4),
    "missing directory": (
        lambda folder: [*flags_of_missing(folder / "no" / "such")], "is missing", 4,
    ),
    "symbolic link": (_symlink, "it is a symbolic link", 4),
    "a directory": (lambda folder: flags_of_directory(folder), "not a regular file", 4),
    "group may write the file": (_mode(0o620, "small.py"), "its file can be written", 4),
    "others may write the file": (_mode(0o602, "small.py"), "its file can be written", 4),
    "group may write the directory": (_mode(0o770, ""), "its directory", 4),
    "others may write the directory": (_mode(0o707, ""), "its directory", 4),
    "another hash": (
        lambda folder: [*written(folder)[:3], "0" * 64], "its SHA-256 is not the one given", 4,
    ),
    "another version": (
        _text(SMALL.replace("API_VERSION = 1", "API_VERSION = 99")), "written for version 99", 4,
    ),
    "another name": (
        _text(SMALL.replace('"small"', '"other"')), "registers the provider 'other'", 4,
    ),
    "a name that is not its own": (
        _text(SMALL.replace('    name = "small"', '    name = "other"')),
        "registers the provider 'other'", 4,
    ),
    "it raises": (_text("raise RuntimeError('boom')"), "failed while loading: RuntimeError", 4),
    "it exits when made": (
        _text(SMALL.replace("return Small()", "return 1 / 0")), "ZeroDivisionError", 4,
    ),
    "no factory": (_text("API_VERSION = 1\nNAME = 'small'"), "no create_provider()", 4),
    "not a provider": (
        _text("API_VERSION = 1\nNAME = 'small'\ncreate_provider = object"), "version None", 4,
    ),
    "it lacks a method": (
        _text(SMALL.replace("    def policy", "    console = None\n\n    def policy")),
        "console() is missing", 4,
    ),
    "it takes skoop's own flag": (
        _text(SMALL.replace("--small-zone", "--output")), "already taken", 2,
    ),
}  # fmt: skip


def flags_of_missing(folder: Path) -> list[str]:
    return ["--provider-plugin", str(folder / "none.py"), "--provider-plugin-sha256", "0" * 64]


def flags_of_directory(folder: Path) -> list[str]:
    inside = folder / "inside.py"
    inside.mkdir(mode=0o700)
    return ["--provider-plugin", str(inside), "--provider-plugin-sha256", "0" * 64]


@pytest.mark.parametrize(("arrange", "said", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(arrange, said: str, code: int, run: Run, tmp_path: Path) -> None:
    given = arrange(tmp_path)
    result = run("provider", "describe", "small", *given)
    assert (result.code, result.out) == (code, "")
    assert said in result.err and "Traceback" not in result.err


def test_each_refusal_has_a_sentence_of_its_own() -> None:
    said = [sentence for _, sentence, code in REFUSED.values() if code == 4]
    shared = {"is missing", "its file can be written", "its directory",
              "registers the provider 'other'"}  # fmt: skip
    assert len(set(said)) == len(said) - len(shared)


def test_loaded(run: Run, tmp_path: Path) -> None:
    rows = json.loads(run("provider", "list", "-o", "json", *written(tmp_path)).out)
    (row,) = [each for each in rows if each["name"] == "small"]
    assert row["origin"] == f"file {tmp_path / 'small.py'}" and row["state"] == "enabled"


def test_from_the_environment(run: Run, tmp_path: Path, monkeypatch) -> None:
    _, path, _, digest = written(tmp_path)
    monkeypatch.setenv("SKOOP_PROVIDER_PLUGIN", path)
    assert "is disabled" in run("provider", "list").err
    monkeypatch.setenv("SKOOP_PROVIDER_PLUGIN_SHA256", digest)
    assert "small" in run("provider", "list").out


def test_never_a_fall_back(run: Run, tmp_path: Path) -> None:
    given = written(tmp_path, SMALL.replace('"small"', '"generic"'))
    result = run("provider", "describe", "generic", *given)
    assert result.code == 2
    assert "built in" in result.err and str(tmp_path) in result.err


def test_the_bytes_that_are_hashed_are_run(run: Run, tmp_path: Path, monkeypatch) -> None:
    """The file is opened once: what is put in its place afterwards is not read."""
    given = written(tmp_path)
    opened = os.open

    def swapped(path, *arguments, **named):
        descriptor = opened(path, *arguments, **named)
        if str(path) == given[1]:
            Path(path).rename(tmp_path / "gone.py")
            Path(path).write_text("raise RuntimeError('the other file')")
        return descriptor

    monkeypatch.setattr(os, "open", swapped)
    assert run("provider", "describe", "small", *given).code == 0


def test_options_of_a_plugin_belong_to_the_line(run: Run, tmp_path: Path) -> None:
    given = written(tmp_path)
    help_text = run("diagnose", "--help", *given).out
    assert "Options of provider small" in help_text and "SMALL_TOKEN" in help_text
    assert "No such option" in run("provider", "verify", "small", "--small-token", "x").err
    assert run("provider", "verify", "small", "--small-token", "x", *given).code == 0


def test_help_never_shows_a_value(run: Run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SMALL_TOKEN", "planted-secret")
    given = written(tmp_path)
    describe = ["provider", "describe", "small"]
    for command in (["diagnose", "--help"], describe, [*describe, "-o", "json"]):
        result = run(*command, *given)
        assert result.code == 0 and "planted-secret" not in result.out + result.err


VERIFIED = {
    "well": (["--small-token", "t"], 0, "all is well"),
    "nothing given": ([], 5, "--small-token (or SMALL_TOKEN) is required"),
    "refused by the cloud": (["--small-token", "wrong"], 5, "The token is wrong"),
    "not a choice": (["--small-token", "t", "--small-zone", "z"], 5, "--small-zone takes a, b"),
    "everything at once": (["--small-zone", "z"], 5, "SMALL_TOKEN"),
}


@pytest.mark.parametrize(("given", "code", "said"), VERIFIED.values(), ids=VERIFIED.keys())
def test_verify(given: list[str], code: int, said: str, run: Run, tmp_path: Path) -> None:
    result = run("provider", "verify", "small", *given, *written(tmp_path))
    assert result.code == code and said in result.out + result.err


def test_verify_names_the_variable(run: Run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SMALL_ZONE", "z")
    result = run("provider", "verify", "small", "--small-token", "t", *written(tmp_path))
    assert result.code == 5 and "the environment variable SMALL_ZONE takes a, b" in result.err


def test_both_filters_are_a_usage_error(run: Run, tmp_path: Path) -> None:
    given = written(tmp_path)
    both = run("provider", "describe", "small", "--no-secrets", "--only-secrets", *given)
    assert both.code == 2 and "exclude" in both.err
    for flag, shown in (("--no-secrets", ["--small-zone"]), ("--only-secrets", ["--small-token"])):
        (row,) = json.loads(run("provider", "describe", "small", "-o", "json", flag, *given).out)
        assert [each["option"] for each in row["options"]] == shown


def test_policy(run: Run, tmp_path: Path) -> None:
    assert run("provider", "policy", "small", *written(tmp_path)).out == "allow nothing\n"
    assert run("provider", "policy", "generic").code == 2
