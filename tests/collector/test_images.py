"""Which images a node is known to have."""

from __future__ import annotations

import pytest

from skoop.collector.images import suitable_images
from skoop.model.kube import Pod, PodContainer, build_inventory

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
