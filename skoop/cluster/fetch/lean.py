"""Objects without what a diagnosis does not need and nobody should carry around.

Environment variables, volumes, hooks, probes' commands and headers, the copies of whole objects
in annotations and managedFields are left out. Command lines stay only where detection reads them:
on the node's own network, with the values of flags that sound like credentials removed. Of a
DaemonSet's volumes and variables those stay that name a ConfigMap, and of calico-node's environment
the settings of its network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeGuard

import msgspec
from msgspec import Raw

_Fields = dict[str, Raw]

_FIELDS = msgspec.json.Decoder(_Fields)
_LIST = msgspec.json.Decoder(list[_Fields])
_WORDS = msgspec.json.Decoder(list[str])
_TEXTS = msgspec.json.Decoder(dict[str, str])
_encode = msgspec.json.Encoder().encode

_COPIES = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "k3s.io/node-env",
    "rke2.io/node-env",
)
_OF_CONTAINERS = ("env", "envFrom", "lifecycle", "volumeMounts", "volumeDevices")
_OF_PODS = ("volumes", "imagePullSecrets")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_NETWORK_AGENT = b'"calico-node"'
_SETTING = re.compile(r"(FELIX|CALICO)_[A-Z0-9_]+|IP6?(_AUTODETECTION_METHOD)?|CLUSTER_TYPE")

_SECRET = r"(?:passw|secret|token|credential|api-?_?key|access-?_?key|private-?_?key|auth)"
_SECRET_NAME = re.compile(_SECRET, re.IGNORECASE)
_SECRET_FLAG = re.compile(
    rf"(--?[\w.-]*{_SECRET}[\w.-]*)([= ])(\"[^\"]*\"|'[^']*'|\S+)", re.IGNORECASE
)
_SECRET_LINE = re.compile(
    rf"^(\s*[\w.-]*{_SECRET}[\w.-]*\s*[:=]?[ \t]+)\S.*$", re.IGNORECASE | re.MULTILINE
)
_SECRET_JSON = re.compile(rf'("[\w.-]*{_SECRET}[\w.-]*"\s*:\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE)
_URL_USER = re.compile(r"(\w+://)[^/\s@\"']+@")
REMOVED = "removed-by-skoop"

Lean = Callable[[Raw], bytes]


def lean_object(raw: Raw) -> bytes:
    """Any object, without copies of itself."""
    fields = _FIELDS.decode(raw)
    _lean_metadata(fields)
    return _encode(fields)


def lean_pod(raw: Raw) -> bytes:
    """A pod."""
    fields = _FIELDS.decode(raw)
    _lean_metadata(fields)
    if "spec" in fields:
        fields["spec"] = _lean_pod_spec(fields["spec"])
    return _encode(fields)


def lean_workload(raw: Raw) -> bytes:
    """A DaemonSet or Deployment."""
    fields = _FIELDS.decode(raw)
    _lean_metadata(fields)
    spec = _FIELDS.decode(fields.get("spec", Raw(b"{}")))
    template = _FIELDS.decode(spec.get("template", Raw(b"{}")))
    _lean_metadata(template)
    if "spec" in template:
        template["spec"] = _lean_pod_spec(template["spec"], references=True)
        spec["template"] = Raw(_encode(template))
        fields["spec"] = Raw(_encode(spec))
    return _encode(fields)


def lean_config_map(raw: Raw) -> bytes:
    """A ConfigMap whose lines and fields that sound like credentials have lost their values."""
    fields = _FIELDS.decode(raw)
    _lean_metadata(fields)
    fields.pop("binaryData", None)
    if "data" in fields:
        data = _TEXTS.decode(fields["data"])
        cleaned = {key: without_secrets(key, text) for key, text in data.items()}
        fields["data"] = Raw(_encode(cleaned))
    return _encode(fields)


def without_secrets(key: str, text: str) -> str:
    """A configuration's text. Nothing in it that detection reads sounds like a credential."""
    if _SECRET_NAME.search(key):
        return REMOVED
    text = _SECRET_JSON.sub(rf'\1"{REMOVED}"', text)
    text = _SECRET_FLAG.sub(rf"\1\2{REMOVED}", text)
    text = _SECRET_LINE.sub(rf"\g<1>{REMOVED}", text)
    return _URL_USER.sub(r"\1", text)


