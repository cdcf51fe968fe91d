from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skoop.cluster.inventory import from_documents
from skoop.cluster.manifests import list_documents, parse_objects, read_objects
from skoop.errors import InputError, ParseError
from skoop.model.kube import Inventory


def read(text: str) -> Inventory:
    return from_documents(list_documents(parse_objects(text, "text")))


def test_lists_documents_and_json_are_taken_apart() -> None:
    found = read(
        """
kind: PodList
apiVersion: v1
items: [{metadata: {name: a}}, {metadata: {name: b}}]
---
---
kind: List
items: [{kind: Namespace, metadata: {name: x}}]
"""
    )
    assert [pod.name for pod in found.pods] == ["a", "b"]
    assert [each.name for each in found.namespaces] == ["x"]
    assert [pod.name for pod in read('{"kind": "Pod", "metadata": {"name": "j"}}').pods] == ["j"]


def test_the_last_text_about_an_object_counts() -> None:
    found = read(
        "{kind: Pod, metadata: {name: a, labels: {v: '1'}}}\n---\n"
        "{kind: Pod, metadata: {name: a, labels: {v: '2'}}}"
    )
    assert [pod.labels for pod in found.pods] == [{"v": "2"}]


@pytest.mark.parametrize(
    ("kind", "api"),
    [
        ("Deployment", "apps/v1"),
        ("StatefulSet", "apps/v1"),
        ("DaemonSet", "apps/v1"),
        ("ReplicaSet", "apps/v1"),
        ("Job", "batch/v1"),
    ],
)
def test_a_workload_stands_for_a_pod_of_its_template(kind: str, api: str) -> None:
    text = f"""
apiVersion: {api}
kind: {kind}
metadata: {{name: w, namespace: x}}
spec:
  selector: {{matchLabels: {{app: w}}}}
  template: {{metadata: {{labels: {{app: w}}}}, spec: {{containers: [{{name: c}}]}}}}
"""
    (pod,) = read(text).pods
    name = "w-0" if kind == "StatefulSet" else "w"
    assert (pod.namespace, pod.name, pod.labels) == ("x", name, {"app": "w"})
    running = "---\n{kind: Pod, metadata: {name: real, namespace: x, labels: {app: w, more: '1'}}}"
    assert [each.name for each in read(text + running).pods] == ["real"]


def test_calicos_policies_are_told_from_kubernetes_own() -> None:
    found = read(
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: k}}\n---\n"
        "{apiVersion: projectcalico.org/v3, kind: NetworkPolicy, metadata: {name: c}}\n---\n"
        "{apiVersion: crd.projectcalico.org/v1, kind: StagedNetworkPolicy, metadata: {name: s}}"
    )
    assert [each.name for each in found.network_policies] == ["k"]
    assert [each.name for each in found.calico_policies.policies] == ["c"]


def test_a_folder_is_taken_for_all_there_is(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.yml").write_text("{kind: Pod, metadata: {name: a}}")
    (tmp_path / "notes.txt").write_text("no: [manifest")
    found = from_documents(list_documents(read_objects(tmp_path)))
    assert [pod.name for pod in found.pods] == ["a"]
    assert not found.is_absent("namespaces")


@pytest.mark.parametrize("text", ["a: [", "just words", "!!python/object:os.system {}", "- 1"])
def test_what_is_no_object_is_refused_with_its_file(text: str) -> None:
    with pytest.raises(ParseError, match="text"):
        parse_objects(text, "text")


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        read_objects(tmp_path / "nowhere.yaml")


@given(st.text(max_size=60))
def test_any_text_gives_objects_or_a_parse_error(text: str) -> None:
    try:
        found = parse_objects(text, "text")
    except ParseError:
        return
    assert all(isinstance(each, dict) for each in found)
