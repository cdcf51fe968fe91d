"""What never leaves the cluster: every planted value is gone, everything needed still there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from skoop.cluster import decode
from skoop.cluster.api import ApiClient
from skoop.cluster.detect.kubeproxy import parse_configuration
from skoop.cluster.fetch import NAMED, fetch_lists, fetch_settings
from skoop.cluster.fetch.lean import LEAN, REMOVED, quiet, without_secrets
from skoop.service.config import ProxyMode
from tests.apiserver import ApiServer

P = "pl4nted"
"""Part of every value that must not be kept."""

ENVIRONMENT = [
    {"name": "PASSWORD", "value": f"{P}-env"},
    {"name": "FELIX_ETCDPASSWORD", "value": f"{P}-env"},
    {"name": "FELIX_VXLANMTU", "value": "1410"},
    {"name": "FROM", "valueFrom": {"configMapKeyRef": {"name": "agent-config", "key": "k"}}},
    {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": f"{P}-secret", "key": "k"}}},
]
CONTAINER = {
    "name": "calico-node",
    "image": "i",
    "command": ["kube-proxy", f"--token={P}-flag", "--cluster-cidr=10.0.0.0/8"],
    "args": ["--bearer-token", f"{P}-word", "--proxy-mode", "nftables", f"http://u:{P}@h/"],
    "env": ENVIRONMENT,
    "envFrom": [{"configMapRef": {"name": "all-of-it"}}, {"secretRef": {"name": f"{P}-from"}}],
    "lifecycle": {"preStop": {"exec": {"command": [f"{P}-hook"]}}},
    "readinessProbe": {"httpGet": {"httpHeaders": [{"name": "A", "value": f"{P}-probe"}]}},
    "livenessProbe": {"exec": {"command": [f"{P}-probe"]}},
    "ports": [{"containerPort": 8080, "name": "web"}],
}
METADATA: dict[str, Any] = {
    "name": "one",
    "namespace": "kube-system",
    "labels": {"app": "x"},
    "annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": f"{P}-annotation",
        "k3s.io/node-env": f"{P}-annotation",
        "kept": "yes",
    },
    "managedFields": [{"manager": f"{P}-manager"}],
}
SPEC = {
    "nodeName": "n",
    "hostNetwork": True,
    "containers": [CONTAINER],
    "initContainers": [{**CONTAINER, "name": "init"}],
    "volumes": [
        {"name": "a", "configMap": {"name": "mounted"}},
        {"name": "b", "csi": {"volumeAttributes": {"password": f"{P}-volume"}}},
        {"name": "c", "projected": {"sources": [{"configMap": {"name": "projected"}}]}},
        {"name": "d", "secret": {"secretName": f"{P}-volume"}},
    ],
}
POD = {"kind": "Pod", "metadata": METADATA, "spec": SPEC, "status": {"podIP": "10.0.0.1"}}
SET = {
    "kind": "DaemonSet",
    "metadata": METADATA,
    "spec": {"selector": {}, "template": {"metadata": METADATA, "spec": SPEC}},
    "status": {"desiredNumberScheduled": 2},
}  # fmt: skip
COREFILE = f"""\
.:53 {{
    kubernetes cluster.example in-addr.arpa
    route53 {{
        aws_access_key {P}-id {P}-key
    }}
    etcd {{
        credentials {P}-user {P}-password
    }}
}}
"""
PROXY = """\
kind: KubeProxyConfiguration
mode: nftables
clusterCIDR: 10.244.0.0/16
clientConnection:
  kubeconfig: /var/lib/kube-proxy/kubeconfig.conf
