"""Container images made by hand: an OCI archive of files of this machine, nothing pulled.

One image serves all pods of the tests: busybox for the shell, the network tools with the libraries
they load, and the probe.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

from tests.e2e import binaries

IMAGE = "skoop.test/tools:1"
FLANNEL = "skoop.test/flannel/flannel:1"
"""The same image by a name as flannel's own has, which is what collectors are made from."""
PAUSE = "skoop.test/pause:1"

_TOOLS = ("ip", "bridge", "tc", "ss", "conntrack", "ipset", "nft", "nsenter")
_SHELLS = ("/bin/busybox", "/bin/dash")
_TABLES = "/usr/sbin/xtables-nft-multi"
_TABLE_NAMES = ("save", "restore", "")
_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


def write_images(folder: Path) -> tuple[Path, ...]:
    """Write the archives of both images into a folder, ready for `ctr image import`."""
    folder.mkdir(parents=True, exist_ok=True)
    tools, pause = folder / "tools.tar", folder / "pause.tar"
    tools.write_bytes(_archive([IMAGE, FLANNEL], _layer(_tool_files(), _tool_links())))
    probe = [("probe", binaries.binary("probe").read_bytes())]
    pause.write_bytes(_archive([PAUSE], _layer(probe, []), ["/probe", "wait"]))
    return tools, pause


def _tool_files() -> Iterator[tuple[str, bytes]]:
    paths = {
        Path("/bin/busybox"),
        Path("/bin/dash"),
        Path(_TABLES),
        *Path("/etc").glob("iproute2/rt_*s"),
    }
    for name in _TOOLS:
        found = subprocess.run(["which", name], text=True, capture_output=True, check=False)
        if found.returncode == 0:
            paths.add(Path(found.stdout.strip()))
    plugins = set(Path("/usr/lib/x86_64-linux-gnu/xtables").glob("*.so"))
    programs = [path for path in paths if not path.is_relative_to("/etc")]
    for path in sorted(paths | plugins | set(_libraries(programs))):
        yield str(path).removeprefix("/"), path.read_bytes()
    yield "bin/probe", binaries.binary("probe").read_bytes()
    yield "etc/passwd", b"root:x:0:0:root:/:/bin/sh\n"


def _tool_links() -> Iterator[tuple[str, str]]:
    listed = subprocess.run(["/bin/busybox", "--list"], text=True, capture_output=True, check=True)
    for name in listed.stdout.split():
        if name not in (*_TOOLS, "busybox", "sh"):
            yield f"bin/{name}", "busybox"
    # busybox's own shell would run its own `ip`, which lacks most of iproute2's.
    yield "bin/sh", "dash"
    for family in ("ip", "ip6"):
        for action in _TABLE_NAMES:
            for backend in ("", "-nft"):
                name = "-".join(filter(None, (f"{family}tables{backend}", action)))
                yield f"usr/sbin/{name}", Path(_TABLES).name


def _libraries(programs: list[Path]) -> Iterator[Path]:
    for program in programs:
        listed = subprocess.run(
            ["ldd", str(program)], text=True, capture_output=True, check=False
        ).stdout
        for word in listed.split():
            if word.startswith("/") and ".so" in word:
                yield Path(word)


def _layer(
    files: Iterator[tuple[str, bytes]] | list, links: Iterator[tuple[str, str]] | list
) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in ("tmp", "proc", "sys", "dev", "etc", "bin", "run", "usr/local/bin"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
        for name, target in links:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
            archive.addfile(entry)
    return data.getvalue()


def _archive(names: list[str], layer: bytes, command: list[str] | None = None) -> bytes:
    """An OCI image layout (https://github.com/opencontainers/image-spec) with one layer."""
    digest = "sha256:" + hashlib.sha256(layer).hexdigest()
    config = _json(
        architecture="amd64",
        os="linux",
        config={"Cmd": command or ["/bin/sh"], "Env": [f"PATH={_PATH}"]},
        rootfs={"type": "layers", "diff_ids": [digest]},
    )
    kind = "application/vnd.oci.image"
    manifest = _json(
        schemaVersion=2,
        mediaType=f"{kind}.manifest.v1+json",
        config=_descriptor(f"{kind}.config.v1+json", config),
        layers=[_descriptor(f"{kind}.layer.v1.tar", layer)],
    )
    described = _descriptor(f"{kind}.manifest.v1+json", manifest)
    named = [described | {"annotations": {"io.containerd.image.name": name}} for name in names]
    index = _json(schemaVersion=2, manifests=named)
    blobs = [
        (f"blobs/sha256/{hashlib.sha256(each).hexdigest()}", each)
        for each in (layer, config, manifest)
    ]
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for path, content in [
            ("oci-layout", _json(imageLayoutVersion="1.0.0")),
            ("index.json", index),
            *blobs,
        ]:
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return data.getvalue()


def _descriptor(kind: str, content: bytes) -> dict[str, object]:
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    return {"mediaType": kind, "digest": digest, "size": len(content)}


def _json(**fields: object) -> bytes:
    return json.dumps(fields).encode()
