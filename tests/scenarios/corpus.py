"""Recorded real clusters: what was asked, what was measured, and what skoop says.

A scenario is an archive of raw command outputs with `truth.jsonl` (a probe a line, each attempted
several times with real sockets) and `meta.json` (what was broken on purpose).
"""

from __future__ import annotations

import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from skoop.model.diagnosis import Diagnosis
from skoop.model.request import Request
from skoop.network.session import Session
from skoop.snapshot import Snapshot, from_raw

FOLDER = Path(__file__).parents[1] / "data" / "corpus"


class Attempt(Struct, frozen=True):
    """One real socket. `server` says who answered, where it says so; `icmp` is the error heard."""

    result: str
    server: str | None = None
    seen_source_ip: str | None = None
    icmp: Any = None


class End(Struct, frozen=True):
    """An end of a probe as recorded."""

    kind: str
    ip: str
    ns: str = ""
    name: str = ""
    port: int = 0


class Probe(Struct, frozen=True):
    """One question with every attempt. `clean` are the results before the fault, if there is one;
    `how` is the protocol spoken ("dns", "http", "connect"), None for the server's own line."""

    id: str
    src: End
    dst: End
    proto: str
    attempts: tuple[Attempt, ...]
    clean: tuple[str, ...] = ()
    how: str | None = None
    size: int | None = None
    sport: int | None = None
    df: bool | None = None

    @property
    def results(self) -> frozenset[str]:
        """The different results measured."""
        return frozenset(attempt.result for attempt in self.attempts)

    @property
    def changed(self) -> bool:
        """Whether the fault made a difference to it."""
        return bool(self.clean) and self.results != frozenset(self.clean)

    def request(self) -> Request:
        """The question as a user would put it."""
        src, dst = self.src, self.dst
        asking = {"pod": f"pod/{src.ns}/{src.name}", "node": f"node/{src.name}"}
        asked = {"pod": f"pod/{dst.ns}/{dst.name}", "service": f"svc/{dst.ns}/{dst.name}"}
        return Request(
            src=asking.get(src.kind, src.ip),
            dst=asked.get(dst.kind, dst.ip),
            port=dst.port,
            protocol=self.proto,
            sport=self.sport or 0,
            size=self.size or 0,
            df=bool(self.df),
        )

    def __str__(self) -> str:
        request = self.request()
        return f"{self.id}: {request.src} -> {request.dst} {request.protocol}/{request.port}"


class Scenario(Struct, frozen=True):
    """A recorded cluster. `meta` is meta.json."""

    name: str
    meta: dict[str, Any]
    probes: tuple[Probe, ...]

    @property
    def icmp_limited(self) -> bool:
        """Whether the kernels left out ICMP errors that came too quickly (net.ipv4.icmp_ratelimit
        was not set to 0)."""
        return bool(self.meta.get("icmp_ratelimit", 1000))


class Asked(Struct, frozen=True):
    """A probe and skoop's answer to it."""

    probe: Probe
    diagnosis: Diagnosis


def names() -> list[str]:
    """Every recorded cluster."""
    return sorted(path.name.removesuffix(".tar.gz") for path in FOLDER.glob("*.tar.gz"))


@cache
def scenario(name: str) -> Scenario:
    """Read what was measured."""
    with tarfile.open(FOLDER / f"{name}.tar.gz") as packed:
        files = {
            Path(member.name).name: packed.extractfile(member)
            for member in packed
            if member.name.count("/") == 1 and member.isfile()
        }
        meta, truth = files["meta.json"], files["truth.jsonl"]
        assert meta is not None
        assert truth is not None
        lines = truth.read().splitlines()
        return Scenario(
            name=name,
            meta=msgspec.json.decode(meta.read()),
            probes=tuple(msgspec.json.decode(line, type=Probe) for line in lines),
        )


@cache
def snapshot(name: str) -> Snapshot:
    """The recorded cluster."""
    return from_raw(FOLDER / f"{name}.tar.gz")


@cache
def session(name: str) -> Session:
    """The cluster, read as a user's snapshot would be."""
    return Session.open(snapshot(name))


@cache
def asked(name: str, *, every: int = 1) -> tuple[Asked, ...]:
    """Every n-th probe of a scenario with skoop's answer."""
    opened = session(name)
    return tuple(
        Asked(probe, opened.diagnose(probe.request())) for probe in scenario(name).probes[::every]
    )
