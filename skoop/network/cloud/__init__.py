"""A network under the nodes that is known: a shim over a cloud's resource tree."""

from skoop.network.cloud.build import Cloud, cloud_network

__all__ = ["Cloud", "cloud_network"]
