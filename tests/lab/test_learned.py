"""What a transfer teaches its ends about the path's MTU, and what that does to the next one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.faults import Target
from tests.lab.generate import standard
from tests.lab.predict import by_command
from tests.lab.probe import shoot
from tests.lab.queries import Query, shot
from tests.lab.round import Injection, Play, Round
from tests.lab.test_lab import real_kernel
from tests.lab.topology import Calico

TARGET = Target("k1", "p1", "", "k2", "p2", "k3", "web")
"""Behind a router, k2 gets an MTU of 900, and nobody tells the other side."""


def _played() -> Round:
    cluster = standard(subnets=(0, 1, 1), calico=Calico())
    return Round(seed=0, cluster=cluster, injections=(Injection("underlay-mtu-mismatch", TARGET),))


def _both(play: Play, folder: Path, src: str, dst: str, size: int) -> tuple[str, str]:
    """What the kernel and the simulator say of a transfer."""
    query = Query(id="q1", src=f"pod/lab/{src}", dst=f"pod/lab/{dst}", port=8080, size=size)
    play.capture(folder)
    (answer,) = by_command(folder, [query])
    (hit,) = shoot([shot(play.lab, query)], timeout=1.3)
    return hit.result, str(answer["outcomes"][0]["result"])


@pytest.mark.lab
@real_kernel
def test_a_server_tells_what_it_has_learned(tmp_path: Path) -> None:
    """A burst gets through whole, and the server's own answer teaches the server: the MSS of its
    next SYN-ACK fits."""
    with Play(_played()) as play:
        assert _both(play, tmp_path / "first", "p1", "p2", 1390) == ("timeout", "timeout")
        assert _both(play, tmp_path / "burst", "p1", "p2", 4000) == ("ok", "unknown")
        assert _both(play, tmp_path / "taught", "p1", "p2", 1390) == ("ok", "ok")
        play.forget()
        assert _both(play, tmp_path / "forgot", "p1", "p2", 1390) == ("timeout", "timeout")


@pytest.mark.lab
@real_kernel
def test_a_client_that_failed_gets_through_the_next_time(tmp_path: Path) -> None:
    """Its request was too big for its own node, which told it; the answer was lost."""
    with Play(_played()) as play:
        assert _both(play, tmp_path / "first", "p2", "p1", 1390) == ("timeout", "timeout")
        assert _both(play, tmp_path / "second", "p2", "p1", 1390) == ("ok", "ok")
