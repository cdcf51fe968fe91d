"""Faults of tables that the kernel limits for the machine as a whole.

They are only played in a guest: its limits are nobody else's. What is lowered is raised again when
the lab goes.
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.lab import commands
from tests.lab.commands import CommandError
from tests.lab.faults.base import Fault, Scene, Step, at, fault, steps

_TRACKED = 1000
"""Connections in a table. The few that questions open on other nodes stay far below."""
_NEIGHBOURS = 200
_GUEST = "User Mode Linux"
_SLACK = 1.5
"""Seconds beyond the five in which a neighbour is not thrown out."""


def _machine(**settings: int) -> Step:
    """Settings of the machine by their path below net/ with "__" between the parts."""

    def step(scene: Scene) -> None:
        if _GUEST not in Path("/proc/cpuinfo").read_text():
            raise CommandError("limits of the whole machine are lowered in a guest only")
        for name, value in settings.items():
            path = Path("/proc/sys/net", name.replace("__", "/"))
            scene.lab.undo.callback(path.write_text, path.read_text())
            path.write_text(f"{value}\n")

    return step


def _connections(count: int, status: str, state: str) -> Step:
    """So many entries in the node's connection table."""

    def step(scene: Scene) -> None:
        ends = "-s 198.51.100.1 -d 198.51.100.2 -r 198.51.100.2 -q 198.51.100.1"
        lines = "".join(
            f"-A -t 600 -u {status} {ends} -p tcp --sport {port} --dport 80 "
            f"--reply-port-src 80 --reply-port-dst {port} --state {state}\n"
            for port in range(1024, 1024 + count)
        )
        list_file = scene.lab.folder / "connections"
        list_file.write_text(lines)
        (node,) = scene.place("node")
        commands.run(node, ("conntrack", "--load-file", str(list_file)))

    return step


def _neighbours(where: str, words: str, *, count: int = _NEIGHBOURS) -> Step:
    """So many entries of eth0 in the neighbour table."""

    def step(scene: Scene) -> None:
        lines = [
            f"neigh replace 172.30.{210 + n // 200}.{1 + n % 200} dev eth0 {words}"
            for n in range(count)
        ]
        for namespace in scene.place(where):
            commands.ip(namespace, *lines)

    return step


def _wait(seconds: float) -> Step:
    def step(_: Scene) -> None:
        time.sleep(seconds)

    return step


def _room(soft: int, hard: int) -> Step:
    return _machine(ipv4__neigh__default__gc_thresh2=soft, ipv4__neigh__default__gc_thresh3=hard)


_ASSURED = ("ASSURED,SEEN_REPLY", "ESTABLISHED")
_NO_ANSWER = ("SEEN_REPLY", "SYN_RECV")
_MAC = "lladdr 02:00:00:00:be:ef"
_STAYS = at("nodes", "sysctl ipv4/neigh/eth0/base_reachable_time_ms=600000")
_FULL = _room(_NEIGHBOURS // 2, _NEIGHBOURS)

FAULTS: tuple[Fault, ...] = (
    fault(
        "conntrack-full",
        "conntrack-table-full",
        steps(_connections(_TRACKED, *_ASSURED), _machine(netfilter__nf_conntrack_max=_TRACKED)),
        cold=True,
    ),
    fault(
        "conntrack-full-of-unanswered",
        "conntrack-table-full",
        steps(_connections(_TRACKED, *_NO_ANSWER), _machine(netfilter__nf_conntrack_max=_TRACKED)),
        cold=True,
        # Room is made of one whose bucket is near, if there is any (early_drop()).
        unmodelled=True,
    ),
    fault(
        "conntrack-nearly-full",
        "conntrack-max-low",
        steps(
            _machine(netfilter__nf_conntrack_max=10 * _TRACKED),
            _connections(9 * _TRACKED, *_ASSURED),
        ),
        harmless="there is room yet",
    ),
    fault(
        "neighbours-full",
        "neighbour-table-full",
        steps(_STAYS, _neighbours("nodes", f"{_MAC} nud reachable"), _FULL),
        cold=True,
    ),
    fault(
        "neighbours-full-of-old",
        "gc-thresh-low",
        steps(_neighbours("nodes", f"{_MAC} nud stale"), _wait(5 + _SLACK), _FULL),
        harmless="the oldest make room",
    ),
    fault(
        "neighbours-full-of-failed",
        "gc-thresh-low",
        steps(_neighbours("nodes", "nud failed"), _FULL),
        harmless="they make room",
    ),
    fault(
        "neighbours-full-of-permanent",
        "neighbour-table-full",
        steps(_neighbours("nodes", f"{_MAC} nud permanent"), _FULL),
        harmless="they are not counted",
    ),
    fault(
        "neighbours-above-the-soft-limit",
        "gc-thresh-low",
        steps(
            _STAYS,
            _neighbours("nodes", f"{_MAC} nud reachable"),
            _room(_NEIGHBOURS // 2, 100 * _NEIGHBOURS),
        ),
        harmless="there is room yet",
    ),
)
