"""kubectl for the tests: any cluster that KUBECONFIG names."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e import binaries

NAMESPACE = "e2e"
COLLECTORS = "app.kubernetes.io/managed-by=skoop"
"""The label of what skoop made."""
Object = dict[str, Any]


class KubectlError(Exception):
    """kubectl failed; the message has its stderr."""


def kubectl(*arguments: str, text: str = "", check: bool = True, seconds: float = 60) -> str:
    """Run kubectl; its stdout. Raises KubectlError."""
    own = binaries.binary("kubectl")
    program = str(own) if own.exists() else "kubectl"
    done = subprocess.run(
        [program, *arguments],
        input=text,
        text=True,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    if check and done.returncode:
        raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def get(*arguments: str) -> Object:
    """`kubectl get -o json`, in the tests' namespace unless the arguments name another."""
    place = () if {"-n", "-A"} & set(arguments) else ("-n", NAMESPACE)
    found: Object = json.loads(kubectl("get", *arguments, *place, "-o", "json"))
    return found


def apply(*objects: Object) -> None:
    """Create or change objects; a namespaced one without namespace lies in the tests'."""
    for each in objects:
        if each["kind"] != "Namespace":
            each["metadata"].setdefault("namespace", NAMESPACE)
    kubectl(
        "apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    )


def delete(kind: str, *names: str) -> None:
    """Delete objects of the tests' namespace that may be gone already, and wait until they are."""
    kubectl("delete", kind, *names, "-n", NAMESPACE, "--ignore-not-found", "--wait=true")


def run_in(pod: str, *command: str, text: str = "", check: bool = True) -> str:
    """Run a program in a pod of the tests' namespace, with a text as its stdin."""
    return kubectl("exec", "-i", "-n", NAMESPACE, pod, "--", *command, text=text, check=check)


def until(what: str, done: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something. Raises TimeoutError that names it."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.2)


def ready(pods: str = "") -> bool:
    """Whether all pods of the tests' namespace (those of a label selector) are ready."""
    listed = get("pods", *(("-l", pods) if pods else ()))["items"]
    return bool(listed) and all(_is_ready(pod) for pod in listed)


def collectors() -> list[str]:
    """Pods that skoop made, anywhere."""
    return [each["metadata"]["name"] for each in get("pods", "-A", "-l", COLLECTORS)["items"]]


def _is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def own_machine() -> Path | None:
    """The folder of the cluster that runs on this machine; None for any other cluster."""
    from tests.e2e.machine import STATE

    return STATE if os.environ.get("SKOOP_E2E_MACHINE") else None
