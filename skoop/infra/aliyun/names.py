"""How ACK writes down what is whose: nodes' provider ids, and annotations of Services.

https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/add-annotations-to-the-yaml-file-of-a-service-to-configure-clb-instances
"""

from __future__ import annotations

import re

from msgspec import Struct

from skoop.model.kube import Service

_PROVIDER_ID = re.compile(r"(?:alicloud://)?([a-z0-9-]+)\.(i-[a-zA-Z0-9-]+)")
_ID = (
    "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-id",
    "service.beta.kubernetes.io/alicloud-loadbalancer-id",
)
_NLB_CLASS = "alibabacloud.com/nlb"


class InstanceName(Struct, frozen=True):
    """An instance as a node names it."""

    region: str
    id: str


def instance_name(provider_id: str) -> InstanceName | None:
    """Read "alicloud://cn-hangzhou.i-1" or the older "cn-hangzhou.i-1"; None for anything else."""
    found = _PROVIDER_ID.fullmatch(provider_id)
    return InstanceName(found[1], found[2]) if found else None


class BalancerName(Struct, frozen=True):
    """What is known of a Service's load balancer: its flavour, and an id or a DNS name."""

    flavour: str
    id: str = ""
    dns: str = ""


def balancers_of(service: Service) -> tuple[BalancerName, ...]:
    """The load balancers that a Service names, by annotation or by its status's host name. One
    that is known by address only is not among them."""
    named = next((service.annotations[key] for key in _ID if service.annotations.get(key)), "")
    is_nlb = service.load_balancer_class == _NLB_CLASS
    if named:
        return (BalancerName("nlb" if is_nlb or named.startswith("nlb-") else "clb", named),)
    return tuple(
        BalancerName(_flavour_of(each.hostname), dns=each.hostname)
        for each in service.ingress
        if _flavour_of(each.hostname)
    )


def _flavour_of(host: str) -> str:
    for flavour in ("nlb", "alb"):
        if f".{flavour}.aliyuncs" in host or f".{flavour}." in host:
            return flavour
    return ""
