"""A slice that is behind its pods, in rounds of the lab that the kernel has judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from skoop.model.diagnosis import Diagnosis
from skoop.model.request import Request
from skoop.network.session import Session
from skoop.snapshot import load
from tests.lab import recorded


def told(name: str, folder: Path) -> list[Diagnosis]:
    """What a recorded round's questions to Services by way of TCP and UDP come to."""
    round_ = recorded.load(recorded.FOLDER / f"{name}.tar.gz", folder).played
    session = Session.open(load(folder / "snapshot"))
    asked = [each for each in round_.queries if each.dst.startswith("svc/")]
    assert asked
    return [
        session.diagnose(Request(src=q.src, dst=q.dst, port=q.port, protocol=q.protocol))
        for q in asked
    ]


def test_an_address_that_no_pod_has_is_named_first(tmp_path: Path) -> None:
    for made in told("seed-3-endpoints-all-stale", tmp_path):
        first = made.suspicions[0]
        assert (first.name, first.where.name, first.blocking) == ("slice-stale", "lab/s1", True)
        assert "for pod" in first.evidence[0].text


@pytest.mark.parametrize("name", ["seed-5-clean", "seed-9-pod-no-listener-and-veth-pod-mtu-small"])
def test_a_slice_of_the_pods_that_are_there_is_not_stale(name: str, tmp_path: Path) -> None:
    for made in told(name, tmp_path):
        assert "slice-stale" not in {each.name for each in made.suspicions}
