"""The programs of a cluster, built once from the Go module proxy into a cache outside the tree.

`SKOOP_E2E_CACHE` names the cache (default `~/.cache/skoop-e2e`). A program is built when the cache
does not hold it at its pinned version; `bin/<name>` is a link to `built/<name>-<version>`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
KUBERNETES = "v1.36.2"


@dataclass(frozen=True)
class Program:
    """A Go program: the package that is built, and the module and version it comes from."""

    name: str
    package: str
    module: str
    version: str
    sources: tuple[str, ...] = ()
    """Folders of this package that hold the main program, when it is the project's own."""
    also: tuple[str, ...] = ()
    """Requirements to raise: a version that its go.mod names may no longer be published."""
    linked: bool = False
    """Has parts in C; they are linked statically."""


def _kubernetes(name: str) -> Program:
    return Program(name, f"k8s.io/kubernetes/cmd/{name}", "k8s.io/kubernetes", KUBERNETES)


PROGRAMS = (
    Program("probe", "./probe", "", "4", ("probe",)),
    Program("etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3", "v3.6.16"),
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
    _kubernetes("kubelet"),
    _kubernetes("kube-proxy"),
    _kubernetes("kubectl"),
    Program(
        "flanneld",
        "github.com/flannel-io/flannel",
        "github.com/flannel-io/flannel",
        "v0.28.4",
        also=("github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common v1.3.80",),
        linked=True,
    ),
    Program("coredns", "./coredns", "github.com/coredns/coredns", "v1.14.6", ("coredns",)),
)


def cache() -> Path:
    """The folder of everything that is built once."""
    named = os.environ.get("SKOOP_E2E_CACHE")
    return Path(named) if named else Path.home() / ".cache/skoop-e2e"


def binary(name: str) -> Path:
    """The path of a built program."""
    return cache() / "bin" / name


def missing() -> tuple[Program, ...]:
    """The programs that the cache does not hold at their pinned version."""
    return tuple(program for program in PROGRAMS if not _target(program).exists())


def build() -> None:
    """Build what is missing.

    Raises:
        RuntimeError: no Go is installed.
        subprocess.CalledProcessError: a build failed; its output is on stderr.
    """
    wanted = missing()
    if wanted and shutil.which("go") is None:
        raise RuntimeError("Go is needed to build the cluster's programs; none is on PATH")
    for module in dict.fromkeys((program.module, program.version) for program in wanted):
        group = [program for program in wanted if (program.module, program.version) == module]
        _build_module(group)
    for program in PROGRAMS:
        link = binary(program.name)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(_target(program))


def _target(program: Program) -> Path:
    return cache() / "built" / f"{program.name}-{program.version}"


def _build_module(programs: list[Program]) -> None:
    """Build programs of one module: a module of our own requires it, so its pins decide."""
    first = programs[0]
    folder = cache() / "modules" / re.sub(r"\W+", "-", f"{first.module or 'own'}-{first.version}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    lines = ["module skoop.test/e2e", "go 1.26.0"]
    if first.module:
        lines.append(f"require {first.module} {first.version}")
    lines += [f"require {each}" for program in programs for each in program.also]
    if first.module == "k8s.io/kubernetes":
        lines += _staged(first.version)
    (folder / "go.mod").write_text("\n".join(lines) + "\n")
    for source in {source for program in programs for source in program.sources}:
        shutil.copytree(HERE / source, folder / source)
    for program in programs:
        print(f"building {program.name} {program.version}", flush=True)
        target = _target(program)
        target.parent.mkdir(parents=True, exist_ok=True)
        flags = f"-s -w {_version_flags(program)}"
        if program.linked:
            flags += " -linkmode=external -extldflags=-static"
        part = target.with_name(f"{target.name}.part")
        options = ("-mod=mod", "-trimpath", "-tags=netgo,osusergo", f"-ldflags={flags}")
        _go(folder, "build", *options, "-o", str(part), program.package, linked=program.linked)
        part.rename(target)


def _version_flags(program: Program) -> str:
    if program.module != "k8s.io/kubernetes":
        return ""
    major, minor, _ = program.version.removeprefix("v").split(".")
    at = "k8s.io/component-base/version"
    values = {"gitVersion": program.version, "gitMajor": major, "gitMinor": minor}
    return " ".join(f"-X {at}.{name}={value}" for name, value in values.items())


def _staged(version: str) -> list[str]:
    """Kubernetes requires its own libraries at v0.0.0; each is published at its minor version."""
    found = _go(cache(), "mod", "download", "-json", f"k8s.io/kubernetes@{version}", capture=True)
    path = re.search(r'"GoMod": "([^"]+)"', found)
    if path is None:
        raise RuntimeError(f"k8s.io/kubernetes {version}: no go.mod in {found!r}")
    names = re.findall(r"^\t(k8s\.io/\S+) => \./staging/", Path(path[1]).read_text(), re.M)
    library = "v0." + version.split(".", 1)[1]
    return [f"replace {name} => {name} {library}" for name in names]


def _go(folder: Path, *arguments: str, linked: bool = False, capture: bool = False) -> str:
    environment = os.environ | {
        "CGO_ENABLED": "1" if linked else "0",
        "GOCACHE": str(cache() / "go-build"),
        "GOMODCACHE": str(cache() / "go-modules"),
        "GOFLAGS": "-modcacherw -buildvcs=false",
        "GOWORK": "off",
    }
    done = subprocess.run(
        ["nice", "-n", "10", "go", *arguments],
        cwd=folder,
        env=environment,
        text=True,
        check=True,
        stdout=subprocess.PIPE if capture else None,
    )
    return done.stdout or ""
