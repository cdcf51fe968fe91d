"""The kinds and fields that manifests may have.

What is not here is an error: a misspelt field would be dropped by the API server, and with it what
it was to forbid.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, field

_Texts = dict[str, str]


class Strict(Struct, frozen=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """Refuses fields it does not know."""


class Metadata(Strict, frozen=True):
    """metadata."""

    name: str
    namespace: str = ""
    labels: _Texts = {}
    annotations: _Texts = {}


class Capabilities(Strict, frozen=True):
    """securityContext.capabilities."""

    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class Profile(Strict, frozen=True):
    """An AppArmor or seccomp profile."""

    type: str
    localhost_profile: str = ""


class SeLinux(Strict, frozen=True):
    """seLinuxOptions."""

    type: str = ""
    level: str = ""
    role: str = ""
    user: str = ""


class SecurityContext(Strict, frozen=True):
    """A container's securityContext."""

    run_as_user: int | None = None
    run_as_non_root: bool | None = None
    privileged: bool = False
    read_only_root_filesystem: bool = False
    capabilities: Capabilities = Capabilities()
    app_armor_profile: Profile | None = None
    se_linux_options: SeLinux | None = None
    seccomp_profile: Profile | None = None


class Resources(Strict, frozen=True):
    """resources."""

    requests: _Texts = {}
    limits: _Texts = {}


class Mount(Strict, frozen=True):
    """A volumeMount."""

    name: str
    mount_path: str
    read_only: bool = False


class Reference(Strict, frozen=True):
    """A field of the pod itself."""

    field_path: str


class Source(Strict, frozen=True):
    """Where a variable comes from: the pod itself, never a Secret."""

    field_ref: Reference


class Variable(Strict, frozen=True):
    """An environment variable."""

    name: str
    value: str = ""
    value_from: Source | None = None


class Container(Strict, frozen=True):
    """A container."""

    name: str
    image: str
    image_pull_policy: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[Variable, ...] = ()
    resources: Resources = Resources()
    security_context: SecurityContext = SecurityContext()
    termination_message_policy: str = ""
    volume_mounts: tuple[Mount, ...] = ()


class HostPath(Strict, frozen=True):
    """A folder of the node."""

    path: str
    type: str = ""


class EmptyDir(Strict, frozen=True):
    """A volume that begins empty."""

    medium: str = ""
    size_limit: str = ""


class Volume(Strict, frozen=True):
    """A volume; other sources than these are not known."""

    name: str
    host_path: HostPath | None = None
    empty_dir: EmptyDir | None = None


class Toleration(Strict, frozen=True):
    """A toleration."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None

    def covers(self, key: str, effect: str) -> bool:
        """Whether it tolerates a taint without value, for good."""
        if self.toleration_seconds is not None or (self.effect and self.effect != effect):
            return False
        return self.operator == "Exists" and self.key in ("", key)


class Secret(Strict, frozen=True):
    """An imagePullSecret's name."""

    name: str


class PodSpec(Strict, frozen=True):
    """spec of a pod."""

    containers: tuple[Container, ...]
    init_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    service_account_name: str = ""
    automount_service_account_token: bool = True
    enable_service_links: bool = True
    host_network: bool = False
    host_pid: bool = field(default=False, name="hostPID")
    dns_policy: str = ""
    restart_policy: str = ""
    termination_grace_period_seconds: int | None = None
    priority_class_name: str = ""
    tolerations: tuple[Toleration, ...] = ()
    node_selector: _Texts = {}
    affinity: dict[str, Any] = {}
    image_pull_secrets: tuple[Secret, ...] = ()


class Template(Strict, frozen=True):
    """A pod template."""

    metadata: dict[str, _Texts]
    spec: PodSpec


class Selector(Strict, frozen=True):
    """A workload's selector."""

    match_labels: _Texts


class RollingUpdate(Strict, frozen=True):
    """updateStrategy.rollingUpdate."""

    max_unavailable: str | int = 1


class UpdateStrategy(Strict, frozen=True):
    """updateStrategy."""

    type: str
    rolling_update: RollingUpdate | None = None


class WorkloadSpec(Strict, frozen=True):
    """spec of a DaemonSet or Deployment."""

    selector: Selector
    template: Template
    replicas: int = 1
    update_strategy: UpdateStrategy | None = None


class Rule(Strict, frozen=True):
    """A rule of RBAC."""

    api_groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


class RoleRef(Strict, frozen=True):
    """The role of a binding."""

    api_group: str
    kind: str
    name: str


class Subject(Strict, frozen=True):
    """Who a binding is for."""

    kind: str
    name: str
    namespace: str = ""
    api_group: str = ""


class _Object(Strict, frozen=True):
    api_version: str
    kind: str
    metadata: Metadata


class Namespace(_Object, frozen=True):
    """A namespace."""


class ServiceAccount(_Object, frozen=True):
    """A service account."""

    automount_service_account_token: bool = True


class Workload(_Object, frozen=True, kw_only=True):
    """A DaemonSet or Deployment."""

    spec: WorkloadSpec


class Pod(_Object, frozen=True, kw_only=True):
    """A (static) pod."""

    spec: PodSpec


class Role(_Object, frozen=True, kw_only=True):
    """A Role or ClusterRole."""

    rules: tuple[Rule, ...]


class Binding(_Object, frozen=True, kw_only=True):
    """A RoleBinding or ClusterRoleBinding."""

    role_ref: RoleRef
    subjects: tuple[Subject, ...]


Known = Namespace | ServiceAccount | Workload | Pod | Role | Binding


class Kind(Struct, frozen=True):
    """A kind that is known: its fields, how the API calls it, and whether it has a namespace."""

    model: type[Known]
    plural: str
    group: str = ""
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """ "apps/v1"."""
        return f"{self.group}/v1" if self.group else "v1"


_RBAC = "rbac.authorization.k8s.io"
KINDS: dict[str, Kind] = {
    "Namespace": Kind(Namespace, "namespaces", namespaced=False),
    "ServiceAccount": Kind(ServiceAccount, "serviceaccounts"),
    "DaemonSet": Kind(Workload, "daemonsets", "apps"),
    "Deployment": Kind(Workload, "deployments", "apps"),
    "Pod": Kind(Pod, "pods"),
    "ClusterRole": Kind(Role, "clusterroles", _RBAC, namespaced=False),
    "ClusterRoleBinding": Kind(Binding, "clusterrolebindings", _RBAC, namespaced=False),
    "Role": Kind(Role, "roles", _RBAC),
    "RoleBinding": Kind(Binding, "rolebindings", _RBAC),
}


def read(content: dict[str, Any], kind: Kind) -> Known:
    """An object's fields. Raises msgspec.ValidationError, whose text names the field."""
    return msgspec.convert(content, kind.model)
