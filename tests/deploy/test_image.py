"""What the Dockerfile's images would contain, read from its text."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import skoop
from skoop.collector.manifest import read_images
from skoop.collector.script import agent_script

ROOT = Path(__file__).parents[2]
# Debian 13: every program that the agent runs where it exists, and the package that brings it.
PACKAGES = {
    "ip": "iproute2",
    "bridge": "iproute2",
    "tc": "iproute2",
    "ss": "iproute2",
    "nft": "nftables",
    "ipset": "ipset",
    "conntrack": "conntrack",
    "iptables-save": "iptables",
    "ip6tables-save": "iptables",
    "iptables-nft-save": "iptables",
    "ip6tables-nft-save": "iptables",
    "iptables-legacy-save": "iptables",
    "ip6tables-legacy-save": "iptables",
    "nsenter": "util-linux",
    "gzip": "gzip",
    "cksum": "coreutils",
    "tee": "coreutils",
    "cat": "coreutils",
    "head": "coreutils",
    "timeout": "coreutils",
    "wget": "wget",
    "wg": "wireguard-tools",
}
# Debian policy 3.8: in every image.
ESSENTIAL = {"gzip", "coreutils", "util-linux", "dash", "grep"}


def stage(name: str) -> str:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    parts = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]
    return next(part for part in parts if part.partition("\n")[0].endswith(f" AS {name}"))


def installed(name: str) -> set[str]:
    (command,) = re.findall(r"apt-get install ((?:.*\\\n)*.*?) *\\?\n *&&", stage(name))
    words = set(command.replace("\\", " ").split())
    return {word for word in words if not word.startswith("-")}


def test_every_program_of_the_agent_has_a_package() -> None:
    script = agent_script()
    named = set(re.findall(r"\b(?:have|either|find_tool) ([a-z][a-z0-9-]+)", script))
    named |= set(re.findall(r"\brun ([a-z][a-z0-9-]+)", script))
    assert named <= set(PACKAGES), named - set(PACKAGES)


@pytest.mark.parametrize("program", PACKAGES)
def test_the_collector_image_has_what_the_agent_runs(program: str) -> None:
    assert PACKAGES[program] in installed("collector") | ESSENTIAL


def test_nothing_is_installed_that_is_not_needed() -> None:
    assert installed("collector") <= set(PACKAGES.values())


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="needs Debian")
def test_the_packages_are_debians() -> None:
    """On Debian the package of a program can be asked for, by the path it was installed to."""
    paths: dict[str, str] = {}
    for program in PACKAGES:
        found = shutil.which(program)
        if found:
            names = (found, found.removeprefix("/usr"), str(Path(found).resolve()))
            paths.update(dict.fromkeys(names, program))
    done = subprocess.run(["dpkg", "-S", *paths], capture_output=True, text=True)
    owners = [line.partition(": ") for line in done.stdout.splitlines()]
    assert owners
    for package, _, path in owners:
        assert package == PACKAGES[paths[path]], path


def test_the_image_is_the_version_that_is_installed_by_default() -> None:
    assert read_images() == {"collector": f"skoop-collector:{skoop.__version__}"}
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f"-t skoop-collector:{skoop.__version__} " in text


def test_the_command_runs_as_nobody_and_has_only_the_package() -> None:
    assert re.search(r"^USER \d+:\d+$", stage("skoop"), re.MULTILINE)
    assert 'ENTRYPOINT ["skoop"]' in stage("skoop")
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    copied = set(re.findall(r"^COPY (?!--)(.+) \S+$", stage("build"), re.MULTILINE))
    assert {word for line in copied for word in line.split()} == {
        line.removeprefix("!") for line in kept if line.startswith("!")
    }
    assert kept[0] == "*"


def test_no_stage_takes_an_image_without_a_version() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert bases and all(re.search(r":\d", base) for base in bases)
