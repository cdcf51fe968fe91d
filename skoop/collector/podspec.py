"""The short-lived pod of one node."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from skoop.collector import labels
from skoop.collector.options import CollectorOptions

_SPARE: Final = 60.0
"""Seconds that a pod outlives the time for its node, so that it never ends while it is read."""


class Assignment(Struct, frozen=True, kw_only=True):
    """One pod to make: by which run, for which node, from which image, and when (seconds since
    1970, for its label only)."""

    run: str
    node: str
    image: str
    now: float
    attempt: int = 0

    @property
    def name(self) -> str:
        """The pod's name."""
        return labels.pod_name(self.run, self.node, self.attempt)


def lifetime(options: CollectorOptions) -> int:
    """Seconds after which a pod that nobody deletes ends by itself."""
    return math.ceil(options.timeout + _SPARE)


def collector_pod(assignment: Assignment, options: CollectorOptions) -> Mapping[str, object]:
    """The Pod object.

    `nodeName` puts it on the node without the scheduler, so also on one that is cordoned, and when
    the scheduler is what is broken. It ends by `activeDeadlineSeconds` and by its own sleep, in
    case the first is not enforced because the API server cannot be reached.
    """
    seconds = lifetime(options)
    spec: dict[str, object] = {
        "nodeName": assignment.node,
        "hostNetwork": True,
        "hostPID": True,
        "dnsPolicy": "Default",
        "restartPolicy": "Never",
        "activeDeadlineSeconds": seconds,
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "tolerations": [dict(each) for each in options.tolerations],
        "containers": [_container(assignment, options, seconds)],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    if options.node_selector:
        spec["nodeSelector"] = dict(options.node_selector)
    if options.priority_class:
        spec["priorityClassName"] = options.priority_class
    if options.service_account:
        spec["serviceAccountName"] = options.service_account
    if options.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in options.pull_secrets]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": assignment.name,
            "namespace": options.namespace,
            "labels": {
                labels.MANAGED_BY: labels.OWNER,
                labels.COMPONENT: labels.SHORT_LIVED,
                labels.RUN: assignment.run,
                labels.EXPIRES: str(int(assignment.now) + seconds),
            },
            "annotations": {labels.NODE: assignment.node, **_apparmor(options)},
        },
        "spec": spec,
    }


def _container(
    assignment: Assignment, options: CollectorOptions, seconds: int
) -> Mapping[str, object]:
    return {
        "name": labels.CONTAINER,
        "image": assignment.image,
        "imagePullPolicy": options.pull_policy,
        "command": ["sh", "-c", f"exec sleep {seconds}"],
        "resources": {"requests": dict(options.requests)} if options.requests else {},
        "securityContext": dict(options.security_context),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }


def _apparmor(options: CollectorOptions) -> Mapping[str, str]:
    """The annotation that servers before Kubernetes 1.30 know in place of the field."""
    if options.security_context.get("appArmorProfile") != {"type": "Unconfined"}:
        return {}
    return {f"container.apparmor.security.beta.kubernetes.io/{labels.CONTAINER}": "unconfined"}
