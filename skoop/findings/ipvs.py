"""Causes in the virtual servers of kube-proxy's ipvs mode; part of the Service group."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class IpvsServiceMissing(Finding):
    """IPVS has no virtual server for the Service.

    What it means: kube-proxy runs in ipvs mode, and the node's table lacks this address and port.
    Why it matters: The packet is delivered to kube-ipvs0 on the node and refused.
    How to fix: Restart kube-proxy on the node.
        ipvsadm -Ln
        kubectl -n kube-system delete pod POD
    """

    code = "SVC010"
    name = "ipvs-service-missing"
    level = Level.FATAL


class IpvsRealServerMissing(Finding):
    """An endpoint is not among the virtual server's real servers.

    What it means: The EndpointSlice lists it, the node's IPVS table does not.
    Why it matters: It gets no connections; if it is the only one, the Service fails.
    How to fix: Restart kube-proxy on the node.
        ipvsadm -Ln -t IP:PORT
    """

    code = "SVC011"
    name = "ipvs-real-server-missing"
    level = Level.CRITICAL


class IpvsWeightZero(Finding):
    """All real servers of the Service have weight 0.

    What it means: kube-proxy sets the weight of terminating endpoints to 0, and no other is left.
    Why it matters: IPVS gives new connections to none of them.
    How to fix: Find out why the Service has no endpoint that is not terminating.
        ipvsadm -Ln -t IP:PORT
        kubectl -n NS get endpointslices -l kubernetes.io/service-name=SVC
    """

    code = "SVC012"
    name = "ipvs-weight-zero"
    level = Level.FATAL


class VipNotOnKubeIpvs0(Finding):
    """The Service's address is not on kube-ipvs0.

    What it means: IPVS takes packets in the INPUT hook, so each Service address must be a local
    address of the node, on the device kube-ipvs0. This one is not.
    Why it matters: The packet is forwarded instead of balanced.
    How to fix: Restart kube-proxy on the node.
        ip addr show kube-ipvs0 | grep IP
    """

    code = "SVC013"
    name = "vip-not-on-kube-ipvs0"
    level = Level.FATAL


FINDINGS: tuple[type[Finding], ...] = (
    IpvsServiceMissing,
    IpvsRealServerMissing,
    IpvsWeightZero,
    VipNotOnKubeIpvs0,
)
