"""Asking an API server, also one in trouble."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from skoop.cluster.api import (
    ApiClient,
    ApiError,
    At,
    BrokenAnswerError,
    ConflictError,
    Event,
    EventKind,
    ExpiredError,
    ForbiddenError,
    NotFoundError,
    Patience,
    Selection,
    ThrottledError,
    UnauthorizedError,
    UnreachableError,
    connect,
)
from skoop.cluster.api.resource import PODS
from tests.apiserver import ApiServer, Fault
from tests.apiserver.server import TOKEN
from tests.cluster.api.conftest import QUICK, pod

ALL_PODS = At(PODS)


def names(client: ApiClient, at: At = ALL_PODS, **selection: str) -> list[str]:
    pages = client.pages(at, Selection(**selection))
    return [json.loads(bytes(raw))["metadata"]["name"] for page in pages for raw in page.items]


def body(name: str) -> bytes:
    return msgspec.json.encode({"metadata": {"name": name}, "spec": {}})


def test_a_list_is_one_request_however_long(client: ApiClient, server: ApiServer) -> None:
    assert len(names(client)) == 1200
    assert client.requests == server.asked("list", "pods") == 1


def test_a_server_without_watch_cache_needs_two(client: ApiClient, server: ApiServer) -> None:
    server.watch_cache = False
    assert len(set(names(client))) == 1200
    assert client.requests_by_call == {"list pods": 2}


@pytest.mark.parametrize(
    ("at", "selection", "expected"),
    [
        (At(PODS, "ns1"), {}, 600),
        (ALL_PODS, {"labels": "app=a1"}, 240),
        (ALL_PODS, {"labels": "app in (a1,a2)"}, 480),
        (ALL_PODS, {"labels": "app!=a1,app"}, 960),
        (ALL_PODS, {"fields": "spec.nodeName=node-1"}, 400),
        (ALL_PODS, {"fields": "metadata.name=p0007"}, 1),
    ],
    ids=str,
)
def test_selection(client: ApiClient, at: At, selection: dict[str, str], expected: int) -> None:
    assert len(names(client, at, **selection)) == expected


@pytest.mark.parametrize("watch_cache", [True, False])
@pytest.mark.parametrize(
    "fault",
    [
        Fault("throttle", seconds=1),
        Fault("throttle", seconds=1, times=4),
        Fault("unavailable"),
        Fault("error", times=2),
        Fault("timeout"),
        Fault("reset", times=3),
        Fault("truncate"),
        Fault("cut", times=2),
        Fault("gone"),
        Fault("throttle", skip=1),
        Fault("gone", skip=1),
        Fault("truncate", times=3),
        Fault("timeout", times=5),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.times}-{fault.skip}",
)
def test_trouble_that_passes(
    client: ApiClient, server: ApiServer, fault: Fault, watch_cache: bool
) -> None:
    server.watch_cache = watch_cache
    server.faults.add(replace(fault))
    assert len(set(names(client))) == 1200


@pytest.mark.parametrize(
    ("kind", "expected", "says"),
    [
        ("throttle", ThrottledError, "429: too many requests"),
        ("error", ApiError, "with 500: InternalError"),
        ("reset", UnreachableError, "Cannot reach the API server http://127.0.0.1"),
        ("forbidden", ForbiddenError, 'needs the RBAC verb "list" on "pods" in all namespaces'),
        ("unauthorized", UnauthorizedError, "does not accept the credentials"),
        ("truncate", BrokenAnswerError, "answer to list pods cannot be read"),
        ("cut", UnreachableError, "Cannot reach the API server"),
        ("gone", ExpiredError, "410"),
    ],
)
def test_trouble_that_stays(
    client: ApiClient, server: ApiServer, kind: str, expected: type[Exception], says: str
) -> None:
    server.faults.add(Fault(kind, times=0))
    with pytest.raises(expected) as caught:
        names(client)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert client.requests <= 15


def test_retry_after_is_waited_for(server: ApiServer, tmp_path: Path) -> None:
    waited: list[float] = []
    client = connect(
        str(server.kubeconfig(tmp_path)), patience=Patience(attempts=3, sleep=waited.append)
    )
    server.faults.add(Fault("throttle", seconds=7))
    server.faults.add(Fault("error"))
    names(client)
    assert waited == [7, 0.4]


def test_a_server_that_says_nothing(server: ApiServer, tmp_path: Path) -> None:
    patience = Patience(read=0.2, attempts=2, sleep=lambda _: None)
    client = connect(str(server.kubeconfig(tmp_path)), patience=patience)
    server.faults.add(Fault("slow", seconds=1, times=2))
    with pytest.raises(UnreachableError, match="timed out"):
        names(client)


def test_nobody_there(server: ApiServer, tmp_path: Path) -> None:
    client = connect(str(server.kubeconfig(tmp_path)), patience=QUICK)
    server.stop()
    with pytest.raises(UnreachableError, match="onnection refused") as caught:
        names(client)
    assert caught.value.exit_code == 4
    assert "object at 0x" not in str(caught.value)


def test_an_expired_token_is_fetched_anew(server: ApiServer, tmp_path: Path) -> None:
    path = server.kubeconfig(tmp_path, token="old-token")
    client = connect(str(path), patience=QUICK)
    server.kubeconfig(tmp_path, token=TOKEN)
    assert len(names(client)) == 1200
    assert client.requests == 2


def test_objects(client: ApiClient) -> None:
    at = At(PODS, "ns0")
    created = json.loads(client.create(at, body("made")))
    assert created["metadata"]["uid"]
    one = At(PODS, "ns0", "made")
    assert json.loads(client.get(one))["metadata"]["uid"] == created["metadata"]["uid"]
    with pytest.raises(ConflictError, match='pods "made" already exists'):
        client.create(at, body("made"))
    client.delete(one)
    with pytest.raises(NotFoundError, match='"made" not found'):
        client.delete(one)


def test_created_although_the_answer_was_lost(client: ApiClient, server: ApiServer) -> None:
    server.faults.add(Fault("cut", verb="create"))
    created = json.loads(client.create(At(PODS, "ns0"), body("made")))
    assert created["metadata"]["name"] == "made"


def test_a_name_taken_before_is_not_ours(client: ApiClient, server: ApiServer) -> None:
    server.faults.add(Fault("throttle", verb="create"))
    with pytest.raises(ConflictError):
        client.create(At(PODS, "ns0"), body("p0000"))


@pytest.mark.parametrize(
    "trouble",
    [
        lambda server: None,
        lambda server: server.faults.add(Fault("close", verb="watch", events=1)),
        lambda server: server.faults.add(Fault("reset", verb="watch")),
        lambda server: server.faults.add(Fault("throttle", verb="watch", times=2)),
        lambda server: server.faults.add(Fault("gone", verb="watch")),
        lambda server: server.store.compact(),
    ],
    ids=["none", "closes", "reset", "throttled", "gone", "too-old"],
)
def test_following(
    client: ApiClient, server: ApiServer, trouble: Callable[[ApiServer], None]
) -> None:
    """Whatever happens to the watch, the last state of each pod is told."""
    trouble(server)
    server.store.observers.clear()

    def run() -> None:
        for number in range(5):
            server.store.create("pods", pod(5000 + number, app="new"))
            time.sleep(0.02)
            if number == 2:
                trouble(server)

    changing = threading.Thread(target=run)
    seen: set[str] = set()
    changing.start()
    for event in followed(client, Selection(labels="app=new"), time.monotonic() + 5):
        assert event.kind is EventKind.ADDED
        seen.add(json.loads(event.object)["metadata"]["name"])
        if len(seen) == 5:
            break
    changing.join()
    assert len(seen) == 5


def followed(client: ApiClient, selection: Selection, deadline: float) -> Iterator[Event]:
    """What there is and then every change; begun anew where the watch has fallen behind."""
    while time.monotonic() < deadline:
        try:
            yield from client.watch(At(PODS), selection, resource_version="", deadline=deadline)
        except ExpiredError:
            continue


def test_a_watch_ends_at_its_deadline(client: ApiClient) -> None:
    begun = time.monotonic()
    events = client.watch(At(PODS), resource_version="100", deadline=begun + 0.3)
    assert list(events) == []
    assert time.monotonic() - begun < 1.5


def test_many_threads(client: ApiClient) -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(len(names(client)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1200] * 8
    assert client.requests == 8


def test_what_a_websocket_needs(client: ApiClient, server: ApiServer) -> None:
    target = client.websocket(
        At(PODS, "ns0", "p0000", "exec"), (("command", "sh"), ("command", "a b"), ("stdout", "1"))
    )
    address = server.url.removeprefix("http://")
    assert target.url == (
        f"ws://{address}/api/v1/namespaces/ns0/pods/p0000/exec?command=sh&command=a+b&stdout=1"
    )
    assert target.headers == {"authorization": f"Bearer {TOKEN}"}
    assert TOKEN not in repr(target)
    assert client.requests_by_call == {"create pods/exec": 1}
