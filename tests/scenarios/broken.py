"""A good snapshot as plain data, to be broken, and what skoop then says."""

from __future__ import annotations

import copy
import io
import json
import os
import signal
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

from msgspec import Struct

from skoop.cli.main import main
from skoop.demo import find_demo

PATIENCE = 10
"""Seconds that any answer may take here, many times what it takes."""
QUESTION = ("pod/default/cli", "svc/shop/web", "-p", "80")

Files = dict[str, Any]
"""The files of a snapshot, as decoded JSON; bytes are written as they are."""


class Said(Struct, frozen=True):
    """What one run of the command line came to."""

    code: int
    out: str
    err: str


@cache
def _good() -> Files:
    with find_demo("fdb-missing").path() as path, tarfile.open(path) as packed:
        contents = ((member.name, packed.extractfile(member)) for member in packed)
        return {name: json.load(content) for name, content in contents if content}


def good() -> Files:
    """A fresh copy of the files of a snapshot that is in order: three nodes, a Service."""
    return copy.deepcopy(_good())


def write(files: Files, folder: Path) -> Path:
    """The files as a snapshot folder."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return folder


def pack(files: Files, archive: Path) -> Path:
    """The files as an archive."""
    with tarfile.open(archive, "w:gz") as packed:
        for name, content in files.items():
            data = json.dumps(content).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            packed.addfile(entry, io.BytesIO(data))
    return archive


def diagnose(snapshot: Path, *question: str) -> Said:
    """`skoop diagnose`; a defect is raised, not reported."""
    out, err = io.StringIO(), io.StringIO()
    arguments = ["diagnose", *(question or QUESTION), "--snapshot", str(snapshot), "-o", "json"]
    late = ""
    try:
        with (
            mock.patch.dict(os.environ, {"SKOOP_DEBUG": "1"}),
            patience(PATIENCE),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = main(arguments)
    except TimeoutError as error:
        late = str(error)
    # Outside of the handler: a traceback that a signal cut off is more than pytest can print.
    assert not late, late
    return Said(code, out.getvalue(), err.getvalue())


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in a body that takes more of the processor than this: on a machine with
    other work the clock says little."""

    def stop(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"no answer in {seconds} s of the processor")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


# --- the parts of a snapshot ------------------------------------------------------------------


def items(files: Files, resource: str) -> list[Any]:
    """The objects of a List."""
    found: list[Any] = files[f"cluster/{resource}.json"]["items"]
    return found


def named(files: Files, resource: str, name: str) -> Any:
    """The object of a List whose name starts so."""
    return next(i for i in items(files, resource) if i["metadata"]["name"].startswith(name))


def dump(files: Files, node: str, pod: str = "") -> Any:
    """A namespace of a node's document: the node's own, or that of the pod whose name starts so."""
    found = files[f"nodes/{node}.json"]["namespaces"]
    return next(
        d for d in found if d.get("pod", "").startswith(pod) and bool(d.get("pod")) == bool(pod)
    )


def output(files: Files, command: str, node: str = "k1", pod: str = "") -> Any:
    """A command's output, `stdout` and all."""
    return dump(files, node, pod)["outputs"][command]


def edit(
    files: Files, command: str, change: Callable[[Any], Any], node: str = "k1", pod: str = ""
) -> None:
    """Change what a JSON command told: in place, or by the value returned."""
    out = output(files, command, node, pod)
    content = json.loads(out["stdout"])
    changed = change(content)
    out["stdout"] = json.dumps(content if changed is None else changed)


def rules(files: Files, table: str, *lines: str, node: str = "k1", first: bool = True) -> None:
    """Add lines to a table of iptables-save, before or after the rules there are."""
    out = output(files, "iptables-legacy-save", node)
    head, mark, rest = out["stdout"].partition(f"*{table}\n")
    body, end, tail = rest.partition("COMMIT\n")
    kept = body.splitlines(keepends=True)
    declared = [line for line in kept if line.startswith(":")]
    others = [line for line in kept if not line.startswith(":")]
    new = [line + "\n" for line in lines]
    chains, added = [n for n in new if n.startswith(":")], [n for n in new if n[0] != ":"]
    body = [*declared, *chains, *added, *others] if first else [*declared, *chains, *others, *added]
    out["stdout"] = head + mark + "".join(body) + end + tail
