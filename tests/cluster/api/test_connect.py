"""Into a cluster, or one sentence saying why not; and never a credential in it."""

from __future__ import annotations

import json
import logging
import os
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from kubernetes.config import incluster_config

from skoop.cluster.api import At, ForbiddenError, connect
from skoop.cluster.api.connect import contexts
from skoop.cluster.api.resource import NODES, PODS
from skoop.cluster.parallel import in_parallel
from skoop.errors import AccessError
from tests.apiserver import ApiServer, Fault
from tests.apiserver.server import TOKEN
from tests.cluster.api.conftest import QUICK

SECRET = "planted-s3cr3t-value"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def quiet() -> Iterator[ApiServer]:
    with ApiServer.started() as server:
        yield server


def works(path: str = "", context: str = "") -> bool:
    client = connect(path, context, QUICK)
    return bool(client.pages(At(PODS)))


def write(path: Path, server: str, user: dict[str, Any], name: str = "double") -> Path:
    content = {
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_the_default_file(quiet: ApiServer, tmp_path: Path) -> None:
    folder = tmp_path / "home" / ".kube"
    folder.mkdir(parents=True)
    write(folder / "config", quiet.url, {"token": TOKEN})
    assert works()


def test_files_are_merged(
    quiet: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = write(tmp_path / "one", "http://127.0.0.1:1", {"token": "x"}, "one")
    two = write(tmp_path / "two", quiet.url, {"token": TOKEN}, "two")
    absent = tmp_path / "absent"
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, (one, absent, two))))
    assert contexts() == ("one", "two")
    assert works(context="two")


def test_a_token_file_and_basic_paths(quiet: ApiServer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN, encoding="utf-8")
    assert works(str(write(tmp_path / "config", quiet.url, {"tokenFile": "token"})))


def plugin(tmp_path: Path, script: str) -> dict[str, Any]:
    path = tmp_path / "plugin"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(path), "args": []}
    }


def test_an_exec_plugin(quiet: ApiServer, tmp_path: Path) -> None:
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": TOKEN},
    }
    user = plugin(tmp_path, f"echo x >> {tmp_path}/calls; echo '{json.dumps(answer)}'")
    client = connect(str(write(tmp_path / "config", quiet.url, user)), patience=QUICK)
    client.pages(At(PODS))
    client.pages(At(NODES))
    assert (tmp_path / "calls").read_text().split() == ["x"]
    quiet.faults.add(Fault("unauthorized"))
    client.pages(At(PODS))
    assert (tmp_path / "calls").read_text().split() == ["x", "x"]


def test_an_exec_plugin_that_fails(
    quiet: ApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    user = plugin(tmp_path, "echo 'please log in' >&2; exit 3")
    with pytest.raises(AccessError, match=r"credential plugin of .* please log in"):
        works(str(write(tmp_path / "config", quiet.url, user)))
    assert capsys.readouterr() == ("", "")
    assert quiet.log == []


def test_in_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "pki"
    certificates(folder, "IP:127.0.0.1")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "server.crt", folder / "server.key")
    server = ApiServer()
    server.tokens = {"pod-token"}
    server.serve_tls(tls)
    server.start()
    (folder / "token").write_text("pod-token", encoding="utf-8")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", server.url.rpartition(":")[2])
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(folder / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(folder / "ca.crt"))
    try:
        assert works()
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        ("", "empty"),
        ("[1, 2", "not YAML"),
        (f"users: [\n  - token: {SECRET}\n }}", "not YAML, line 2"),
        ("just text", "Cannot use kubeconfig"),
        (
            f"current-context: a\ncontexts: [{{name: a, context: {{cluster: b, user: c}}}}]\n"
            f"clusters: []\nusers: [{{name: c, user: {{token: {SECRET}}}}}]",
            "Expected object with name b in",
        ),
        (
            f"current-context: a\ncontexts: [{{name: a, cluster: {SECRET}}}]\n"
            f"clusters: []\nusers: [{{name: c, token: {SECRET}}}]",
            "Expected key context",
        ),
    ],
    ids=["absent", "empty", "cut", "not-yaml", "text", "no-cluster", "no-context"],
)
def test_a_named_file_that_cannot_be_used(
    quiet: ApiServer, tmp_path: Path, content: str | None, says: str
) -> None:
    """Not even with a working default file."""
    home = tmp_path / "home" / ".kube"
    home.mkdir(parents=True)
    write(home / "config", quiet.url, {"token": TOKEN})
    path = tmp_path / "named"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(AccessError) as caught:
        connect(str(path))
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert quiet.log == []


