"""Faults of a Calico cluster: those of its own making, and those of the main catalogue that are
about pods, Services and the kernel rather than about flannel. Nearly all have their like in IPv6,
named "v6-"."""

from __future__ import annotations

from tests.lab.calico.faults import routes, rules, six, tunnels, workloads
from tests.lab.faults import netfilter, node, pod, routing, service, veth
from tests.lab.faults.base import Fault
from tests.lab.faults.six import in_four, in_six

_OWN = (*workloads.FAULTS, *routes.FAULTS, *rules.FAULTS, *tunnels.FAULTS)
_FOUR_ALONE = frozenset(
    (
        "calico-proxy-arp-off",
        "calico-forwarding-off",
        "calico-ip-forward-off",
        "calico-veth-down",
        "calico-ipip-blocked",
        "calico-rp-filter-asymmetric",
    )
)
"""Without a like in IPv6: the gateway is a real address there, forwarding is no matter of the
device, and no setting filters by the reverse path."""

_SHARED = frozenset(
    (
        "pod-no-default-route",
        "pod-input-drop",
        "pod-input-policy-drop",
        "pod-output-reject",
        "pod-blackhole-route",
        "pod-prohibit-route",
        "pod-unreachable-route",
        "pod-rule-blackhole",
        "pod-rule-empty-main",
        "pod-no-address",
        "pod-redirect-broken",
        "pod-inbound-redirect-broken",
        "pod-localnet-address",
        "forward-drop-by-source",
        "forward-drop-by-destination",
        "forward-drop-by-port",
        "forward-reject-port",
        "raw-prerouting-drop",
        "raw-service-drop",
        "rule-blackhole",
        "rule-unreachable",
        "rule-main-deleted",
        "local-table-capture",
    )
)
_OF_ANY_FAMILY = frozenset(
    (
        "pod-no-listener",
        "pod-loopback-listener",
        "pod-wrong-protocol",
        "pod-link-down",
        "pod-lo-down",
        "pod-ipv6-disabled",
        "node-ipv6-disabled",
    )
)
_MAIN = (*pod.FAULTS, *veth.FAULTS, *routing.FAULTS, *node.FAULTS, *netfilter.FAULTS,
         *service.FAULTS)  # fmt: skip
_IN_SIX = {"calico-tunnel-flapped": ("address-missing",)}
"""What is right in IPv6 besides: a device that goes down loses its addresses."""
_DOWN = tuple(each for each in _OWN if each.name == "calico-veth-down")
_LIKENED = tuple(each for each in _OWN if each.name not in _FOUR_ALONE)
_TAKEN = tuple(each for each in _MAIN if each.name in _SHARED)

OWN: tuple[Fault, ...] = (
    *_DOWN,
    *(in_four(each) for each in _OWN if each not in _DOWN),
    *(in_six(each, *_IN_SIX.get(each.name, ())) for each in (*_LIKENED, *_TAKEN)),
    *six.FAULTS,
)
SHARED: tuple[Fault, ...] = (
    *(each for each in _MAIN if each.name in _OF_ANY_FAMILY),
    *(in_four(each) for each in _TAKEN),
)
"""Those of the main catalogue that are the same with Calico."""

CATALOGUE: tuple[Fault, ...] = (*OWN, *SHARED)
