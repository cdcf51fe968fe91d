"""Collectors that stay: installed once, used by every run, gone without a trace."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.e2e import kube
from tests.e2e.command import skoop
from tests.e2e.images import IMAGE
from tests.e2e.kube import COLLECTORS
from tests.e2e.site import Site

_PLACE = ("-n", "skoop-e2e")
_KINDS = "daemonsets,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings"


def _install(image: str) -> str:
    done = skoop("collector", "install", *_PLACE, "--collector-image", image)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _left() -> list[str]:
    return [each["metadata"]["name"] for each in kube.get(_KINDS, "-A", "-l", COLLECTORS)["items"]]


def _ready() -> bool:
    status = kube.get("daemonset", "skoop-collector", *_PLACE)["status"]
    return 0 < status["desiredNumberScheduled"] == status.get("numberReady", 0)


@pytest.fixture
def uninstalled(cluster: Site) -> Iterator[None]:
    """Nothing before the test, and nothing after it."""
    assert _left() == []
    yield
    done = skoop("collector", "uninstall", *_PLACE)
    assert done.returncode == 0, done.stderr
    kube.until("no pods", lambda: not kube.collectors())
    kube.until("no namespace", lambda: "skoop-e2e" not in kube.kubectl("get", "ns", "-o", "name"))
    assert _left() == []


@pytest.fixture
def image() -> str:
    """One that is on the nodes and has what the agent needs: the network plugin's."""
    pods = kube.get("pods", "-A", "-l", "app=flannel")["items"]
    if not pods:
        pytest.skip("no flannel whose image could be used")
    return str(pods[0]["spec"]["containers"][0]["image"])


@pytest.mark.usefixtures("uninstalled")
def test_they_are_used_instead_of_new_ones(image: str) -> None:
    assert "created" in _install(image)
    assert set(re.findall(r"created|changed|unchanged", _install(image))) == {"unchanged"}
    kube.until("ready collectors", _ready)
    status = skoop("collector", "status", *_PLACE)
    assert (status.returncode, status.stdout.count("ready")) == (0, 4)
    before = kube.collectors()
    done = skoop("diagnose", "e2e/client", "e2e/far", "-p", "8080", "-v")
    assert done.returncode == 0, done.stderr
    assert "create pods/exec 2" in done.stderr
    assert "create pods " not in done.stderr
    assert kube.collectors() == before


@pytest.mark.usefixtures("uninstalled")
def test_what_keeps_them_from_starting_is_said() -> None:
    _install("skoop.test/nothing:1")

    def told() -> bool:
        return "ImagePull" in skoop("collector", "status", *_PLACE).stdout

    kube.until("the reason", told)


def test_an_image_that_is_nowhere(cluster: Site) -> None:
    """Nothing is collected, which is said with its reason, and no answer is made up."""
    done = skoop(
        *("diagnose", "e2e/client", "e2e/far", "-p", "8080"),
        *("--collector-image", "skoop.test/nothing:1", "--collector-timeout", "15"),
    )
    assert done.returncode in (3, 4), done.stdout
    assert "skoop.test/nothing:1" in done.stdout + done.stderr
    assert re.search("ImagePull|pull", done.stdout + done.stderr)


def test_a_namespace_that_forbids_them(cluster: Site) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    metadata = {"name": "skoop-e2e-strict", "labels": labels}
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    try:
        done = skoop(
            *("diagnose", "e2e/client", "e2e/far", "-p", "8080"),
            *("--collector-image", IMAGE, "--collector-namespace", "skoop-e2e-strict"),
        )
    finally:
        kube.delete("namespace", "skoop-e2e-strict")
    assert done.returncode in (3, 4), done.stdout
    assert "PodSecurity" in done.stdout + done.stderr