def test_a_context_that_is_not_there(quiet: ApiServer, tmp_path: Path) -> None:
    path = write(tmp_path / "config", quiet.url, {"token": TOKEN}, "prod")
    with pytest.raises(AccessError, match=r"no context 'prud' in .*; there is prod"):
        connect(str(path), "prud")


def test_no_cluster_at_all() -> None:
    with pytest.raises(AccessError, match=r"There is no kubeconfig .*--snapshot"):
        connect()


def test_kubeconfig_names_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    with pytest.raises(AccessError, match=r"KUBECONFIG names .*absent, which does not exist"):
        connect()


def test_credentials_stay_out_of_every_text(
    quiet: ApiServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    quiet.tokens = {SECRET}
    client = connect(str(write(tmp_path / "config", quiet.url, {"token": SECRET})), patience=QUICK)
    client.pages(At(PODS))
    texts = [repr(client), str(client.requests_by_call), client.host]
    for kind in ("forbidden", "reset", "unauthorized", "error", "truncate"):
        quiet.faults.clear()
        quiet.faults.add(Fault(kind, times=0))
        with pytest.raises(AccessError) as caught:
            client.pages(At(PODS))
        texts += [str(caught.value), repr(caught.value), repr(vars(caught.value))]
    assert client.scrub(f"Authorization: Bearer {SECRET}!") == "Authorization: Bearer ***!"
    assert SECRET not in "\n".join([*texts, caplog.text])


def certificates(folder: Path, server_name: str) -> None:
    """A CA, a server's certificate and a client's."""
    folder.mkdir()
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2"]  # fmt: skip
    run = {"cwd": folder, "check": True, "capture_output": True}
    subprocess.run([*make, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=double-ca"], **run)
    for name, names in (("server", server_name), ("client", "DNS:someone")):
        issue = ["-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}"]
        signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-addext", f"subjectAltName={names}"]
        subprocess.run([*make, *issue, *signed], **run)


def test_custom_ca_server_name_and_client_certificate(tmp_path: Path) -> None:
    folder = tmp_path / "pki"
    certificates(folder, "DNS:api.double")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "server.crt", folder / "server.key")
    tls.load_verify_locations(folder / "ca.crt")
    tls.verify_mode = ssl.CERT_REQUIRED
    server = ApiServer()
    server.tokens = set()
    server.serve_tls(tls)
    server.start()
    user = {"client-certificate": "pki/client.crt", "client-key": "pki/client.key"}
    path = write(tmp_path / "config", server.url, user)
    content = json.loads(path.read_text())
    try:
        with pytest.raises(AccessError, match=r"certificate verify failed"):
            works(str(path))
        cluster = content["clusters"][0]["cluster"]
        cluster["certificate-authority"] = "pki/ca.crt"
        path.write_text(json.dumps(content))
        with pytest.raises(AccessError, match=r"certificate"):
            works(str(path))
        cluster["tls-server-name"] = "api.double"
        path.write_text(json.dumps(content))
        assert works(str(path))
        # urllib3 changes the context of a connection that it opens, so none may be shared.
        with mock.patch.object(
            ssl, "create_default_context", wraps=ssl.create_default_context
        ) as made:
            client = connect(str(path))
            in_parallel(lambda _: list(client.pages(At(PODS))), range(8), 8)
        assert made.call_count > 1
        target = connect(str(path)).websocket(At(PODS, "a", "b", "exec"))
        assert target.server_hostname == "api.double"
        assert target.tls is not None
        assert target.url.startswith("wss://")
    finally:
        server.stop()


def test_kubernetes_is_imported_only_to_connect() -> None:
    code = "import skoop.cluster.api, sys; print('kubernetes' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_forbidden_names_what_is_missing(quiet: ApiServer, tmp_path: Path) -> None:
    quiet.faults.add(Fault("forbidden"))
    client = connect(str(write(tmp_path / "config", quiet.url, {"token": TOKEN})), patience=QUICK)
    with pytest.raises(ForbiddenError) as caught:
        client.get(At(PODS, "shop", "web", "log"))
    assert caught.value.missing == 'the RBAC verb "get" on "pods/log" in namespace shop'
