"""The workload of the tests in a cluster, and asking real sockets in it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.e2e import kube, workload

WAIT = 1.0
"""Seconds a probe waits. A path of the cluster answers within a few milliseconds."""


@dataclass(frozen=True)
class Seen:
    """What one connection came to: its result, who answered, and the client's address there."""

    result: str
    server: str = ""
    source: str = ""


@dataclass(frozen=True)
class Target:
    """Where a connection goes."""

    address: str
    port: int
    protocol: str = "tcp"


@dataclass(frozen=True)
class Place:
    """Where a connection begins. `name` is skoop's; `pod` is the pod in which to ask, empty for
    this machine, which is outside the cluster."""

    name: str
    pod: str = ""

    def ask(self, targets: Mapping[str, Target], times: int = 8) -> dict[str, set[Seen]]:
        """Open some connections to each target, and say by its key what they came to."""
        if not self.pod:
            with ThreadPoolExecutor(32) as pool:
                asked = [(key, target) for key, target in targets.items() for _ in range(times)]
                found = zip(asked, pool.map(lambda each: _from_here(each[1]), asked), strict=True)
                return _by_key((key, seen) for (key, _), seen in found)
        lines = "".join(
            f"{key} {each.protocol} {each.address} {each.port}\n" for key, each in targets.items()
        )
        said = kube.run_in(self.pod, "probe", "ask", str(WAIT), str(times), text=lines)
        return _by_key((words[0], _seen(words[1:])) for words in map(str.split, said.splitlines()))


@dataclass(frozen=True)
class Site:
    """The cluster's nodes `a`, `b` and `c` (with their addresses), and the way into each."""

    nodes: tuple[str, str, str]
    addresses: dict[str, str]
    hands: dict[str, str]
    outside: str

    @property
    def a(self) -> str:
        """The node of `client` and `near`."""
        return self.nodes[0]

    @property
    def b(self) -> str:
        """The node of `far`."""
        return self.nodes[1]

    def on(self, node: str, *command: str, check: bool = True) -> str:
        """Run a program in a node's namespaces (network and processes)."""
        return kube.run_in(self.hands[node], *command, check=check)

    def shell(self, node: str, script: str) -> str:
        """Run a shell script likewise."""
        return self.on(node, "sh", "-ec", script)

    def pod(self, name: str) -> Place:
        """A pod of the tests."""
        return Place(f"pod/e2e/{name}", name)

    def node(self, name: str) -> Place:
        """A node itself."""
        return Place(f"node/{name}", self.hands[name])

    @property
    def client(self) -> Place:
        """Outside the cluster: where these tests run."""
        return Place(self.outside)


def set_up() -> Site:
    """Create the workload and wait until it is ready."""
    nodes = sorted(node["metadata"]["name"] for node in kube.get("nodes", "-A")["items"])
    if len(nodes) < 2:
        raise RuntimeError("the tests need a cluster of at least two nodes")
    a, b, c = (*nodes, nodes[-1])[:3]
    kube.apply(workload.namespace(), workload.hands(), *workload.base(a, b))
    kube.until("the pods of the tests", kube.ready, 90)
    hands = kube.get("pods", "-l", "app=hand")["items"]
    addresses = {pod["spec"]["nodeName"]: pod["status"]["hostIP"] for pod in hands}
    return Site(
        nodes=(a, b, c),
        addresses=addresses,
        hands={pod["spec"]["nodeName"]: pod["metadata"]["name"] for pod in hands},
        outside=_own_address(addresses[a]),
    )


def tear_down() -> None:
    """Delete the workload."""
    kube.kubectl("delete", "namespace", kube.NAMESPACE, "--ignore-not-found", seconds=120)


def pod_address(name: str) -> str:
    """A pod's address, as the API has it."""
    return str(kube.get("pod", name)["status"]["podIP"])


def service(name: str) -> kube.Object:
    """A Service's spec."""
    return dict(kube.get("service", name)["spec"])


def _own_address(towards: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((towards, 9))
        return str(probe.getsockname()[0])


def _from_here(target: Target) -> Seen:
    kind = socket.SOCK_DGRAM if target.protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.settimeout(WAIT)
        try:
            probe.connect((target.address, target.port))
            if kind == socket.SOCK_DGRAM:
                probe.send(b"?")
            words = probe.recv(200).decode().split()
        except TimeoutError:
            return Seen("timeout")
        except ConnectionRefusedError:
            return Seen("refused")
        except ConnectionResetError:
            return Seen("reset")
        except OSError:
            return Seen("unreachable")
    return Seen("ok", *words) if words else Seen("reset")


def _seen(words: list[str]) -> Seen:
    return Seen(*words[:3]) if words[0] == "ok" else Seen(words[0])


def _by_key(hits: Iterable[tuple[str, Seen]]) -> dict[str, set[Seen]]:
    found: dict[str, set[Seen]] = {}
    for key, seen in hits:
        found.setdefault(key, set()).add(seen)
    return found


def settle(seconds: float = 0.5) -> None:
    """Let kube-proxy write what the API already shows; it syncs at most once a second."""
    time.sleep(seconds)
