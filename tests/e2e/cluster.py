"""A real Kubernetes cluster on this machine: up, wait until it works, down without a trace."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from string import Template

from tests.e2e import binaries, machine
from tests.e2e.credentials import ADMIN, write_credentials
from tests.e2e.images import FLANNEL, IMAGE, write_images
from tests.e2e.machine import CONTROL, NODES, STATE

HERE = Path(__file__).parent
MODES = ("iptables", "nftables")


class ClusterError(Exception):
    """The cluster did not come up, or left something behind."""


def up(mode: str, *, seconds: float = 180) -> None:
    """Start a cluster with kube-proxy in a mode, and wait until every part of it is ready.

    Raises:
        ClusterError: it was not ready in time; the message says what was missing.
    """
    down()
    write_credentials()
    write_images(STATE / "images")
    machine.network_up()
    deadline = time.monotonic() + seconds
    machine.spawn(
        "control",
        *("nsenter", f"--net=/run/netns/{CONTROL}"),
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
        str(HERE / "control.sh"),
        *(str(binaries.cache() / "bin"), str(STATE), machine.CONTROL_ADDRESS),
        *(machine.POD_CIDR, machine.SERVICE_CIDR),
    )
    _wait(deadline, "the API server", lambda: kubectl("get", "--raw", "/readyz") == "ok")
    plugins = _plugins()
    for node in NODES:
        machine.spawn(
            node,
            *(str(HERE / "node.sh"), "outside", node, machine.address(node), str(STATE)),
            *(str(binaries.cache() / "bin"), str(plugins), machine.DNS_ADDRESS),
        )
    kubectl("apply", "-f", "-", text=_manifests(mode))
    _wait(deadline, "the nodes", lambda: not _unready())
    _wait(deadline, "the pods of the system", lambda: not _unstarted())


def down() -> None:
    """End the cluster and remove what it made.

    Raises:
        ClusterError: something could not be removed.
    """
    machine.kill_all()
    machine.network_down()
    left = [str(path) for path in machine.cgroups_down()]
    mounts = Path("/proc/self/mounts").read_text()
    left += [line.split()[1] for line in mounts.splitlines() if str(STATE) in line]
    if left:
        raise ClusterError(f"left behind: {', '.join(left)}")
    shutil.rmtree(STATE, ignore_errors=True)


def kubectl(*arguments: str, text: str = "", check: bool = True) -> str:
    """Run kubectl as the administrator, from the client's namespace."""
    program = str(binaries.binary("kubectl"))
    inside = ("nsenter", f"--net=/run/netns/{machine.CLIENT}")
    return machine.run(
        *inside, program, f"--kubeconfig={ADMIN}", *arguments, text=text, check=check
    )


def _plugins() -> Path:
    """A folder of CNI plugins: Debian's and flannel's."""
    folder = STATE / "cni"
    folder.mkdir()
    for path in (*Path("/usr/lib/cni").iterdir(), HERE / "cni/flannel"):
        (folder / path.name).symlink_to(path)
    return folder


def _manifests(mode: str) -> str:
    values = {
        "IMAGE": IMAGE,
        "FLANNEL": FLANNEL,
        "CACHE": str(binaries.cache()),
        "POD_CIDR": machine.POD_CIDR,
        "DNS_ADDRESS": machine.DNS_ADDRESS,
        "CONTROL_ADDRESS": machine.CONTROL_ADDRESS,
        "PROXY_MODE": mode,
        "NODE_PORT_ADDRESSES": os.environ.get("SKOOP_E2E_NODE_PORT_ADDRESSES", "[]"),
    }
    files = sorted((HERE / "manifests").glob("*.yaml"))
    return "\n---\n".join(Template(path.read_text()).safe_substitute(values) for path in files)


def _unready() -> list[str]:
    nodes = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
    ready = {node["metadata"]["name"] for node in nodes if _condition(node) == "True"}
    return [name for name in NODES if name not in ready]


def _unstarted() -> list[str]:
    """Workloads of the system whose pods are not all ready."""
    listed = kubectl("get", "daemonsets,deployments", "-A", "-o", "json")
    unstarted = []
    for each in json.loads(listed)["items"]:
        status = each.get("status", {})
        wanted = status.get("desiredNumberScheduled", each["spec"].get("replicas", len(NODES)))
        ready = status.get("numberReady", status.get("readyReplicas", 0))
        if ready < wanted or not wanted:
            unstarted.append(each["metadata"]["name"])
    return unstarted


def _condition(node: dict) -> str:
    conditions = node.get("status", {}).get("conditions", ())
    return next((each["status"] for each in conditions if each["type"] == "Ready"), "")


def _wait(deadline: float, what: str, done: Callable[[], bool]) -> None:
    trouble = ""
    while time.monotonic() < deadline:
        try:
            if done():
                return
            trouble = "not ready"
        except RuntimeError as error:
            trouble = str(error)
        if ended := machine.ended():
            raise ClusterError(f"{what}: {ended}")
        time.sleep(0.3)
    raise ClusterError(f"{what}: {trouble}; logs are in {STATE}")
