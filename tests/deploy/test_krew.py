"""The krew plugin: its manifest by krew's rules, its archive by running what is in it.

The rules: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/ and
https://krew.sigs.k8s.io/docs/developer-guide/develop/naming-guide/.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

import skoop

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("krew")
    make = str(ROOT / "deploy" / "krew" / "make.py")
    url = "https://releases.example/v1/"
    subprocess.run([sys.executable, make, "--url", url, str(folder)], check=True)
    return folder


def test_the_manifest(made: Path) -> None:
    manifest = yaml.safe_load((made / "skoop.yaml").read_text())
    assert manifest["apiVersion"] == "krew.googlecontainertools.github.com/v1alpha2"
    assert (manifest["kind"], manifest["metadata"]) == ("Plugin", {"name": "skoop"})
    spec = manifest["spec"]
    assert spec["version"] == f"v{skoop.__version__}"
    assert re.fullmatch(r"v\d+\.\d+\.\d+", spec["version"])
    assert 0 < len(spec["shortDescription"]) <= 50
    assert not spec["shortDescription"].endswith(".")
    (platform,) = spec["platforms"]
    assert platform["uri"] == "https://releases.example/v1/kubectl-skoop.tar.gz"
    data = (made / "kubectl-skoop.tar.gz").read_bytes()
    assert platform["sha256"] == hashlib.sha256(data).hexdigest()
    with tarfile.open(made / "kubectl-skoop.tar.gz") as archive:
        names = set(archive.getnames())
    assert {each["from"] for each in platform["files"]} == names
    assert "LICENSE" in names
    assert platform["bin"] in names


def test_the_same_bytes_each_time(made: Path, tmp_path: Path) -> None:
    make = str(ROOT / "deploy" / "krew" / "make.py")
    subprocess.run([sys.executable, make, "--url", "https://x.example", str(tmp_path)], check=True)
    name = "kubectl-skoop.tar.gz"
    assert (tmp_path / name).read_bytes() == (made / name).read_bytes()


def test_what_is_in_the_archive_runs(made: Path, tmp_path: Path) -> None:
    with tarfile.open(made / "kubectl-skoop.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    plugin = [str(tmp_path / "kubectl-skoop"), "--version"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(plugin, capture_output=True, text=True, env={"PATH": path})
    assert done.stdout == f"skoop {skoop.__version__}\n"
    (tmp_path / "empty").mkdir()
    bare = {"PATH": str(tmp_path / "empty")}
    done = subprocess.run(plugin, capture_output=True, text=True, env=bare)
    assert (done.returncode, "is not installed" in done.stderr) == (4, True)
