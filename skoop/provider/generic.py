"""Any cluster, without a look at a cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skoop.errors import UsageError
from skoop.infra.capability import Capability
from skoop.infra.console import CloudCall, CloudCommand, Console
from skoop.infra.options import OneOf, Option, Settings
from skoop.infra.permission import Permission
from skoop.provider.base import API_VERSION, Manifests

if TYPE_CHECKING:
    from skoop.network.base import Context, Network


class GenericProvider:
    """Nodes reach each other by what their own routes, rules and tunnels say."""

    api_version = API_VERSION
    name = "generic"
    describes = (
        "Any cluster: nodes reach each other by what their own routes, rules and tunnels say."
    )
    options: tuple[Option, ...] = ()
    one_of: tuple[OneOf, ...] = ()
    capabilities: tuple[Capability, ...] = ()
    permissions: tuple[Permission, ...] = ()
    platforms: tuple[str, ...] = ("BareMetal", "None")
    commands: tuple[CloudCommand, ...] = ()

    def claims(self, provider_id: str) -> bool:
        """Nothing: it serves whatever nobody claims."""
        del provider_id
        return False

    def manifests(self) -> Manifests:
        """None of its own."""
        return Manifests()

    def policy(self) -> str:
        """It asks nothing."""
        return ""

    def verify(self, settings: Settings) -> tuple[str, ...]:
        """There is nothing to verify."""
        del settings
        return ()

    def console(self, settings: Settings, call: CloudCall) -> Console:
        """There is no cloud."""
        del settings, call
        raise UsageError("The provider generic has no cloud to ask.")

    def create_network(self, context: Context) -> Network:
        """See `Provider.create_network`."""
        from skoop.network.generic import generic_network

        return generic_network(context)
