"""A session that answers without a cluster, so that only the command line is tested here."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from skoop.cli.main import main
from skoop.errors import EndpointError
from skoop.model.diagnosis import Diagnosis, Endpoint, EndpointKind
from skoop.model.disposition import Verdict
from skoop.model.request import Request

Run = Callable[..., SimpleNamespace]


class FakeSession:
    """Answers with the verdict that the destination names, and keeps what it was asked."""

    asked: list[Request] = []

    @classmethod
    def open(cls, snapshot: object, create_network: object) -> FakeSession:
        cls.asked = []
        return cls()

    def diagnose(self, request: Request) -> Diagnosis:
        self.asked.append(request)
        if request.dst == "ambiguous":
            raise EndpointError("There are two.", tuple(f"pod/ns{n}/ambiguous" for n in range(12)))
        if request.dst == "defect":
            raise KeyError("oops")
        return Diagnosis(
            verdict=Verdict(request.dst),
            source=Endpoint(kind=EndpointKind.POD, name=request.src),
            destination=Endpoint(kind=EndpointKind.POD, name=request.dst),
            protocol=request.protocol,
            summary=f"It is {request.dst}.",
        )


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> type[FakeSession]:
    # What keeps the real one by name is loaded before.
    import_module("skoop.network.live")
    monkeypatch.setattr("skoop.network.session.Session", FakeSession)
    return FakeSession


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever the machine has at hand must not be asked."""
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def snapshot(tmp_path: Path) -> str:
    """The smallest folder that is a snapshot."""
    root = tmp_path / "snap"
    (root / "cluster").mkdir(parents=True)
    (root / "snapshot.json").write_text('{"format": 1, "cluster": "lab"}')
    (root / "cluster" / "pods.json").write_text(json.dumps({"kind": "List", "items": [{}, {}]}))
    return str(root)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line; gives code, out and err."""

    def call(*arguments: str) -> SimpleNamespace:
        code = main(arguments)
        captured = capsys.readouterr()
        return SimpleNamespace(code=code, out=captured.out, err=captured.err)

    return call
