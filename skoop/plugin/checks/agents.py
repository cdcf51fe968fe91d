"""The pods on a node of what its network needs: the CNI's agent and kube-proxy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from skoop.findings.base import Finding
from skoop.findings.node import NodeAgentDown
from skoop.findings.service import ProxyNotRunning
from skoop.findings.veth import CniAgentNotReady
from skoop.model.kube import Pod, Workload
from skoop.model.trace import Evidence
from skoop.plugin.base import Expectation
from skoop.plugin.checks.base import expect
from skoop.plugin.site import Site

_PROXY = "kube-proxy"


def agents(site: Site, word: str, cni: str) -> Iterator[Expectation]:
    """DaemonSets with `word` in their name that have no ready pod on this node."""
    for workload in site.view.inventory.daemon_sets:
        if word in workload.name:
            yield from _agent(site, workload, cni, CniAgentNotReady)


def proxy_agent(site: Site) -> Iterator[Expectation]:
    """kube-proxy, where a DaemonSet runs it."""
    for workload in site.view.inventory.daemon_sets:
        if workload.name == _PROXY:
            yield from _agent(site, workload, _PROXY, ProxyNotRunning)


def _agent(
    site: Site, workload: Workload, who: str, unready: type[Finding]
) -> Iterator[Expectation]:
    own = _pods_of(site.view.inventory.pods_on_node(site.node), workload)
    if own and not any(pod.ready and not pod.terminating for pod in own):
        name = f"{own[0].namespace}/{own[0].name}"
        yield expect(
            unready,
            site.host,
            f"{who} is not ready on node {site.node} (pod {name})",
            Evidence(f"pod {name}", f"phase {own[0].phase}"),
        )
    if not own and _is_everywhere(site, workload):
        name = f"{workload.namespace}/{workload.name}"
        nodes = len(site.view.inventory.nodes)
        status = f"desired {workload.desired} on {nodes} nodes, ready {workload.ready}"
        yield expect(
            NodeAgentDown,
            site.host,
            f"DaemonSet {name} has no pod on node {site.node}, so {who} does not run there",
            Evidence(f"status of DaemonSet {name}", status),
            Evidence(f"pods of node {site.node}", f"none of DaemonSet {name}"),
            fix=f"kubectl -n {workload.namespace} describe daemonset {workload.name}",
        )


def _is_everywhere(site: Site, workload: Workload) -> bool:
    """Whether it is meant for every node, and pods of it would be known: they may not have been
    collected, unless there is one of another node, or none by its own status."""
    everywhere = workload.desired >= len(site.view.inventory.nodes)
    if not everywhere or site.api is None:
        return False
    return workload.ready == 0 or bool(_pods_of(site.view.inventory.pods, workload))


def _pods_of(pods: Iterable[Pod], workload: Workload) -> list[Pod]:
    return [
        pod
        for pod in pods
        if pod.namespace == workload.namespace
        and pod.owner.kind == "DaemonSet"
        and pod.owner.name == workload.name
    ]
