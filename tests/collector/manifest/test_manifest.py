from __future__ import annotations

import copy
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from skoop.cluster.fetch import rules
from skoop.collector.document import AGENT_FILE, parse_agent_output
from skoop.collector.manifest import (
    Manifest,
    Substitution,
    get_bootstrap_resources,
    get_resources,
    lint,
    load,
    read_images,
    render,
    substitute,
)
from skoop.collector.manifest.load import ASSETS, PACKAGE
from skoop.collector.manifest.strict import ManifestError
from skoop.collector.options import LEAST_PRIVILEGE
from skoop.collector.script import agent_argument, agent_script
from skoop.snapshot import from_raw

GIVEN = Substitution(namespace="net", images={"collector": "reg.example/c:2"}, agent="SCRIPT")
ALL = {"assets": get_resources, "bootstrap": get_bootstrap_resources}


@pytest.mark.parametrize("which", ALL)
def test_what_is_shipped_keeps_to_the_lint(which: str) -> None:
    shipped = Substitution(namespace="skoop", images=read_images())
    assert lint(substitute(ALL[which](), shipped)) == ()


@pytest.mark.parametrize("which", ALL)
def test_rendered_text_is_what_was_rendered(which: str) -> None:
    made = substitute(ALL[which](), GIVEN)
    assert list(yaml.safe_load_all(render(made))) == [each.content for each in made]


def test_resources_are_copies() -> None:
    first = get_resources()
    first[0].content["metadata"]["name"] = "spoilt"
    assert get_resources()[0].content["metadata"]["name"] == "skoop"


@pytest.mark.parametrize("which", ALL)
def test_namespace_and_images_are_in_place(which: str) -> None:
    text = render(substitute(ALL[which](), GIVEN))
    assert "namespace: skoop" not in text
    assert "image: skoop" not in text
    assert "image: reg.example/c:2" in text
    assert "AGENT" not in re.findall(r"^\s*- (AGENT)$", text, re.MULTILINE)


def test_subjects_of_bindings_follow_the_namespace() -> None:
    content = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"},
        "subjects": [
            {"kind": "ServiceAccount", "name": "a", "namespace": "skoop"},
            {"kind": "User", "name": "joe"},
        ],
    }
    (made,) = substitute([Manifest("b.yaml", content)], GIVEN)
    assert [each.get("namespace") for each in made.content["subjects"]] == ["net", None]
    assert content["subjects"][0]["namespace"] == "skoop"  # type: ignore[index]


def test_the_daemon_set_has_what_short_lived_pods_have() -> None:
    (daemon,) = [each for each in get_resources() if each.content["kind"] == "DaemonSet"]
    (static,) = get_bootstrap_resources()
    for spec in (daemon.content["spec"]["template"]["spec"], static.content["spec"]):
        assert spec["containers"][0]["securityContext"] == LEAST_PRIVILEGE


def test_the_role_of_viewers_is_what_is_listed() -> None:
    path = PACKAGE / ASSETS / "40-clusterrole-viewer.yaml"
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    wanted = [dict(rule) for rule in rules()]
    if os.environ.get("UPDATE_GOLDEN"):
        head = path.read_text(encoding="utf-8").partition("rules:\n")[0]
        lines = "".join(
            f'  - apiGroups: ["{rule["apiGroups"][0]}"]\n'
            f"    resources: [{', '.join(rule['resources'])}]\n"
            f"    verbs: [{', '.join(rule['verbs'])}]\n"
            for rule in wanted
        )
        path.write_text(f"{head}rules:\n{lines}", encoding="utf-8")
        return
    assert found["rules"] == wanted, "UPDATE_GOLDEN=1 writes it anew"


