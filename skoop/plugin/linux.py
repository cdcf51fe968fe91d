"""Any CNI: no expectations beyond what Linux itself needs."""

from __future__ import annotations

from skoop.model.address import Prefix
from skoop.plugin.base import ClusterView, Expectation


class LinuxPlugin:
    """The plugin for a CNI skoop has no file for."""

    name = "linux"

    def unroutable(self, view: ClusterView) -> tuple[Prefix, ...]:
        """Service addresses only exist in kube-proxy's rules; pod addresses may well be routed."""
        return view.facts.service_cidrs.value

    def expectations(self, view: ClusterView, node: str) -> tuple[Expectation, ...]:  # noqa: ARG002
        """None."""
        return ()
