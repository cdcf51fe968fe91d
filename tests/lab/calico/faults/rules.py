"""Faults of what Felix writes to iptables."""

from __future__ import annotations

from tests.lab.calico.faults.steps import dispatch_lost, felix
from tests.lab.faults.base import Fault, at, fault

FAULTS: tuple[Fault, ...] = (
    fault(
        "calico-pod-drop",
        "filter-drop",
        felix("-I CHAIN 1 -j DROP"),
        also=("programmed-but-not-declared",),
    ),
    fault(
        "calico-pod-drop-egress",
        "filter-drop",
        felix("-I CHAIN 1 -j DROP", kind="fw"),
        also=("programmed-but-not-declared",),
    ),
    fault(
        "calico-profile-lost",
        "filter-drop",
        felix("-F cali-pri-kns.lab"),
        also=("declared-but-not-programmed", "programmed-but-not-declared"),
    ),
    fault(
        "calico-profile-lost-egress",
        "filter-drop",
        felix("-F cali-pro-kns.lab"),
        also=("declared-but-not-programmed", "programmed-but-not-declared"),
    ),
    fault(
        "calico-dispatch-lost",
        "filter-drop",
        dispatch_lost("to"),
        also=("declared-but-not-programmed", "programmed-but-not-declared"),
    ),
    fault(
        "calico-dispatch-lost-egress",
        "filter-drop",
        dispatch_lost("from"),
        also=("declared-but-not-programmed", "programmed-but-not-declared"),
    ),
    fault(
        "calico-accept-lost",
        "forward-policy-drop",
        felix("-P FORWARD DROP", "-F cali-FORWARD"),
    ),
    fault(
        "calico-nat-outgoing-lost",
        "masquerade-missing",
        at("node", "iptables -t nat -F cali-nat-outgoing"),
    ),
    fault(
        "calico-masq-set-empty",
        "masquerade-missing",
        at("node", "ipset flush cali40masq-ipam-pools"),
        also=("ipset-member-missing",),
    ),
    fault(
        "calico-pool-set-empty",
        "unexpected-snat",
        at("node", "ipset flush cali40all-ipam-pools"),
        also=("ipset-member-missing",),
    ),
)