BAD = {
    "unknown kind": (
        "apiVersion: v1\nkind: Sekret\nmetadata: {name: a}\n",
        "a.yaml: field kind: 'Sekret' is not known; these are: Namespace",
    ),
    "no kind": ("metadata: {name: a}\n", "a.yaml: field kind: None is not known"),
    "wrong version": (
        "apiVersion: v1\nkind: DaemonSet\nmetadata: {name: a}\n",
        "a.yaml: field apiVersion: DaemonSet is of apps/v1, not 'v1'",
    ),
    "unknown field": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
        "spec: {containers: [{name: c, image: i, imagePullPolise: Never}]}\n",
        r"a.yaml: field spec.containers\[0\].imagePullPolise is not known",
    ),
    "unknown field at the top": (
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\nsecrets: []\n",
        "a.yaml: field secrets is not known",
    ),
    "wrong type": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [], hostPID: 3}\n",
        "a.yaml: field spec.hostPID: Expected `bool`",
    ),
    "duplicate key": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n"
        "  containers: [{name: c, image: i}]\n  hostPID: true\n  hostPID: false\n",
        "a.yaml:7: field spec.hostPID is there twice",
    ),
    "a variable from a Secret": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: i,"
        " env: [{name: X, valueFrom: {secretKeyRef: {name: s, key: k}}}]}]}\n",
        "secretKeyRef is not known",
    ),
    "no YAML": ("a: [\n", "a.yaml:2: "),
    "not an object": ("- a\n", "a.yaml: not an object"),
    "a key that is no text": ("1: a\n", "a.yaml:1: the document has the key 1"),
    "an alias to itself": ("a: &a [*a]\n", "too deep|undefined alias"),
    "twice": (
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\n"
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n",
        "a.yaml: Namespace a is there twice",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_named_with_file_and_field(name: str, tmp_path: Path) -> None:
    text, problem = BAD[name]
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ManifestError, match=problem):
        load(tmp_path)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no \.yaml file"):
        load(tmp_path)


