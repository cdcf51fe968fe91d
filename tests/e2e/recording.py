"""What was really seen, with the state it was seen in, as a file of a few kilobytes."""

from __future__ import annotations

import json
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.e2e import kube
from tests.e2e.answers import Answer
from tests.e2e.command import SKOOP, environment
from tests.e2e.services import Way
from tests.e2e.site import Seen

TRUTH = "truth.json"
Truth = Mapping[str, Any]


def truth_of(way: Way, hits: set[Seen]) -> Truth:
    """A question and what connections came to."""
    return {
        **way.question(),
        "sticky": way.sticky or way.any_entry,
        "any_entry": way.any_entry,
        "seen": sorted([hit.result, hit.server, hit.source] for hit in hits),
    }


def record(folder: Path, state: str, truths: Sequence[Truth]) -> None:
    """Write FOLDER/services-MODE-STATE.tar.xz: a snapshot of the cluster as it is now, and truths
    about it."""
    settings = kube.get("configmap", "kube-proxy", "-n", "kube-system")["data"]["config.conf"]
    mode = "nftables" if "mode: nftables" in settings else "iptables"
    with tempfile.TemporaryDirectory() as name:
        snapshot = Path(name) / "snapshot"
        subprocess.run(
            [*SKOOP, "snapshot", "create", "--all-nodes", str(snapshot)],
            env=environment(),
            check=True,
        )
        (Path(name) / TRUTH).write_text(json.dumps(truths))
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(folder / f"services-{mode}-{state}.tar.xz", "w:xz") as archive:
            archive.add(name, ".")


def wrong(truth: Truth, answer: Answer) -> str:
    """How an answer disagrees with the truth, "" when it agrees. Where packets may enter by
    any node and their ways end differently, "unknown" is right."""
    if truth["any_entry"] and answer.verdict == "unknown":
        return ""
    seen = {Seen(*each) for each in truth["seen"]}
    if answer.agrees(seen, sticky=truth["sticky"]):
        return ""
    return f"{truth['id']}: {answer}, and observed {sorted(map(str, seen))}"