def _lean_metadata(fields: _Fields) -> None:
    raw = fields.get("metadata")
    if raw is None:
        return
    metadata = _FIELDS.decode(raw)
    metadata.pop("managedFields", None)
    annotations = metadata.get("annotations")
    if _is_there(annotations):
        kept = _FIELDS.decode(annotations)
        for name in _COPIES:
            kept.pop(name, None)
        metadata["annotations"] = Raw(_encode(kept))
    fields["metadata"] = Raw(_encode(metadata))


def _lean_pod_spec(raw: Raw, *, references: bool = False) -> Raw:
    spec = _FIELDS.decode(raw)
    volumes = spec.get("volumes")
    for name in _OF_PODS:
        spec.pop(name, None)
    if references and _is_there(volumes):
        spec["volumes"] = Raw(_encode(list(_naming(volumes, ("configMap", "projected")))))
    on_node = bytes(spec.get("hostNetwork", Raw(b"false"))) == b"true"
    for name in _CONTAINERS:
        if _is_there(spec.get(name)):
            lean = [
                _lean_container(each, on_node=on_node, references=references)
                for each in _LIST.decode(spec[name])
            ]
            spec[name] = Raw(_encode(lean))
    return Raw(_encode(spec))


def _lean_container(container: _Fields, *, on_node: bool, references: bool) -> _Fields:
    environment, whole = container.get("env"), container.get("envFrom")
    for name in _OF_CONTAINERS:
        container.pop(name, None)
    for name in _PROBES:
        if name in container and _talks(bytes(container[name])):
            container[name] = Raw(b"{}")
    for name in ("command", "args"):
        if name in container:
            _keep_words(container, name, on_node=on_node)
    if references and _is_there(environment):
        kept = [*_naming(environment, ("valueFrom",))]
        if bytes(container["name"]) == _NETWORK_AGENT:
            kept += _settings(_LIST.decode(environment))
        container["env"] = Raw(_encode(kept))
    if references and _is_there(whole):
        container["envFrom"] = Raw(_encode(list(_naming(whole, ("configMapRef",)))))
    return container


def _is_there(raw: Raw | None) -> TypeGuard[Raw]:
    return raw is not None and bytes(raw) != b"null"


def _naming(raw: Raw, kinds: tuple[str, ...]) -> Iterator[_Fields]:
    """The entries of a list that refer to a ConfigMap."""
    for each in _LIST.decode(raw):
        if any(kind in each and b"onfigMap" in bytes(each[kind]) + kind.encode() for kind in kinds):
            yield each


def _talks(probe: bytes) -> bool:
    return b'"exec"' in probe or b'"httpHeaders"' in probe


def _keep_words(container: _Fields, name: str, *, on_node: bool) -> None:
    raw = container.pop(name)
    if on_node and _is_there(raw):
        container[name] = Raw(_encode(quiet(_WORDS.decode(raw))))


def quiet(words: Iterable[str]) -> list[str]:
    """A command line whose flags that sound like credentials have lost their values."""
    found: list[str] = []
    hide = False
    for word in words:
        if hide and not word.startswith("-"):
            found.append(REMOVED)
            hide = False
            continue
        found.append(_URL_USER.sub(r"\1", _SECRET_FLAG.sub(rf"\1\2{REMOVED}", word)))
        hide = word.startswith("-") and "=" not in word and bool(_SECRET_NAME.search(word))
    return found


def _settings(environment: Iterable[_Fields]) -> Iterable[_Fields]:
    for each in environment:
        name = msgspec.json.decode(each.get("name", Raw(b'""')), type=str)
        if "value" in each and _SETTING.fullmatch(name) and not _SECRET_NAME.search(name):
            yield {"name": each["name"], "value": each["value"]}


LEAN: dict[str, Lean] = {
    "pods": lean_pod,
    "daemonsets": lean_workload,
    "deployments": lean_workload,
    "configmaps": lean_config_map,
}