def test_a_container_without_image_is_named() -> None:
    given = Substitution(namespace="net", images={"other": "x:1"}, source="my.json")
    wanted = "my.json of provider generic has no key 'collector' for container collector of 30-"
    with pytest.raises(ManifestError, match=wanted):
        substitute(get_resources(), given)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"collector": 3}', "not a JSON object of images"),
        ("[]", "not a JSON object of images"),
        ('{"collector": "x y"}', "is not an image"),
        (None, "No such file"),
    ],
)
def test_images_files_are_checked(text: str | None, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "images.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ManifestError, match=problem):
        read_images(file)


Change = Callable[[dict[str, Any]], object]


def spec(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["spec"]["template"]["spec"]
    return found


def box(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = spec(content)["containers"][0]
    return found


def deployment(content: dict[str, Any]) -> None:
    content.update(kind="Deployment", apiVersion="apps/v1")
    content["spec"].pop("updateStrategy")
    content["spec"]["replicas"] = 2


VIOLATIONS: dict[str, tuple[Change, str]] = {
    "no request": (lambda c: box(c)["resources"]["requests"].pop("cpu"), "requests no cpu"),
    "a limit": (lambda c: box(c)["resources"].update(limits={"cpu": "1"}), "has a limit of cpu"),
    "pod network": (lambda c: spec(c).pop("hostNetwork"), "hostNetwork"),
    "own processes": (lambda c: spec(c).pop("hostPID"), "hostPID"),
    "one toleration": (
        lambda c: spec(c).update(
            tolerations=[
                {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"},
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists"},
            ]
        ),
        "does not tolerate node.cloudprovider.kubernetes.io/uninitialized",
    ),
    "tolerates for a while": (
        lambda c: spec(c).update(
            tolerations=[
                {"operator": "Exists", "effect": "NoSchedule"},
                {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9},
            ]
        ),
        "does not tolerate node.kubernetes.io/not-ready",
    ),
    "says nothing": (
        lambda c: box(c).pop("terminationMessagePolicy"),
        "FallbackToLogsOnError",
    ),
    "default account": (lambda c: spec(c).pop("serviceAccountName"), "no service account"),
    "unknown account": (
        lambda c: spec(c).update(serviceAccountName="admin"),
        "names the service account admin, which is not here",
    ),
    "token": (lambda c: spec(c).pop("automountServiceAccountToken"), "token it does not need"),
    "privileged": (
        lambda c: box(c)["securityContext"].update(privileged=True),
        "is privileged",
    ),
    "capabilities": (
        lambda c: box(c)["securityContext"].pop("capabilities"),
        "keeps capabilities",
    ),
    "writes": (
        lambda c: box(c)["securityContext"].pop("readOnlyRootFilesystem"),
        "write to its root file system",
    ),
    "latest": (lambda c: box(c).update(image="a/b:latest"), "image without a version"),
    "no tag": (lambda c: box(c).update(image="reg:5000/b"), "image without a version"),
    "a value": (
        lambda c: box(c).update(env=[{"name": "X", "value": "y"}]),
        "value of X written down",
    ),
    "a folder": (
        lambda c: spec(c)["volumes"].append({"name": "r", "hostPath": {"path": "/"}}),
        "mounts / of the node",
    ),
    "labels": (lambda c: c["metadata"].pop("labels"), "lacks the label"),
    "selector": (
        lambda c: c["spec"]["selector"]["matchLabels"].update(a="b"),
        "selects other labels",
    ),
    "replicas together": (deployment, "replicas without podAntiAffinity"),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_each_requirement_is_a_line(name: str) -> None:
    change, wanted = VIOLATIONS[name]
    made = substitute(get_resources(), GIVEN)
    (daemon,) = [each for each in made if each.content["kind"] == "DaemonSet"]
    change(daemon.content)
    (line,) = lint(made)
    assert line.startswith(f"{daemon.file}: {daemon.name}: ")
    assert wanted in line


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ({"resources": ["secrets"], "verbs": ["get"]}, "grants secrets"),
        ({"resources": ["pods"], "verbs": ["update"]}, "grants update on pods"),
        ({"resources": ["nodes"], "verbs": ["delete"]}, "grants delete on nodes"),
    ],
)
def test_roles_grant_no_more_than_needed(rule: dict[str, Any], wanted: str) -> None:
    made = substitute(get_resources(), GIVEN)
    role = next(each for each in made if each.content["kind"] == "ClusterRole")
    role.content["rules"].append({"apiGroups": [""], **rule})
    assert [line for line in lint(made) if wanted in line]


def test_a_static_pod_has_no_service_account() -> None:
    made = substitute(get_bootstrap_resources(), GIVEN)
    made[0].content["spec"]["serviceAccountName"] = "x"
    assert ["static pods may not" in line for line in lint(made)] == [True]


def as_the_kubelet_reads(text: str) -> str:
    """$$ is $; $(NAME) of an unknown variable stays."""
    return text.replace("$$", "$")


def test_the_agent_arrives_in_a_static_pod_as_it_is() -> None:
    assert "$(" not in agent_argument().replace("$$", "")
    assert as_the_kubelet_reads(agent_argument()) == agent_script()


def test_a_static_pod_writes_a_file_that_becomes_a_snapshot(tmp_path: Path) -> None:
    given = Substitution(namespace="net", images=read_images(), agent=agent_argument())
    (made,) = substitute(get_bootstrap_resources(), given)
    ((run, name, script),) = [
        list(map(as_the_kubelet_reads, each["args"]))
        for each in copy.deepcopy(made.content["spec"]["containers"])
    ]
    logs = tmp_path / "logs"
    logs.mkdir()
    run = run.replace("/out", str(tmp_path / "out")).replace("/logs", str(logs))
    subprocess.run(
        ["sh", "-c", run.replace("sleep 60", "exit"), name, script],
        env={"NODE": "k1", "PATH": os.environ["PATH"]},
        check=True,
    )
    file = tmp_path / "out" / "nodes" / "k1.agent"
    assert file.stat().st_mode & 0o777 == 0o600
    snapshot = from_raw(tmp_path / "out", readers={AGENT_FILE: parse_agent_output})
    (host,) = snapshot.nodes["k1"].namespaces
    assert '"ifname":"lo"' in host.outputs["ip -j -d link"].stdout
