"""Names, origins, and what is off until it is allowed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from skoop.errors import UsageError
from skoop.provider.contract import faults
from skoop.provider.generic import GenericProvider
from skoop.provider.registry import Entry, Registry
from tests.provider.conftest import Run

MODULE = """
from skoop.provider.generic import GenericProvider

class Distant(GenericProvider):
    name = "distant"
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with an entry point; importing it leaves a mark."""
    (tmp_path / "distant_cloud.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n{MODULE}")
    info = tmp_path / "distant_cloud-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: distant-cloud\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[skoop.providers]\ndistant = distant_cloud:Distant\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    monkeypatch.delitem(sys.modules, "distant_cloud", raising=False)
    return tmp_path


def test_an_entry_point_is_off(run: Run, package: Path) -> None:
    assert "found, disabled: allow with" in run("provider", "list", "-o", "json").out
    result = run("provider", "describe", "distant")
    assert result.code == 4
    assert "found, disabled: allow with --allow-provider distant" in result.err
    assert not (package / "ran").exists(), "it ran although it was not allowed"


def test_an_entry_point_that_is_allowed(run: Run, package: Path) -> None:
    result = run("provider", "describe", "distant", "--allow-provider", "other,distant")
    assert result.code == 0 and "distant-cloud 1.2" in " ".join(result.out.split())


def test_an_entry_point_that_breaks(run: Run, package: Path) -> None:
    (package / "distant_cloud.py").write_text("import no_such_module_anywhere")
    result = run("provider", "describe", "distant", "--allow-provider", "distant")
    assert result.code == 4 and "failed to load: ModuleNotFoundError" in result.err


def test_an_unknown_name_lists_the_known(run: Run) -> None:
    for command in (["provider", "describe"], ["provider", "verify"], ["cloud"]):
        result = run(*command, "moon")
        assert result.code == 2 and "'moon'" in result.err and "generic" in result.err


def test_a_duplicate_names_both_origins() -> None:
    with pytest.raises(UsageError, match="built in and file x"):
        Registry(
            Entry(name="acme", origin=origin, load=GenericProvider)
            for origin in ("built in", "file x")
        )


def test_a_disabled_duplicate_is_no_harm() -> None:
    made = [
        Entry(name="acme", origin="a", load=GenericProvider),
        Entry(name="acme", origin="b", load=GenericProvider, disabled="found, disabled"),
    ]
    assert Registry(made).origin("acme") == "a"


@pytest.mark.parametrize("name", Registry.of().names)
def test_every_built_in_provider_fulfils_the_contract(name: str) -> None:
    assert faults(Registry.of().find(name)) == ()


def test_the_contract_names_everything_that_is_missing() -> None:
    class Bare:
        name = "Bare!"

    found = " ".join(faults(Bare()))
    for word in ("name", "describes", "options", "capabilities", "permissions", "commands",
                 "claims()", "policy()", "verify()", "console()", "create_network()"):  # fmt: skip
        assert word in found


def test_an_unknown_plugin_is_refused_before_anything_is_read(run: Run) -> None:
    result = run("diagnose", "a", "b", "--snapshot", "/no/such", "--network-plugin", "moon")
    assert result.code == 2 and "'moon'" in result.err and "/no/such" not in result.err