"""
MAP = {
    "kind": "ConfigMap",
    "metadata": {**METADATA, "name": "kube-proxy"},
    "data": {
        "config.conf": PROXY + f"token: {P}-line\n",
        "kubeconfig.conf": f"users:\n- user:\n    token: {P}-line\n    password: '{P}'\n",
        "Corefile": COREFILE,
        "cni.json": f'{{"name": "x", "auth_token": "{P}\\"-json", "mtu": 1450}}',
        "etcd": f"https://root:{P}@etcd:2379",
        "db-password": f"{P}",
    },
    "binaryData": {"b": P},
}


def lean(file: str, content: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(LEAN[file](Raw(json.dumps(content).encode())))
    return made


@pytest.mark.parametrize(
    ("file", "content"),
    [("pods", POD), ("daemonsets", SET), ("deployments", SET), ("configmaps", MAP)],
    ids=["pod", "daemonset", "deployment", "configmap"],
)
def test_nothing_planted_is_kept(file: str, content: dict[str, Any]) -> None:
    text = json.dumps(lean(file, content))
    assert P in json.dumps(content)
    assert P not in text


def test_what_a_pod_needs_is_kept() -> None:
    document = json.dumps({"items": [lean("pods", POD)]}).encode()
    (pod,) = decode.decode_pods(document)
    assert pod.annotations == {"kept": "yes"}
    (container,) = pod.containers
    assert container.ports[0].name == "web"
    assert "--cluster-cidr=10.0.0.0/8" in container.command
    assert container.command[-2:] == ("nftables", "http://h/")


def test_command_lines_off_the_nodes_network_are_dropped() -> None:
    spec = {**SPEC, "hostNetwork": False}
    found = lean("pods", {**POD, "spec": spec})["spec"]["containers"][0]
    assert "command" not in found
    assert "args" not in found


def test_what_a_workload_needs_is_kept() -> None:
    document = json.dumps({"items": [lean("daemonsets", SET)]}).encode()
    (found,) = decode.decode_daemon_sets(document)
    assert found.config_maps == ("mounted", "projected", "all-of-it", "agent-config")
    assert found.containers[0].env == {"FELIX_VXLANMTU": "1410"}
    assert found.init_containers[0].env == {}
    assert found.desired == 2


def test_what_a_configuration_needs_is_kept() -> None:
    data = lean("configmaps", MAP)["data"]
    config = parse_configuration(data["config.conf"])
    assert config.mode is ProxyMode.NFTABLES
    assert str(config.cluster_cidrs[0]) == "10.244.0.0/16"
    assert "kubernetes cluster.example" in data["Corefile"]
    assert json.loads(data["cni.json"])["mtu"] == 1450


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"metadata": {"name": "x"}},
        {"metadata": {"annotations": None}, "spec": {}},
        {"spec": {"containers": None, "volumes": None}},
        {"spec": {"containers": [{"name": "c", "env": None}]}},
        {"spec": {"template": {}}},
    ],
    ids=str,
)
@pytest.mark.parametrize("file", ["pods", "daemonsets", "configmaps"])
def test_objects_with_little_in_them(file: str, content: dict[str, Any]) -> None:
    lean(file, content)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--tls-private-key-file=/x", "--v=2"], ["--tls-private-key-file=***", "--v=2"]),
        (["sh", "-c", "run --api-key=abc --mode x"], ["sh", "-c", "run --api-key=*** --mode x"]),
        (["--password", "--other"], ["--password", "--other"]),
        (["--secret", "a", "b"], ["--secret", "***", "b"]),
    ],
    ids=lambda value: value[0],
)
def test_quiet_command_lines(words: list[str], expected: list[str]) -> None:
    assert [word.replace(REMOVED, "***") for word in quiet(words)] == expected


def test_flannel_configuration_is_untouched() -> None:
    text = '{\n  "Network": "10.244.0.0/16",\n  "Backend": {\n    "Type": "vxlan"\n  }\n}\n'
    assert without_secrets("net-conf.json", text) == text


def test_nothing_planted_in_what_a_cluster_gives(client: ApiClient, server: ApiServer) -> None:
    server.load([POD, SET, MAP])
    lists = fetch_lists(client, named=NAMED)
    maps = fetch_settings(client, [("kube-system", "kube-proxy")])
    for file, document in {**lists.documents, **maps.documents}.items():
        assert P.encode() not in document, file
