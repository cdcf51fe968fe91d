"""A provider: the name behind --provider, and the network it makes of a cluster."""

from __future__ import annotations

from typing import Protocol

from skoop.network.base import Context, Network


class Provider(Protocol):
    """One kind of infrastructure under a cluster."""

    @property
    def name(self) -> str:
        """What --provider takes; never changes."""

    @property
    def describes(self) -> str:
        """One sentence for `skoop provider list`."""

    @property
    def checks(self) -> tuple[str, ...]:
        """What it looks at beyond the nodes and pods."""

    def create_network(self, context: Context) -> Network:
        """The network for a cluster: detected, wired, ready to be asked. Raises UsageError for
        overrides that mean nothing."""
