"""REJECT: drop, and say so to the sender (ipt_REJECT.c, ip6t_REJECT.c)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.netstack.iptables.target.base import (
    Ending,
    Option,
    Target,
    TargetType,
    UnmodelledError,
    ends,
)
from skoop.netstack.netfilter import Action

_V4 = {
    "icmp-net-unreachable": ("net-unreach",),
    "icmp-host-unreachable": ("host-unreach",),
    "icmp-proto-unreachable": ("proto-unreach",),
    "icmp-port-unreachable": ("port-unreach",),
    "icmp-net-prohibited": ("net-prohib",),
    "icmp-host-prohibited": ("host-prohib",),
    "icmp-admin-prohibited": ("admin-prohib",),
    "tcp-reset": ("tcp-rst",),
}
_V6 = {
    "icmp6-no-route": ("no-route",),
    "icmp6-adm-prohibited": ("adm-prohibited",),
    "icmp6-addr-unreachable": ("addr-unreach",),
    "icmp6-port-unreachable": ("port-unreach",),
    "icmp6-policy-fail": ("policy-fail",),
    "icmp6-reject-route": ("reject-route",),
    "tcp-reset": (),
}
_NAMES = {
    family: {short: name for name, shorts in names.items() for short in (name, *shorts)}
    for family, names in ((Family.V4, _V4), (Family.V6, _V6))
}


def build(options: tuple[Option, ...], family: Family) -> Target:
    """The default is a port unreachable."""
    default = "icmp-port-unreachable" if family is Family.V4 else "icmp6-port-unreachable"
    given = options[-1].value if options else default
    name = _NAMES[family].get(given)
    if name is None:
        raise UnmodelledError(f"reject type {given[:30]!r} is not known")
    return ends(f"reject with {name}", Ending(Action.REJECT, reject_with=name))


REJECT = TargetType("REJECT", {"reject-with": 1}, build)
