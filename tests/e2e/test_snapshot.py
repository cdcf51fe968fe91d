"""A snapshot of the cluster: it answers as the cluster does, and holds no secret."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import kube, workload
from tests.e2e.answers import diagnose
from tests.e2e.command import skoop
from tests.e2e.site import Site

PLANTED = "hunter2-planted"


@pytest.fixture(scope="module")
def secretive(cluster: Site) -> Iterator[None]:
    """A pod on a node's own network with secrets in every place that a pod has for them."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "planted"},
        "stringData": {"key": PLANTED},
    }
    pod = workload.server("secretive", cluster.a, host_network=True, listen=("tcp/:9333",))
    spec = pod["spec"]
    (container,) = spec["containers"]
    container["env"] = [
        {"name": "PLAIN", "value": PLANTED},
        {"name": "REFERRED", "valueFrom": {"secretKeyRef": {"name": "planted", "key": "key"}}},
    ]
    container["args"] = [f"--password={PLANTED}", "--token", PLANTED]
    container["command"] = ["sh", "-c", 'exec probe serve tcp/:9333 # "$@"', "serve"]
    container["volumeMounts"] = [{"name": "planted", "mountPath": "/planted"}]
    spec["volumes"] = [{"name": "planted", "secret": {"secretName": "planted"}}]
    kube.apply(secret, pod)
    kube.until("the secretive pod", lambda: kube.ready("app=secretive"))
    assert PLANTED in kube.kubectl("get", "pod", "secretive", "-n", kube.NAMESPACE, "-o", "json")
    assert PLANTED in kube.run_in("secretive", "cat", "/planted/key")
    yield
    kube.delete("pod", "secretive")
    kube.delete("secret", "planted")


@pytest.mark.usefixtures("secretive")
def test_no_secret_is_in_it(tmp_path: Path) -> None:
    file = tmp_path / "cluster.tar.gz"
    done = skoop("snapshot", "create", str(file), "--all-nodes")
    assert done.returncode == 0, done.stderr
    with tarfile.open(file) as archive:
        texts = {
            member.name: archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive
            if member.isfile()
        }
    assert sum("/nodes/" in f"/{name}" for name in texts) == len(kube.get("nodes", "-A")["items"])
    assert any(b"secretive" in text for text in texts.values())
    assert [name for name, text in texts.items() if PLANTED.encode() in text] == []
    assert PLANTED not in done.stdout + done.stderr


@pytest.mark.usefixtures("secretive")
@pytest.mark.parametrize("form", ["text", "json", "html"])
def test_no_secret_is_in_an_answer(form: str) -> None:
    done = skoop("diagnose", "e2e/client", "e2e/secretive", "-p", "9333", "-v", "-o", form)
    assert done.returncode == 0, done.stderr
    assert PLANTED not in done.stdout + done.stderr


def test_a_refused_token_is_not_repeated(cluster: Site, tmp_path: Path) -> None:
    config = json.loads(kube.kubectl("config", "view", "--raw", "-o", "json"))
    for user in config["users"]:
        user["user"] = {"token": PLANTED}
    file = tmp_path / "config"
    file.write_text(json.dumps(config))
    done = skoop("diagnose", "e2e/client", "e2e/far", "-v", KUBECONFIG=str(file))
    assert (done.returncode, PLANTED in done.stdout + done.stderr) == (4, False), done.stderr
    assert "401" in done.stderr or "credentials" in done.stderr


def test_it_answers_as_the_cluster_does(cluster: Site, tmp_path: Path) -> None:
    file = tmp_path / "cluster.tar.gz"
    done = skoop("snapshot", "create", str(file), "--node", cluster.a, "--node", cluster.b)
    assert done.returncode == 0, done.stderr
    for destination, port in (("pod/e2e/far", "8080"), ("svc/e2e/web", "80"), ("e2e/shy", "8080")):
        question = ("pod/e2e/client", destination, "-p", port)
        live, offline = diagnose(*question), diagnose(*question, "--snapshot", str(file))
        for part in ("verdict", "outcomes", "suspicions", "path"):
            assert offline.result[part] == live.result[part], (destination, part)
