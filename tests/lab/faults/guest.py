"""Faults that need more than most kernels of containers have: VLANs in bridges, netem, filters, and
tables that may be made small.

They are in no catalogue: `python -m tests.lab fresh --fault NAME` plays one, here or in a guest.
"""

from __future__ import annotations

from tests.lab.faults import limits
from tests.lab.faults.base import Fault, at, fault

_FILTERS = "ip link set cni0 type bridge vlan_filtering 1"

FAULTS: tuple[Fault, ...] = (
    fault(
        "bridge-port-in-another-vlan",
        "vlan-filtered",
        at(
            "node",
            _FILTERS,
            "bridge vlan del dev {veth} vid 1",
            "bridge vlan add dev {veth} vid 10 pvid untagged",
        ),
    ),
    fault(
        "bridge-port-without-vlan",
        "vlan-filtered",
        at("node", _FILTERS, "bridge vlan del dev {veth} vid 1"),
    ),
    fault(
        "bridge-itself-without-vlan",
        "vlan-filtered",
        at("node", _FILTERS, "bridge vlan del dev cni0 vid 1 self"),
    ),
    fault(
        "bridge-filters-one-vlan",
        "vlan-filtered",
        at("node", _FILTERS),
        harmless="all are in VLAN 1 from the start",
    ),
    fault(
        "veth-loses-everything",
        "tc-drop",
        at("node", "tc qdisc add dev {veth} root netem loss 100%"),
    ),
    fault(
        "veth-only-delays",
        "tc-drop",
        at("node", "tc qdisc add dev {veth} root netem delay 1ms"),
        harmless="it arrives a little later",
    ),
    fault(
        "veth-filter-drops-everything",
        "tc-drop",
        at(
            "node",
            "tc qdisc add dev {veth} clsact",
            "tc filter add dev {veth} ingress matchall action drop",
        ),
    ),
    *limits.FAULTS,
)
