"""Every kind of Service on a real cluster, by every way: what connections came to while kube-proxy
was well, and after it had stopped and the endpoints were others. Recorded by `make e2e` with
SKOOP_E2E_RECORD=tests/data/e2e."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from skoop.cli.main import main
from tests.e2e.answers import Answer
from tests.e2e.recording import TRUTH, wrong

RECORDINGS = sorted((Path(__file__).parent.parent / "data/e2e").glob("*.tar.xz"))


@pytest.mark.parametrize("archive", RECORDINGS, ids=lambda path: path.name.removesuffix(".tar.xz"))
def test_skoop_says_what_was_seen(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    truths = {each["id"]: each for each in json.loads((tmp_path / TRUTH).read_text())}
    asked = ("id", "src", "dst", "port", "protocol")
    lines = [json.dumps({key: each[key] for key in asked}) for each in truths.values()]
    (tmp_path / "batch").write_text("\n".join(lines))
    snapshot = str(tmp_path / "snapshot")
    main(["diagnose", "--batch", str(tmp_path / "batch"), "--snapshot", snapshot, "-o", "json"])
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["id"] for each in answers] == list(truths)
    disagreements = [
        text for each in answers if (text := wrong(truths[each["id"]], Answer(each, 0, "", 0.0)))
    ]
    assert disagreements == []
    if archive.name.endswith("-stale.tar.xz"):
        moved = {each["id"]: each["suspicions"] for each in answers}["cluster-ip-web-pod"]
        assert moved[0]["name"] == "proxy-rules-stale"


def test_there_are_recordings_of_both_modes() -> None:
    names = {path.name.removeprefix("services-").split(".")[0] for path in RECORDINGS}
    assert names >= {"iptables-stale", "nftables-stale", "nftables-written"}
