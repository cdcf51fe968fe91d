"""The pods of a large cluster, from an API server to the inventory.

    python bench/inventory_scale.py [PODS] [PEER_PODS]

A server double in a process of its own serves generated pods of 10 KB over HTTP. The peer is the
kubernetes package's typed client, asked for PEER_PODS of the same server in the same run, 500 a
page; each measurement is a process of its own, so that its memory is its own.
Fails when the peer is not 10 times slower per pod, or PODS take 3 GB or more.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.apiserver import ApiServer, Store

FASTER, MEMORY_MB = 10.0, 3072.0
BYTES = 10_000
NAMESPACES = 200


class Measured(msgspec.Struct):
    """Seconds on the wall and of this process's processor; its peak memory."""

    pods: int
    seconds: float
    processor: float
    megabytes: float
    requests: int = 0


def template() -> dict[str, Any]:
    """A pod as clusters have them: two containers, managedFields for a third of its size."""
    container = {
        "name": "web",
        "image": "registry.example/shop/web:v1.2.3",
        "args": ["--listen=:8080", "--log=info"],
        "env": [{"name": f"SETTING_{n}", "value": f"value-{n}" * 3} for n in range(20)],
        "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 5},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    at = "2026-01-01T00:00:00Z"
    conditions = ("Initialized", "Ready", "ContainersReady", "PodScheduled")
    pod = {
        "metadata": {
            "name": "NAME",
            "namespace": "NAMESPACE",
            "uid": "UID",
            "resourceVersion": "1",
            "creationTimestamp": at,
            "labels": {"app": "web", "tier": "front", "pod-template-hash": "5f5c"},
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5f5c", "uid": "x",
                 "controller": True}
            ],
        },
        "spec": {
            "nodeName": "NODE",
            "containers": [container, {**container, "name": "proxy"}],
            "volumes": [{"name": "data", "emptyDir": {}}],
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists"}],
        },
        "status": {
            "phase": "Running",
            "podIP": "ADDRESS",
            "podIPs": [{"ip": "ADDRESS"}],
            "hostIP": "10.0.0.1",
            "conditions": [
                {"type": kind, "status": "True", "lastTransitionTime": at} for kind in conditions
            ],
            "containerStatuses": [
                {"name": name, "ready": True, "restartCount": 0, "image": "i", "imageID": "i",
                 "state": {"running": {"startedAt": at}}}
                for name in ("web", "proxy")
            ],
        },
    }  # fmt: skip
    fields: dict[str, Any] = {}
    pod["metadata"]["managedFields"] = [
        {"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "time": at,
         "fieldsType": "FieldsV1", "fieldsV1": fields}
    ]  # fmt: skip
    while len(json.dumps(pod, separators=(",", ":"))) < BYTES:
        fields[f"f:field-{len(fields)}"] = {".": {}, "f:value": {}, "f:name": {}}
    return pod


class Generated:
    """A pod of the server, as its bytes, so that serving it costs next to nothing."""

    __slots__ = ("content", "key", "raw")

    def __init__(self, number: int, text: str) -> None:
        namespace, name = f"team-{number % NAMESPACES:03}", f"web-5f5c-{number:06}"
        self.key = (namespace, name)
        self.content = {"metadata": {"namespace": namespace, "name": name}}
        address = f"10.{128 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
        text = text.replace("NAMESPACE", namespace).replace("NAME", name)
        text = text.replace("UID", f"uid-{number}").replace("NODE", f"node-{number % 5000}")
        self.raw = text.replace("ADDRESS", address).encode()


class Many(Store):
    """A store of generated pods."""

    def __init__(self, count: int) -> None:
        super().__init__()
        text = json.dumps(template(), separators=(",", ":"))
        pods = (Generated(number, text) for number in range(count))
        self._pods = sorted(((each.key, each) for each in pods), key=lambda pair: pair[0])

    def all(self, plural: str) -> list[Any]:
        return self._pods if plural == "pods" else []


def serve(count: int, folder: str) -> None:
    """Serve until the standard input ends."""
    server = ApiServer()
    server.store = Many(count)
    server.start()
    print(server.kubeconfig(Path(folder)), flush=True)
    sys.stdin.read()


def with_skoop(kubeconfig: str) -> Measured:
    from skoop.cluster.api import connect
    from skoop.cluster.fetch import TABLE, fetch_lists, read_lists

    table = tuple(each for each in TABLE if each.file == "pods")
    client = connect(kubeconfig)
    begun, processor = time.perf_counter(), time.process_time()
    inventory = read_lists(fetch_lists(client, table=table))
    assert inventory.pods[0].ips
    return measured(len(inventory.pods), begun, processor, client.requests)


def with_typed_client(kubeconfig: str) -> Measured:
    from kubernetes import client, config

    core = client.CoreV1Api(config.new_client_from_config(kubeconfig))
    begun, processor = time.perf_counter(), time.process_time()
    pods: list[Any] = []
    token, requests = None, 0
    while token != "":
        page = core.list_pod_for_all_namespaces(limit=500, _continue=token)
        pods += page.items
        token = page.metadata._continue or ""
        requests += 1
    assert pods[0].status.phase == "Running"
    return measured(len(pods), begun, processor, requests)


def measured(pods: int, begun: float, processor: float, requests: int) -> Measured:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = time.perf_counter() - begun
    return Measured(pods, seconds, time.process_time() - processor, peak, requests)


MEASURES = {"skoop": with_skoop, "typed": with_typed_client}


def run(who: str, pods: int) -> Measured:
    """Measure in a process of its own, against a server in another."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--serve", str(pods), folder]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout
            kubeconfig = server.stdout.readline().strip()
            done = subprocess.run(
                [sys.executable, __file__, "--measure", who, kubeconfig],
                stdout=subprocess.PIPE, check=True,
            )  # fmt: skip
        finally:
            server.communicate("")
    found = msgspec.json.decode(done.stdout, type=Measured)
    print(
        f"{who:6} {found.pods:7} pods: {found.seconds:6.1f} s, of its processor "
        f"{found.processor:6.1f} s, {found.megabytes:5.0f} MB, {found.requests} requests",
        flush=True,
    )
    return found


def main(pods: int, peer_pods: int) -> int:
    peer = run("typed", peer_pods)
    same = run("skoop", peer_pods)
    large = run("skoop", pods)
    assert (peer.pods, same.pods, large.pods) == (peer_pods, peer_pods, pods)
    ratio = peer.seconds / same.seconds
    per_pod = (peer.seconds / peer.pods) / (large.seconds / large.pods)
    print(f"{ratio:.0f} times faster on {peer_pods} pods, {per_pod:.0f} times per pod on {pods}")
    if min(ratio, per_pod) < FASTER:
        print(f"Less than {FASTER:.0f} times faster than typed decoding.")
        return 1
    if large.megabytes >= MEMORY_MB:
        print(f"{pods} pods take {large.megabytes:.0f} MB; the limit is {MEMORY_MB:.0f}.")
        return 1
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(int(sys.argv[2]), sys.argv[3])
    elif sys.argv[1:2] == ["--measure"]:
        sys.stdout.buffer.write(msgspec.json.encode(MEASURES[sys.argv[2]](sys.argv[3])))
    else:
        given = [int(each) for each in sys.argv[1:]]
        sys.exit(main(*(given + [100_000, 10_000][len(given) :])))
