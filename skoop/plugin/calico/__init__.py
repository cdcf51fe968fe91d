"""Calico: a route per pod, a block of addresses per node, and BGP, IPIP or VXLAN between them."""

from skoop.plugin.calico.plugin import CalicoPlugin

__all__ = ["CalicoPlugin"]
