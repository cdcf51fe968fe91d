"""The pod of a CNI's agent on a node."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.findings.veth import CniAgentNotReady
from skoop.model.trace import Evidence
from skoop.plugin.base import Expectation
from skoop.plugin.checks.base import expect
from skoop.plugin.site import Site


def agents(site: Site, word: str, cni: str) -> Iterator[Expectation]:
    """DaemonSets with `word` in their name whose pod on this node is not ready."""
    for workload in site.view.inventory.daemon_sets:
        if word not in workload.name or not workload.desired:
            continue
        pods = [
            pod
            for pod in site.view.inventory.pods_on_node(site.node)
            if pod.namespace == workload.namespace
            and pod.owner.kind == "DaemonSet"
            and pod.owner.name == workload.name
        ]
        ready = [pod for pod in pods if pod.ready and not pod.terminating]
        if pods and not ready:
            yield expect(
                CniAgentNotReady,
                site.host,
                f"{cni} is not ready on node {site.node} (pod {pods[0].namespace}/{pods[0].name})",
                Evidence(f"pod {pods[0].namespace}/{pods[0].name}", f"phase {pods[0].phase}"),
            )
