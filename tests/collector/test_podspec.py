from __future__ import annotations

import pytest

from skoop.collector import labels
from skoop.collector.options import (
    EVERY_TAINT,
    CollectorOptions,
    parse_labels,
    parse_requests,
    parse_security_context,
    parse_toleration,
)
from skoop.collector.podspec import Assignment, collector_pod
from skoop.errors import UsageError

LONG = "a-node-with-a-very-long-name-" + "x" * 200 + ".example"


def test_a_pod_that_ends_by_itself_and_is_found_again() -> None:
    given = Assignment(run="r1", node=LONG, image="i:1", now=1000.9)
    pod = collector_pod(given, CollectorOptions(timeout=30.2))
    metadata, spec = pod["metadata"], pod["spec"]
    assert isinstance(metadata, dict) and isinstance(spec, dict)
    assert len(metadata["name"]) <= 63
    assert metadata["labels"] == {
        labels.MANAGED_BY: "skoop",
        labels.COMPONENT: "collector",
        labels.RUN: "r1",
        labels.EXPIRES: "1091",
    }
    assert metadata["annotations"][labels.NODE] == LONG
    assert spec["activeDeadlineSeconds"] == 91
    assert spec["containers"][0]["command"] == ["sh", "-c", "exec sleep 91"]
    assert spec["tolerations"] == [EVERY_TAINT]
    assert spec["automountServiceAccountToken"] is False
    assert spec["terminationGracePeriodSeconds"] == 0
    assert "limits" not in spec["containers"][0]["resources"]


def test_names_tell_runs_nodes_and_attempts_apart() -> None:
    made = {labels.pod_name(r, n, a) for r in ("r1", "r2") for n in ("n1", "n2") for a in (0, 1)}
    assert len(made) == 8
    assert labels.new_run() != labels.new_run()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("*", {"operator": "Exists"}),
        ("a", {"key": "a", "operator": "Exists"}),
        ("a=b", {"key": "a", "operator": "Equal", "value": "b"}),
        ("x.io/a:NoExecute", {"key": "x.io/a", "operator": "Exists", "effect": "NoExecute"}),
        ("a=:NoSchedule", {"key": "a", "operator": "Equal", "value": "", "effect": "NoSchedule"}),
    ],
)
def test_tolerations(text: str, wanted: dict[str, str]) -> None:
    assert parse_toleration(text) == wanted


@pytest.mark.parametrize("text", ["", "=b", "a:", "a:Never", "a b", "a=b c", "-a"])
def test_what_is_no_toleration(text: str) -> None:
    with pytest.raises(UsageError):
        parse_toleration(text)


def test_labels_and_requests() -> None:
    assert parse_labels(["a=b", "x.io/c="]) == {"a": "b", "x.io/c": ""}
    assert parse_requests(["cpu=0", "memory=1.5Gi"]) == {"cpu": "0", "memory": "1.5Gi"}
    for text in ("cpu", "cpu=", "cpu=-1", "cpu=lots"):
        with pytest.raises(UsageError):
            parse_requests([text])


def test_a_security_context_of_ones_own() -> None:
    assert parse_security_context('{"runAsUser": 7}') == {"runAsUser": 7}
    with pytest.raises(UsageError):
        parse_security_context("{")


def test_apparmor_is_named_for_old_servers_only_where_it_is_switched_off() -> None:
    given = Assignment(run="r", node="n", image="i", now=0)
    key = f"container.apparmor.security.beta.kubernetes.io/{labels.CONTAINER}"
    for context, there in (("least", True), ("privileged", False)):
        options = CollectorOptions(security_context=parse_security_context(context))
        metadata = collector_pod(given, options)["metadata"]
        assert isinstance(metadata, dict)
        assert (key in metadata["annotations"]) is there
