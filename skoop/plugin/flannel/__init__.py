"""flannel: one subnet per node, and a tunnel or routes between them."""

from skoop.plugin.flannel.plugin import FlannelPlugin

__all__ = ["FlannelPlugin"]
