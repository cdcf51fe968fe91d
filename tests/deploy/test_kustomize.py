"""The folder of manifests as a base of kustomize."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import yaml

from skoop.collector.manifest import Substitution, get_resources, read_images, substitute
from skoop.collector.manifest.load import ASSETS, PACKAGE

BASE = PACKAGE / ASSETS


def described() -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load((BASE / "kustomization.yaml").read_text())
    return found


def test_it_names_every_manifest() -> None:
    files = sorted(file.name for file in BASE.glob("*.yaml"))
    assert described()["resources"] == [name for name in files if name != "kustomization.yaml"]


def test_it_gives_the_image_that_is_shipped() -> None:
    (image,) = described()["images"]  # type: ignore[attr-defined,misc]
    assert f"{image['name']}:{image['newTag']}" == read_images()["collector"]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
def test_kustomize_makes_what_install_applies() -> None:
    done = subprocess.run(["kubectl", "kustomize", str(BASE)], capture_output=True, check=True)
    given = Substitution(namespace="skoop", images=read_images())
    wanted = [each.content for each in substitute(get_resources(), given)]

    def key(one: dict) -> tuple[str, str]:
        return one["kind"], one["metadata"]["name"]

    assert sorted(yaml.safe_load_all(done.stdout), key=key) == sorted(wanted, key=key)
