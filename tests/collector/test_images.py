"""Which images a node is known to have."""

from __future__ import annotations

import pytest

from skoop.collector.images import suitable_images
from skoop.model.kube import Container, Pod, PodContainer, Workload, build_inventory

FLANNEL = "docker.io/flannel/flannel:v0.28.4"


@pytest.mark.parametrize(
    ("waiting", "terminated", "found"),
    [
        ("", "", True),
        ("CrashLoopBackOff", "", True),
        ("RunContainerError", "", True),
        ("", "Error", True),
        ("ImagePullBackOff", "", False),
        ("ErrImageNeverPull", "", False),
        ("ContainerCreating", "", False),
    ],
)
def test_an_image_counts_once_it_was_started(waiting: str, terminated: str, found: bool) -> None:
    container = PodContainer(
        name="kube-flannel", image=FLANNEL, waiting=waiting, terminated=terminated
    )
    pod = Pod(
        namespace="kube-flannel",
        name="ds-1",
        node="k1",
        host_network=True,
        phase="Running",
        containers=(container,),
    )
    inventory = build_inventory(pods=[pod])
    assert suitable_images("k1", inventory) == ((FLANNEL,) if found else ())


@pytest.mark.parametrize(
    ("waiting", "found"), [(None, True), ("ContainerCreating", True), ("ErrImagePull", False)]
)
def test_while_the_pod_is_made_anew_its_daemon_set_tells(waiting: str | None, found: bool) -> None:
    template = Container(name="kube-flannel", image=FLANNEL)
    daemons = Workload(
        kind="DaemonSet",
        namespace="kube-flannel",
        name="ds",
        containers=(template,),
        host_network=True,
    )
    coming = PodContainer(name="kube-flannel", image=FLANNEL, waiting=waiting or "")
    pod = Pod(
        namespace="kube-flannel",
        name="ds-1",
        node="k1",
        host_network=True,
        phase="Pending",
        containers=(coming,),
    )
    pods = [] if waiting is None else [pod]
    inventory = build_inventory(pods=pods, daemon_sets=[daemons])
    assert suitable_images("k1", inventory) == ((FLANNEL,) if found else ())
