"""Any cluster, without a look at a cloud."""

from __future__ import annotations

from skoop.network.base import Context, Network


class GenericProvider:
    """Nodes reach each other by what their own routes, rules and tunnels say."""

    name = "generic"
    describes = (
        "Any cluster: nodes reach each other by what their own routes, rules and tunnels say."
    )
    checks: tuple[str, ...] = ()

    def create_network(self, context: Context) -> Network:
        """See `Provider.create_network`."""
        from skoop.network.generic import generic_network

        return generic_network(context)
