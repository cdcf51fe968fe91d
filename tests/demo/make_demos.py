"""Makes the demos from recorded clusters: `python -m tests.demo.make_demos`.

A demo is a recording with everything taken out that its story does not need: other workloads and
their Services, with their veths, rules and entries on the nodes; what no part of skoop reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import skoop
from skoop.demo import find_demo
from skoop.netstack.dump import Output
from skoop.snapshot import (
    LeftOut,
    Manifest,
    NamespaceDump,
    NamespaceKind,
    NodeDocument,
    Snapshot,
    from_raw,
    save,
)

FROM = {
    "fdb-missing": "fdb-missing",
    "policy-rule": "policy-rule-unreachable",
    "foreign-firewall": "foreign-nft-drop",
    "masquerade-missing": "kube-postrouting-flushed",
    "rp-filter": "rpfilter-strict-asym",
    "mtu": "mtu-pod-1500-no-icmp",
    "dead-endpoint": "sep-dead-ip",
    "nft-map": "nft-service-element-missing",
    "wrong-mac": "neigh-permanent-wrong-mac",
    "veth-detached": "veth-detached",
    "pod-routes": "pod-no-routes",
    "bridge-bypass": "bridge-nf-call-0",
    "dns-udp": "output-reject-udp53",
}
"""Demo -> the recording it is made from."""

CORPUS = Path(__file__).parents[1] / "data" / "corpus"
SERVICES = frozenset(("shop/web", "shop/web-np", "default/kubernetes", "kube-system/kube-dns"))
PODS = ("default/cli", "shop/web-", "kube-system/coredns-")
RESOURCES = (
    "configmaps", "daemonsets", "deployments", "endpointslices.discovery.k8s.io", "namespaces",
    "networkpolicies", "nodes", "pods", "services", "version",
)  # fmt: skip
_UNREAD = ("iptables-legacy-save -c", "ip -s -j link", "nft list ruleset")
_BOOKKEEPING = (
    "annotations", "creationTimestamp", "generateName", "generation", "managedFields",
    "resourceVersion", "selfLink",
)  # fmt: skip
_POD_SPEC = ("nodeName", "hostNetwork", "containers", "dnsPolicy")
_CONTAINER = ("name", "ports", "readinessProbe")
_NODE_STATUS = ("addresses", "conditions", "nodeInfo")
_COMMENT = re.compile(r'--comment "([a-z0-9-]+/[a-z0-9-]+)[":\s]')


def keeps_pod(name: str) -> bool:
    """Whether a demo keeps the pod "namespace/name"."""
    return name.startswith(PODS)


def shrunk(snapshot: Snapshot) -> Snapshot:
    """The snapshot less what no story needs."""
    return Snapshot(
        manifest=Manifest(
            tool_version=skoop.__version__,
            cluster="demo",
            left_out=(LeftOut("other workloads", "taken out to keep the demo small"),),
        ),
        cluster={name: _objects(name, snapshot.cluster[name]) for name in RESOURCES},
        nodes={name: _document(snapshot.nodes[name]) for name in snapshot.nodes},
    )


# --- objects ----------------------------------------------------------------------------------


def _objects(resource: str, data: bytes) -> bytes:
    content = json.loads(data)
    if "items" in content:
        kept = [item for item in content["items"] if _keeps(resource, item)]
        content = {"kind": "List", "apiVersion": "v1", "items": [_slim(each) for each in kept]}
    return json.dumps(content, separators=(",", ":"), sort_keys=True).encode()


def _keeps(resource: str, item: dict[str, Any]) -> bool:
    metadata = item["metadata"]
    name = f"{metadata.get('namespace', '')}/{metadata['name']}"
    if resource == "pods":
        return keeps_pod(name)
    if resource == "services":
        return name in SERVICES
    if resource in ("daemonsets", "deployments"):
        return any(pod.startswith(f"{name}-") for pod in PODS)
    if resource.startswith("endpointslices"):
        service = metadata.get("labels", {}).get("kubernetes.io/service-name", "")
        return f"{metadata['namespace']}/{service}" in SERVICES
    if resource == "configmaps":
        return metadata["name"] in ("kube-proxy", "kube-flannel-cfg")
    if resource == "networkpolicies":
        return False
    if resource == "namespaces":
        return metadata["name"] in ("default", "kube-system", "shop")
    return True


def _slim(item: dict[str, Any]) -> dict[str, Any]:
    metadata = {k: v for k, v in item["metadata"].items() if k not in _BOOKKEEPING}
    flannel = {
        key: value
        for key, value in item["metadata"].get("annotations", {}).items()
        if key.startswith("flannel.")
    }
    if flannel:
        metadata["annotations"] = flannel
    slim = {**item, "metadata": metadata}
    if item["kind"] == "Pod":
        spec = _only(item["spec"], _POD_SPEC)
        spec["containers"] = [_only(each, _CONTAINER) for each in spec["containers"]]
        slim["spec"] = spec
    if item["kind"] == "Node":
        slim["status"] = _only(item["status"], _NODE_STATUS)
    return slim


def _only(found: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: found[key] for key in keys if key in found}


# --- nodes ------------------------------------------------------------------------------------


def _document(document: NodeDocument) -> NodeDocument:
    pods = [d for d in document.namespaces if d.kind is NamespaceKind.POD]
    host = next(d for d in document.namespaces if d.kind is NamespaceKind.HOST)
    inside = [pod for pod in pods if keeps_pod(f"{pod.namespace}/{pod.pod}")]
    gone = {pod.inode for pod in pods} - {pod.inode for pod in inside}
    slim = [without_unread(pod) for pod in inside]
    return NodeDocument(
        node=document.node, notes=document.notes, namespaces=(_host(host, gone), *slim)
    )


def without_unread(dump: NamespaceDump) -> NamespaceDump:
    """A namespace less what no part of skoop reads."""
    return _with(dump, {k: o for k, o in dump.outputs.items() if k not in _UNREAD})


def _host(dump: NamespaceDump, gone: set[int]) -> NamespaceDump:
    ids = {nsid for nsid, inode in dump.nsids if inode in gone}
    links = json.loads(dump.outputs["ip -j -d link"].stdout)
    devices = {link["ifname"] for link in links if link.get("link_netnsid", -1) in ids}
    outputs = {}
    for command, output in dump.outputs.items():
        if command in _UNREAD:
            continue
        outputs[command] = Output(_text(command, output.stdout, devices), output.rc, "")
    entries = outputs["conntrack -L"].stdout.count("\n")
    outputs["conntrack -C"] = Output(f"{entries}\n")
    slim = _with(dump, outputs)
    return NamespaceDump(
        kind=slim.kind,
        outputs=slim.outputs,
        inode=slim.inode,
        nsids=tuple(pair for pair in slim.nsids if pair[1] not in gone),
    )


def _with(dump: NamespaceDump, outputs: dict[str, Output]) -> NamespaceDump:
    return NamespaceDump(
        kind=dump.kind, outputs=outputs, namespace=dump.namespace, pod=dump.pod, uid=dump.uid,
        inode=dump.inode, nsids=dump.nsids,
    )  # fmt: skip


def _text(command: str, text: str, devices: set[str]) -> str:
    if command == "conntrack -L":
        return ""
    if command == "sysctl":
        lines = text.splitlines(keepends=True)
        return "".join(line for line in lines if not set(line.split(" ")[0].split(".")) & devices)
    if command.endswith("-save") and text:
        return _rules(text)
    if text.startswith("[") and command.split()[0] in ("ip", "bridge"):
        kept = [each for each in json.loads(text) if not _device(each) & devices]
        return json.dumps(kept, separators=(",", ":"))
    return text


def _device(entry: dict[str, Any]) -> set[str]:
    return {str(entry[key]) for key in ("ifname", "dev") if key in entry}


def _rules(text: str) -> str:
    """Without the chains and rules of Services that are not there any more, and of hostPorts."""
    lines = text.splitlines()
    gone = {line.split()[1] for line in lines if line.startswith("-A") and _foreign(line)}
    gone = {chain for chain in gone if re.match(r"KUBE-(SVC|SVL|EXT|FW|SEP)-|CNI-DN-", chain)}
    gone |= {line[1:].split()[0] for line in lines if line.startswith(":CNI-DN-")}
    kept = [
        line
        for line in lines
        if not line.startswith("#")
        and not (line.startswith("-A") and (_foreign(line) or set(line.split()) & gone))
        and not (line.startswith(":") and line[1:].split()[0] in gone)
    ]
    return "\n".join(kept) + "\n"


def _foreign(line: str) -> bool:
    found = _COMMENT.search(line)
    return found is not None and found[1] not in SERVICES


def main() -> None:
    """Write every demo's file."""
    folder = Path(skoop.__file__).parent / "demo"
    for name, recording in FROM.items():
        file = folder / find_demo(name).file
        save(shrunk(from_raw(CORPUS / f"{recording}.tar.gz")), file)
        # For everybody who installs the package, not as private as a real cluster's.
        file.chmod(0o644)


if __name__ == "__main__":
    main()
