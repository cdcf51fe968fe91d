"""What every manifest has to keep to, a line for each violation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from skoop.collector import labels
from skoop.collector.manifest import schema
from skoop.collector.manifest.load import Manifest

_TAINTS = (
    ("node-role.kubernetes.io/control-plane", "NoSchedule"),
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.cloudprovider.kubernetes.io/uninitialized", "NoSchedule"),
)
_HOST_FOLDERS = ("/var/lib/skoop", "/var/log/pods")
_WRITING = ("create", "update", "patch", "delete", "deletecollection", "*")
_MAY_WRITE = {("pods", "create"), ("pods", "delete"), ("pods/exec", "create")}


def lint(manifests: Iterable[Manifest]) -> tuple[str, ...]:
    """ "FILE: OBJECT: what is wrong", one for each violation; none for manifests that may be
    installed."""
    found = tuple(manifests)
    accounts = {m.model.metadata.name for m in found if isinstance(m.model, schema.ServiceAccount)}
    return tuple(
        f"{manifest.file}: {manifest.name}: {problem}"
        for manifest in found
        for problem in _problems(manifest, accounts)
    )


def _problems(manifest: Manifest, accounts: set[str]) -> Iterator[str]:
    model = manifest.model
    if model.metadata.labels.get(labels.MANAGED_BY) != labels.OWNER:
        yield f"lacks the label {labels.MANAGED_BY}: {labels.OWNER}, so nobody would remove it"
    if manifest.kind.namespaced and not model.metadata.namespace:
        yield "has no namespace"
    if isinstance(model, schema.ServiceAccount) and model.automount_service_account_token:
        yield "lets its token be mounted (automountServiceAccountToken)"
    if isinstance(model, schema.Role):
        yield from _of_role(model)
    if isinstance(model, schema.Workload):
        yield from _of_workload(manifest, model, accounts)
    if isinstance(model, schema.Pod):
        yield from _of_pod(model.spec)
        if model.spec.service_account_name:
            yield "names a service account, which static pods may not"


def _of_workload(manifest: Manifest, model: schema.Workload, accounts: set[str]) -> Iterator[str]:
    spec, template = model.spec, model.spec.template
    worn = template.metadata.get("labels", {})
    if any(worn.get(key) != value for key, value in spec.selector.match_labels.items()):
        yield "selects other labels than its pods wear"
    if manifest.content["kind"] == "Deployment" and spec.replicas > 1 and not _apart(template.spec):
        yield "has replicas without podAntiAffinity, so that one node may have them all"
    if template.spec.service_account_name in ("", "default"):
        yield "has no service account of its own"
    elif template.spec.service_account_name not in accounts:
        yield f"names the service account {template.spec.service_account_name}, which is not here"
    if template.spec.automount_service_account_token:
        yield "mounts a token it does not need (automountServiceAccountToken)"
    yield from _of_pod(template.spec)


def _apart(spec: schema.PodSpec) -> bool:
    return bool(spec.affinity.get("podAntiAffinity"))


def _of_pod(spec: schema.PodSpec) -> Iterator[str]:
    if not spec.host_network:
        yield "is not on the host's network, which it is to look at (hostNetwork)"
    if not spec.host_pid:
        yield "cannot see the processes of pods, by which it finds them (hostPID)"
    for key, effect in _TAINTS:
        if not any(each.covers(key, effect) for each in spec.tolerations):
            yield f"does not tolerate {key}:{effect}"
    for volume in spec.volumes:
        if volume.host_path is not None and volume.host_path.path not in _HOST_FOLDERS:
            yield f"mounts {volume.host_path.path} of the node"
    for container in (*spec.containers, *spec.init_containers):
        for problem in _of_container(container):
            yield f"container {container.name} {problem}"


def _of_container(container: schema.Container) -> Iterator[str]:
    for resource in ("cpu", "memory"):
        if resource not in container.resources.requests:
            yield f"requests no {resource}"
    for resource in container.resources.limits:
        yield f"has a limit of {resource}; a limit makes a collector slow or dead on a busy node"
    if container.termination_message_policy != "FallbackToLogsOnError":
        yield "does not say why it died (terminationMessagePolicy: FallbackToLogsOnError)"
    context = container.security_context
    if context.privileged:
        yield "is privileged, which it need not be"
    elif "ALL" not in context.capabilities.drop:
        yield "keeps capabilities it does not need (capabilities.drop: [ALL])"
    if not context.read_only_root_filesystem:
        yield "can write to its root file system (readOnlyRootFilesystem)"
    if container.image.endswith(":latest") or ":" not in container.image.rpartition("/")[2]:
        yield f"has an image without a version ({container.image})"
    for variable in container.env:
        if variable.value:
            yield f"has the value of {variable.name} written down (env)"


def _of_role(role: schema.Role) -> Iterator[str]:
    for rule in role.rules:
        for resource in rule.resources:
            if resource == "*" or resource.startswith("secrets"):
                yield f"grants {resource}"
            for verb in rule.verbs:
                if verb in _WRITING and (resource, verb) not in _MAY_WRITE:
                    yield f"grants {verb} on {resource}"
