"""How collectors are run: what the flags say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct, field

from skoop.errors import UsageError

EVERY_TAINT: Mapping[str, str] = {"operator": "Exists"}
REQUESTS: Mapping[str, str] = {"cpu": "10m", "memory": "32Mi"}
LEAST_PRIVILEGE: Mapping[str, object] = {
    "runAsUser": 0,
    "runAsNonRoot": False,
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {
        "drop": ["ALL"],
        # Rules; legacy iptables opens a raw socket; entering a namespace; finding it in /proc.
        "add": ["NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_PTRACE"],
    },
    # The runtime's profile forbids to look at other containers' processes.
    "appArmorProfile": {"type": "Unconfined"},
    "seLinuxOptions": {"type": "spc_t"},
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""What the agent needs: to read rules, and to enter other pods' network namespaces."""
PRIVILEGED: Mapping[str, object] = {"privileged": True, "runAsUser": 0, "runAsNonRoot": False}

_QUANTITY = re.compile(r"\d{1,12}(\.\d{1,9})?(m|k|Ki|M|Mi|G|Gi)?\Z")
_LABEL = re.compile(r"([A-Za-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?\Z")
_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?\Z")
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_POLICIES = ("Always", "IfNotPresent", "Never")


class CollectorOptions(Struct, frozen=True, kw_only=True):
    """`image` "" takes one that is on the node already. `tolerations` and `security_context` are as
    a pod's; `requests` are quantities by resource. `timeout` bounds one node, in seconds;
    `parallel` is how many nodes are collected at a time."""

    image: str = ""
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    node_selector: Mapping[str, str] = {}
    tolerations: tuple[Mapping[str, str], ...] = (EVERY_TAINT,)
    priority_class: str = ""
    service_account: str = ""
    requests: Mapping[str, str] = field(default_factory=lambda: REQUESTS)
    namespace: str = "kube-system"
    security_context: Mapping[str, object] = field(default_factory=lambda: LEAST_PRIVILEGE)
    timeout: float = 60.0
    parallel: int = 32

    def __post_init__(self) -> None:
        if self.pull_policy not in _POLICIES:
            raise UsageError(f"A pull policy is one of {', '.join(_POLICIES)}.")
        if not _NAMESPACE.match(self.namespace):
            raise UsageError(f"{self.namespace!r} is not the name of a namespace.")
        if not 1 <= self.timeout <= 3600:
            raise UsageError("The time for one node is 1 to 3600 seconds.")
        if not 1 <= self.parallel <= 256:
            raise UsageError("1 to 256 nodes can be collected at a time.")


def parse_toleration(text: str) -> Mapping[str, str]:
    """ "KEY=VALUE:EFFECT", "KEY:EFFECT", "KEY=VALUE" or "KEY" as a pod's toleration; "*" tolerates
    every taint. Raises UsageError."""
    if text == "*":
        return EVERY_TAINT
    rest, colon, effect = text.partition(":")
    key, equals, value = rest.partition("=")
    if not _LABEL.match(key) or not _VALUE.match(value) or (colon and effect not in _EFFECTS):
        raise UsageError(
            f"{text!r} is not a toleration: KEY[=VALUE][:EFFECT] or *, and an effect is one of"
            f" {', '.join(_EFFECTS)}."
        )
    toleration = {"key": key, "operator": "Equal" if equals else "Exists"}
    if equals:
        toleration["value"] = value
    if colon:
        toleration["effect"] = effect
    return toleration


def parse_labels(texts: Iterable[str]) -> Mapping[str, str]:
    """Labels from "KEY=VALUE" words. Raises UsageError."""
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not _LABEL.match(key) or not _VALUE.match(value):
            raise UsageError(f"{text!r} is not a label, KEY=VALUE.")
        found[key] = value
    return found


def parse_requests(texts: Iterable[str]) -> Mapping[str, str]:
    """Resource requests from "cpu=10m" words. Raises UsageError."""
    found: dict[str, str] = {}
    for text in texts:
        key, _, value = text.partition("=")
        if not _LABEL.match(key) or not _QUANTITY.match(value):
            raise UsageError(f"{text!r} is not a resource request like cpu=10m or memory=32Mi.")
        found[key] = value
    return found


def parse_security_context(text: str) -> Mapping[str, object]:
    """ "least", "privileged", or a container's securityContext as JSON. Raises UsageError."""
    if text in ("", "least"):
        return LEAST_PRIVILEGE
    if text == "privileged":
        return PRIVILEGED
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise UsageError(
            f"A security context is least, privileged or a JSON object ({error})."
        ) from None
