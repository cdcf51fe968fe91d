"""What every provider must have, and how little of skoop a new one touches."""

from __future__ import annotations

import ast
import inspect
import json
from pathlib import Path

import pytest

import skoop
from skoop.infra.capability import Capability
from skoop.infra.options import ConfigBinder
from skoop.provider import base, registry
from skoop.provider.base import Provider
from skoop.provider.contract import faults
from tests.network.cloud import kit

PACKAGE = Path(skoop.__file__).parent
PROVIDERS = {each.name: each for each in (*registry.Registry.of().all(), kit.provider())}
CLOUDS = [name for name in PROVIDERS if name != "generic"]


@pytest.mark.parametrize("name", PROVIDERS)
def test_it_fulfils_the_contract(name: str) -> None:
    assert faults(PROVIDERS[name]) == ()


def test_the_contract_knows_every_member_of_the_protocol() -> None:
    """Whatever the protocol asks for, a provider without it is named."""
    members = {name for name in vars(Provider) if not name.startswith("_")}

    class Bare:
        """Nothing at all."""

    said = " ".join(faults(Bare()))
    assert {name for name in members if name not in said} == {"api_version"}  # checked before


@pytest.mark.parametrize("name", CLOUDS)
def test_permissions_are_what_the_policy_grants(name: str) -> None:
    """Neither list has what the other lacks."""
    one = PROVIDERS[name]
    granted = {each.grant for each in one.permissions if each.grant}
    text = one.policy()
    json.loads(text)
    assert granted
    for grant in granted:
        assert f'"{grant}"' in text
    assert {word for word in _words(text) if ":" in word and "*" not in word} <= granted


def _words(text: str) -> set[str]:
    found: set[str] = set()

    def walk(value: object) -> None:
        if isinstance(value, dict):
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)
        elif isinstance(value, str):
            found.add(value)

    walk(json.loads(text))
    return found


@pytest.mark.parametrize("name", CLOUDS)
def test_secrets_are_never_shown(name: str) -> None:
    one = PROVIDERS[name]
    planted = {each.name: "planted-secret" for each in one.options if each.secret}
    settings = ConfigBinder(one.name, one.options, one.one_of).read(planted, {})
    assert planted and "planted-secret" not in repr(settings)


@pytest.mark.parametrize("name", CLOUDS)
def test_capabilities_are_areas(name: str) -> None:
    assert set(PROVIDERS[name].capabilities) <= set(Capability)


@pytest.mark.parametrize("name", PROVIDERS)
def test_manifests_are_copies(name: str) -> None:
    one = PROVIDERS[name]
    assert one.manifests() == one.manifests()


def test_flags_of_providers_do_not_meet() -> None:
    flags = [option.flag for each in PROVIDERS.values() for option in each.options]
    assert len(set(flags)) == len(flags)


@pytest.mark.parametrize("name", [each for each in CLOUDS if each != "testcloud"])
def test_a_built_in_cloud_is_named_in_its_own_places_only(name: str) -> None:
    """Its reader, its network, its provider, and one line of the registry's table."""
    own = {PACKAGE / "infra" / name, PACKAGE / "network" / f"{name}.py",
           PACKAGE / "network" / name, PACKAGE / "provider" / f"{name}.py"}  # fmt: skip
    importing = [
        path
        for path in PACKAGE.rglob("*.py")
        if not any(path == each or each in path.parents for each in own)
        and any(name in module.split(".") for module in _imported(path))
    ]
    assert importing == []
    table = inspect.getsource(registry)
    assert [line for line in table.splitlines() if name in line] == [
        f'    "{name}": "skoop.provider.{name}:{type(PROVIDERS[name]).__name__}",'
    ]


def _imported(path: Path) -> set[str]:
    found: set[str] = set()
    for each in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(each, ast.ImportFrom) and each.module:
            found.add(each.module)
        elif isinstance(each, ast.Import):
            found.update(alias.name for alias in each.names)
    return found


def test_test_cloud_is_nowhere_in_skoop() -> None:
    """A whole cloud that skoop's own files do not know."""
    naming = [p for p in PACKAGE.rglob("*.py") if "testcloud" in p.read_text().lower()]
    assert naming == []


def test_test_cloud_is_written_for_this_version() -> None:
    assert kit.provider().api_version == base.API_VERSION
