"""How skoop's pods and manifests are marked, so that they are found again and told apart."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
COMPONENT: Final = "app.kubernetes.io/component"
RUN: Final = "skoop/run"
EXPIRES: Final = "skoop/expires"
"""When a short-lived collector may be removed by anyone: seconds since 1970, as text."""
NODE: Final = "skoop/node"
"""An annotation, because a node's name may be longer than a label's value may be."""
OWNER: Final = "skoop"
SHORT_LIVED: Final = "collector"
RESIDENT: Final = "collector-daemon"

SHORT_LIVED_SELECTOR: Final = f"{MANAGED_BY}={OWNER},{COMPONENT}={SHORT_LIVED}"
RESIDENT_SELECTOR: Final = f"{MANAGED_BY}={OWNER},{COMPONENT}={RESIDENT}"
CONTAINER: Final = "collector"
"""The container's name, and its key in images.json."""


def new_run() -> str:
    """An id that no other run has: ten hexadecimal digits."""
    return secrets.token_hex(5)


def pod_name(run: str, node: str, attempt: int = 0) -> str:
    """The name of a run's pod on a node, the same each time; `attempt` counts other images."""
    digest = hashlib.sha256(node.encode()).hexdigest()[:10]
    return f"skoop-{run}-{digest}" + (f"-{attempt}" if attempt else "")
