"""The API server double answers as the real API server does: the same calls to both, what a client
can tell of the answers compared."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver import ApiServer, Fault
from tests.e2e import kube, machine
from tests.e2e.site import Site

HOME = "/api/v1/namespaces/e2e/configmaps"
NAMES = [f"api-{number}" for number in range(5)]
Seen = Any
"""What a client can tell of an answer."""


@dataclass(frozen=True)
class Reply:
    status: int
    kind: str
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """One API server by raw requests, with whatever credentials its kubeconfig has."""

    def __init__(self, kubeconfig: str) -> None:
        from kubernetes.config import new_client_from_config

        self._client = new_client_from_config(kubeconfig)
        self._host = self._client.configuration.host

    def send(self, method: str, path: str, content: object = None, **headers: str) -> Reply:
        sent: dict[str, str] = {"Accept": "application/json"}
        self._client.update_params_for_auth(sent, [], ["BearerToken"], path, method, content)
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        body = None if content is None else json.dumps(content)
        if body:
            sent["Content-Type"] = "application/json"
        answer = self._client.rest_client.pool_manager.request(
            method, self._host + path, body=body, headers=sent, timeout=10
        )
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        return Reply(answer.status, kind, answer.data)

    def get(self, path: str, **headers: str) -> Reply:
        return self.send("GET", path, **headers)


def _map(name: str) -> dict[str, Any]:
    labels = {"part": "api", "odd": "yes" if name[-1] in "13579" else "no"}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "e2e", "labels": labels},
        "data": {"key": name},
    }


@pytest.fixture(scope="module")
def servers(cluster: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """The real one, then the double, with the same objects in both."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "e2e"}}
    folder: Path = tmp_path_factory.mktemp("double")
    with ApiServer.started([namespace]) as double:
        double.faults.add(Fault("forbidden", verb="list", resource="nodes"))
        both = [Server(os.environ["KUBECONFIG"]), Server(str(double.kubeconfig(folder)))]
        for server in both:
            for name in NAMES:
                assert server.send("POST", HOME, _map(name)).status == 201
        double.store.compact()
        if kube.own_machine():
            machine.forget_history()
        yield both
        for server in both:
            server.send("DELETE", f"{HOME}?labelSelector=part%3Dapi")


def _names(reply: Reply) -> list[str]:
    return [each["metadata"]["name"] for each in reply.json["items"]]


def _refusal(reply: Reply) -> Seen:
    """A Status as far as clients rely on it."""
    status = reply.json
    told = {key: status.get(key) for key in ("kind", "apiVersion", "status", "reason", "code")}
    return reply.status, reply.kind, told, bool(status.get("message"))


def _ours(selector: str = "") -> str:
    return f"{HOME}?labelSelector=part%3Dapi{selector}"


def _page(server: Server) -> Seen:
    first = server.get(f"{_ours()}&limit=2")
    head = first.json["metadata"]
    second = server.get(f"{_ours()}&limit=2&continue={head['continue']}")
    third = server.get(f"{_ours()}&limit=2&continue={second.json['metadata']['continue']}")
    same = {each.json["metadata"]["resourceVersion"] for each in (first, second, third)}
    pages = [_names(first), _names(second), _names(third)]
    return pages, sorted(head), third.json["metadata"].get("continue", ""), len(same)


def _remaining(server: Server) -> Seen:
    """With a selector the count of what is left is not given."""
    whole = server.get(f"{HOME}?limit=2").json["metadata"]
    selected = server.get(f"{_ours()}&limit=2").json["metadata"]
    return whole.get("remainingItemCount", 0) > 0, "remainingItemCount" in selected


def _watch(server: Server) -> Seen:
    """Events since a list, as lines."""
    since = server.get(_ours()).json["metadata"]["resourceVersion"]
    server.send("POST", HOME, _map("api-9"))
    server.send("DELETE", f"{HOME}/api-9")
    watched = server.get(f"{_ours()}&watch=1&resourceVersion={since}&timeoutSeconds=1")
    events = [json.loads(line) for line in watched.body.splitlines()]
    return watched.status, [(each["type"], each["object"]["metadata"]["name"]) for each in events]


def _old_watch(server: Server) -> Seen:
    """Of events, which the API server does not hold in memory: what the store has forgotten is
    too old at once. On a cluster of others that is so once it is five minutes old."""
    reply = server.get("/api/v1/events?watch=1&resourceVersion=1&timeoutSeconds=1")
    event = json.loads(reply.body.splitlines()[0])
    told = event["object"]
    return reply.status, event["type"], told["kind"], told["code"], told["reason"]


def _twice(server: Server) -> Seen:
    return _refusal(server.send("POST", HOME, _map(NAMES[0])))


def _gzip(server: Server) -> Seen:
    return _names(server.get(_ours(), Accept_Encoding="gzip"))


CASES: dict[str, Callable[[Server], Seen]] = {
    "pages": _page,
    "remaining": _remaining,
    "list-kind": lambda server: (server.get(_ours()).json["kind"], _names(server.get(_ours()))),
    "items-have-no-kind": lambda server: "kind" in server.get(_ours()).json["items"][0],
    "label-equal": lambda server: _names(server.get(_ours("%2Codd%3Dyes"))),
    "label-in": lambda server: _names(server.get(_ours("%2Codd%20in%20(no%2Cnever)"))),
    "label-absent": lambda server: _names(server.get(_ours("%2C!even"))),
    "field": lambda server: _names(server.get(f"{HOME}?fieldSelector=metadata.name%3Dapi-2")),
    "compressed": _gzip,
    "one": lambda server: server.get(f"{HOME}/api-1").json["data"],
    "missing": lambda server: _refusal(server.get(f"{HOME}/nobody")),
    "no-such-resource": lambda server: server.get("/api/v1/wombats").status,
    "no-such-group": lambda server: server.get("/apis/wombats.example/v1/wombats").status,
    "bad-continue": lambda server: _refusal(server.get(f"{HOME}?limit=1&continue=wombat")),
    "exists-already": _twice,
    "watch": _watch,
    "too-old-watch": _old_watch,
    "version": lambda server: {"major", "minor", "gitVersion"} <= set(server.get("/version").json),
}


@pytest.mark.parametrize("name", CASES)
def test_both_answer_alike(servers: list[Server], name: str) -> None:
    real, double = (CASES[name](server) for server in servers)
    assert double == real


def test_a_refusal_is_a_status(servers: list[Server]) -> None:
    real, double = servers
    denied = real.get("/api/v1/nodes", Impersonate_User="nobody")
    refused = double.get("/api/v1/nodes")
    assert _refusal(refused) == _refusal(denied)
    assert set(refused.json["details"]) == set(denied.json["details"])
