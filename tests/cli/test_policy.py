from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

SHOP = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec: {containers: [{name: c, ports: [{name: http, containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}, ports: [{port: 8000, targetPort: http}]}
---
# A kind that nobody here knows.
apiVersion: example.com/v1
kind: Gizmo
metadata: {name: g}
"""
DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{podSelector: {matchLabels: {role: front}}}]
    ports: [{port: http}]
"""
ALLOW = DENY.replace("name: api,", "name: more,").replace("role: front", "app: web")
BY_NAME = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: names}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: {}}
  egress: [{action: Accept, to: [{domainNames: [example.com]}]}]
"""


@pytest.fixture
def shop(tmp_path: Path) -> SimpleNamespace:
    """Folders of manifests: the cluster, and policies to apply."""
    for name, text in (("base", SHOP), ("denied", SHOP + "---" + DENY), ("new", ALLOW)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "all.yaml").write_text(text)
    (tmp_path / "deny.yaml").write_text(DENY)
    (tmp_path / "names.yaml").write_text(BY_NAME)
    (tmp_path / "deny-egress.yaml").write_text(
        DENY.replace("ingress:", "policyTypes: [Egress]\n  egress: []\n  ingress:").replace(
            "{app: api}", "{app: web}"
        )
    )
    return SimpleNamespace(
        **{name.replace("-", "_").removesuffix(".yaml"): str(tmp_path / name) for name in (
            "base", "denied", "new", "deny.yaml", "names.yaml", "deny-egress.yaml")},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "code", "verdict"), [("base", 0, "allowed"), ("denied", 1, "denied")]
)
def test_explain_answers_by_its_exit_code_and_in_json(
    folder: str, code: int, verdict: str, run, shop: SimpleNamespace
) -> None:
    asked = ("policy", "explain", "shop/web", "svc/shop/api", "--from", getattr(shop, folder))
    result = run(*asked, "-o", "json")
    found = json.loads(result.out)
    assert (result.code, found["verdict"]) == (code, verdict)
    (connection,) = found["connections"]
    assert (connection["destination"]["name"], connection["port"]) == ("api", 80)
    assert run(*asked).code == code


def test_a_denial_names_the_policy_the_rule_and_what_to_change(run, shop: SimpleNamespace) -> None:
    out = run("policy", "explain", "shop/web", "deploy/shop/api", "-p", "80", "--from",
              shop.denied).out  # fmt: skip
    text = " ".join(out.split())
    assert "isolated for ingress by NetworkPolicy shop/api" in text
    assert "does not match podSelector {role=front}" in text
    assert "to allow it: label pod shop/web so that role=front" in text


def test_a_name_that_only_dns_knows_leaves_it_undecided(run, shop: SimpleNamespace) -> None:
    result = run("policy", "what-if", "shop/web", "1.2.3.4", "-p", "443", "--from", shop.base,
                 "-f", shop.names, "-f", shop.deny_egress, "-o", "json")  # fmt: skip
    after = json.loads(result.out)["after"]
    assert (result.code, after["verdict"]) == (3, "unknown")
    assert "example.com" in after["connections"][0]["egress"]["reason"]


def test_what_if_shows_both(run, shop: SimpleNamespace) -> None:
    asked = ("policy", "what-if", "shop/web", "svc/shop/api", "--from", shop.denied, "-f", shop.new)
    found = json.loads(run(*asked, "-o", "json").out)
    assert found["changed"]
    assert [found[key]["verdict"] for key in ("before", "after")] == ["denied", "allowed"]
    result = run(*asked)
    assert (result.code, result.out.splitlines()[0]) == (0, "now denied, then allowed")


def test_diff_lists_the_pairs_that_change(run, shop: SimpleNamespace) -> None:
    asked = ("policy", "diff", "--from", shop.denied, "-f", shop.new)
    result = run(*asked, "-o", "json")
    found = json.loads(result.out)
    assert result.code == 1
    assert found["changes"] == [
        {
            "sources": ["shop/web"],
            "destinations": ["shop/api"],
            "traffic": ["TCP 80"],
            "before": "denied",
            "after": "allowed",
            "pairs": 1,
        }
    ]
    assert "denied -> allowed" in run(*asked).out


def test_diff_of_two_folders_needs_no_cluster(run, shop: SimpleNamespace) -> None:
    result = run("policy", "diff", "--with", shop.denied, "-f", shop.base, "-o", "json")
    found = json.loads(result.out)
    assert {(each["before"], each["after"]) for each in found["changes"]} == {("denied", "allowed")}
    same = run("policy", "diff", "--with", shop.base, "-f", shop.base)
    assert (same.code, same.out) == (0, "No pair changes.\n")


def test_diff_replaces_all_policies_when_told_so(run, shop: SimpleNamespace) -> None:
    kept = run("policy", "diff", "--from", shop.denied, "-f", shop.base)
    gone = run("policy", "diff", "--from", shop.denied, "-f", shop.base, "--replace")
    assert (kept.code, gone.code) == (0, 1)


def test_a_snapshot_is_asked_likewise(run, shop: SimpleNamespace, tmp_path: Path) -> None:
    from skoop.cluster.manifests import list_documents, read_objects

    lists = tmp_path / "snap" / "cluster"
    lists.mkdir(parents=True)
    for name, text in list_documents(read_objects(Path(shop.denied))).items():
        (lists / f"{name}.json").write_bytes(text)
    asked = ("policy", "explain", "shop/web", "shop/api", "-p", "80", "--snapshot")
    assert run(*asked, str(tmp_path / "snap")).code == 1


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("shop/web", "shop/api", "-p", "http"), 0, "allowed"),
        (("shop/web", "shop/api", "-p", "grpc"), 2, "no port named"),
        (("shop/web", "svc/shop/api", "-p", "1"), 2, "has no port"),
        (("shop/web", "shop/nobody", "-p", "80"), 2, "nobody"),
        (("shop/web", "shop/api"), 2, "Which port"),
        (("shop/web", "shop/api", "-p", "80", "--protocol", "tpc"), 2, "protocol"),
        (("shop/web", "shop/api", "-p", "80", "--engine", "x"), 2, "engine"),
        (("shop/web", "shop/api", "-p", "80", "--snapshot", "x"), 2, "several sources"),
    ],
)
def test_questions_that_cannot_be_asked(
    arguments: tuple[str, ...], code: int, text: str, run, shop: SimpleNamespace
) -> None:
    result = run("policy", "explain", *arguments, "--from", shop.base)
    assert result.code == code
    assert text in result.out + result.err


def test_a_bad_file_is_named_with_its_line(run, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("kind: Pod\nmetadata: [}\n")
    result = run("policy", "explain", "a", "b", "-p", "1", "--from", str(tmp_path))
    assert result.code == 4
    assert "bad.yaml:2" in result.err


def test_lint_lists_what_it_finds_and_says_so_by_its_exit_code(
    run, shop: SimpleNamespace, tmp_path: Path
) -> None:
    asked = ("policy", "lint", "--from")
    clean = run(*asked, shop.base)
    assert (clean.code, clean.out) == (0, "Nothing found.\n")
    notes = json.loads(run(*asked, shop.denied, "-o", "json").out)
    assert [one["name"] for one in notes] == ["policy-peer-selects-nothing"]
    assert run(*asked, shop.denied).code == 0
    (tmp_path / "bad.yaml").write_text(SHOP + "---" + DENY.replace("port: http", "port: grpc"))
    assert run(*asked, str(tmp_path / "bad.yaml")).code == 1
